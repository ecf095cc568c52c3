"""The element-wise, reduce, activation, normalization and quantization families.

Kernels are held to the Khronos interpreter, twice: to the operations that it implements itself,
and to the bodies of our standard library, which it expands and runs; and to tract.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import nnef
import numpy as np
import pytest
import tract
from numpy.testing import assert_allclose, assert_array_equal

from nnefx import grammar
from nnefx.ops import standard_ops

OPS = standard_ops()

random = np.random.default_rng(7)


def normal(*shape):
    return (2 * random.standard_normal(shape)).astype(np.float32)


def uniform(low, high, *shape):
    return random.uniform(low, high, shape).astype(np.float32)


def logical(*shape):
    return random.integers(0, 2, shape).astype(np.bool_)


def f32(*values):
    return np.array(values, np.float32)


@dataclass
class Case:
    """An invocation; `inputs` may hold a list of arrays where the parameter is an array."""

    op: str
    inputs: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    engine: bool = True  # whether the Khronos interpreter has the operation
    dtype: str | None = None

    def __str__(self):
        shapes = [getattr(x, "shape", "list") for x in self.inputs]
        return f"{self.op}{shapes}{list(self.attributes.values())}"


ANY, POSITIVE = normal(2, 3, 4), uniform(0.1, 4, 2, 3, 4)

UNARY = [
    *((op, ANY) for op in ("copy", "neg", "rcp", "exp", "sin", "cos", "tan", "sinh", "cosh")),
    *((op, ANY) for op in ("tanh", "atan", "asinh", "abs", "sign", "floor", "ceil", "round")),
    *((op, ANY) for op in ("sqr", "rsqr", "sigmoid", "relu", "gelu", "silu", "softplus")),
    *((op, POSITIVE) for op in ("log", "log2", "sqrt", "rsqrt")),
    *((op, uniform(-1, 1, 5, 2)) for op in ("asin", "acos", "atanh")),
    ("acosh", uniform(1, 9, 5, 2)),
    ("not", logical(3, 2)),
]
SHAPES = [
    ((2, 3), (2, 3)),
    ((2, 3, 4), (1, 3)),
    ((2,), (2, 3, 4)),
    ((1, 3), (2, 1, 4)),
    ((2, 3), ()),
    ((), ()),
]
ARITHMETIC = ["add", "sub", "mul", "div", "pow", "min", "max"]
COMPARISONS = ["lt", "gt", "le", "ge", "eq", "ne"]
AXES = [[0], [1], [2], [1, 2], [0, 1, 2], [2, 0]]
IMAGE, BIAS = normal(2, 3, 4, 5), f32(-1, 0.5, 2).reshape(1, 3)

CASES = [
    *(Case(op, (x,)) for op, x in UNARY),
    *(Case(op, (uniform(0.2, 3, *x), normal(*y))) for op in ARITHMETIC for x, y in SHAPES),
    *(
        Case(op, (np.round(normal(*x)), np.round(normal(*y))))
        for op in COMPARISONS
        for x, y in SHAPES
    ),
    *(Case(op, (logical(*x), logical(*y))) for op in ("and", "or") for x, y in SHAPES),
    *(
        Case("select", (logical(*c), normal(*t), normal(*f)), engine=() not in (c, t, f))
        for c, t, f in [
            ((2, 3), (2, 3), (2, 3)),
            ((2, 1), (1, 3), (2, 3)),
            ((2,), (2, 3, 4), ()),  # a literal here crashes the interpreter
            ((), (2, 3), (2,)),
        ]
    ),
    Case("clamp", (IMAGE, f32(-1)[0], f32(1)[0]), engine=False),
    Case("clamp", (IMAGE, BIAS, BIAS + 1), engine=False),
    *(
        Case(op, (ANY,), {"axes": axes})
        for op in ("max_reduce", "min_reduce", "mean_reduce")
        for axes in AXES
    ),
    *(
        Case("sum_reduce", (ANY,), {"axes": axes, "normalize": mean})
        for axes in AXES
        for mean in (False, True)
    ),
    *(
        Case(op, (np.round(ANY),), {"axes": axes})
        for op in ("argmax_reduce", "argmin_reduce")
        for axes in ([0], [1], [2])
    ),
    *(
        Case(op, (logical(3, 2, 2),), {"axes": axes})
        for op in ("all_reduce", "any_reduce")
        for axes in AXES
    ),
    Case("moments", (IMAGE,), {"axes": [0, 2, 3]}, engine=False),
    Case("leaky_relu", (ANY,), {"alpha": 0.1}),
    Case("leaky_relu", (ANY,), {"alpha": -1.5}),
    Case("prelu", (IMAGE, BIAS), engine=False),
    Case("prelu", (ANY, f32(0.1)[0]), engine=False),
    Case("elu", (ANY,), {"alpha": 0.7}),
    Case("selu", (ANY,), {"alpha": 1.67326319, "lambda": 1.05070102}),
    *(Case("softmax", (IMAGE,), {"axes": [axis]}) for axis in (0, 1, 2, 3)),
    Case("softmax", (IMAGE,), {"axes": [1, 3]}, engine=False),
    Case(
        "batch_normalization",
        (IMAGE, BIAS, uniform(0.1, 2, 1, 3), normal(1, 3), normal(1, 3)),
        {"epsilon": 0.01},
        engine=False,
    ),
    *(
        Case(
            "min_max_linear_quantize",
            (IMAGE, f32(-1)[0], f32(1.5)[0]),
            {"bits": bits, "signed": signed, "symmetric": symmetric},
            engine=False,
        )
        for bits in (2, 8)
        for signed in (False, True)
        for symmetric in (False, True)
    ),
    *(
        Case(
            "zero_point_linear_quantize",
            (IMAGE, np.array(zero), f32(0.25)[0]),
            {"bits": 4, "signed": signed, "symmetric": symmetric},
            engine=False,
        )
        for zero in (0, 3)
        for signed in (False, True)
        for symmetric in (False, True)
    ),
    Case("linear_quantize", (IMAGE, BIAS, BIAS + 2), {"bits": 5}, engine=False),
    Case("logarithmic_quantize", (IMAGE, f32(3)[0]), {"bits": 3}, engine=False),
    Case("add_n", ([normal(2, 3), normal(1, 3), normal(2)],), engine=False),
    Case("copy_n", (ANY,), {"times": 3}, engine=False),
    Case("cast", (np.round(ANY),), dtype="integer"),
    Case("cast", (np.round(ANY),), dtype="logical"),
    Case("cast", (logical(3, 2),), dtype="scalar"),
    Case("update", (IMAGE, IMAGE + 1), engine=False),
]


def shape_of(case):
    shapes = [[x.shape for x in i] if isinstance(i, list) else i.shape for i in case.inputs]
    return OPS[case.op].shape(*shapes, **case.attributes)


def run(case):
    options = {"dtype": case.dtype} if case.dtype else {}
    return OPS[case.op].run(*case.inputs, **case.attributes, **options)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shape_rule_tells_the_shape_that_the_kernel_gives(case):
    results = run(case)
    if isinstance(results, list):
        assert shape_of(case) == [result.shape for result in results]
    else:
        assert isinstance(results, np.ndarray)
        assert shape_of(case) == results.shape


@pytest.mark.parametrize("case", [c for c in CASES if c.op != "cast"], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernel_keeps_the_floating_point_type_and_its_inputs(case, dtype):
    def convert(x):
        return x.astype(dtype) if x.dtype.kind == "f" else x

    inputs = [list(map(convert, i)) if isinstance(i, list) else convert(i) for i in case.inputs]
    flat = [x for i in inputs for x in (i if isinstance(i, list) else [i])]
    before = [x.copy() for x in flat]
    results = OPS[case.op].run(*inputs, **case.attributes)
    for result in results if isinstance(results, list) else [results]:
        assert result.dtype in (dtype, np.int64, np.bool_)
    for old, new in zip(before, flat):
        assert_array_equal(old, new)


# ---- the Khronos interpreter ---------------------------------------------------------------------

TYPES = {"f": "scalar", "i": "integer", "b": "logical"}


def nnef_text(value):
    """Return an attribute as NNEF writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(nnef_text, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def document(case, results):
    """Return a graph of one invocation whose tensors are external; literals stay literals."""
    lines, names, arguments = [], [], []
    for x in case.inputs:
        items = []
        for array in x if isinstance(x, list) else [x]:
            if array.ndim == 0:
                items.append(nnef_text(array.item()))
                continue
            names.append(f"x{len(names)}")
            kind, shape = TYPES[array.dtype.kind], list(array.shape)
            lines.append(f"{names[-1]} = external<{kind}>(shape = {shape});")
            items.append(names[-1])
        arguments.append(f"[{', '.join(items)}]" if isinstance(x, list) else items[0])
    arguments += [f"{name} = {nnef_text(value)}" for name, value in case.attributes.items()]
    op = f"{case.op}<{case.dtype}>" if case.dtype else case.op
    target = results if case.op != "copy_n" else f"[{results}]"
    lines.append(f"{target} = {op}({', '.join(arguments)});")
    return (
        f"version 1.0;\ngraph net({', '.join(names)}) -> ({results})\n{{\n"
        + "\n".join(lines)
        + "\n}\n"
    )


def khronos(folder, text, inputs, stdlib="", lowered=()):
    (folder / "graph.nnef").write_text(text)
    flat = [x for i in inputs for x in (i if isinstance(i, list) else [i]) if x.ndim]
    session = nnef.Session(str(folder), stdlib=stdlib, lowered=list(lowered))
    with session:
        return session(*flat)


def has_tensors(case):
    return any(isinstance(x, list) or x.ndim for x in case.inputs)


def compare(case, expected):
    results = run(case)
    results = results if isinstance(results, list) else [results]
    assert len(results) == len(expected)
    for result, other in zip(results, expected):
        assert result.shape == other.shape
        assert result.dtype.kind == other.dtype.kind
        assert_allclose(result, other, rtol=3e-6, atol=3e-6)


ENGINE = [case for case in CASES if case.engine and has_tensors(case)]


@pytest.mark.parametrize("case", ENGINE, ids=str)
def test_kernel_agrees_with_the_khronos_interpreter(case, tmp_path):
    compare(case, khronos(tmp_path, document(case, "y"), case.inputs))


def fragments():
    """Return the fragments of our standard library, each after those that its body uses."""
    text = re.sub(r"#.*", "", grammar.read("stdlib.nnef"))
    found = re.findall(r"^fragment (\w+)(.*?)(?:(\{.*?^\})|;\n\n)", text + "\n\n", re.M | re.S)
    pending = {name: (f"fragment {name}{head}", body) for name, head, body in found}
    done = {}
    while pending:
        for name, (head, body) in list(pending.items()):
            used = set(re.findall(r"(\w+)\s*[(<]", body)) - {name}
            if not used & pending.keys():
                done[name] = head + (body or ";")
                del pending[name]
    return done


FRAGMENTS = fragments()
# what the interpreter does not implement runs as the body says
LACKING = {"prelu", "clamp", "moments", "local_mean_normalization"}


def bodies():
    """Return the cases of operations with a body that the interpreter can run."""
    return [c for c in CASES if "{" in FRAGMENTS[c.op] and has_tensors(c) and c.op != "copy_n"]


@pytest.mark.parametrize("case", bodies(), ids=str)
def test_kernel_agrees_with_the_body_as_khronos_runs_it(case, tmp_path):
    results = "y, z" if case.op == "moments" else "y"
    text = document(case, results)
    stdlib = "\n".join(FRAGMENTS.values())
    lowered = {case.op} | LACKING | {"min_max_linear_quantize"}
    compare(case, khronos(tmp_path, text, case.inputs, stdlib, lowered))


# ---- tract ---------------------------------------------------------------------------------------

# It lacks these, and ignores the alpha of elu.
NOT_IN_TRACT = {"rcp", "gelu", "silu", "elu", "selu", "add_n", "copy_n", "cast", "update"}


def in_tract(case):
    axes = case.attributes.get("axes", [])  # it wants them in order
    known = case.op not in NOT_IN_TRACT and not case.op.endswith("quantize")
    return has_tensors(case) and known and axes == sorted(axes)


@pytest.mark.parametrize("case", list(filter(in_tract, CASES)), ids=str)
def test_kernel_agrees_with_tract(case, tmp_path):
    results = "y, z" if case.op == "moments" else "y"
    (tmp_path / "graph.nnef").write_text(document(case, results))
    model = tract.nnef().load(str(tmp_path)).into_runnable()
    expected = model.run([x for x in case.inputs if x.ndim])
    compare(case, [tensor.to_numpy() for tensor in expected])
