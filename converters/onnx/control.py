"""Control flow: branches taken or selected, loops unrolled."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from nnefx.converters.broadcast import aligned
from nnefx.converters.onnx.importer import Importer
from nnefx.converters.onnx.layout import sliced, squeezed, unsqueezed
from nnefx.converters.onnx.proto import dtype_of
from nnefx.converters.onnx.shapes import axis_of
from nnefx.converters.onnx.tables import rules
from nnefx.converters.rules import Const, Unresolved
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

MAX_STEPS = 4096  # of a loop that is unrolled
Ints = Sequence[int] | None


@rules.on("If")
def branch(
    g: Importer, condition: Tensor, *, then_branch: onnx.GraphProto, else_branch: onnx.GraphProto
) -> Any:
    hint = g.site.hint
    if condition.array is not None:
        chosen = then_branch if condition.array.reshape(-1)[0] else else_branch
        return g.graph(chosen, [])
    site = g.site
    taken = g.graph(then_branch, [], f"{hint}_then")
    other = g.graph(else_branch, [], f"{hint}_else")
    g.site = site
    return [_either(g, condition, yes, no) for yes, no in zip(taken, other)]


def _either(g: Importer, flag: Tensor, yes: Tensor, no: Tensor) -> Any:
    if yes.shape != no.shape or yes.dtype != no.dtype:
        text = f"the branches give shapes {list(yes.shape)} and {list(no.shape)}"
        raise Reject(None, f"{text}, and which one is taken is known at run time only", "NX705")
    if flag.rank > yes.rank:
        flag = g.viewed(flag, ())
    return g.select(*aligned(g, flag, yes, no))


@rules.on("Loop")
def loop(
    g: Importer, trips: Const | None = None, condition: Tensor | None = None, *carried: Tensor,
    body: onnx.GraphProto,
) -> Any:  # fmt: skip
    limit = None if trips is None else int(trips.reshape(-1)[0])
    state = list(carried)
    collected: list[list[Tensor]] = [[] for _ in body.output[1 + len(state) :]]
    going = condition is None or _flag(condition)
    steps = 0
    hint = g.site.hint
    while going and (limit is None or steps < limit):
        if steps >= MAX_STEPS:
            raise Reject(None, f"the loop takes more than {MAX_STEPS} steps", "NX715")
        now = g.known(np.array(True)) if condition is None else g.known(np.array(going))
        outputs = g.graph(body, [g.known(np.array(steps)), now, *state], f"{hint}_{steps}")
        if condition is not None or limit is None:
            going = _flag(outputs[0])
        state = outputs[1 : 1 + len(state)]
        for items, item in zip(collected, outputs[1 + len(state) :]):
            items.append(item)
        steps += 1
    infos = body.output[1 + len(state) :]
    return [*state, *(_stacked(g, items, 0, info) for items, info in zip(collected, infos))]


def _flag(tensor: Tensor) -> bool:
    if tensor.array is None:
        raise Unresolved("cond", tensor)
    return bool(tensor.array.reshape(-1)[0])


def _stacked(g: Importer, items: list[Tensor], axis: int, info: onnx.ValueInfoProto) -> Tensor:
    if not items:
        kind = info.type.tensor_type
        inner = [dim.dim_value for dim in kind.shape.dim]
        return g.known(np.zeros((0, *inner), dtype_of(kind.elem_type)))
    if len(items) == 1:
        return unsqueezed(g, items[0], [axis])
    result = g.stack(items, axis=axis)
    assert isinstance(result, Tensor)
    return g.typed(result, items[0].dtype)


@rules.on("Scan", since=9)
def scan(
    g: Importer, *tensors: Tensor, body: onnx.GraphProto, num_scan_inputs: int,
    scan_input_axes: Ints = None, scan_input_directions: Ints = None,
    scan_output_axes: Ints = None, scan_output_directions: Ints = None,
) -> Any:  # fmt: skip
    count = len(tensors) - num_scan_inputs
    state, scanned = list(tensors[:count]), tensors[count:]
    axes = list(scan_input_axes or [0] * num_scan_inputs)
    axes = [axis_of(axis, tensor.rank) for axis, tensor in zip(axes, scanned)]
    back = list(scan_input_directions or [0] * num_scan_inputs)
    infos = body.output[count:]
    collected: list[list[Tensor]] = [[] for _ in infos]
    length = scanned[0].shape[axes[0]] if scanned else 0
    hint = g.site.hint
    if length > MAX_STEPS:
        raise Reject(None, f"the scan takes more than {MAX_STEPS} steps", "NX715")
    for step in range(length):
        places = [length - 1 - step if reverse else step for reverse in back]
        items = [at(g, tensor, axis, p) for tensor, axis, p in zip(scanned, axes, places)]
        outputs = g.graph(body, [*state, *items], f"{hint}_{step}")
        state = outputs[:count]
        for found, item in zip(collected, outputs[count:]):
            found.append(item)
    results = []
    for number, (found, info) in enumerate(zip(collected, infos)):
        rank = found[0].rank + 1 if found else len(info.type.tensor_type.shape.dim) + 1
        axis = axis_of((scan_output_axes or [0] * len(infos))[number], rank)
        reverse = (scan_output_directions or [0] * len(infos))[number]
        results.append(_stacked(g, found[::-1] if reverse else found, axis, info))
    return [*state, *results]


def at(g: Importer, x: Tensor, axis: int, place: int) -> Tensor:
    """Return the items at one place of an axis, without the axis."""
    return squeezed(g, sliced(g, x, [axis], [place], [place + 1], [1]), [axis])


@rules.on("Scan", since=8)
def scan_8(
    g: Importer, lengths: Tensor | None = None, *tensors: Tensor, body: onnx.GraphProto,
    num_scan_inputs: int, directions: Ints = None,
) -> Any:  # fmt: skip
    if lengths is not None:
        raise Reject("sequence_lens", "sequence lengths are not supported", "NX702")
    batches = []
    for number in range(tensors[0].shape[0]):
        items = [at(g, tensor, 0, number) for tensor in tensors]
        batches.append(
            scan(
                g, *items, body=body, num_scan_inputs=num_scan_inputs,
                scan_input_directions=directions,
            )
        )  # fmt: skip
    return [
        _stacked(g, list(items), 0, onnx.ValueInfoProto()) for items in zip(*batches, strict=True)
    ]
