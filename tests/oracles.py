"""Calls of operations, and what they are compared with: engines of others, formulas as loops."""

import itertools
from math import prod

import nnef
import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from nnefx.ops import standard_ops
from nnefx.syntax.ast import Literal

OPS = standard_ops()


# ---- our own operations


def attributes(op, given):
    """Fill in the defaults that the standard library declares."""
    filled = {}
    for param in OPS[op].attributes:
        if param.name in given:
            filled[param.name] = given[param.name]
        else:
            filled[param.name] = param.default.value if isinstance(param.default, Literal) else []
    assert set(given) <= set(filled), f"{op} has no {set(given) - set(filled)}"
    return filled


def shape(op, *shapes, **given):
    return OPS[op].shape(*shapes, **attributes(op, given))


def call(op, *inputs, **given):
    """Run the kernel of `op`, and hold its result to the shape rule."""
    inputs = [np.asarray(x) if not isinstance(x, list) else x for x in inputs]
    copies = [np.copy(x) if not isinstance(x, list) else [np.copy(y) for y in x] for x in inputs]
    shapes = [[y.shape for y in x] if isinstance(x, list) else x.shape for x in inputs]
    result = OPS[op].run(*inputs, **attributes(op, given))
    expected = shape(op, *shapes, **given)
    if isinstance(result, list):
        assert [tuple(item.shape) for item in result] == expected
    else:
        assert result.shape == expected
    for before, after in zip(copies, inputs):
        np.testing.assert_equal(after, before)
    return result


def random(*extents, seed=1, dtype=np.float32):
    """Values from -1 to 1 in no order, never twice the same."""
    count = prod(extents)
    values = np.random.default_rng(seed).permutation(count) / max(count, 1) * 2 - 1
    return values.reshape(extents).astype(dtype)


# ---- engines


def text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        inner = ",".join(map(text, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    return repr(value)


def khronos(folder, op, inputs, given, results=1):
    """Run one operation in the interpreter of Khronos; inputs are arrays, or literals as text."""
    arrays = [x for x in inputs if not isinstance(x, str)]
    names = iter(f"x{number}" for number in range(len(arrays)))
    arguments = [x if isinstance(x, str) else next(names) for x in inputs]
    arguments += [f"{name} = {text(value)}" for name, value in given.items()]
    feeds = ", ".join(f"x{number}" for number in range(len(arrays)))
    lines = [
        f"x{number} = external<{'scalar' if x.dtype.kind == 'f' else 'integer'}>"
        f"(shape = {list(x.shape)});"
        for number, x in enumerate(arrays)
    ]
    out = ", ".join(f"y{number}" for number in range(results))
    left = f"[{out}]" if op in ("split", "unstack") else out
    lines.append(f"{left} = {op}({', '.join(arguments)});")
    body = "\n".join(lines)
    (folder / "graph.nnef").write_text(
        f"version 1.0;\ngraph g( {feeds} ) -> ( {out} )\n{{\n{body}\n}}\n"
    )
    with nnef.Session(str(folder), stdlib="", lowered=[]) as session:
        return session(*arrays)


def onnx_run(kind, inputs, opset=18, outputs=1, **given):
    """Run one ONNX operation in onnxruntime; an input None is left out."""
    names = [f"x{number}" if x is not None else "" for number, x in enumerate(inputs)]
    results = [f"y{number}" for number in range(outputs)]
    node = helper.make_node(kind, names, results, **given)
    types = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in zip(names[:1], inputs)
    ]
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(x), name)
        for name, x in zip(names[1:], inputs[1:])
        if x is not None
    ]
    graph = helper.make_graph(
        [node], "g", types, [onnx.ValueInfoProto(name=name) for name in results], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    got = session.run(None, {names[0]: inputs[0]})
    return got[0] if outputs == 1 else got


# ---- the formulas of section 4.3, item by item


def bordered(x, at, border):
    """Return input~[at]: None where it is ignored."""
    place = []
    for i, z in zip(at, x.shape):
        if not 0 <= i < z:
            if border in ("constant", "ignore"):
                return 0 if border == "constant" else None
            i = {
                "replicate": 0 if i < 0 else z - 1,
                "reflect": -i if i < 0 else z - 1 - (i - z + 1),
                "reflect-even": -i - 1 if i < 0 else z - 1 - (i - z),
            }[border]
            assert 0 <= i < z
        place.append(i)
    return x[tuple(place)]


def geometry(up, size, padding, stride, dilation):
    """Return the down-scaled extents and the padding in front, for up-scaled extents."""
    down, before = [], []
    for number, (X, f, s, d) in enumerate(zip(up, size, stride, dilation)):
        reach = (f - 1) * d + 1
        if padding:
            p, q = padding[number]
            down.append((p + X + q - reach) // s + 1)
        else:
            down.append(-(-X // s))
            p = max((down[-1] - 1) * s + reach - X, 0) // 2
        before.append(p)
    return down, before


def windows(x, size, padding, stride, dilation, border):
    """Yield each output index with the values in its window, in row-major order."""
    down, before = geometry(x.shape, size, padding, stride, dilation)
    for i in np.ndindex(*down):
        values = []
        for j in np.ndindex(*size):
            at = [a * s + b * d - p for a, s, b, d, p in zip(i, stride, j, dilation, before)]
            values.append(bordered(x, at, border))
        yield i, values


def reverse_windows(x, up, size, padding, stride, dilation, border):
    """Yield each output index with the values that are spread to it, None where none is."""
    _, before = geometry(up, size, padding, stride, dilation)
    for i in np.ndindex(*up):
        values = []
        for j in np.ndindex(*size):
            steps = [a + p - b * d for a, p, b, d in zip(i, before, j, dilation)]
            meets = all(step % s == 0 for step, s in zip(steps, stride))
            at = [step // s for step, s in zip(steps, stride)]
            values.append(bordered(x, at, border) if meets else None)
        yield i, values


def grid(**axes):
    """Return all combinations of the given values, as dictionaries."""
    return [dict(zip(axes, values)) for values in itertools.product(*axes.values())]
