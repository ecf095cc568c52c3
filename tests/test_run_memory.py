"""What runs with numpy hold in memory, and that writing over operands never shows."""

import numpy as np
import pytest
from click.testing import CliRunner

import nnefx
from nnefx.cli import cli
from nnefx.execute.executor import Executor
from nnefx.execute.memory import least_bytes, measured
from nnefx.ir.builder import Builder
from nnefx.tensors.model import Model

RNG = np.random.default_rng(3)


class Net:
    """A graph under construction, with weights that are made up."""

    def __init__(self):
        self.g, self.weights = Builder(), {}

    def variable(self, *shape):
        label = f"w{len(self.weights)}"
        self.weights[label] = (RNG.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
        return self.g.variable(shape=list(shape), label=label)

    def conv(self, x, channels, size, stride=1, groups=1):
        inner = x.shape[1] // (groups or x.shape[1])
        weights, bias = self.variable(channels, inner, size, size), self.variable(1, channels)
        return self.g.conv(x, weights, bias, stride=[stride, stride], groups=groups)

    def normed(self, x):
        vectors = [self.variable(1, x.shape[1]) for _ in range(4)]
        vectors[1] = self.g.abs(vectors[1])
        return self.g.batch_normalization(x, *vectors, epsilon=1e-3)

    def model(self, *outputs):
        return Model(self.g.finish(outputs=list(outputs)), self.weights)


def inverted_residuals():
    net = Net()
    x = net.g.external(shape=[1, 3, 192, 192], name="x")
    y = net.g.relu(net.normed(net.conv(x, 16, 3, stride=2)))
    for stride in (1, 2, 1, 2):
        wide = net.g.clamp(net.normed(net.conv(y, y.shape[1] * 4, 1)), 0.0, 6.0)
        wide = net.g.clamp(net.normed(net.conv(wide, wide.shape[1], 3, stride, 0)), 0.0, 6.0)
        out = net.normed(net.conv(wide, y.shape[1], 1))
        y = net.g.add("add", out, y) if stride == 1 else out
    return net.model(net.g.mean_reduce(y, axes=[2, 3]))


def residuals():
    net = Net()
    x = net.g.external(shape=[2, 3, 256, 256], name="x")
    y = net.g.relu(net.normed(net.conv(x, 32, 7, stride=2)))
    y = net.g.max_pool(y, size=[1, 1, 3, 3], stride=[1, 1, 2, 2], border="ignore")
    for _ in range(3):
        z = net.g.relu(net.normed(net.conv(y, 32, 1)))
        z = net.g.relu(net.normed(net.conv(z, 32, 3)))
        y = net.g.relu(net.g.add("add", net.normed(net.conv(z, 32, 1)), y))
    return net.model(y)


def encoder():
    net = Net()
    x = net.g.external(shape=[1, 256, 512], name="x")
    heads = []
    for _ in range(3):
        y = net.g.linear(x, net.variable(1, 512, 512), net.variable(1, 1, 512))
        y = net.g.reshape(y, shape=[1, 256, 8, 64])
        heads.append(net.g.transpose(y, axes=[0, 2, 1, 3]))
    scores = net.g.matmul(heads[0], heads[1], transposeB=True)
    shares = net.g.softmax(net.g.mul(scores, 0.125), axes=[3])
    mixed = net.g.transpose(net.g.matmul(shares, heads[2]), axes=[0, 2, 1, 3])
    y = net.g.add("add", net.g.reshape(mixed, shape=[1, 256, 512]), x)
    wide = net.g.gelu(net.g.linear(y, net.variable(1, 2048, 512), net.variable(1, 1, 2048)))
    y = net.g.add("add", net.g.linear(wide, net.variable(1, 512, 2048), net.variable(1, 1, 512)), y)
    return net.model(y)


MODELS = {"inverted residuals": inverted_residuals, "residuals": residuals, "encoder": encoder}


@pytest.fixture(params=MODELS)
def case(request):
    model = MODELS[request.param]()
    return model, {"x": RNG.standard_normal(model.graph.inputs[0].shape).astype(np.float32)}


def test_runs_hold_little_more_than_what_is_alive(case):
    model, inputs = case
    executor = Executor(model)
    executor(inputs)  # what is made once does not count
    with measured() as most:
        executor(inputs)
    assert least_bytes(model.graph) <= most[0] <= 1.3 * least_bytes(model.graph)


def test_runs_that_reuse_memory_give_what_runs_give_that_keep_everything(case):
    model, inputs = case
    given = inputs["x"].copy()
    kept = {value.name: array for value, array in Executor(model).trace(inputs)}
    executor = Executor(model)
    for _ in range(2):
        for name, array in executor(inputs).items():
            np.testing.assert_array_equal(array, kept[name])
    np.testing.assert_array_equal(inputs["x"], given)


def test_prepared_runs_agree(case):
    model, inputs = case
    plain, prepared = Executor(model)(inputs), Executor(model, prepare=True)(inputs)
    for name, array in plain.items():
        np.testing.assert_allclose(prepared[name], array, rtol=1e-4, atol=1e-4 * abs(array).max())


TEXTS = {  # what must not be written over
    "an input": "y = relu(x); z = neg(x);",
    "an output": "y = neg(x); z = relu(y);",
    "a view that is read later": "a = neg(x); b = squeeze(a, axes = []); y = exp(a); z = neg(b);",
    "what a view shows": "a = neg(x); b = squeeze(a, axes = []); z = relu(b); y = abs(a);",
    "an operand that is read twice": "a = neg(x); y = max(a, a); z = add(y, y);",
    "a copy": "a = neg(x); b = copy(a); y = relu(a); z = neg(b);",
    "parts": "a = neg(x); [b, c] = split(a, axis = 0, ratios = [1,1]); y = exp(b); z = add(c, b);",
    "copies": "a = neg(x); [b, c] = copy_n(a, times = 2); y = exp(b); z = neg(c);",
    "a literal's type": "a = lt(x, 0.0); b = not(a); y = select(b, x, 0.0); z = select(a, x, 0.0);",
}


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS)
def test_nothing_is_written_over_that_is_needed(body):
    text = f"version 1.0; graph g(x) -> (y, z) {{ x = external(shape = [2,4]); {body} }}"
    model = nnefx.loads(text)
    inputs = {"x": RNG.standard_normal((2, 4)).astype(np.float32)}
    kept = {value.name: array for value, array in Executor(model).trace(inputs)}
    for name, array in Executor(model)(inputs).items():
        np.testing.assert_array_equal(array, kept[name])


def test_a_state_is_not_written_over():
    text = """version 1.0; graph g(x) -> (y) { x = external(shape = [3]);
        s = variable(shape = [3], label = 's'); a = add(s, x); t = update(s, a); y = exp(a); }"""
    model = Model(nnefx.loads(text).graph, {"s": np.zeros(3, np.float32)})
    executor = Executor(model)
    for count in (1.0, 2.0, 3.0):
        y = executor({"x": np.ones(3, np.float32)})["y"]
        np.testing.assert_allclose(y, np.exp(np.full(3, count)), rtol=1e-6)


def test_the_command_says_how_much_memory_a_run_takes(tmp_path):
    nnefx.save(residuals(), tmp_path / "net")
    done = CliRunner().invoke(cli, ["run", str(tmp_path / "net"), "--random", "1", "-v"])
    assert "values: " in done.stderr
    assert "are alive at once" in done.stderr
