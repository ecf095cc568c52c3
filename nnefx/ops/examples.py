"""What `nnefx ops NAME` shows beside the declaration: a formula of each primitive, and examples.

An example is a statement in which the tensors that it takes carry their shapes, and their types
where these are not scalar: `z = select(c: logical[1, 3], x[1, 3], 0.0)`.
"""

from collections.abc import Mapping

# Formulas of operations without a body. i are positions in the output, j in a window or reduced
# axis; s, d, p are stride, dilation and padding in front; values outside are those of the border.
FORMULAS: Mapping[str, str] = {
    "external": "output is what the caller feeds",
    "constant": "output[i] = value[i], or value[0] if there is one value only",
    "variable": "output is what the tensor file of the label holds, or the last update",
    "copy": "y[i] = x[i]",
    "neg": "y[i] = -x[i]",
    "rcp": "y[i] = 1 / x[i]",
    "exp": "y[i] = e ^ x[i]",
    "log": "y[i] = ln x[i]",
    "sin": "y[i] = sin x[i]",
    "cos": "y[i] = cos x[i]",
    "tan": "y[i] = sin x[i] / cos x[i]",
    "sinh": "y[i] = (e ^ x[i] - e ^ -x[i]) / 2",
    "cosh": "y[i] = (e ^ x[i] + e ^ -x[i]) / 2",
    "tanh": "y[i] = sinh x[i] / cosh x[i]",
    "asin": "y[i] = a with sin a = x[i], -pi/2 <= a <= pi/2",
    "acos": "y[i] = a with cos a = x[i], 0 <= a <= pi",
    "atan": "y[i] = a with tan a = x[i], -pi/2 < a < pi/2",
    "asinh": "y[i] = ln(x[i] + sqrt(x[i]^2 + 1))",
    "acosh": "y[i] = ln(x[i] + sqrt(x[i]^2 - 1))",
    "atanh": "y[i] = ln((1 + x[i]) / (1 - x[i])) / 2",
    "abs": "y[i] = |x[i]|",
    "sign": "y[i] = -1, 0 or 1 as x[i] < 0, = 0, > 0",
    "not": "y[i] = true if x[i] is false, else false",
    "floor": "y[i] = the largest integer <= x[i]",
    "ceil": "y[i] = the smallest integer >= x[i]",
    "round": "y[i] = floor(x[i] + 0.5)",
    "add": "z[i] = x[i] + y[i]",
    "sub": "z[i] = x[i] - y[i]",
    "mul": "z[i] = x[i] * y[i]",
    "div": "z[i] = x[i] / y[i]",
    "pow": "z[i] = x[i] ^ y[i]",
    "lt": "z[i] = x[i] < y[i]",
    "gt": "z[i] = x[i] > y[i]",
    "le": "z[i] = x[i] <= y[i]",
    "ge": "z[i] = x[i] >= y[i]",
    "eq": "z[i] = x[i] == y[i]",
    "ne": "z[i] = x[i] != y[i]",
    "and": "z[i] = x[i] && y[i]",
    "or": "z[i] = x[i] || y[i]",
    "select": "output[i] = true_value[i] if condition[i] else false_value[i]",
    "conv": "output[b, k, i] = bias[k] + sum over c, j of "
    "filter[k, c, j] * input[b, c, i * s + j * d - p]",
    "deconv": "output[b, k, u] = bias[k] + sum over c, and over i, j with i * s + j * d - p = u, "
    "of filter[c, k, j] * input[b, c, i]",
    "box": "output[i] = sum over j of input[i * s + j * d - p]; normalized: divided by the number "
    "of items",
    "debox": "output[u] = sum over i, j with i * s + j * d - p = u of input[i]; normalized: "
    "divided by the volume of the window",
    "argmax_pool": "index[i] = the j, numbered in row-major order, of the largest "
    "input[i * s + j * d - p]",
    "sample": "output[i] = input[i * s + j * d - p] with j = index[i]",
    "desample": "output[u] = sum of input[i] over all i with i * s + j * d - p = u, j = index[i]",
    "multilinear_upsample": "output[u] = sum of input[i] * w(u, i); w falls linearly from 1 to 0 "
    "over the distance of one input item",
    "sum_reduce": "output[i] = sum over j of input[i, j]; normalized: divided by their number",
    "max_reduce": "output[i] = max over j of input[i, j]",
    "min_reduce": "output[i] = min over j of input[i, j]",
    "argmax_reduce": "output[i] = the first j with the largest input[i, j]",
    "argmin_reduce": "output[i] = the first j with the smallest input[i, j]",
    "all_reduce": "output[i] = all input[i, j] are true",
    "any_reduce": "output[i] = some input[i, j] is true",
    "reshape": "output has the items of input, in row-major order",
    "squeeze": "output has the items of input",
    "unsqueeze": "output has the items of input",
    "transpose": "output[i] = input[k] with k[axes[n]] = i[n]",
    "split": "values[n][i] = input[i + the lengths of the values before n]",
    "concat": "value[i] = values[n][i - the lengths of the values before n]",
    "stack": "value[.., n, ..] = values[n][.., ..]",
    "unstack": "values[n][.., ..] = value[.., n, ..]",
    "slice": "output[i] = input[begin + i * stride]",
    "pad": "output[i] = input[i - p]",
    "tile": "output[i] = input[i mod extent]",
    "gather": "output[.., k, ..] = input[.., indices[k], ..]",
    "cast": "output[i] = input[i] as the data-type; logical: input[i] != 0",
    "avg_roi_pool": "output[r, c, i] = mean of input[batch_index[r], c] over cell i of region r",
    "max_roi_pool": "output[r, c, i] = max of input[batch_index[r], c] over cell i of region r",
    "roi_resample": "output[r, c, i] = input[batch_index[r], c] at point i of a grid over region "
    "r, between items by the method",
    "matmul": "C[i, k] = sum over j of A[i, j] * B[j, k]",
    "update": "result[i] = value[i], which the variable has from the next run on",
}

_UNARY = "y = {}(x[1, 3]);"
_BINARY = "z = {}(x[1, 3, 4, 4], y[1, 3]);"
_LOGIC = "z = {}(x: logical[1, 3], y: logical[1, 3]);"
_REDUCE = "y = {}(x[1, 3, 4, 4], axes = [2, 3]);"
_POOL = (
    "y = {}(x[1, 3, 8, 8], size = [1, 1, 3, 3], stride = [1, 1, 2, 2],\n"
    "    padding = [(0, 0), (0, 0), (1, 1), (1, 1)], border = 'ignore');"
)
_FACTOR = "y = {}(x[1, 3, 8, 8], factor = [2, 2]);"
_ROI = "y = {}(x[1, 3, 8, 8], rois[5, 4], batch_index: integer[5], output_size = [2, 2]{});"
_LOCAL = "y = {}(x[1, 8, 4, 4], size = [1, 5, 1, 1]);"
_QUANTIZE = "y = {}(x[1, 3], {}bits = 8{});"
_SIGNED = ", signed = false, symmetric = false"

_FAMILIES = (
    (
        "copy neg rcp exp log sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh abs "
        "sign floor ceil round sqr sqrt rsqr rsqrt log2 sigmoid relu elu selu gelu silu softmax "
        "softplus",
        _UNARY,
    ),
    ("add sub mul div pow lt gt le ge eq ne min max", _BINARY),
    ("and or", _LOGIC),
    (
        "sum_reduce max_reduce min_reduce argmax_reduce argmin_reduce mean_reduce "
        "l1_normalization l2_normalization",
        _REDUCE,
    ),
    ("box max_pool avg_pool rms_pool argmax_pool", _POOL),
    ("nearest_downsample area_downsample nearest_upsample multilinear_upsample", _FACTOR),
    (
        "local_response_normalization local_mean_normalization local_variance_normalization "
        "local_contrast_normalization",
        _LOCAL,
    ),
)

EXAMPLES: Mapping[str, str] = {
    **{name: form.format(name) for names, form in _FAMILIES for name in names.split()},
    "external": "y = external(shape = [1, 3, 224, 224]);",
    "constant": "y = constant(shape = [1, 3], value = [0.5, 1.0, 1.5]);",
    "variable": "y = variable(shape = [16, 3, 3, 3], label = 'conv1/filter');",
    "not": "y = not(x: logical[1, 3]);",
    "select": "z = select(c: logical[1, 3], x[1, 3], 0.0);",
    "clamp": "y = clamp(x[1, 3], 0.0, 6.0);",
    "conv": "y = conv(x[1, 3, 32, 32], filter[16, 3, 3, 3], bias[1, 16], stride = [2, 2]);",
    "deconv": "y = deconv(x[1, 16, 8, 8], filter[16, 3, 2, 2], bias[1, 3], stride = [2, 2]);",
    "debox": "y = debox(x[1, 3, 4, 4], size = [1, 1, 2, 2], stride = [1, 1, 2, 2]);",
    "sample": "y = sample(x[1, 3, 8, 8], i: integer[1, 3, 4, 4], size = [1, 1, 2, 2],\n"
    "    stride = [1, 1, 2, 2]);",
    "desample": "y = desample(x[1, 3, 4, 4], i: integer[1, 3, 4, 4], size = [1, 1, 2, 2],\n"
    "    stride = [1, 1, 2, 2]);",
    "max_pool_with_index": "y, i = max_pool_with_index(x[1, 3, 8, 8], size = [1, 1, 2, 2],\n"
    "    stride = [1, 1, 2, 2]);",
    "all_reduce": "y = all_reduce(x: logical[1, 3, 4], axes = [2]);",
    "any_reduce": "y = any_reduce(x: logical[1, 3, 4], axes = [2]);",
    "reshape": "y = reshape(x[1, 16, 4, 4], shape = [0, -1]);",
    "squeeze": "y = squeeze(x[1, 16, 1, 1], axes = [2, 3]);",
    "unsqueeze": "y = unsqueeze(x[1, 16], axes = [2, 3]);",
    "transpose": "y = transpose(x[1, 3, 8, 8], axes = [0, 2, 3, 1]);",
    "split": "[a, b] = split(x[1, 12], axis = 1, ratios = [1, 2]);",
    "concat": "y = concat([a[1, 4], b[1, 8]], axis = 1);",
    "stack": "y = stack([a[1, 4], b[1, 4]], axis = 1);",
    "unstack": "[a, b] = unstack(x[1, 2, 4], axis = 1);",
    "slice": "y = slice(x[1, 3, 8, 8], axes = [2, 3], begin = [1, 1], end = [7, 7],\n"
    "    stride = [2, 2]);",
    "pad": "y = pad(x[1, 3, 8, 8], padding = [(0, 0), (0, 0), (1, 1), (1, 1)], value = 0.0);",
    "tile": "y = tile(x[1, 3], repeats = [4, 1]);",
    "gather": "y = gather(table[1000, 64], words: integer[1, 12], axis = 0);",
    "cast": "y = cast<scalar>(x: integer[1, 3]);",
    **{name: _ROI.format(name, "") for name in ("avg_roi_pool", "max_roi_pool", "roi_resample")},
    **{
        name: _ROI.format(name, ",\n    sampling_rate = [2, 2]")
        for name in ("avg_roi_align", "max_roi_align")
    },
    "matmul": "C = matmul(A[2, 4, 3], B[2, 3, 5]);",
    "update": "kept = update(state: variable[1, 8], x[1, 8]);",
    "prelu": "y = prelu(x[1, 3, 4, 4], alpha[1, 3]);",
    "leaky_relu": "y = leaky_relu(x[1, 3], alpha = 0.1);",
    "linear": "y = linear(x[1, 64], filter[10, 64], bias[1, 10]);",
    "separable_conv": "y = separable_conv(x[1, 3, 8, 8], plane[3, 1, 3, 3], point[16, 3, 1, 1]);",
    "separable_deconv": "y = separable_deconv(x[1, 16, 8, 8], plane[3, 1, 3, 3],\n"
    "    point[16, 3, 1, 1]);",
    "batch_normalization": "y = batch_normalization(x[1, 3, 8, 8], mean[1, 3], variance[1, 3],\n"
    "    offset[1, 3], scale[1, 3], epsilon = 1e-5);",
    "min_max_linear_quantize": _QUANTIZE.format("min_max_linear_quantize", "-1.0, 1.0, ", _SIGNED),
    "zero_point_linear_quantize": _QUANTIZE.format(
        "zero_point_linear_quantize", "128, 0.0078, ", _SIGNED
    ),
    "linear_quantize": _QUANTIZE.format("linear_quantize", "-1.0, 1.0, ", ""),
    "logarithmic_quantize": _QUANTIZE.format("logarithmic_quantize", "1.0, ", ""),
    "copy_n": "[a, b] = copy_n(x[1, 3], times = 2);",
    "add_n": "y = add_n([a[1, 3], b[1, 3], c[1, 3]]);",
    "moments": "mean, variance = moments(x[1, 3, 4, 4], axes = [2, 3]);",
}
