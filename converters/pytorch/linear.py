"""Matrix products."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnefx.converters.pytorch.cast import converted, emitted
from nnefx.converters.pytorch.elementwise import arithmetic
from nnefx.converters.pytorch.importer import Importer
from nnefx.converters.pytorch.layout import transposed
from nnefx.converters.pytorch.tables import rules
from nnefx.converters.pytorch.types import Complex
from nnefx.converters.scope import Tensor


def product(
    g: Importer, x: Tensor, y: Tensor, *, left: bool = False, right: bool = False
) -> Tensor:
    """Return the matrix product of operands of equal rank; `left`, `right` transpose them."""
    if x.kind == "scalar":
        result = g.matmul(x, y, transposeA=left, transposeB=right)
    else:
        axes = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
        a = transposed(g, x, axes) if left else x
        b = transposed(g, y, axes) if right else y
        result = g.nnefx_integer_matmul(a, b)
    assert isinstance(result, Tensor)
    return result


@rules.on("linear")
def linear(g: Importer, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    x = input if input.rank > 1 else g.viewed(input, (1, input.volume))
    wide = _led(g, weight if weight.rank > 1 else g.viewed(weight, (1, weight.volume)), x.rank)
    if bias is None:
        result = product(g, x, wide, right=True)
    else:
        shaped = g.viewed(bias, (1,) * (x.rank - 1) + (bias.volume,))
        result = g.linear(x, wide, shaped)
    return g.viewed(result, g.shape)


@rules.on("mm", "bmm", "matmul", "dot", "mv")
def matmul(g: Importer, self: Any, *, mat2: Any = None, other: Any = None, tensor: Any = None,
           vec: Any = None) -> Any:  # fmt: skip
    right = next(item for item in (mat2, other, tensor, vec) if item is not None)
    if isinstance(self, Complex) or isinstance(right, Complex):
        return _complex_product(g, self, right)
    return multiplied(g, self, right)


def multiplied(g: Importer, x: Tensor, y: Tensor) -> Tensor:
    """Return the product as `torch.matmul` defines it for operands of any rank."""
    if x.rank == 1 and y.rank == 1:
        a, b = g.viewed(x, (1, x.volume)), g.viewed(y, (y.volume, 1))
        return g.viewed(product(g, a, b), ())
    a = g.viewed(x, (1, x.volume)) if x.rank == 1 else x
    b = g.viewed(y, (y.volume, 1)) if y.rank == 1 else y
    rank = max(a.rank, b.rank)
    result = product(g, _led(g, a, rank), _led(g, b, rank))
    shape = list(result.shape)
    if x.rank == 1:
        del shape[-2]
    if y.rank == 1:
        del shape[-1]
    return g.viewed(result, shape)


def _complex_product(g: Importer, x: Any, y: Any) -> Complex:
    a = (x.re, x.im) if isinstance(x, Complex) else (x, None)
    b = (y.re, y.im) if isinstance(y, Complex) else (y, None)

    def both(first: Any, second: Any) -> Any:
        return None if first is None or second is None else multiplied(g, first, second)

    rr, ii, ri, ir = both(a[0], b[0]), both(a[1], b[1]), both(a[0], b[1]), both(a[1], b[0])
    re = rr if ii is None else g.sub(rr, ii)
    im = ri if ir is None else ir if ri is None else g.add("add", ri, ir)
    return Complex(re, im)


def _led(g: Importer, x: Tensor, rank: int) -> Tensor:
    return g.viewed(x, (1,) * (rank - x.rank) + x.shape)


@rules.on("addmm", "addbmm", "baddbmm", "addmv")
def addmm(
    g: Importer, self: Tensor, *, mat1: Any = None, mat2: Any = None, batch1: Any = None,
    batch2: Any = None, mat: Any = None, vec: Any = None, beta: Any = 1, alpha: Any = 1,
) -> Any:  # fmt: skip
    left = next(item for item in (mat1, batch1, mat) if item is not None)
    right = next(item for item in (mat2, batch2, vec) if item is not None)
    result = multiplied(g, left, right)
    if len(g.shape) < result.rank:  # addbmm sums over the batch
        result = g.viewed(g.sum_reduce(result, axes=[0]), g.shape)
    if alpha != 1:
        result = arithmetic(g, "mul", result, alpha)
    if beta == 0:
        return result
    added = self if beta == 1 else arithmetic(g, "mul", self, beta)
    return arithmetic(g, "add", result, added)


@rules.on("einsum")
def einsum(g: Importer, equation: str, tensors: list[Tensor], *, path: Any = None) -> Any:
    given, _, wanted = equation.replace(" ", "").partition("->")
    terms, output = _named(given.split(","), wanted, [item.rank for item in tensors])
    if not equation.count("->"):
        counts = {
            letter: sum(term.count(letter) for term in terms) for term in terms for letter in term
        }
        output = "".join(sorted(letter for letter, count in counts.items() if count == 1))
    operands = list(tensors)
    while len(operands) > 1:
        later = set("".join(terms[2:]) + output)
        operands[:2], terms[:2] = _contracted(g, operands[:2], terms[:2], later)
    return _arranged(g, operands[0], terms[0], output)


def _named(terms: list[str], output: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the terms with letters for what an ellipsis stands for."""
    spare = [chr(code) for code in range(0x3B1, 0x3C9)]
    most = 0
    named = []
    for term, rank in zip(terms, ranks):
        if "..." in term:
            count = rank - len(term) + 3
            most = max(most, count)
            term = term.replace("...", "".join(spare[:24][24 - count :]))
        named.append(term)
    return named, output.replace("...", "".join(spare[:24][24 - most :]) if most else "")


def _contracted(
    g: Importer, operands: list[Tensor], terms: list[str], later: set[str]
) -> tuple[list[Tensor], list[str]]:
    """Return the product of two terms, summed over the letters that nothing needs later on."""
    (x, y), (a, b) = operands, terms
    x, a = _alone(g, x, a, later | set(b))
    y, b = _alone(g, y, b, later | set(a))
    shared = [letter for letter in a if letter in b]
    batch = [letter for letter in shared if letter in later]
    inner = [letter for letter in shared if letter not in later]
    rows = [letter for letter in a if letter not in shared]
    columns = [letter for letter in b if letter not in shared]
    size = dict(zip(a, x.shape))
    for letter, extent in zip(b, y.shape):
        size[letter] = max(extent, size.get(letter, 1))

    def extent_of(letters: list[str]) -> int:
        return math.prod(size[letter] for letter in letters)

    left = _grouped(g, x, a, batch, rows, inner, size)
    right = _grouped(g, y, b, batch, columns, inner, size)
    if inner:
        result = product(g, left, right, right=True)
    else:
        result = arithmetic(g, "mul", left, transposed(g, right, [0, 2, 1]))
    assert result.shape == (extent_of(batch), extent_of(rows), extent_of(columns))
    letters = batch + rows + columns
    return [g.viewed(result, [size[letter] for letter in letters])], ["".join(letters)]


def _grouped(
    g: Importer, x: Tensor, term: str, batch: list[str], own: list[str], inner: list[str],
    size: dict[str, int],
) -> Tensor:  # fmt: skip
    from nnefx.converters.pytorch.layout import expanded

    order = [term.index(letter) for letter in batch + own + inner]
    moved = transposed(g, x, order)
    full = expanded(g, moved, [size[letter] for letter in batch + own + inner])
    shape = [math.prod(size[letter] for letter in letters) for letters in (batch, own, inner)]
    return g.viewed(full, shape)


def _alone(g: Importer, x: Tensor, term: str, needed: set[str]) -> tuple[Tensor, str]:
    """Take diagonals of repeated letters and sum over those that nothing else has."""
    for letter in dict.fromkeys(term):
        if term.count(letter) > 1:
            x, term = _diagonal(g, x, term, letter)
    gone = [axis for axis, letter in enumerate(term) if letter not in needed]
    if gone:
        kept = [letter for letter in term if letter in needed]
        summed = g.sum_reduce(x, axes=gone)
        x = g.viewed(summed, [x.shape[term.index(letter)] for letter in kept])
        term = "".join(kept)
    return x, term


def _diagonal(g: Importer, x: Tensor, term: str, letter: str) -> tuple[Tensor, str]:
    first, second = [axis for axis, item in enumerate(term) if item == letter][:2]
    positions = np.arange(x.volume).reshape(x.shape)
    picked = np.diagonal(positions, 0, first, second)
    flat = g.viewed(x, (x.volume,))
    result = g.viewed(g.gather(flat, g.known(picked.reshape(-1)), axis=0), picked.shape)
    rest = [item for axis, item in enumerate(term) if axis not in (first, second)]
    return result, "".join(rest) + letter


def _arranged(g: Importer, x: Tensor, term: str, output: str) -> Tensor:
    x, term = _alone(g, x, term, set(output))
    return transposed(g, x, [term.index(letter) for letter in output])


@rules.on("outer", "ger")
def outer(g: Importer, self: Tensor, vec2: Tensor) -> Any:
    x, y = g.viewed(self, (self.volume, 1)), g.viewed(vec2, (1, vec2.volume))
    return arithmetic(g, "mul", x, y)


@rules.on("_pdist_forward")
def pdist(g: Importer, self: Tensor, *, p: float = 2.0) -> Any:
    rows, columns = np.triu_indices(self.shape[0], 1)
    first, second = (g.gather(self, g.known(index), axis=0) for index in (rows, columns))
    return g.viewed(_length(g, g.sub(first, second), float(p)), g.shape)


@rules.on("bilinear")
def bilinear(
    g: Importer, input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Any:
    rows = math.prod(input1.shape[:-1])
    count, width, depth = weight.shape
    left = g.viewed(input1, (rows, width))
    right = g.viewed(input2, (rows, 1, depth))
    first = g.matmul(left, g.viewed(transposed(g, weight, [1, 0, 2]), (width, count * depth)))
    products = g.mul(g.viewed(first, (rows, count, depth)), right)
    total = g.viewed(g.sum_reduce(products, axes=[2]), (rows, count))
    if bias is not None:
        total = g.add("add", total, g.viewed(bias, (1, count)))
    return g.viewed(total, g.shape)


@rules.on("cdist", "_cdist_forward", "_euclidean_dist")
def cdist(g: Importer, x1: Tensor, x2: Tensor, *, p: float = 2.0, compute_mode: Any = None) -> Any:
    a = g.viewed(x1, (*x1.shape[:-1], 1, x1.shape[-1]))
    b = g.viewed(x2, (*x2.shape[:-2], 1, *x2.shape[-2:]))
    gap = emitted(g, "sub", a, b)
    return g.viewed(_length(g, gap, p), g.shape)


def _length(g: Importer, gap: Tensor, p: float) -> Any:
    """Return the p-norm along the last axis, which stays."""
    last = [gap.rank - 1]
    if p == 2:
        far = g.sqrt(g.sum_reduce(g.sqr(gap), axes=last))
    elif p == 1:
        far = g.sum_reduce(g.abs(gap), axes=last)
    elif p == math.inf:
        far = g.max_reduce(g.abs(gap), axes=last)
    elif p == 0:
        far = g.sum_reduce(converted(g, g.ne(gap, 0.0), gap.dtype), axes=last)
    else:
        far = g.pow(g.sum_reduce(g.pow(g.abs(gap), float(p)), axes=last), 1 / float(p))
    return far
