"""Attention."""

import math
from typing import Any

import numpy as np

from nnefx.converters.pytorch.activate import safe
from nnefx.converters.pytorch.cast import emitted
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.layout import expanded
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject


@rules.on("scaled_dot_product_attention")
def attention(
    g: Importer, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *,
    dropout_p: float = 0.0, is_causal: bool = False, scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:  # fmt: skip
    if dropout_p:
        raise Reject(None, "dropout draws random numbers; export in evaluation mode", "NX702")
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    if enable_gqa:
        key, value = (_repeated(g, item, query.shape[-3]) for item in (key, value))
    rank = max(item.rank for item in (query, key, value))
    query = g.viewed(query, (1,) * (rank - query.rank) + query.shape)
    key, value = (_led(g, item, query) for item in (key, value))
    mask = _mask(g, attn_mask, is_causal, query.shape[-2], key.shape[-2])
    if mask is None:
        return g.nnefx_attention(query, key, value, scale=factor, axis=rank - 1)
    led = g.viewed(mask, (1,) * (rank - mask.rank) + mask.shape)
    if mask.kind == "logical" and not _all_rows(mask):
        return _guarded(g, query, key, value, led, factor)
    if mask.kind == "logical":
        led = _additive(g, led)
    return g.nnefx_masked_attention(query, key, value, led, scale=factor, axis=rank - 1)


def _led(g: Importer, x: Tensor, like: Tensor) -> Tensor:
    return g.viewed(x, (1,) * (like.rank - x.rank) + x.shape)


def _repeated(g: Importer, x: Tensor, heads: int) -> Tensor:
    """Return `x` with every head repeated, so that there are as many as queries have."""
    *lead, count, length, width = x.shape
    if count == heads:
        return x
    apart = g.viewed(x, (*lead, count, 1, length, width))
    full = expanded(g, apart, (*lead, count, heads // count, length, width))
    return g.viewed(full, (*lead, heads, length, width))


def _mask(g: Importer, mask: Tensor | None, causal: bool, rows: int, columns: int) -> Tensor | None:
    if not causal:
        return mask
    return g.known(np.tril(np.ones((rows, columns), np.bool_)), "causal_mask")


def _all_rows(mask: Tensor) -> bool:
    """Tell whether every row of a mask is known to let something through."""
    return mask.array is not None and bool(mask.array.any(-1).all())


def _additive(g: Importer, mask: Tensor) -> Tensor:
    lowest = np.float32(-3.4028235e38)
    if mask.array is not None:
        return g.known(np.where(mask.array, np.float32(0), lowest), mask.name)
    result = g.select(mask, 0.0, float(lowest))
    assert isinstance(result, Tensor)
    return result


def _guarded(
    g: Importer, query: Tensor, key: Tensor, value: Tensor, mask: Tensor, factor: float
) -> Any:
    """Emit attention whose rows are zero where the mask lets nothing through, as torch has it."""
    scores = g.mul(g.matmul(query, key, transposeB=True), factor)
    masked = emitted(g, "select", mask, scores, g.known(np.float32(-np.inf)))
    return g.matmul(safe(g, masked, masked.rank - 1), value)


@rules.on("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention",
          "_scaled_dot_product_flash_attention")  # fmt: skip
def flash_attention(
    g: Importer, query: Tensor, key: Tensor, value: Tensor, *, dropout_p: float = 0.0,
    is_causal: bool = False, attn_mask: Tensor | None = None, attn_bias: Tensor | None = None,
    scale: float | None = None, compute_log_sumexp: bool = False, return_debug_mask: bool = False,
) -> Any:  # fmt: skip
    from nnefx.converters.pytorch.importer import ABSENT

    bias = attn_mask if attn_bias is None else attn_bias
    result = attention(
        g, query, key, value, bias, dropout_p=dropout_p, is_causal=is_causal, scale=scale
    )
    return [result, *([ABSENT] * (len(g.metas) - 1))]
