"""What becomes of each of the 118 operations: the table behind docs/openvx.md.

The classes are those of openvx.md, 6.5: `direct` (one node), `composite` (several), `lookup` (one
table), `view`, `folded` (no node), `refused`.
"""

from dataclasses import dataclass

_DIRECT = """
relu: ActivationLayer RELU
add: TensorAdd; operands of another scale are rescaled first
sub: TensorSubtract
mul: TensorMultiply
and: TensorMultiply of 0 and 1
conv: ConvolutionLayer; blocks of groups; one for each depth of a volume
linear: FullyConnectedLayer, ConvolutionLayer where four dimensions are needed
matmul: FullyConnectedLayer, TensorMatrixMultiply for two tensors; batches by products and sums
max_pool: PoolingLayer MAX; transposed or laid out where windows have gaps or reach over channels
avg_pool: PoolingLayer AVG; matrices where the node cannot
max_reduce: PoolingLayer MAX over whole planes, transposed for other axes
any_reduce: as max_reduce
mean_reduce: PoolingLayer AVG over whole planes, sums of ones for other axes
softmax: SoftmaxLayer; several axes by tables, sums and a product
transpose: one TensorTranspose for each exchange of two dimensions
nearest_downsample: a 0/1 matrix for each axis
area_downsample: PoolingLayer AVG
"""
_COMPOSITE = """
div: table of reciprocals, TensorMultiply; a constant divisor is a factor
pow: table of logarithms, TensorMultiply, table of powers; a constant exponent is a table
lt: TensorSubtract, table
gt: TensorSubtract, table
le: TensorSubtract, table
ge: TensorSubtract, table
eq: TensorSubtract, table
ne: TensorSubtract, table
or: TensorAdd, table
select: both branches times 0 or 1, TensorAdd
min: x - relu(x - y)
max: x + relu(y - x)
deconv: 0/1 matrices that put zeros between, ConvolutionLayer with the turned kernel
box: PoolingLayer AVG where that is what it is, matrices for other axes
debox: a matrix for each axis
argmax_pool: ranks of the places where the maximum is
sample: the sum over all places of the window
desample: the sum over all places of the window
nearest_upsample: a 0/1 matrix for each axis
multilinear_upsample: a matrix for each axis
sum_reduce: ConvolutionLayer with ones
min_reduce: max_reduce of the negated input
all_reduce: as min_reduce
argmax_reduce: marks of the maximum times falling numbers
argmin_reduce: as argmax_reduce of the negated input
tile: copies into views
gather: a 0/1 matrix, for constant indices
prelu: relu, TensorMultiply of the rest, TensorAdd
max_roi_pool: items of the cells side by side, PoolingLayer MAX, for constant regions
avg_roi_pool: a matrix for each axis of each constant region
roi_resample: a matrix for each axis of each constant region
avg_roi_align: a matrix for each axis of each constant region
max_roi_align: a matrix for each axis of each constant region, PoolingLayer MAX
separable_conv: two conv
separable_deconv: two deconv
max_pool_with_index: max_pool, argmax_pool
rms_pool: table, pooling, table
local_response_normalization: tables, a banded matrix, TensorMultiply; a node where it works
local_mean_normalization: box, TensorSubtract
local_variance_normalization: box, tables, TensorMultiply
local_contrast_normalization: the two before
l1_normalization: table, sum_reduce, table, TensorMultiply
l2_normalization: table, sum_reduce, table, TensorMultiply
add_n: TensorAdd chain
moments: mean_reduce, TensorSubtract, table, mean_reduce
clamp: table; min and max for bounds that vary
"""
_LOOKUP = """
neg rcp exp log sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh abs sign not floor ceil
round sqr sqrt rsqr rsqrt log2 sigmoid leaky_relu elu selu gelu silu softplus
min_max_linear_quantize zero_point_linear_quantize linear_quantize logarithmic_quantize
"""
_VIEW = """
split: views of the input
unstack: views of the input
slice: a view; a 0/1 matrix where the stride is not 1
concat: producers write into views of the result
stack: copies into views of the result
pad: a view of a tensor that is filled beforehand; matrices where borders repeat
"""
_FOLDED = """
external: a tensor of the application
constant: part of a table, bias or weight
variable: a tensor that is filled before the graph is verified
copy: another name
copy_n: other names
cast: another name
reshape: another extent of the same bytes; its reader moves items where it has to
squeeze: no node
unsqueeze: no node
update: an input and an output, copied between runs by the application
batch_normalization: folded into the layer before; TensorMultiply and TensorAdd where it is alone
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of one operation."""

    op: str
    kind: str
    how: str


def rows() -> dict[str, Row]:
    """Return the rows by operation."""
    found = {}
    tables = {"direct": _DIRECT, "composite": _COMPOSITE, "view": _VIEW, "folded": _FOLDED}
    for kind, text in tables.items():
        for line in text.strip().splitlines():
            op, _, how = line.partition(": ")
            found[op] = Row(op, kind, how)
    for op in _LOOKUP.split():
        found[op] = Row(op, "lookup", "TensorTableLookup")
    return found


def markdown(order: list[str]) -> str:
    """Return the table for docs/openvx.md, operations in the order of the specification."""
    known = rows()
    lines = ["| operation | class | becomes |", "|---|---|---|"]
    for op in order:
        row = known[op]
        lines.append(f"| `{op}` | {row.kind} | {row.how} |")
    counts: dict[str, int] = {}
    for op in order:
        counts[known[op].kind] = counts.get(known[op].kind, 0) + 1
    summary = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return "\n".join([*lines, "", f"{len(order)} operations: {summary}."]) + "\n"
