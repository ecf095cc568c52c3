"""Einstein summation as a product of matrices, with transposes and reshapes around it."""

import math
from collections.abc import Sequence

from nnefx.converters.scope import Scope, Tensor
from nnefx.converters.tensorflow.axes import tensor, transposed
from nnefx.converters.tensorflow.moving import reduced, squeezed
from nnefx.ops import Reject


def einsum(g: Scope, tensors: Sequence[Tensor], equation: str) -> Tensor:
    """Return the sum of products over the indices that the result does not name.

    One operand, or two that name each index once; ellipses stand for the same dimensions in all.
    """
    terms, result = _terms(equation, tensors)
    if len(tensors) == 1:
        return _single(g, tensors[0], terms[0], result)
    if len(tensors) != 2 or any(len(set(term)) < len(term) for term in terms):
        raise Reject("equation", f"equation '{equation}' is not supported", "NX702")
    x, y = tensors
    a, b = terms
    x, a = _summed(g, x, a, set(b) | set(result))
    y, b = _summed(g, y, b, set(a) | set(result))
    extent = {**dict(zip(a, x.shape)), **dict(zip(b, y.shape))}
    batch = [i for i in a if i in b and i in result]
    inner = [i for i in a if i in b and i not in result]
    left = [i for i in a if i not in b]
    right = [i for i in b if i not in a]
    if any(n != extent[i] for i, n in (*zip(a, x.shape), *zip(b, y.shape))):
        raise Reject("equation", f"extents differ in '{equation}'", "NX304")

    def volume(indices: Sequence[str]) -> int:
        return math.prod(extent[i] for i in indices)

    lead = [extent[i] for i in batch]
    p = _grouped(g, x, a, [*batch, *left, *inner], [*lead, volume(left), volume(inner)])
    # the order that needs no transpose, where there is one
    swapped = b == [*batch, *right, *inner] and b != [*batch, *inner, *right]
    order = [*batch, *right, *inner] if swapped else [*batch, *inner, *right]
    sides = [volume(right), volume(inner)] if swapped else [volume(inner), volume(right)]
    q = _grouped(g, y, b, order, [*lead, *sides])
    product = tensor(g.matmul(p, q, transposeB=swapped))
    made = [*batch, *left, *right]
    product = g.viewed(product, [extent[i] for i in made])
    return transposed(g, product, [made.index(i) for i in result])


def _terms(equation: str, tensors: Sequence[Tensor]) -> tuple[list[list[str]], list[str]]:
    text = equation.replace(" ", "")
    if "->" not in text:
        raise Reject("equation", f"equation '{equation}' names no result", "NX702")
    inputs, output = text.split("->")
    terms = inputs.split(",")
    if len(terms) != len(tensors):
        raise Reject("equation", f"{len(terms)} terms, {len(tensors)} operands", "NX304")
    spare = [
        item.rank - len(term.replace("...", "")) if "..." in term else 0
        for term, item in zip(terms, tensors)
    ]
    most, found = max(spare), []
    for term, item, count in zip(terms, tensors, spare):
        found.append(_spelled(term, most, count))
        if len(found[-1]) != item.rank:
            raise Reject("equation", f"term '{term}' for rank {item.rank}", "NX304")
    return found, _spelled(output, most, most)


def _spelled(term: str, most: int, count: int) -> list[str]:
    """Return the indices of a term; those of an ellipsis are digits, aligned on the right."""
    before, dots, after = term.partition("...")
    middle = [str(i) for i in range(most - count, most)] if dots else []
    return [*before, *middle, *after]


def _single(g: Scope, x: Tensor, term: list[str], result: list[str]) -> Tensor:
    if len(set(term)) < len(term) or not set(result) <= set(term):
        raise Reject("equation", "indices that repeat or appear are not supported", "NX702")
    x, term = _summed(g, x, term, set(result))
    return transposed(g, x, [term.index(i) for i in result])


def _summed(g: Scope, x: Tensor, term: list[str], kept: set[str]) -> tuple[Tensor, list[str]]:
    axes = [axis for axis, index in enumerate(term) if index not in kept]
    if not axes:
        return x, term
    y = squeezed(g, reduced(g, "sum_reduce", x, axes, True), axes)
    return y, [index for index in term if index in kept]


def _grouped(
    g: Scope, x: Tensor, term: list[str], order: Sequence[str], shape: Sequence[int]
) -> Tensor:
    moved = transposed(g, x, [term.index(index) for index in order])
    return g.viewed(moved, list(shape))
