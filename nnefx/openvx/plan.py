"""A lowered network as data: tensors, views, tables and calls of OpenVX, until it is printed.

`lower` makes a Plan; the C writer, the blob writer and the simulator read it. All extents are in
OpenVX order: dimension 0 is the innermost. A payload is a numpy array in row-major order with the
extents reversed, so its bytes are what OpenVX wants.

Fixed point: a tensor with `position` p and `scale` s stores `raw = round(real * s * 2**p)`; the
scale is known to the compiler only, OpenVX never sees it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.source import At

Array = NDArray[Any]
Dims = tuple[int, ...]


class Role(StrEnum):
    """What a tensor is for; all but `virtual` are real objects that an application can reach."""

    INPUT = "input"
    OUTPUT = "output"
    CONST = "const"  # filled once, before the graph is verified
    VIRTUAL = "virtual"
    PREFILLED = "prefilled"  # filled once with `fill`; nodes then write a part of it
    STATE = "state"  # keeps its content from one run to the next


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """The stored numbers of a constant, made when they are asked for.

    Weights of hundreds of megabytes are quantized one tensor at a time while they are written.
    """

    shape: tuple[int, ...]
    dtype: str
    make: Callable[[], Array]

    @classmethod
    def of(cls, array: Array) -> "Payload":
        """Hold an array that is there already."""
        return cls(array.shape, array.dtype.name, lambda: array)

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def read(self) -> Array:
        """Return the numbers, contiguous, in the declared shape and type."""
        array = np.ascontiguousarray(self.make()).reshape(self.shape)
        if array.dtype.name != self.dtype:
            raise ValueError(f"payload is {array.dtype.name}, declared as {self.dtype}")
        return array

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Payload):
            return NotImplemented
        same = self.shape == other.shape and self.dtype == other.dtype
        return same and self.read().tobytes() == other.read().tobytes()

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))


@dataclass(frozen=True, slots=True)
class Tensor:
    """A vx_tensor. `source` is the NNEF identifier, `label` the NNEF variable that it holds.

    `shape` is the NNEF shape of a network input or output; `fill` is the raw item that a
    prefilled tensor starts with, for floating point its bits as a signed integer.
    """

    name: str
    dims: Dims
    dtype: str = "int16"
    position: int = 8
    role: Role = Role.VIRTUAL
    scale: float = 1.0
    fill: int = 0
    source: str = ""
    label: str = ""
    shape: tuple[int, ...] = ()
    payload: Payload | None = None

    @property
    def unit(self) -> float:
        """How much one step of the stored integer means: real = raw * unit."""
        return 1.0 / (self.scale * 2.0**self.position)

    @property
    def volume(self) -> int:
        """The number of items."""
        return prod(self.dims)

    @property
    def nbytes(self) -> int:
        """The number of bytes of all items."""
        return self.volume * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class View:
    """A box inside a tensor, `start` inclusive and `end` exclusive, that shares its memory."""

    name: str
    parent: str
    start: Dims
    end: Dims

    @property
    def dims(self) -> Dims:
        """The extents of the box."""
        return tuple(end - start for start, end in zip(self.start, self.end, strict=True))


@dataclass(frozen=True, slots=True)
class Lut:
    """A look-up table; item i holds the output for the stored input i - count / 2."""

    name: str
    dtype: str
    payload: Payload

    @property
    def count(self) -> int:
        """The number of items."""
        return self.payload.shape[0]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A vx_scalar."""

    name: str
    dtype: str
    value: float


@dataclass(frozen=True, slots=True)
class Ref:
    """An argument: a tensor, view, table or scalar by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Enum:
    """An argument: an enumerant of OpenVX by its name in the headers."""

    name: str


@dataclass(frozen=True, slots=True)
class Int:
    """An argument: a size, an integer or a truth value."""

    value: int


@dataclass(frozen=True, slots=True)
class Float:
    """An argument: a 32-bit floating point number."""

    value: float


@dataclass(frozen=True, slots=True)
class Null:
    """An argument that is left out."""


@dataclass(frozen=True, slots=True)
class Struct:
    """An argument: a structure, its fields in the order of `functions.STRUCTS`."""

    type: str
    fields: "tuple[tuple[str, Arg], ...]"

    def __getitem__(self, name: str) -> "Arg":
        return dict(self.fields)[name]


Arg = Ref | Enum | Int | Float | Null | Struct


@dataclass(frozen=True, slots=True)
class Call:
    """One node of the OpenVX graph; arguments follow `functions.FUNCTIONS`, the graph left out.

    `op`, `source` and `text` name the NNEF operation, its first result and its statement; `at` is
    where that was written. Two calls are equal when they do the same for the same operation.
    """

    function: str
    args: tuple[Arg, ...]
    op: str = ""
    source: str = ""
    text: str = ""
    at: At | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What fixed point does to one weighted layer.

    `macs` are the multiplications of the calls, `needed` those of the NNEF operation. `zeroed` is
    the share of non-zero weights that became zero, `weight_snr` the signal to noise ratio of the
    stored weights in dB. `bound` is the largest stored result that any input can cause, as a
    multiple of the largest that the type holds: up to 1 overflow is impossible.
    """

    source: str
    op: str
    nodes: int
    macs: int
    needed: int
    zeroed: float
    weight_snr: float
    bound: float


@dataclass(frozen=True, eq=False)
class Plan:
    """A network for one target. Names are C identifiers, unique over all four kinds of object.

    `inputs` and `outputs` name tensors in NNEF order. `report` and `notes` are for people.
    """

    name: str
    profile: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: tuple[Tensor, ...]
    views: tuple[View, ...] = ()
    luts: tuple[Lut, ...] = ()
    scalars: tuple[Scalar, ...] = ()
    calls: tuple[Call, ...] = ()
    report: tuple[LayerReport, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def objects(self) -> "Mapping[str, Object]":
        """All objects by name."""
        return {item.name: item for item in self.all_objects()}

    def all_objects(self) -> "Iterator[Object]":
        """Yield tensors, views, tables and scalars in order."""
        yield from self.tensors
        yield from self.views
        yield from self.luts
        yield from self.scalars

    def tensor(self, name: str) -> Tensor:
        """Return the tensor `name`, or the parent of the view `name`."""
        item = self.objects[name]
        if isinstance(item, View):
            item = self.objects[item.parent]
        if not isinstance(item, Tensor):
            raise TypeError(f"'{name}' is no tensor")
        return item

    def dims(self, name: str) -> Dims:
        """Return the extents of the tensor or view `name`."""
        item = self.objects[name]
        if isinstance(item, Tensor | View):
            return item.dims
        raise TypeError(f"'{name}' is no tensor")

    def same(self, other: "Plan") -> bool:
        """Tell whether both plans have the same objects and calls, payloads included."""
        keys = ("name", "profile", "inputs", "outputs", "tensors", "views", "luts", "scalars")
        return self.calls == other.calls and all(
            getattr(self, key) == getattr(other, key) for key in keys
        )

    @property
    def references(self) -> int:
        """How many references the graph holds at once; some targets have a limit.

        Every node keeps one scalar for each argument that is no object (openvx.md, section 3.2).
        """
        held = sum(1 + _implicit_scalars(call.args) for call in self.calls)
        return held + len(self.objects)


def _implicit_scalars(args: tuple[Arg, ...]) -> int:
    total = 0
    for arg in args:
        if isinstance(arg, Struct):
            total += len(arg.fields)
        elif not isinstance(arg, Ref | Null):
            total += 1
    return total


Object = Tensor | View | Lut | Scalar
