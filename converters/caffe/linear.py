"""Inner products and embeddings."""

import math
from typing import Any

from nnefx.converters.caffe.importer import Importer
from nnefx.converters.caffe.shapes import axis_of, positive
from nnefx.converters.caffe.tables import rules
from nnefx.converters.scope import Tensor


@rules.on("InnerProduct")
def inner_product(
    g: Importer, x: Tensor, *, num_output: int, bias_term: bool = True, axis: int = 1,
    transpose: bool = False,
) -> Any:  # fmt: skip
    positive([num_output], "num_output")
    first = axis_of(axis, x.rank)
    lead, width = x.shape[:first], math.prod(x.shape[first:])
    filters = g.blob(0, [width, num_output] if transpose else [num_output, width], "weight")
    bias = g.viewed(g.blob(1, [num_output], "bias"), (1, num_output)) if bias_term else 0.0
    rows = g.viewed(x, (math.prod(lead), width))
    if not transpose:
        y = g.linear(rows, filters, bias)
    else:
        y = g.matmul(rows, filters)
        y = g.add("add", y, bias) if bias_term else y
    return g.viewed(y, (*lead, num_output))


@rules.on("Embed")
def embed(
    g: Importer, x: Tensor, *, num_output: int, input_dim: int, bias_term: bool = True
) -> Any:
    positive([num_output, input_dim], "num_output and input_dim")
    table = g.blob(0, [input_dim, num_output], "weight")
    y = g.gather(table, g.cast(x, dtype="integer"), axis=0)
    if not bias_term:
        return y
    bias = g.blob(1, [num_output], "bias")
    return g.add("add", y, g.viewed(bias, (1,) * x.rank + (num_output,)))
