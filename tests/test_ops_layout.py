"""Layout operations and matrix products, against the interpreter of Khronos and against numpy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from nnefx.ops import Reject
from oracles import bordered, call, khronos, random, shape

X = random(2, 3, 4)
WIDE = random(6, 4)

# ---- against the interpreter of Khronos: operation, inputs, attributes

CASES = [
    ("reshape", [X], {"shape": [6, 4]}),
    ("reshape", [X], {"shape": [0, -1]}),
    ("reshape", [X], {"shape": [4, 0, -1]}),
    ("reshape", [X], {"shape": [], "axis_start": 3}),
    ("reshape", [X], {"shape": [1, 1], "axis_start": 1, "axis_count": 0}),
    ("reshape", [X], {"shape": [3, 0, -1], "axis_start": 1}),
    ("reshape", [X], {"shape": [3, 1, 2], "axis_start": 0, "axis_count": 2}),
    ("reshape", [X], {"shape": [-1], "axis_start": 1, "axis_count": 1}),
    ("squeeze", [random(1, 3, 1, 2)], {"axes": [0, 2]}),
    ("squeeze", [random(1, 3, 1, 2)], {"axes": [2, 0]}),
    ("squeeze", [X], {"axes": []}),
    ("unsqueeze", [X], {"axes": [0, 2, 5]}),
    ("unsqueeze", [X], {"axes": [3]}),
    ("transpose", [X], {"axes": [2, 0, 1]}),
    ("transpose", [X], {"axes": [1, 0]}),
    ("transpose", [X], {"axes": []}),
    ("split", [WIDE], {"axis": 0, "ratios": [1, 2]}),
    ("split", [WIDE], {"axis": 1, "ratios": [1, 2, 1]}),
    ("split", [WIDE], {"axis": 1, "ratios": [2]}),
    ("unstack", [X], {"axis": 1}),
    ("slice", [WIDE], {"axes": [0], "begin": [1], "end": [4]}),
    ("slice", [WIDE], {"axes": [1, 0], "begin": [1, -3], "end": [-1, 0]}),
    ("slice", [WIDE], {"axes": [0], "begin": [2], "end": [0], "stride": [1]}),
    ("slice", [WIDE], {"axes": [0], "begin": [2], "end": [99]}),
    ("slice", [WIDE], {"axes": [0], "begin": [0], "end": [5], "stride": [2]}),
    ("slice", [WIDE], {"axes": [0], "begin": [1], "end": [6], "stride": [3]}),
    ("slice", [WIDE], {"axes": [0], "begin": [4], "end": [1], "stride": [-1]}),
    ("slice", [WIDE], {"axes": [0, 1], "begin": [-1, 3], "end": [-7, 0], "stride": [-2, -1]}),
    ("slice", [WIDE], {"axes": [0], "begin": [5], "end": [-99], "stride": [-1]}),
    ("pad", [WIDE], {"padding": [(1, 2), (0, 3)], "value": 1.5}),
    ("pad", [WIDE], {"padding": [(2, 0), (1, 3)], "border": "replicate"}),
    ("pad", [WIDE], {"padding": [(5, 2), (0, 3)], "border": "reflect"}),
    ("pad", [WIDE], {"padding": [(6, 2), (4, 3)], "border": "reflect-even"}),
    ("tile", [X], {"repeats": [2, 1, 3]}),
    ("gather", [X, np.array([[2, 0], [1, 1]], np.int32)], {"axis": 1}),
    ("gather", [X, np.array([1], np.int32)], {"axis": 0}),
    ("matmul", [random(3, 4), random(4, 5)], {}),
    ("matmul", [random(4, 3), random(4, 5)], {"transposeA": True}),
    ("matmul", [random(3, 4), random(5, 4)], {"transposeB": True}),
    ("matmul", [random(4, 3), random(5, 4)], {"transposeA": True, "transposeB": True}),
    ("matmul", [random(2, 3, 3, 4), random(2, 3, 4, 5)], {}),
    ("linear", [random(3, 4), random(5, 4), random(1, 5)], {}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}{case[2]}")
def test_operation_agrees_with_khronos(tmp_path, case):
    op, inputs, given = case
    got = call(op, *inputs, **given)
    got = got if isinstance(got, list) else [got]
    expected = khronos(tmp_path, op, inputs, given, len(got))
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


# ---- against numpy


def test_concat_joins_and_split_undoes_it():
    parts = [random(2, extent, 4, seed=extent) for extent in (2, 4, 2)]
    whole = call("concat", parts, axis=1)
    assert_array_equal(whole, np.concatenate(parts, 1))
    for got, part in zip(call("split", whole, axis=1, ratios=[1, 2, 1]), parts):
        assert_array_equal(got, part)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_stack_joins_along_a_new_axis_and_unstack_undoes_it(axis):
    parts = [random(3, 4, seed=seed) for seed in (1, 2)]
    whole = call("stack", parts, axis=axis)
    assert_array_equal(whole, np.stack(parts, axis))
    for got, part in zip(call("unstack", whole, axis=axis), parts):
        assert_array_equal(got, part)


def test_stack_takes_literals():
    assert_array_equal(call("stack", [np.array(1.0), np.array(2.0)], axis=0), [1, 2])


def test_slice_may_be_empty():
    given = {"axes": [0], "begin": [3], "end": [3], "stride": [2]}
    assert call("slice", WIDE, **given).shape == (0, 4)


def test_end_zero_is_the_end_only_with_strides_of_one():
    line = np.arange(5)
    backwards = {"axes": [0], "begin": [4], "end": [0], "stride": [-1]}
    assert_array_equal(call("slice", line, **backwards), [4, 3, 2, 1])
    with pytest.raises(Reject):
        call("slice", line, axes=[0], begin=[1], end=[0], stride=[2])


@pytest.mark.parametrize("border", ["constant", "replicate", "reflect", "reflect-even"])
def test_pad_crops_where_it_is_negative(border):
    x, padding = random(4, 5), [(-1, 2), (3, -2)]
    got = call("pad", x, padding=padding, border=border)
    for at in np.ndindex(*got.shape):
        source = [i - before for i, (before, _) in zip(at, padding)]
        assert got[at] == bordered(x, source, border)


def test_matmul_broadcasts_over_its_batch():
    a, b = random(2, 1, 3, 4), random(1, 5, 4, 2)
    assert_allclose(call("matmul", a, b), np.matmul(a, b), rtol=1e-6)


def test_linear_takes_a_literal_bias():
    x, f = random(3, 4), random(5, 4, seed=2)
    got = call("linear", x, f, np.full((), 0.5, np.float64))
    assert got.dtype == np.float32
    assert_allclose(got, x @ f.T + 0.5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.bool_, np.int64, np.float16, np.float64])
@pytest.mark.parametrize(
    ("op", "given"),
    [
        ("reshape", {"shape": [-1]}),
        ("transpose", {"axes": [1, 0]}),
        ("slice", {"axes": [0], "begin": [-1], "end": [-9], "stride": [-1]}),
        ("tile", {"repeats": [2, 1, 1]}),
    ],
)
def test_items_keep_their_type(op, given, dtype):
    assert call(op, np.ones((2, 3, 4), dtype), **given).dtype == dtype


# ---- refusals

A = (2, 3, 4)
REJECTED = [
    ("reshape", [A], {"shape": [5, 5]}, "shape"),
    ("reshape", [A], {"shape": [-1, -1]}, "shape"),
    ("reshape", [A], {"shape": [-2, 24]}, "shape"),
    ("reshape", [A], {"shape": [7, -1]}, "shape"),
    ("reshape", [A], {"shape": [2, 3, 4, 0]}, "shape"),
    ("reshape", [A], {"shape": [24], "axis_start": 4}, "axis_start"),
    ("reshape", [A], {"shape": [24], "axis_start": -1}, "axis_start"),
    ("reshape", [A], {"shape": [24], "axis_start": 1, "axis_count": 3}, "axis_count"),
    ("reshape", [A], {"shape": [24], "axis_count": -2}, "axis_count"),
    ("squeeze", [A], {"axes": [0]}, "axes"),
    ("squeeze", [(1, 3)], {"axes": [2]}, "axes"),
    ("squeeze", [(1, 3)], {"axes": [0, 0]}, "axes"),
    ("unsqueeze", [A], {"axes": [4]}, "axes"),
    ("unsqueeze", [A], {"axes": [1, 1]}, "axes"),
    ("transpose", [A], {"axes": [0, 1, 3]}, "axes"),
    ("transpose", [A], {"axes": [0, 0]}, "axes"),
    ("transpose", [A], {"axes": [0, 1, 2, 3]}, "axes"),
    ("split", [A], {"axis": 3, "ratios": [1]}, "axis"),
    ("split", [A], {"axis": 2, "ratios": [1, 2]}, "ratios"),
    ("split", [A], {"axis": 2, "ratios": [4, 0]}, "ratios"),
    ("split", [A], {"axis": 2, "ratios": []}, "ratios"),
    ("concat", [[]], {"axis": 0}, "values"),
    ("concat", [[A, (2, 3)]], {"axis": 0}, "values"),
    ("concat", [[A, (2, 9, 5)]], {"axis": 1}, "values"),
    ("concat", [[A, A]], {"axis": 3}, "axis"),
    ("stack", [[]], {"axis": 0}, "values"),
    ("stack", [[A, (2, 3, 5)]], {"axis": 0}, "values"),
    ("stack", [[A, A]], {"axis": 4}, "axis"),
    ("unstack", [A], {"axis": -1}, "axis"),
    ("slice", [A], {"axes": [3], "begin": [0], "end": [0]}, "axes"),
    ("slice", [A], {"axes": [1, 1], "begin": [0, 0], "end": [0, 0]}, "axes"),
    ("slice", [A], {"axes": [0, 1], "begin": [0], "end": [0, 0]}, "begin"),
    ("slice", [A], {"axes": [0], "begin": [0], "end": [0, 0]}, "end"),
    ("slice", [A], {"axes": [0], "begin": [0], "end": [0], "stride": [1, 1]}, "stride"),
    ("slice", [A], {"axes": [0], "begin": [0], "end": [0], "stride": [0]}, "stride"),
    ("slice", [A], {"axes": [2], "begin": [3], "end": [1]}, "end"),
    ("slice", [A], {"axes": [2], "begin": [1], "end": [3], "stride": [-1]}, "end"),
    ("slice", [A], {"axes": [2], "begin": [-9], "end": [3]}, "begin"),
    ("slice", [A], {"axes": [2], "begin": [9], "end": [3], "stride": [-1]}, "begin"),
    ("pad", [A], {"padding": [(1, 1)]}, "padding"),
    ("pad", [A], {"padding": [(-1, -1), (0, 0), (0, 0)]}, "padding"),
    ("pad", [A], {"padding": [(0, 0)] * 3, "border": "ignore"}, "border"),
    ("pad", [A], {"padding": [(2, 0), (0, 0), (0, 0)], "border": "reflect"}, "border"),
    ("pad", [A], {"padding": [(3, 0), (0, 0), (0, 0)], "border": "reflect-even"}, "border"),
    ("tile", [A], {"repeats": [2, 2]}, "repeats"),
    ("tile", [A], {"repeats": [2, 2, 0]}, "repeats"),
    ("gather", [A, (2,)], {"axis": 3}, "axis"),
    ("gather", [A, (2,)], {"axis": -1}, "axis"),
    ("matmul", [(3,), (3,)], {}, "A"),
    ("matmul", [(2, 3), (1, 3, 4)], {}, "B"),
    ("matmul", [(2, 3), (2, 3)], {}, "B"),
    ("matmul", [(2, 4, 3), (3, 3, 2)], {}, "B"),
    ("linear", [(4,), (5, 4), ()], {}, "input"),
    ("linear", [(3, 4), (4,), ()], {}, "filter"),
    ("linear", [(3, 4), (4, 5), ()], {}, "filter"),
    ("linear", [(3, 4), (5, 4), (5,)], {}, "bias"),
    ("linear", [(3, 4), (5, 4), (1, 4)], {}, "bias"),
    ("linear", [(3, 4), (5, 4), (1, 5, 2)], {}, "bias"),
]


@pytest.mark.parametrize(("op", "shapes", "given", "parameter"), REJECTED, ids=str)
def test_invalid_arguments_are_rejected(op, shapes, given, parameter):
    with pytest.raises(Reject) as caught:
        shape(op, *shapes, **given)
    assert caught.value.parameter == parameter


@pytest.mark.parametrize("indices", [[-1], [4]])
def test_an_index_out_of_range_is_rejected(indices):
    with pytest.raises(Reject) as caught:
        call("gather", random(4), np.array(indices))
    assert caught.value.parameter == "indices"
