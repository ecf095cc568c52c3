"""What must hold of a Plan, whoever made it: the lowering, or a blob that came from anywhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite, prod

import numpy as np

from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.openvx.functions import DTYPES, ENUMS, FUNCTIONS, STRUCTS, Kind, Param
from nnefx.openvx.plan import (
    Arg,
    Call,
    Dims,
    Enum,
    Float,
    Int,
    Lut,
    Null,
    Plan,
    Ref,
    Role,
    Scalar,
    Struct,
    Tensor,
    View,
)
from nnefx.openvx.shapes import check_dims

MAX_RANK = 6
MAX_BYTES = 2**40
_MOST = {"float32": float(np.finfo(np.float32).max), "int32": 2.0**31 - 1}  # of a scalar
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRITABLE = frozenset({Role.OUTPUT, Role.VIRTUAL, Role.PREFILLED, Role.STATE})


def check_plan(plan: Plan) -> None:
    """Refuse (NX650) a plan that no target could build; every fault is in the error."""
    faults = [*_check_objects(plan)]
    if not faults:
        faults = [*_check_interface(plan), *_check_calls(plan)]
    if faults:
        raise NnefError.of([Diagnostic("NX650", fault) for fault in faults])


def _check_objects(plan: Plan) -> Iterator[str]:
    seen: set[str] = set()
    for item in plan.all_objects():
        if not _IDENTIFIER.fullmatch(item.name):
            yield f"plan: name '{item.name}' is no C identifier"
        if item.name in seen:
            yield f"plan: name '{item.name}' is used twice"
        seen.add(item.name)
    for tensor in plan.tensors:
        yield from _check_tensor(tensor)
    tensors = {tensor.name: tensor for tensor in plan.tensors}
    for view in plan.views:
        yield from _check_view(view, tensors.get(view.parent))
    for lut in plan.luts:
        yield from _check_lut(lut)
    for scalar in plan.scalars:
        limit = _MOST.get(scalar.dtype, -1.0)
        if not -limit <= scalar.value <= limit:
            yield f"scalar '{scalar.name}': {scalar.value} is no finite {scalar.dtype}"


def _check_tensor(tensor: Tensor) -> Iterator[str]:
    what = f"tensor '{tensor.name}'"
    if not 1 <= len(tensor.dims) <= MAX_RANK or min(tensor.dims) < 1:
        yield f"{what}: extents {tensor.dims} are not 1 to {MAX_RANK} positive numbers"
        return
    if tensor.dtype not in DTYPES:
        yield f"{what}: type '{tensor.dtype}' is unknown"
        return
    if tensor.nbytes > MAX_BYTES:
        yield f"{what}: {tensor.nbytes} bytes are too many"
    if not (isfinite(tensor.scale) and tensor.scale > 0):
        yield f"{what}: scale {tensor.scale} is not a positive number"
    if not -127 <= tensor.position <= 127:
        yield f"{what}: fixed point position {tensor.position} is out of range"
    if (tensor.role is Role.CONST) != (tensor.payload is not None):
        yield f"{what}: a tensor has a payload if and only if it is constant"
    payload = tensor.payload
    if payload and (payload.shape != tensor.dims[::-1] or payload.dtype != tensor.dtype):
        yield f"{what}: payload {payload.dtype}{payload.shape} does not fit"
    if tensor.shape and prod(tensor.shape) != tensor.volume:
        yield f"{what}: NNEF shape {tensor.shape} does not fit extents {tensor.dims}"
    if tensor.dtype != "float32" and tensor.fill:
        limits = np.iinfo("uint16" if tensor.dtype == "float16" else tensor.dtype)  # a raw item
        if not limits.min <= tensor.fill <= limits.max:
            yield f"{what}: fill {tensor.fill} does not fit {tensor.dtype}"


def _check_view(view: View, parent: Tensor | None) -> Iterator[str]:
    if parent is None:
        yield f"view '{view.name}': parent '{view.parent}' is no tensor"
        return
    rank = len(parent.dims)
    if len(view.start) != rank or len(view.end) != rank:
        yield f"view '{view.name}': rank differs from its parent's {rank}"
        return
    box = zip(view.start, view.end, parent.dims, strict=True)
    if not all(0 <= start < end <= extent for start, end, extent in box):
        yield f"view '{view.name}': {view.start} to {view.end} is outside of {parent.dims}"


def _check_lut(lut: Lut) -> Iterator[str]:
    fits = len(lut.payload.shape) == 1 and lut.payload.dtype == lut.dtype
    limit = {"int16": 65536, "uint8": 256}.get(lut.dtype, 0)
    if not fits or not 0 < lut.payload.shape[0] <= limit:
        yield f"table '{lut.name}': {lut.payload.shape} items of {lut.payload.dtype}"


def _check_interface(plan: Plan) -> Iterator[str]:
    for names, role in ((plan.inputs, Role.INPUT), (plan.outputs, Role.OUTPUT)):
        expected = {tensor.name for tensor in plan.tensors if tensor.role is role}
        if set(names) != expected or len(set(names)) != len(names):
            yield f"plan: {role}s {list(names)} are not the tensors {sorted(expected)}"


@dataclass(slots=True)
class _Written:
    """The boxes of each tensor that calls have written so far."""

    boxes: dict[str, list[tuple[Dims, Dims]]] = field(default_factory=dict)

    def add(self, name: str, box: tuple[Dims, Dims]) -> bool:
        """Record a box; False where it overlaps one that was written before."""
        known = self.boxes.setdefault(name, [])
        free = not any(_overlap(box, other) for other in known)
        known.append(box)
        return free

    def covers(self, name: str, box: tuple[Dims, Dims]) -> bool:
        """Tell whether all of `box` was written; boxes of a tensor do not overlap."""
        shared = sum(_shared(box, other) for other in self.boxes.get(name, ()))
        return shared == prod(end - start for start, end in zip(*box, strict=True))


def _shared(a: tuple[Dims, Dims], b: tuple[Dims, Dims]) -> int:
    starts, ends = map(max, a[0], b[0]), map(min, a[1], b[1])
    return prod(max(end - start, 0) for start, end in zip(starts, ends, strict=True))


def _overlap(a: tuple[Dims, Dims], b: tuple[Dims, Dims]) -> bool:
    return _shared(a, b) > 0


def _check_calls(plan: Plan) -> Iterator[str]:
    written = _Written()
    for number, call in enumerate(plan.calls):
        what = f"call {number} ({call.function})"
        if call.function not in FUNCTIONS:
            yield f"{what}: the function is unknown"
            continue
        params = FUNCTIONS[call.function].params
        faults = list(_check_args(plan, params, call.args))
        if not faults:
            faults = [fault] if (fault := check_dims(plan, call)) else []
            faults += _check_flow(plan, params, call, written)
        yield from (f"{what}: {fault}" for fault in faults)
    for name in plan.outputs:
        if not written.covers(name, _box(plan, name)):
            yield f"output '{name}': no call writes all of it"


def _check_args(plan: Plan, params: tuple[Param, ...], args: tuple[Arg, ...]) -> Iterator[str]:
    if len(params) != len(args):
        yield f"has {len(args)} arguments, expected {len(params)}"
        return
    for param, arg in zip(params, args, strict=True):
        if not _fits(plan, param, arg):
            yield f"argument '{param.name}' is {_show(arg)}, expected {param.of or param.kind}"
        elif isinstance(arg, Struct):
            fields = STRUCTS[arg.type]
            if tuple(name for name, _ in arg.fields) != tuple(p.name for p in fields):
                yield f"fields of '{arg.type}' are incomplete or out of order"
            else:
                yield from _check_args(plan, fields, tuple(value for _, value in arg.fields))


def _show(arg: Arg) -> str:
    return f"'{arg.name}'" if isinstance(arg, Ref | Enum) else str(arg)


def _fits(plan: Plan, param: Param, arg: Arg) -> bool:
    match arg:
        case Null():
            return param.optional
        case Ref(name):
            return isinstance(plan.objects.get(name), _OBJECTS.get(param.kind, ()))
        case Enum(name):
            return param.kind is Kind.ENUM and name in ENUMS[param.of]
        case Int(value):
            if param.kind is Kind.BOOL:
                return value in (0, 1)
            return param.kind is Kind.INT or (param.kind is Kind.SIZE and 0 <= value < 2**31)
        case Float(value):
            return param.kind is Kind.FLOAT and isfinite(value)
        case Struct(type_):
            return param.kind in (Kind.STRUCT, Kind.SIZED_STRUCT) and type_ == param.of


_OBJECTS: dict[Kind, tuple[type, ...]] = {
    Kind.TENSOR: (Tensor, View),
    Kind.LUT: (Lut,),
    Kind.SCALAR: (Scalar,),
}


def _check_flow(
    plan: Plan, params: tuple[Param, ...], call: Call, written: _Written
) -> Iterator[str]:
    """Check that what is read was written, and that nothing is written twice."""
    tensors = [
        (param, arg.name)
        for param, arg in zip(params, call.args, strict=True)
        if param.kind is Kind.TENSOR and isinstance(arg, Ref)
    ]
    for param, name in tensors:
        parent = plan.tensor(name)
        if param.output or parent.role not in (Role.VIRTUAL, Role.OUTPUT):
            continue
        if not written.covers(parent.name, _box(plan, name)):
            yield f"reads '{name}', which is not all written"
    for param, name in tensors:
        parent = plan.tensor(name)
        if param.output and parent.role not in _WRITABLE:
            yield f"writes '{name}', which is {parent.role}"
        elif param.output and not written.add(parent.name, _box(plan, name)):
            yield f"writes '{name}', which is written before"


def _box(plan: Plan, name: str) -> tuple[Dims, Dims]:
    item = plan.objects[name]
    if isinstance(item, View):
        return item.start, item.end
    dims = plan.dims(name)
    return (0,) * len(dims), dims
