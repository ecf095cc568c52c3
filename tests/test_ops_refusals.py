"""What the shape rules of the basic families refuse, with the argument at fault, and accept."""

import pytest

from nnefx.ops import Reject, standard_ops

OPS = standard_ops()

B = (2, 3, 4)
QUANTIZE = {"bits": 8, "signed": True, "symmetric": False}

REJECTED = [
    ("external", [], {"shape": [1, 0]}, "shape"),
    ("external", [], {"shape": [-1]}, "shape"),
    ("external", [], {"shape": [2**31]}, "shape"),
    ("variable", [], {"shape": [0], "label": "a"}, "shape"),
    ("variable", [], {"shape": [1], "label": ""}, "label"),
    ("variable", [], {"shape": [1], "label": "a b"}, "label"),
    ("variable", [], {"shape": [1], "label": "ä"}, "label"),
    ("variable", [], {"shape": [1], "label": "a\n"}, "label"),
    ("constant", [], {"shape": [2, 0], "value": [1.0]}, "shape"),
    ("constant", [], {"shape": [2, 2], "value": [1.0, 2.0]}, "value"),
    ("constant", [], {"shape": [1], "value": []}, "value"),
    ("update", [(2, 3), (1, 3)], {}, "value"),
    ("update", [(2, 3), ()], {}, "value"),
    ("add", [(2, 3), (3,)], {}, "y"),
    ("lt", [(2, 3), (2, 4)], {}, "y"),
    ("and", [(2, 3, 1), (2, 2)], {}, "y"),
    ("select", [(2,), (3,), (3,)], {}, "condition"),
    ("select", [(2,), (2,), (3,)], {}, "false_value"),
    ("clamp", [(2,), (3,), ()], {}, "a"),
    ("clamp", [(2,), (), (3,)], {}, "b"),
    ("copy_n", [B], {"times": -1}, "times"),
    ("add_n", [[(2,), (3,)]], {}, "x"),
    *(
        (op, [B], {"axes": axes}, "axes")
        for op in ("max_reduce", "all_reduce", "argmin_reduce", "mean_reduce", "moments", "softmax")
        for axes in ([3], [-1], [0, 0], [1, 2, 1])
    ),
    ("sum_reduce", [B], {"axes": [3], "normalize": True}, "axes"),
    ("max_reduce", [()], {"axes": [0]}, "axes"),
    ("prelu", [B, (2, 2)], {}, "alpha"),
    ("local_mean_normalization", [B], {"size": [1, 1]}, "size"),
    ("local_mean_normalization", [B], {"size": [1, 0, 1]}, "size"),
    ("l1_normalization", [B], {"axes": [3], "bias": 0.0, "epsilon": 0.0}, "axes"),
    ("l2_normalization", [B], {"axes": [1, 1], "bias": 0.0, "epsilon": 0.0}, "axes"),
    ("batch_normalization", [B, (1, 4), (), (), ()], {"epsilon": 0.0}, "mean"),
    ("batch_normalization", [B, (), (3,), (), ()], {"epsilon": 0.0}, "variance"),
    ("batch_normalization", [B, (), (), (1, 2), ()], {"epsilon": 0.0}, "offset"),
    ("batch_normalization", [B, (), (), (), (1, 3, 3)], {"epsilon": 0.0}, "scale"),
    ("min_max_linear_quantize", [B, (3,), ()], QUANTIZE, "min"),
    ("min_max_linear_quantize", [B, (), (3,)], QUANTIZE, "max"),
    ("min_max_linear_quantize", [B, (), ()], QUANTIZE | {"bits": 0}, "bits"),
    ("min_max_linear_quantize", [B, (), ()], QUANTIZE | {"bits": 65}, "bits"),
    (
        "min_max_linear_quantize",
        [B, (), ()],
        {"bits": 1, "signed": True, "symmetric": True},
        "bits",
    ),
    ("zero_point_linear_quantize", [B, (3,), ()], QUANTIZE, "zero_point"),
    ("zero_point_linear_quantize", [B, (), (3,)], QUANTIZE, "scale"),
    ("zero_point_linear_quantize", [B, (), ()], QUANTIZE | {"bits": -1}, "bits"),
    ("linear_quantize", [B, (), ()], {"bits": 0}, "bits"),
    ("logarithmic_quantize", [B, (3,)], {"bits": 4}, "max"),
    ("logarithmic_quantize", [B, ()], {"bits": 0}, "bits"),
]


@pytest.mark.parametrize(("op", "shapes", "attributes", "parameter"), REJECTED)
def test_shape_rule_refuses(op, shapes, attributes, parameter):
    with pytest.raises(Reject) as caught:
        OPS[op].shape(*shapes, **attributes)
    assert caught.value.parameter == parameter
    assert caught.value.message.startswith(("shapes", parameter))


LOCAL = {"size": [1, 3, 1]}
ACCEPTED = [
    ("external", [], {"shape": [2, 3]}, (2, 3)),
    ("external", [], {"shape": []}, ()),
    ("variable", [], {"shape": [4], "label": r"a/B_c-1.d\e"}, (4,)),
    ("local_mean_normalization", [B], LOCAL, B),
    ("local_variance_normalization", [B], LOCAL | {"bias": 0.0, "epsilon": 0.0}, B),
    ("local_response_normalization", [B], LOCAL | {"alpha": 1.0, "beta": 0.5, "bias": 1.0}, B),
    ("l1_normalization", [B], {"axes": [1], "bias": 0.0, "epsilon": 0.0}, B),
    ("max_reduce", [B], {"axes": []}, B),
    ("softmax", [B], {"axes": []}, B),
    ("copy_n", [B], {"times": 0}, []),
]


@pytest.mark.parametrize(("op", "shapes", "attributes", "expected"), ACCEPTED)
def test_shape_rule_accepts(op, shapes, attributes, expected):
    assert OPS[op].shape(*shapes, **attributes) == expected
