"""Small networks to quantize, and inputs for them."""

from dataclasses import replace

import numpy as np

import nnefx
from nnefx.tensors.model import Model

HEAD = "version 1.0;\n\ngraph net( x ) -> ( y )\n{\n    x = external<scalar>(shape = [1,3,8,8]);\n"
SMALL = """
    f = variable<scalar>(shape = [8,3,3,3], label = 'c1/f');
    b = variable<scalar>(shape = [1,8], label = 'c1/b');
    c = conv(x, f, b);
    r = relu(c);
    p = max_pool(r, size = [1,1,2,2], stride = [1,1,2,2], padding = [], border = 'ignore');
    f2 = variable<scalar>(shape = [8,1,3,3], label = 'c2/f');
    c2 = conv(p, f2, groups = 0);
    s = sigmoid(c2);
    a = add(s, p);
    g = mean_reduce(a, axes = [2,3]);
    q = squeeze(g, axes = [2,3]);
    w = variable<scalar>(shape = [5,8], label = 'l/w');
    v = variable<scalar>(shape = [1,5], label = 'l/b');
    l = linear(q, w, v);
    y = softmax(l);
"""
CHAIN = """
    n = copy(x);
    f = variable<scalar>(shape = [4,3,3,3], label = 'f');
    b = variable<scalar>(shape = [1,4], label = 'b');
    c = conv(n, f, b);
    y = max_pool(c, size = [1,1,2,2], stride = [1,1,2,2], padding = [], border = 'ignore');
"""
PAIR = """
    f = variable<scalar>(shape = [8,3,3,3], label = 'f');
    c = conv(x, f);
    r = relu(c);
    g = variable<scalar>(shape = [4,8,3,3], label = 'g');
    y = conv(r, g);
"""
NORMALIZED = """
    f = variable<scalar>(shape = [4,3,3,3], label = 'f');
    c = conv(x, f);
    m = variable<scalar>(shape = [1,4], label = 'mean');
    v = variable<scalar>(shape = [1,4], label = 'variance');
    o = variable<scalar>(shape = [1,4], label = 'offset');
    s = variable<scalar>(shape = [1,4], label = 'scale');
    n = batch_normalization(c, m, v, o, s, epsilon = 0.001);
    y = relu(n);
"""


def net(body: str = SMALL, seed: int = 0) -> Model:
    """A model with random weights; channels of filters differ in their ranges."""
    model = nnefx.loads(f"{HEAD}{body}}}\n")
    random = np.random.default_rng(seed)
    weights = {}
    for node in model.graph.variables:
        shape = node.output.shape
        ranges = np.exp(random.normal(size=shape[:1])).reshape(-1, *[1] * (len(shape) - 1))
        array = 0.3 * ranges * random.standard_normal(shape)
        weights[node.attributes["label"]] = (np.abs(array) if shape[0] == 1 else array).astype("f4")
    return replace(model, weights=weights)


def samples(count: int = 12, seed: int = 1, shape=(1, 3, 8, 8)) -> list[dict[str, np.ndarray]]:
    """Inputs of the networks."""
    random = np.random.default_rng(seed)
    return [{"x": random.standard_normal(shape).astype("f4")} for _ in range(count)]
