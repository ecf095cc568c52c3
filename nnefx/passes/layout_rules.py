"""What a transpose does to the operations that it moves through."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nnefx.ir.graph import Node, Value
from nnefx.passes.layout import Axes, Placed, Walk, composed, handles, last, turned_later

UNARY = (  # noqa: SIM905
    "copy neg rcp exp log sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh abs sign not "
    "floor ceil round sqr sqrt rsqr rsqrt log2 relu sigmoid elu selu gelu silu softplus leaky_relu "
    "cast nnefx_gelu nnefx_gelu_tanh nnefx_erf nnefx_round_even nnefx_round_to nnefx_integer_neg "
    "nnefx_integer_abs nnefx_integer_sign nnefx_integer_not nnefx_integer_wrap"
).split()

BROADCAST = (  # noqa: SIM905
    "add sub mul div pow lt gt le ge eq ne and or select min max clamp prelu nnefx_fmod nnefx_mod "
    "nnefx_xor nnefx_logical_eq nnefx_atan2 nnefx_integer_add nnefx_integer_sub nnefx_integer_mul "
    "nnefx_integer_div nnefx_integer_mod nnefx_integer_fmod nnefx_integer_pow nnefx_integer_min "
    "nnefx_integer_max nnefx_integer_lt nnefx_integer_le nnefx_integer_gt nnefx_integer_ge "
    "nnefx_integer_eq nnefx_integer_ne nnefx_integer_and nnefx_integer_or nnefx_integer_xor "
    "min_max_linear_quantize zero_point_linear_quantize linear_quantize logarithmic_quantize"
).split()

ALONG_AXES = (  # noqa: SIM905
    "sum_reduce max_reduce min_reduce mean_reduce argmax_reduce argmin_reduce all_reduce "
    "any_reduce softmax l1_normalization l2_normalization nnefx_log_softmax nnefx_log_sum_exp "
    "nnefx_prod_reduce nnefx_integer_sum_reduce nnefx_integer_prod_reduce nnefx_integer_max_reduce "
    "nnefx_integer_min_reduce nnefx_integer_argmax_reduce nnefx_integer_argmin_reduce"
).split()


def _first(walk: Walk, node: Node) -> Placed | None:
    """Return where the first operand is, None where no transpose is to be moved."""
    item = next(iter(node.inputs.values()))
    if not isinstance(item, Value) or item in walk.stored:
        return None
    placed = walk.placed(item)
    return None if placed.axes is None or walk.is_forced(placed) else placed


@handles("transpose")
def _transpose(walk: Walk, node: Node) -> Sequence[Placed] | None:
    (item,) = node.inputs.values()
    if not isinstance(item, Value) or item in walk.stored:
        return None
    placed = walk.placed(item)
    axes = [*node.attributes["axes"], *range(len(node.attributes["axes"]), item.rank)]
    result = Placed(placed.value, composed(placed.axes, axes))
    single = len(walk.old.users.get(item, ())) == 1 and item not in walk.old.outputs
    made_up = re.search(r"_transpose(_\d+)?$", node.output.name)
    if single and placed.axes is None and not made_up and item not in walk.old.inputs:
        walk.renamed(placed.value, node.output)
    return [result]


@handles(*UNARY)
def _unary(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return None
    (made,) = walk.emit(node, [placed.value])
    return [Placed(made, placed.axes)]


@handles(*BROADCAST)
def _broadcast(walk: Walk, node: Node) -> Sequence[Placed] | None:
    axes = _common(walk, node.inputs.values(), node.output.rank)
    if axes is None:
        return None
    inputs = [walk.arranged(item, axes) for item in node.inputs.values()]
    (made,) = walk.emit(node, inputs)
    return [Placed(made, axes)]


def _common(walk: Walk, items: Iterable[Any], rank: int) -> Axes | None:
    """Return the axes that most operands of full rank are transposed by, None for none."""
    found: dict[Axes | None, int] = {}
    for item in items:
        if isinstance(item, Value) and item not in walk.stored and item.volume > 1:
            placed = walk.placed(item)
            if item.rank != rank and placed.axes is not None:
                return None
            axes = None if walk.is_forced(placed) else placed.axes
            found[axes] = found.get(axes, 0) + 1
    moved = [axes for axes in found if axes is not None]
    return max(moved, key=lambda axes: found[axes], default=None)


@handles(*ALONG_AXES)
def _along_axes(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return None
    assert placed.axes is not None
    axes = sorted(placed.axes[axis] for axis in node.attributes["axes"])
    (made,) = walk.emit(node, [placed.value], axes=axes)
    return [Placed(made, placed.axes)]


@handles("pad", "nnefx_integer_pad")
def _pad(walk: Walk, node: Node) -> Sequence[Placed] | None:
    return _per_dimension(walk, node, "padding")


@handles("tile")
def _tile(walk: Walk, node: Node) -> Sequence[Placed] | None:
    return _per_dimension(walk, node, "repeats")


def _per_dimension(walk: Walk, node: Node, name: str) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return None
    assert placed.axes is not None
    items = node.attributes[name]
    moved = [items[placed.axes.index(axis)] for axis in range(len(items))]
    (made,) = walk.emit(node, [placed.value], **{name: moved})
    return [Placed(made, placed.axes)]


@handles("slice")
def _slice(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return None
    assert placed.axes is not None
    axes = [placed.axes[axis] for axis in node.attributes["axes"]]
    (made,) = walk.emit(node, [placed.value], axes=axes)
    return [Placed(made, placed.axes)]


@handles("split")
def _split(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return None
    assert placed.axes is not None
    made = walk.emit(node, [placed.value], axis=placed.axes[node.attributes["axis"]])
    return [Placed(value, placed.axes) for value in made]


@handles("concat")
def _concat(walk: Walk, node: Node) -> Sequence[Placed] | None:
    (items,) = node.inputs.values()
    assert isinstance(items, tuple)
    axes = _common(walk, items, node.output.rank)
    if axes is None or any(isinstance(i, Value) and i in walk.stored for i in items):
        return None
    inputs = [_full(walk, item, axes) for item in items]
    (made,) = walk.emit(node, [inputs], axis=axes[node.attributes["axis"]])
    return [Placed(made, axes)]


def _full(walk: Walk, item: Any, axes: Axes) -> Any:
    """Return an operand arranged by `axes`, which also a single item has to be in rank."""
    placed = walk.placed(item)
    if item.volume > 1 or placed.axes == axes:
        return walk.arranged(item, axes)
    return placed.value


@handles("stack")
def _stack(walk: Walk, node: Node) -> Sequence[Placed] | None:
    (items,) = node.inputs.values()
    assert isinstance(items, tuple)
    axes = _common(walk, items, node.output.rank - 1)
    if axes is None or any(isinstance(i, Value) and i in walk.stored for i in items):
        return None
    rank = len(axes)
    (made,) = walk.emit(node, [[_full(walk, item, axes) for item in items]], axis=rank)
    at = node.attributes["axis"]
    return [Placed(made, composed(None, (*axes[:at], rank, *axes[at:])))]


@handles("unstack")
def _unstack(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return None
    assert placed.axes is not None
    at = node.attributes["axis"]
    made = walk.emit(node, [placed.value], axis=placed.axes[at])
    rest = _without(placed.axes, [at])
    return [Placed(value, rest) for value in made]


@handles("squeeze")
def _squeeze(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return None
    assert placed.axes is not None
    dropped = node.attributes["axes"]
    (made,) = walk.emit(node, [placed.value], axes=sorted(placed.axes[axis] for axis in dropped))
    return [Placed(made, _without(placed.axes, dropped))]


def _without(axes: Axes, dropped: Sequence[int]) -> Axes | None:
    kept = [axis for position, axis in enumerate(axes) if position not in dropped]
    order = {axis: position for position, axis in enumerate(sorted(kept))}
    return composed(None, [order[axis] for axis in kept])


@handles("unsqueeze")
def _unsqueeze(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return _single_pixel(walk, node)
    assert placed.axes is not None
    rank, added = len(placed.axes), node.attributes["axes"]
    new = iter(range(rank, rank + len(added)))
    (made,) = walk.emit(node, [placed.value], axes=list(range(rank, rank + len(added))))
    rest = iter(placed.axes)
    axes = [next(new) if i in added else next(rest) for i in range(rank + len(added))]
    return [Placed(made, composed(None, axes))]


@handles("gather")
def _gather(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    _, indices = node.inputs.values()
    if placed is None or not isinstance(indices, Value) or indices.rank != 1:
        return None
    assert placed.axes is not None
    inputs = [placed.value, walk.plain(indices)]
    (made,) = walk.emit(node, inputs, axis=placed.axes[node.attributes["axis"]])
    return [Placed(made, placed.axes)]


@handles("matmul")
def _matmul(walk: Walk, node: Node) -> Sequence[Placed] | None:
    """A transpose of the last two dimensions becomes an attribute."""
    a, b = node.inputs.values()
    inputs, changed = [], {}
    for item, name in ((a, "transposeA"), (b, "transposeB")):
        placed = walk.placed(item) if isinstance(item, Value) and item not in walk.stored else None
        if placed is not None and placed.axes is not None and _swaps_last(placed.axes):
            inputs.append(placed.value)
            changed[name] = not node.attributes[name]
        else:
            inputs.append(walk.plain(item))
    ordered = _reordered(walk, a, b, -1 if node.attributes["transposeB"] else -2)
    if ordered is not None:
        inputs[1] = ordered
    (made,) = walk.emit(node, inputs, **changed)
    return [Placed(made)]


def _swaps_last(axes: Axes) -> bool:
    rank = len(axes)
    return rank >= 2 and axes == (*range(rank - 2), rank - 1, rank - 2)


@handles("linear")
def _linear(walk: Walk, node: Node) -> Sequence[Placed] | None:
    x, w, b = node.inputs.values()
    ordered = _reordered(walk, x, w, -1)
    if ordered is None:
        return None
    (made,) = walk.emit(node, [walk.plain(x), ordered, walk.plain(b)])
    return [Placed(made)]


def _reordered(walk: Walk, x: Any, w: Any, axis: int) -> Value | None:
    """Return the stored matrix with its items in the order of the operand's."""
    order = walk.places[x].order if isinstance(x, Value) and x in walk.places else None
    if order is None or not isinstance(w, Value):
        return None
    array = np.take(walk.stored[w].array, order, axis)
    return walk.emitted(w, array, ("order", x, axis))


@handles("reshape")
def _reshape(walk: Walk, node: Node) -> Sequence[Placed] | None:
    placed = _first(walk, node)
    if placed is None:
        return _single_pixel(walk, node)
    (item,) = node.inputs.values()
    assert isinstance(item, Value)
    grouped = _grouped(item.shape, node.output.shape, placed)
    if grouped is not None:
        shape, axes = grouped
        if shape == list(placed.value.shape):
            return [Placed(placed.value, axes)]
        (made,) = walk.emit(node, [placed.value], shape=shape, axis_start=0, axis_count=-1)
        return [Placed(made, axes)]
    if not _only_multiplied(walk, node):
        return None
    shape = list(node.output.shape)
    (made,) = walk.emit(node, [placed.value], shape=shape, axis_start=0, axis_count=-1)
    inner = np.arange(shape[1]).reshape(item.shape[1:])
    assert placed.axes is not None
    back = [int(i) for i in np.argsort(placed.axes)]
    order = inner.transpose([axis - 1 for axis in back[1:]]).reshape(-1)
    return [Placed(made, None, order)]


def _single_pixel(walk: Walk, node: Node) -> Sequence[Placed] | None:
    """Make an image of one pixel with channels first where that is what is needed."""
    (item,) = node.inputs.values()
    shape = node.output.shape
    if not isinstance(item, Value) or item in walk.stored or len(shape) < 3:
        return None
    if set(shape[1:-1]) != {1} or not turned_later(walk.old, node.output):
        return None
    first = [shape[0], shape[-1], *shape[1:-1]]
    if tuple(first[:2]) == item.shape:
        made = walk.g.unsqueeze(walk.plain(item), axes=list(range(2, len(shape))))
    else:
        made = walk.g.reshape(walk.plain(item), shape=first)
    walk.renamed(made, node.output)
    return [Placed(made, last(len(shape)))]


def _only_multiplied(walk: Walk, node: Node) -> bool:
    """Tell whether the result, (N, rest), is only multiplied by stored matrices."""
    (item,) = node.inputs.values()
    assert isinstance(item, Value)
    placed, out = walk.placed(item), node.output
    if out in walk.old.outputs or out.rank != 2 or out.shape[0] != item.shape[0]:
        return False
    if placed.axes is None or placed.axes[0] != 0:
        return False
    users = walk.old.users.get(out, ())
    for user in users:
        operands = list(user.inputs.values())
        if user.name not in ("linear", "matmul") or operands[0] is not out:
            return False
        if not walk.is_stored(operands[1]) or user.attributes.get("transposeA"):
            return False
    return bool(users)


def _grouped(
    old: Sequence[int], new: Sequence[int], placed: Placed
) -> tuple[list[int], Axes | None] | None:
    """Return the shape and place of a reshape that does not need the transpose undone.

    That is so where dimensions are only merged that are neighbours in both layouts, and only
    single ones are split.
    """
    groups = _groups(old, new)
    assert placed.axes is not None
    if groups is None:
        return None
    solid = [axis for axis in placed.axes if placed.value.shape[axis] != 1]
    rank_of = {axis: position for position, axis in enumerate(sorted(solid))}
    starts: list[tuple[int, int]] = []
    for index, (sources, _) in enumerate(groups):
        places = [rank_of[placed.axes[s]] for s in sources if old[s] != 1]
        if places and places != list(range(places[0], places[0] + len(places))):
            return None
        starts.append((places[0] if places else -1, index))
    shape: list[int] = []
    position: dict[int, int] = {}
    for _, index in sorted(starts):
        for target in groups[index][1]:
            position[target] = len(shape)
            shape.append(new[target])
    return shape, composed(None, [position[target] for target in range(len(new))])


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]] | None:
    """Return the least runs of dimensions with the same number of items on both sides."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        sources, targets = [], []
        left = right = 1
        if i < len(old):
            sources.append(i)
            left *= old[i]
            i += 1
        if j < len(new) and not (left == 1 and new[j] != 1):
            targets.append(j)
            right *= new[j]
            j += 1
        while left != right:
            if left < right and i < len(old):
                sources.append(i)
                left *= old[i]
                i += 1
            elif j < len(new):
                targets.append(j)
                right *= new[j]
                j += 1
            else:
                return None
        groups.append((sources, targets))
    return groups
