"""Plans at random, for round trips: every operation, kind of object and of number occurs."""

import numpy as np

from nnefx.openvx import plan as p
from nnefx.openvx.check import check_plan
from nnefx.openvx.functions import ENUMS, FUNCTIONS, STRUCTS, Kind, Param
from nnefx.openvx.profiles import PROFILES


class _Maker:
    """Adds calls that read a tensor made before and write a new one."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: list[p.Tensor] = []
        self.views: list[p.View] = []
        self.luts: list[p.Lut] = []
        self.scalars: list[p.Scalar] = []
        self.calls: list[p.Call] = []

    def pick(self, *choices):
        return choices[self.random.integers(len(choices))]

    def tensor(self, dims: tuple[int, ...], role: p.Role = p.Role.VIRTUAL) -> p.Ref:
        number = len(self.tensors)
        payload = None
        if role is p.Role.CONST:
            data = self.random.integers(-32768, 32768, dims[::-1]).astype(np.int16)
            payload = p.Payload.of(data)
        self.tensors.append(
            p.Tensor(
                f"t{number}", dims, role=role, payload=payload, source=f"größe_{number}",
                scale=float(self.random.uniform(0.01, 100)),
                fill=int(self.random.integers(-99, 99)) if role is p.Role.PREFILLED else 0,
                label=f"block/{number}/weight" if payload else "",
                shape=dims[::-1] if role in (p.Role.INPUT, p.Role.OUTPUT) else (),
            )
        )  # fmt: skip
        return p.Ref(f"t{number}")

    def arg(self, param: Param) -> p.Arg:
        match param.kind:
            case Kind.ENUM:
                return p.Enum(self.pick(*ENUMS[param.of]))
            case Kind.FLOAT:
                return p.Float(float(np.float32(self.random.normal())))
            case Kind.BOOL:
                return p.Int(int(self.random.integers(2)))
            case Kind.SCALAR:
                name = f"s{len(self.scalars)}"
                self.scalars.append(p.Scalar(name, "float32", float(self.random.normal())))
                return p.Ref(name)
            case Kind.LUT:
                name = f"l{len(self.luts)}"
                items = self.random.integers(-99, 99, 2 * self.pick(8, 32)).astype(np.int16)
                self.luts.append(p.Lut(name, "int16", p.Payload.of(items)))
                return p.Ref(name)
            case Kind.STRUCT | Kind.SIZED_STRUCT:
                fields = tuple((field.name, self.arg(field)) for field in STRUCTS[param.of])
                return p.Struct(param.of, fields)
            case _:
                return p.Int(0)

    def call(self, function: str, last: bool) -> None:
        """Add a call on extents that fit it."""
        special = {
            "vxConvolutionLayer": [(5, 4, 3, 2), (1, 1, 3, 4), (4,), (5, 4, 4, 2)],
            "vxConvolutionLayer ext2": [(5, 4, 3, 2), (1, 1, 3, 4), (4,), (5, 4, 4, 2)],
            "vxDeconvolutionLayer": [(5, 4, 3, 2), (2, 2, 3, 4), (4,), (9, 9, 4, 2)],
            "vxFullyConnectedLayer": [(6, 2), (6, 5), (5,), (5, 2)],
            "vxTensorMatrixMultiplyNode": [(3, 3), (3, 3), (3, 3), (3, 3)],
        }
        params = FUNCTIONS[function].params
        extents = iter(special.get(function, [(3, 3, 2, 1)] * 4))
        args: list[p.Arg] = []
        for number, param in enumerate(params):
            if param.kind is not Kind.TENSOR:
                value = self.arg(param)
                if param.name.startswith("pooling_size"):
                    value = p.Int(1)
                if isinstance(value, p.Struct):
                    steps = {"stride_x": p.Int(1), "stride_y": p.Int(1)}
                    fields = tuple((name, steps.get(name, item)) for name, item in value.fields)
                    value = p.Struct(value.type, fields)
                args.append(value)
                continue
            dims = next(extents)
            if param.output:
                args.append(self.result(dims, last))
            elif param.optional and self.random.random() < 0.5:
                args.append(p.Null())
            elif number == 0:
                args.append(self.source(dims))
            else:
                args.append(self.tensor(dims, p.Role.CONST))
        names = (f"op{len(self.calls)}", f"größe_{len(self.calls)}", "y = op(x);")
        self.calls.append(p.Call(function, tuple(args), *names))

    def source(self, dims: tuple[int, ...]) -> p.Ref:
        role = self.pick(p.Role.INPUT, p.Role.STATE, p.Role.PREFILLED, p.Role.CONST)
        if self.random.random() < 0.4:
            parent = self.tensor(tuple(extent + 2 for extent in dims), role)
            return self.view(parent, (1,) * len(dims), tuple(extent + 1 for extent in dims))
        return self.tensor(dims, role)

    def result(self, dims: tuple[int, ...], last: bool) -> p.Ref:
        if last:
            return self.tensor(dims, p.Role.OUTPUT)
        if self.random.random() < 0.3:
            parent = self.tensor((dims[0] + 3, *dims[1:]), p.Role.PREFILLED)
            return self.view(parent, (2, *[0] * (len(dims) - 1)), (dims[0] + 2, *dims[1:]))
        return self.tensor(dims)

    def view(self, parent: p.Ref, start: tuple[int, ...], end: tuple[int, ...]) -> p.Ref:
        self.views.append(p.View(f"v{len(self.views)}", parent.name, start, end))
        return p.Ref(self.views[-1].name)


def random_plan(seed: int) -> p.Plan:
    """Return a plan that holds together; every second one has all operations."""
    maker = _Maker(seed)
    names = list(FUNCTIONS)
    maker.random.shuffle(names)
    count = len(names) if seed % 2 else 1 + seed % 5
    for number, function in enumerate(names[:count], 1):
        maker.call(function, last=number == count or maker.random.random() < 0.2)
    by_role = {
        role: tuple(tensor.name for tensor in maker.tensors if tensor.role is role)
        for role in (p.Role.INPUT, p.Role.OUTPUT)
    }
    plan = p.Plan(
        f"net{seed}",
        maker.pick(*PROFILES),
        by_role[p.Role.INPUT],
        by_role[p.Role.OUTPUT][::-1],
        tuple(maker.tensors),
        tuple(maker.views),
        tuple(maker.luts),
        tuple(maker.scalars),
        tuple(maker.calls),
        notes=("made at random",),
    )
    check_plan(plan)
    return plan
