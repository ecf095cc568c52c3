"""Nets of the first two versions, told as those of the third."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nnefx.converters.caffe.net import Layer

Old = tuple[tuple[str, ...], tuple[str, ...], Mapping[str, Any]]

_SPELLED = {
    "ABSVAL": "AbsVal", "ACCURACY": "Accuracy", "ARGMAX": "ArgMax", "BNLL": "BNLL", "LRN": "LRN",
    "HDF5_DATA": "HDF5Data", "HDF5_OUTPUT": "HDF5Output", "MVN": "MVN", "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss", "TANH": "TanH", "NONE": "",
}  # fmt: skip

# Version 0: its type, the type of today, the parameter message, and which field went where.
_WINDOW = {"num_output": "num_output", "biasterm": "bias_term", "pad": "pad", "group": "group",
           "kernelsize": "kernel_size", "stride": "stride", "pool": "pool"}  # fmt: skip
_LRN = {"local_size": "local_size", "alpha": "alpha", "beta": "beta", "k": "k"}
_V0 = {
    "accuracy": ("Accuracy", "", {}),
    "bnll": ("BNLL", "", {}),
    "concat": ("Concat", "concat_param", {"concat_dim": "concat_dim"}),
    "conv": ("Convolution", "convolution_param", _WINDOW),
    "data": ("Data", "data_param", {"batchsize": "batch_size"}),
    "dropout": ("Dropout", "dropout_param", {"dropout_ratio": "dropout_ratio"}),
    "euclidean_loss": ("EuclideanLoss", "", {}),
    "flatten": ("Flatten", "", {}),
    "hdf5_data": ("HDF5Data", "hdf5_data_param", {"batchsize": "batch_size"}),
    "hdf5_output": ("HDF5Output", "", {}),
    "hinge_loss": ("HingeLoss", "", {}),
    "im2col": ("Im2col", "convolution_param", _WINDOW),
    "images": ("ImageData", "image_data_param", {"batchsize": "batch_size"}),
    "infogain_loss": ("InfogainLoss", "", {}),
    "innerproduct": (
        "InnerProduct",
        "inner_product_param",
        {"num_output": "num_output", "biasterm": "bias_term"},
    ),
    "lrn": ("LRN", "lrn_param", _LRN),
    "multinomial_logistic_loss": ("MultinomialLogisticLoss", "", {}),
    "pool": ("Pooling", "pooling_param", _WINDOW),
    "relu": ("ReLU", "", {}),
    "sigmoid": ("Sigmoid", "", {}),
    "softmax": ("Softmax", "", {}),
    "softmax_loss": ("SoftmaxWithLoss", "", {}),
    "split": ("Split", "", {}),
    "tanh": ("TanH", "", {}),
    "window_data": ("WindowData", "window_data_param", {"batchsize": "batch_size"}),
}
_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size"}
_REPEATED = {"convolution_param": ("pad", "kernel_size", "stride")}


def from_v1(kind: str, layer: Layer) -> Layer:
    """Return a layer of version 1, whose type is the enumeration's `kind`, as one of today."""
    words = "".join(word.capitalize() for word in kind.split("_"))
    upgraded = replace(layer, type=_SPELLED.get(kind, words))
    return _with_transform(upgraded)


def _with_transform(layer: Layer) -> Layer:
    """Return the layer with the transformation that old data layers held among their own fields."""
    for name in ("data_param", "image_data_param", "window_data_param"):
        own = layer.parameters.get(name, {})
        moved = {key: own[key] for key in ("scale", "mean_file", "crop_size") if key in own}
        if moved:
            transform = {**layer.parameters.get("transform_param", {}), **moved}
            parameters = {**layer.parameters, "transform_param": transform}
            return replace(layer, parameters=parameters)
    return layer


def without_padding(layers: Sequence[Old]) -> list[Old]:
    """Return version 0 layers with `padding` layers merged into those that they feed."""
    padded = {
        top: (bottoms[0], fields.get("pad", 0))
        for bottoms, tops, fields in layers
        if fields.get("type") == "padding" and len(bottoms) == 1
        for top in tops
    }
    merged = []
    for bottoms, tops, fields in layers:
        if fields.get("type") == "padding":
            continue
        if len(bottoms) == 1 and bottoms[0] in padded:
            source, pad = padded[bottoms[0]]
            bottoms, fields = (source,), {**fields, "pad": pad}
        merged.append((bottoms, tops, fields))
    return merged


def from_v0(bottoms: Iterable[str], tops: Iterable[str], fields: Mapping[str, Any]) -> Layer:
    """Return a layer of version 0 as one of today."""
    spelled = str(fields.get("type", ""))
    kind, message, names = _V0.get(spelled, (spelled, "", {}))
    parameters: dict[str, dict[str, Any]] = {}
    own = {names[key]: value for key, value in fields.items() if key in names}
    if message and own:
        for key in _REPEATED.get(message, ()):
            if key in own:
                own[key] = [own[key]]
        parameters[message] = own
    transform = {_TRANSFORM[key]: value for key, value in fields.items() if key in _TRANSFORM}
    if transform:
        parameters["transform_param"] = transform
    return Layer(str(fields.get("name", "")), kind, tuple(bottoms), tuple(tops), parameters)
