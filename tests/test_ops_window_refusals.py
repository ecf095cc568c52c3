"""What the shape rules of windows and pools refuse, with the argument at fault."""

import pytest

from nnefx.ops import Reject
from oracles import shape

IMAGE, FILTER = (1, 4, 5, 5), (6, 4, 3, 3)
REJECTED = [
    ("conv", [(4,), FILTER, ()], {}, "input"),
    ("conv", [IMAGE, (6, 4, 3), ()], {}, "filter"),
    ("conv", [IMAGE, (6, 3, 3, 3), ()], {}, "filter"),
    ("conv", [IMAGE, (6, 4, 3, 3), ()], {"groups": 2}, "filter"),
    ("conv", [IMAGE, (5, 2, 3, 3), ()], {"groups": 2}, "groups"),
    ("conv", [IMAGE, FILTER, ()], {"groups": -1}, "groups"),
    ("conv", [IMAGE, (6, 1, 3, 3), ()], {"groups": 0}, "groups"),
    ("conv", [IMAGE, FILTER, (6,)], {}, "bias"),
    ("conv", [IMAGE, FILTER, (1, 4)], {}, "bias"),
    ("conv", [IMAGE, FILTER, (1, 6, 5)], {}, "bias"),
    ("conv", [IMAGE, FILTER, (1, 6, 1, 1, 1)], {}, "bias"),
    ("conv", [IMAGE, FILTER, ()], {"border": "ignore"}, "border"),
    ("conv", [IMAGE, FILTER, ()], {"border": "same"}, "border"),
    ("conv", [IMAGE, FILTER, ()], {"border": "reflect", "padding": [(5, 0), (0, 0)]}, "border"),
    ("conv", [IMAGE, FILTER, ()], {"stride": [2]}, "stride"),
    ("conv", [IMAGE, FILTER, ()], {"stride": [2, 0]}, "stride"),
    ("conv", [IMAGE, FILTER, ()], {"dilation": [1, 1, 1]}, "dilation"),
    ("conv", [IMAGE, FILTER, ()], {"dilation": [1, -1]}, "dilation"),
    ("conv", [IMAGE, FILTER, ()], {"padding": [(1, 1)]}, "padding"),
    ("conv", [IMAGE, FILTER, ()], {"padding": [(0, 0), (-1, -2)]}, "padding"),
    ("conv", [IMAGE, (6, 4, 6, 3), ()], {"padding": [(0, 0), (0, 0)]}, "padding"),
    ("deconv", [IMAGE, (5, 4, 3, 3), ()], {}, "filter"),
    ("deconv", [IMAGE, (4, 4, 3, 3), ()], {"groups": 3}, "groups"),
    ("deconv", [IMAGE, (4, 6, 3, 3), (1, 4)], {}, "bias"),
    ("deconv", [IMAGE, (4, 6, 3, 3), ()], {"border": "ignore"}, "border"),
    ("deconv", [IMAGE, (4, 6, 3, 3), ()], {"padding": [(9, 9), (0, 0)]}, "padding"),
    ("deconv", [IMAGE, (4, 6, 3, 3), ()], {"output_shape": [5, 5]}, "output_shape"),
    ("deconv", [IMAGE, (4, 6, 3, 3), ()], {"output_shape": [2, 6, 5, 5]}, "output_shape"),
    ("deconv", [IMAGE, (4, 6, 3, 3), ()], {"output_shape": [1, 4, 5, 5]}, "output_shape"),
    ("deconv", [IMAGE, (4, 6, 3, 3), ()], {"output_shape": [1, 6, 5, 6]}, "output_shape"),
    ("deconv", [IMAGE, (4, 6, 3, 3), ()], {"output_shape": [1, 6, 5, 0]}, "output_shape"),
    ("separable_conv", [IMAGE, (4, 1, 3), (6, 4, 1, 1), ()], {}, "plane_filter"),
    ("separable_conv", [IMAGE, (4, 1, 3, 3), (6, 3, 1, 1), ()], {}, "point_filter"),
    ("separable_deconv", [IMAGE, (6, 1, 3, 3), (5, 6, 1, 1), ()], {}, "point_filter"),
    ("separable_deconv", [IMAGE, (5, 1, 3, 3), (4, 6, 1, 1), ()], {}, "plane_filter"),
    ("box", [IMAGE], {"size": [3, 3]}, "size"),
    ("box", [IMAGE], {"size": [1, 1, 0, 3]}, "size"),
    ("box", [IMAGE], {"size": [1, 1, 3, 3], "border": "zero"}, "border"),
    ("box", [IMAGE], {"size": [1, 1, 3, 3], "stride": [2, 2]}, "stride"),
    ("max_pool", [IMAGE], {"size": [1, 1, 9, 3], "padding": [(0, 0)] * 4}, "padding"),
    ("max_pool_with_index", [IMAGE], {"size": [3]}, "size"),
    ("debox", [IMAGE], {"size": [1, 1, 2, 2], "output_shape": [1, 4, 9, 5]}, "output_shape"),
    ("debox", [IMAGE], {"size": [1, 1, 2, 2], "stride": [1, 1, 2**31, 1]}, "stride"),
    ("sample", [IMAGE, (1, 4, 5, 4)], {"size": [1, 1, 2, 2]}, "index"),
    ("sample", [IMAGE, IMAGE], {"size": [1, 1, 2, 2], "border": "ignore"}, "border"),
    ("desample", [IMAGE, (1, 4, 5, 4)], {"size": [1, 1, 2, 2]}, "index"),
    ("desample", [IMAGE, IMAGE], {"size": [1, 1, 2, 2], "border": "replicate"}, "border"),
]


@pytest.mark.parametrize(("op", "shapes", "given", "parameter"), REJECTED, ids=str)
def test_invalid_arguments_are_rejected(op, shapes, given, parameter):
    with pytest.raises(Reject) as caught:
        shape(op, *shapes, **given)
    assert caught.value.parameter == parameter
