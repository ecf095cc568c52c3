"""What rules make a Plan with: tensors, views, tables, scalars and calls."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.ir.graph import Value
from nnefx.openvx.plan import (
    Arg,
    Call,
    Dims,
    Enum,
    Float,
    Int,
    LayerReport,
    Lut,
    Null,
    Payload,
    Ref,
    Role,
    Scalar,
    Struct,
    Tensor,
    View,
)
from nnefx.openvx.profiles import Profile
from nnefx.openvx.rules import UnsupportedError
from nnefx.openvx.storage import Home, Slot, canonical, to_raw

Array = NDArray[Any]
SATURATE = Enum("VX_CONVERT_POLICY_SATURATE")
WRAP = Enum("VX_CONVERT_POLICY_WRAP")
_MORE = ("padding_x_right", "padding_y_bottom", "stride_x", "stride_y", "depth_multiplier")


@dataclass(slots=True)
class Origin:
    """The NNEF statement that calls are made for."""

    op: str = ""
    source: str = ""
    text: str = ""
    at: Any = None


@dataclass(slots=True)
class Emitter:
    """Collects the objects and calls of a plan.

    `matrices` are the values of rank 2 that are stored as [C, N], as fully connected layers want
    it; `homes` say which values are written into a part of another.
    """

    profile: Profile
    scales: Mapping[Value, float]
    outputs: frozenset[Value]
    matrices: frozenset[Value] = frozenset()
    homes: Mapping[Value, Home] = field(default_factory=dict)
    smallest: Mapping[Value, float] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    luts: dict[str, Lut] = field(default_factory=dict)
    scalars: dict[str, Scalar] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    report: list[LayerReport] = field(default_factory=list)
    slots: dict[Value, Slot] = field(default_factory=dict)
    nonnegative: set[str] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)
    _tables: dict[bytes, str] = field(default_factory=dict)
    _boxes: dict[tuple[str, Dims, Dims], str] = field(default_factory=dict)
    _values: dict[float, str] = field(default_factory=dict)

    # ---- Names and tensors

    def name(self, hint: str) -> str:
        """Return a C identifier that is not taken yet."""
        hint = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in hint)
        hint = hint if hint[:1].isalpha() or hint[:1] == "_" else f"_{hint}"
        name, count = hint, 1
        while name in self._names:
            count += 1
            name = f"{hint}_{count}"
        self._names.add(name)
        return name

    def stored_dims(self, value: Value) -> Dims:
        """Return the extents in which a value is kept for its readers."""
        if value in self.matrices:
            return value.shape[::-1]
        return canonical(value.shape)

    def create(self, value: Value, dims: Dims | None = None) -> Slot:
        """Return where `value` is to be written."""
        known = self.slots.get(value)
        if known is not None:
            return known
        scale = self.scales.get(value, 1.0)
        home = self.homes.get(value)
        if home is not None and value not in self.outputs:
            slot = self._inside(value, home, scale)
        else:
            role = Role.OUTPUT if value in self.outputs else Role.VIRTUAL
            dims = dims or self.stored_dims(value)
            slot = self.tensor(value.name, dims, scale, role, value)
        self.slots[value] = slot
        return slot

    def _inside(self, value: Value, home: Home, scale: float) -> Slot:
        parent = self.create(home.parent)
        extent = canonical(value.shape)[home.dimension]
        part = self.part(parent, home.dimension, home.start, home.start + extent, value.name)
        return replace(part, scale=scale)

    def tensor(
        self,
        hint: str,
        dims: Dims,
        scale: float,
        role: Role = Role.VIRTUAL,
        value: Value | None = None,
        fill: int = 0,
    ) -> Slot:
        """Make a tensor."""
        scale = 1.0 if self.profile.dtype == "float32" else scale
        name = self.name(hint)
        shape = value.shape if value and role in (Role.INPUT, Role.OUTPUT) else ()
        self.tensors[name] = Tensor(
            name,
            dims,
            self.profile.dtype,
            self.profile.position,
            role,
            scale,
            fill,
            value.name if value else "",
            shape=shape,
        )
        return Slot(name, dims, scale)

    def temp(self, dims: Dims, scale: float, hint: str) -> Slot:
        """Make a virtual tensor for the inside of a rule."""
        return self.tensor(f"{self.origin.source}_{hint}", dims, scale)

    def restated(self, slot: Slot, scale: float) -> Slot:
        """Return a whole tensor whose stored numbers mean something else: a sum, now a mean."""
        scale = 1.0 if self.profile.dtype == "float32" else scale
        self.tensors[slot.name] = replace(self.tensors[slot.name], scale=scale)
        return replace(slot, scale=scale)

    def const(
        self, hint: str, dims: Dims, make: Callable[[], Array], scale: float, label: str = ""
    ) -> Slot:
        """Make a constant of real numbers, stored in the type of the profile."""
        dtype, position = self.profile.dtype, self.profile.position
        return self._const(hint, dims, make, scale, dtype, position, label)

    def bias(self, hint: str, make: Callable[[], Array], count: int, scale: float) -> Slot:
        """Make a bias of `count` items in the type that the profile wants for those."""
        dtype, position = self.profile.bias_dtype, self.profile.bias_position
        return self._const(hint, (count,), make, scale, dtype, position)

    def _const(
        self,
        hint: str,
        dims: Dims,
        make: Callable[[], Array],
        scale: float,
        dtype: str,
        position: int,
        label: str = "",
    ) -> Slot:
        scale = 1.0 if dtype == "float32" else scale
        name = self.name(hint)
        factor = scale * 2.0**position

        def stored() -> Array:
            return to_raw(make(), factor, dtype)

        payload = Payload(dims[::-1], dtype, stored)
        self.tensors[name] = Tensor(
            name, dims, dtype, position, Role.CONST, scale, label=label, payload=payload
        )
        return Slot(name, dims, scale)

    # ---- Views

    def part(self, slot: Slot, dim: int, start: int, end: int, hint: str = "") -> Slot:
        """Return the part of a slot between two places of one dimension."""
        box_start = tuple(start if i == dim else 0 for i in range(len(slot.dims)))
        box_end = tuple(end if i == dim else extent for i, extent in enumerate(slot.dims))
        return self.box(slot, box_start, box_end, hint)

    def box(self, slot: Slot, start: Dims, end: Dims, hint: str = "") -> Slot:
        """Return a box of a slot; views are never nested."""
        dims = tuple(b - a for a, b in zip(start, end, strict=True))
        if dims == slot.dims:
            return slot
        parent, shift = slot.name, (0,) * len(dims)
        if slot.name in self.views:
            outer = self.views[slot.name]
            parent, shift = outer.parent, outer.start
        start = tuple(a + b for a, b in zip(start, shift, strict=True))
        end = tuple(a + b for a, b in zip(end, shift, strict=True))
        name = self._boxes.get((parent, start, end))
        if name is None:
            name = self.name(hint or f"{slot.name}_part")
            self.views[name] = View(name, parent, start, end)
            self._boxes[parent, start, end] = name
        if slot.name in self.nonnegative:
            self.nonnegative.add(name)
        return Slot(name, dims, slot.scale)

    # ---- Reading

    def raw(self, value: Value) -> Slot:
        """Return where a value is, in whatever extents it is stored."""
        slot = self.slots.get(value)
        if slot is None:
            raise UnsupportedError(f"'{value.name}' is not lowered", "")
        return slot

    def read(self, value: Value) -> Slot:
        """Return where a value is, in the extents of its shape."""
        slot = self.raw(value)
        wanted = self.stored_dims(value)
        if slot.dims == wanted:
            return slot
        from nnefx.openvx.reshape import reshaped

        slot = reshaped(self, slot, wanted)
        self.slots[value] = slot
        return slot

    # ---- Calls

    def call(self, function: str, *args: Arg) -> None:
        """Add a call for the current statement."""
        origin = self.origin
        self.calls.append(Call(function, args, origin.op, origin.source, origin.text, origin.at))

    def scalar(self, value: float) -> Ref:
        """Return a float32 scalar; equal ones are shared."""
        value = float(np.float32(value))
        name = self._values.get(value)
        if name is None:
            name = self._values[value] = self.name(f"scalar_{len(self.scalars)}")
            self.scalars[name] = Scalar(name, "float32", value)
        return Ref(name)

    def table(self, real: Callable[[Array], Array], x: Slot, out_scale: float) -> Ref:
        """Return a look-up table of a function of real numbers; equal ones are shared."""
        if not self.profile.lut:
            raise UnsupportedError(f"profile '{self.profile.name}' has no table lookup")
        inputs = np.arange(-32768, 32768) / (256.0 * x.scale)
        raw = to_raw(real(inputs), 256.0 * out_scale, "int16")
        key = raw.tobytes()
        name = self._tables.get(key)
        if name is None:
            name = self._tables[key] = self.name(f"table_{len(self.luts)}")
            self.luts[name] = Lut(name, "int16", Payload.of(raw))
        return Ref(name)

    def lookup(self, x: Slot, y: Slot, real: Callable[[Array], Array]) -> None:
        """Y = real(x) by a table, both scales absorbed."""
        table = self.table(real, x, y.scale)
        if int(self.luts[table.name].payload.read().min()) >= 0:
            self.nonnegative.add(y.name)
        self.call("vxTensorTableLookupNode", Ref(x.name), table, Ref(y.name))

    def copy(self, x: Slot, y: Slot) -> None:
        """Y = x, rescaled where the scales differ."""
        if x.name in self.nonnegative:
            self.nonnegative.add(y.name)
        if x.scale != y.scale and self.profile.lut:
            self._rescale(x, y)
            return
        self.convert(x, y, x.scale / y.scale)

    def _rescale(self, x: Slot, y: Slot) -> None:
        """Y = x by a table, or by a product with 1 where tables are better avoided."""
        ratio = y.scale / x.scale
        if self.profile.lut_rescales or ratio > 64 or np.log2(ratio) % 1:
            self.lookup(x, y, lambda real: real)
            return
        one = self.const("one", (1,) * len(x.dims), lambda: np.ones(1), max(ratio, 1.0))
        self.multiply(x, one, y)

    def convert(self, x: Slot, y: Slot, norm: float, offset: float = 0.0) -> None:
        """Y = (x - offset) / norm in stored numbers, truncated."""
        if not self.profile.convert_node and offset == 0:
            self._divide(x, y, norm)
            return
        self.call(
            "vxTensorConvertDepthNode",
            Ref(x.name),
            SATURATE,
            self.scalar(norm),
            self.scalar(offset),
            Ref(y.name),
        )

    def _divide(self, x: Slot, y: Slot, norm: float) -> None:
        """Y = x / norm in stored numbers, as a product with a constant."""
        room = float(np.floor(np.log2(127.0 * abs(norm))))
        scale = 1.0 if self.profile.dtype == "float32" else 2.0 ** min(max(room, 0.0), 15.0)
        factor = self.const("factor", (1,) * len(x.dims), lambda: np.full(1, 1 / norm), scale)
        self.multiply(replace(x, scale=1.0), factor, replace(y, scale=1.0))

    def rescaled(self, x: Slot, scale: float) -> Slot:
        """Return x with another scale."""
        if x.scale == scale:
            return x
        y = self.temp(x.dims, scale, "rescaled")
        self.copy(x, y)
        return y

    def relu(self, x: Slot, y: Slot) -> None:
        """Y = max(x, 0), at one scale."""
        self.nonnegative.add(y.name)
        kind = Enum("VX_NN_ACTIVATION_RELU")
        self.call("vxActivationLayer", Ref(x.name), kind, Float(0.0), Float(0.0), Ref(y.name))

    def add(self, x: Slot, other: Slot, y: Slot) -> None:
        """Y = x + other, at one scale; extents of 1 of `other` repeat."""
        self.call("vxTensorAddNode", Ref(x.name), Ref(other.name), SATURATE, Ref(y.name))

    def subtract(self, x: Slot, other: Slot, y: Slot) -> None:
        """Y = x - other, at one scale; extents of 1 of `other` repeat."""
        self.call("vxTensorSubtractNode", Ref(x.name), Ref(other.name), SATURATE, Ref(y.name))

    def multiply(self, x: Slot, other: Slot, y: Slot) -> None:
        """Y = x * other; extents of 1 of `other` repeat."""
        if {x.name, other.name} <= self.nonnegative:
            self.nonnegative.add(y.name)
        ratio = y.scale / (x.scale * other.scale)
        if not self.profile.any_multiply_scale and (ratio > 1 or np.log2(ratio) % 1):
            raise UnsupportedError(f"a product cannot be scaled by {ratio:g}")
        self.call(
            "vxTensorMultiplyNode",
            Ref(x.name),
            Ref(other.name),
            self.scalar(ratio),
            SATURATE,
            Enum(self.profile.rounding),
            Ref(y.name),
        )

    def transpose(self, x: Slot, first: int, second: int, y: Slot | None = None) -> Slot:
        """Return x with two dimensions exchanged."""
        dims = list(x.dims)
        dims[first], dims[second] = dims[second], dims[first]
        y = y or self.temp(tuple(dims), x.scale, "turned")
        if x.name in self.nonnegative:
            self.nonnegative.add(y.name)
        dimensions = (Int(first), Int(second))
        self.call("vxTensorTransposeNode", Ref(x.name), Ref(y.name), *dimensions)
        return y

    def convolve(
        self,
        x: Slot,
        weights: Slot,
        bias: Slot | None,
        y: Slot,
        *,
        padding: tuple[int, int] = (0, 0),
        rounding: str = "CEILING",
        dilation: tuple[int, int] = (0, 0),
        overflow: Enum = SATURATE,
        more: tuple[int, ...] = (),
    ) -> None:
        """Y = x * weights + bias; padding and dilation are (x, y).

        `more` are the members that the structure of a vendor has beyond those of Khronos.
        """
        params = Struct(
            f"vx_nn_convolution_params{'_ext2' if more else ''}_t",
            (
                ("padding_x", Int(padding[0])),
                ("padding_y", Int(padding[1])),
                ("overflow_policy", overflow),
                ("rounding_policy", Enum(self.profile.rounding)),
                ("down_scale_size_rounding", Enum(f"VX_NN_DS_SIZE_ROUNDING_{rounding}")),
                ("dilation_x", Int(dilation[0])),
                ("dilation_y", Int(dilation[1])),
                *((name, Int(value)) for name, value in zip(_MORE, more)),
            ),
        )
        third: Arg = Ref(bias.name) if bias else Null()
        function = f"vxConvolutionLayer{' ext2' if more else ''}"
        self.call(function, Ref(x.name), Ref(weights.name), third, params, Ref(y.name))
