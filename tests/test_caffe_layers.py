"""Caffe layers beside OpenCV, which reads the same text and the same made-up weights."""

import pytest

from caffe_nets import assert_as_opencv, layer, net

IMAGE = (2, 4, 9, 7)


def conv(text):
    return layer("Convolution", f"convolution_param {{ {text} }}")


def deconv(text):
    return layer("Deconvolution", f"convolution_param {{ {text} }}")


def pool(text):
    return layer("Pooling", f"pooling_param {{ {text} }}")


# OpenCV makes as many tops as are used, and some layers work in place where nobody said so.
USED = layer("Softmax", "", "y", "a", "one") + layer("Softmax", "", "z", "b", "two")

# What is tested, the layers, and the inputs where they are not one image called x.
CASES = {
    "conv": conv("num_output: 3 kernel_size: 3"),
    "conv without bias": conv("num_output: 3 kernel_size: 3 bias_term: false"),
    "conv padded": conv("num_output: 3 kernel_size: 3 pad: 1 stride: 2"),
    "conv two extents": conv("num_output: 3 kernel_size: 3 kernel_size: 2 pad: 1 pad: 0"),
    "conv _h and _w": conv(
        "num_output: 3 kernel_h: 3 kernel_w: 1 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 0"
    ),
    "conv groups": conv("num_output: 6 kernel_size: 3 group: 2"),
    "conv depthwise": conv("num_output: 4 kernel_size: 3 group: 4"),
    "conv dilated": conv("num_output: 3 kernel_size: 3 dilation: 2"),
    "conv training": conv(
        'num_output: 3 kernel_size: 3 engine: CAFFE weight_filler { type: "xavier" }'
    ),
    "deconv": deconv("num_output: 3 kernel_size: 3"),
    "deconv strided": deconv("num_output: 3 kernel_size: 4 stride: 2 pad: 1"),
    "deconv groups": deconv(
        "num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 bias_term: false"
    ),
    "max pool": pool("kernel_size: 2 stride: 2"),
    "max pool rounded up": pool("kernel_size: 3 stride: 2"),
    "max pool padded": pool("kernel_size: 3 stride: 2 pad: 1"),
    "max pool padded unevenly": pool(
        "kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 1 pad_h: 1 pad_w: 0"
    ),
    "average pool": pool("pool: AVE kernel_size: 3 stride: 2"),
    "average pool padded": pool("pool: AVE kernel_size: 3 stride: 2 pad: 1"),
    "average pool same": pool("pool: AVE kernel_size: 3 stride: 1 pad: 1"),
    "global max pool": pool("pool: MAX global_pooling: true"),
    "global average pool": pool("pool: AVE global_pooling: true"),
    "inner product": layer("InnerProduct", "inner_product_param { num_output: 5 }"),
    "inner product without bias": layer(
        "InnerProduct", "inner_product_param { num_output: 5 bias_term: false }"
    ),
    "inner product by rows": layer(
        "InnerProduct", "inner_product_param { num_output: 5 axis: 2 }"
    ),
    "relu": layer("ReLU"),
    "relu sloped": layer("ReLU", "relu_param { negative_slope: 0.1 }"),
    "relu6": layer("ReLU6"),
    "prelu": layer("PReLU"),
    "prelu shared": layer("PReLU", "prelu_param { channel_shared: true }"),
    "elu": layer("ELU", "elu_param { alpha: 1.0 }"),
    "sigmoid": layer("Sigmoid"),
    "tanh": layer("TanH"),
    "absval": layer("AbsVal"),
    "bnll": layer("BNLL"),
    "power": layer("Power", "power_param { scale: 2 shift: 5 power: 3 }"),
    "power of one": layer("Power", "power_param { scale: 2 shift: -1 }"),
    "exp": layer("Exp", "exp_param { base: 2 scale: 0.5 shift: 1 }"),
    "exp of e": layer("Exp"),
    "dropout": layer("Dropout", "dropout_param { dropout_ratio: 0.3 }"),
    "swish": layer("Swish"),
    "batch norm": layer("BatchNorm", "batch_norm_param { eps: 0.01 }"),
    "batch norm of vectors": (layer("BatchNorm"), {"x": (3, 5)}),
    "scale": layer("Scale"),
    "scale and bias": layer("Scale", "scale_param { bias_term: true }"),
    "scale by blob": (
        layer("Scale", "scale_param { axis: 0 }", "x a"), {"x": (2, 3, 4, 5), "a": (2, 3)},
    ),
    "lrn across": layer("LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 }"),
    "lrn within": layer(
        "LRN", "lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 norm_region: WITHIN_CHANNEL }"
    ),
    "lrn wide": layer("LRN", "lrn_param { local_size: 5 alpha: 1 beta: 0.75 k: 1 }"),
    "mvn": layer("MVN"),
    "mvn across": layer("MVN", "mvn_param { across_channels: true }"),
    "mvn mean": layer("MVN", "mvn_param { normalize_variance: false }"),
    "softmax": layer("Softmax"),
    "softmax axis": layer("Softmax", "softmax_param { axis: 2 }"),
    "softmax last axis": layer("Softmax", "softmax_param { axis: -1 }"),
    "normalize": layer(
        "Normalize", "norm_param { across_spatial: false channel_shared: false }"
    ),
    "normalize all": layer("Normalize", "norm_param { across_spatial: true channel_shared: true }"),
    "eltwise sum": (layer("Eltwise", "", "x a b"), {"x": IMAGE, "a": IMAGE, "b": IMAGE}),
    "eltwise coeff": (
        layer("Eltwise", "eltwise_param { coeff: 1 coeff: -0.5 }", "x a"),
        {"x": IMAGE, "a": IMAGE},
    ),
    "eltwise product": (
        layer("Eltwise", "eltwise_param { operation: PROD }", "x a b"),
        {"x": IMAGE, "a": IMAGE, "b": IMAGE},
    ),
    "eltwise max": (
        layer("Eltwise", "eltwise_param { operation: MAX }", "x a b"),
        {"x": IMAGE, "a": IMAGE, "b": IMAGE},
    ),
    "concat": (layer("Concat", "", "x a"), {"x": (2, 3, 4, 5), "a": (2, 1, 4, 5)}),
    "concat axis": (
        layer("Concat", "concat_param { axis: -1 }", "x a"),
        {"x": (2, 3, 4, 5), "a": (2, 3, 4, 2)},
    ),
    "slice": layer("Slice", "", tops="y z") + USED,
    "slice points": layer(
        "Slice", "slice_param { axis: 2 slice_point: 1 slice_point: 4 }", tops="y z w"
    )
    + USED
    + layer("Softmax", "", "w", "c", "three"),
    "split": layer("Split", tops="y z") + USED,
    "flatten": layer("Flatten"),
    "flatten some": layer("Flatten", "flatten_param { axis: 1 end_axis: 2 }"),
    "flatten end": layer("Flatten", "flatten_param { axis: 2 }"),
    "reshape": layer("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 3 } }"),
    "reshape part": layer(
        "Reshape", "reshape_param { shape { dim: 3 dim: -1 } axis: 2 num_axes: 1 }"
    ),
    "permute": layer("Permute", "permute_param { order: 0 order: 2 order: 3 order: 1 }"),
    "crop": (
        layer("Crop", "crop_param { axis: 2 offset: 1 offset: 2 }", "x a"),
        {"x": IMAGE, "a": (2, 4, 5, 4)},
    ),
    "crop one offset": (
        layer("Crop", "crop_param { axis: 1 offset: 1 }", "x a"),
        {"x": IMAGE, "a": (2, 2, 5, 4)},
    ),
    "shuffle channel": layer("ShuffleChannel", "shuffle_channel_param { group: 2 }"),
    "interp larger": layer("Interp", "interp_param { height: 17 width: 20 }"),
    "interp whole factor": layer("Interp", "interp_param { height: 18 width: 21 }"),
    "interp smaller": layer("Interp", "interp_param { height: 4 width: 3 }"),
    "interp zoom": layer("Interp", "interp_param { zoom_factor: 3 }"),
    "prior box": (
        layer(
            "PriorBox",
            "prior_box_param { min_size: 4 max_size: 9 aspect_ratio: 2 flip: true clip: false "
            "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }",
            "x a",
        ),
        {"x": (1, 4, 3, 2), "a": (1, 3, 20, 30)},
    ),
    "prior box clipped": (
        layer(
            "PriorBox",
            "prior_box_param { min_size: 14 min_size: 8 aspect_ratio: 3 flip: false clip: true "
            "variance: 0.1 step: 7 offset: 0.4 }",
            "x a",
        ),
        {"x": (1, 4, 3, 2), "a": (1, 3, 20, 30)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_layer_computes_what_opencv_computes(case, tmp_path):
    layers, shapes = case if isinstance(case, tuple) else (case, {"x": IMAGE})
    assert_as_opencv(tmp_path, net(layers, **shapes))


PRIOR = layer(
    "PriorBox",
    "prior_box_param { min_size: 6 aspect_ratio: 2 flip: true clip: false "
    "variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }",
    "x image", "prior", "prior",
)  # fmt: skip
BOXES = 3 * 2 * 3


def detections(text, classes, shared=True):
    parameters = (
        f"num_classes: {classes} share_location: {str(shared).lower()} {text} "
        f"nms_param {{ nms_threshold: 0.45 top_k: 9 }}"
    )
    scores = layer(
        "Reshape", f"reshape_param {{ shape {{ dim: 0 dim: -1 dim: {classes} }} }}",
        "conf", "rows", "rows",
    )  # fmt: skip
    scores += layer("Softmax", "softmax_param { axis: 2 }", "rows", "scores", "scores")
    scores += layer("Flatten", "", "scores", "flat", "flat")
    return (
        PRIOR + scores
        + layer("DetectionOutput", f"detection_output_param {{ {parameters} }}", "loc flat prior")
    )  # fmt: skip


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("background_label_id: 0 code_type: CENTER_SIZE keep_top_k: 20", True),
        ("background_label_id: 0 code_type: CORNER keep_top_k: 50", True),
        ("background_label_id: 2 code_type: CENTER_SIZE keep_top_k: 50", True),
        ("background_label_id: 0 code_type: CENTER_SIZE keep_top_k: 50", False),
        (
            "background_label_id: 0 code_type: CENTER_SIZE keep_top_k: 50 "
            "confidence_threshold: 0.4",
            True,
        ),
    ],
)
def test_detections_are_those_of_opencv(batch, text, shared, tmp_path):
    places = BOXES * 4 * (1 if shared else 3)
    shapes = {
        "x": (batch, 4, 3, 2), "image": (batch, 3, 20, 30), "loc": (batch, places),
        "conf": (batch, BOXES * 3),
    }  # fmt: skip
    assert_as_opencv(tmp_path, net(detections(text, 3, shared), **shapes))
