"""Shapes of the results of custom operations without a body, in words; for their page."""

from collections.abc import Mapping

SAME = "that of the input"
BROADCAST = "the common shape of both operands, aligned at the first dimension"
REDUCED = "that of the input, with extent 1 along the axes"
MOVING = "as that of the standard operation"

_BINARY = (
    "add", "sub", "mul", "div", "mod", "fmod", "pow", "min", "max", "and", "or", "xor",
    "shift_left", "shift_right", "lt", "le", "gt", "ge", "eq", "ne",
)  # fmt: skip
_INTEGER = {
    **dict.fromkeys(_BINARY, BROADCAST),
    **dict.fromkeys(("neg", "abs", "sign", "not", "wrap"), SAME),
    **dict.fromkeys(
        [f"{name}_reduce" for name in ("sum", "prod", "max", "min", "argmax", "argmin")], REDUCED
    ),
    **dict.fromkeys(("matmul", "conv", "pad"), MOVING),
}

SHAPES: Mapping[str, str] = {
    **{f"nnefx_integer_{name}": shape for name, shape in _INTEGER.items()},
    "nnefx_fmod": BROADCAST,
    "nnefx_mod": BROADCAST,
    "nnefx_round_to": SAME,
    "nnefx_prod_reduce": REDUCED,
    "nnefx_detection_output": "(1, 1, N * keep, 7), all that may be found where keep is -1: image, "
    "class, score and box; rows that are left over hold -1",
    "nnefx_gather_elements": "that of the indices",
    "nnefx_gather_nd": "that of the indices without the last dimension, then what is left of the "
    "input's dimensions",
    "nnefx_scatter_elements": SAME,
    "nnefx_scatter_nd": SAME,
    "nnefx_tensor_scatter": "that of the cache",
    "nnefx_topk": "both: that of the input, with extent k along the axis",
    "nnefx_reverse_sequence": SAME,
    "nnefx_cumsum": SAME,
    "nnefx_cumprod": SAME,
    "nnefx_einsum": "the extents of the indices behind the arrow",
    "nnefx_det": "that of the input without its last two dimensions",
    "nnefx_dft": "that of the input with `length` items along the axis, or floor(length / 2) + 1 "
    "forward and onesided; the last dimension is 2, but 1 inverse and onesided: a real result",
    "nnefx_to_bits": SAME,
    "nnefx_from_bits": SAME,
    "nnefx_max_pool_with_index": "both: as those of the standard's max_pool_with_index",
    "nnefx_max_unpool": "output_shape",
    "nnefx_col2im": "(batch, channels, image_shape)",
    "nnefx_grid_sample": "(batch, channels, the grid's spatial extents)",
    "nnefx_deform_conv": "as that of conv",
    "nnefx_roi_align": "(regions, channels, output_size)",
}
