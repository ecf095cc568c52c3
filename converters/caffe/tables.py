"""The table that the families of this folder fill with their rules, and what rules are not told."""

from nnefx.converters.rules import Rules

rules = Rules("caffe")

# The parameter message of a layer type where it is not the type in snake case and `_param`.
_PARAMETERS = {
    "ArgMax": "argmax_param",
    "ConvolutionDepthwise": "convolution_param",
    "Deconvolution": "convolution_param",
    "DepthwiseConvolution": "convolution_param",
    "ELU": "elu_param",
    "Im2col": "convolution_param",
    "LSTM": "recurrent_param",
    "Normalize": "norm_param",
    "PReLU": "prelu_param",
    "RNN": "recurrent_param",
    "ReLU": "relu_param",
    "ReLU6": "relu_param",
    "TanH": "tanh_param",
}

# Fields that say how to train or on what to compute, and nothing about the result.
WITHOUT_EFFECT = frozenset([
    "weight_filler", "bias_filler", "filler", "scale_filler", "data_filler", "engine",
    "force_nd_im2col", "moving_average_fraction", "stable_prod_grad", "debug_info",
    "save_output_param", "visualize", "visualize_threshold", "save_file",
])  # fmt: skip

# Layers that feed a net, those that judge it in training, and those that only swallow blobs.
SOURCES = frozenset([
    "AnnotatedData", "Data", "DummyData", "HDF5Data", "ImageData", "Input", "MemoryData",
    "WindowData",
])  # fmt: skip
JUDGES = frozenset([
    "Accuracy", "ContrastiveLoss", "EuclideanLoss", "HDF5Output", "HingeLoss", "InfogainLoss",
    "MultiBoxLoss", "MultinomialLogisticLoss", "SigmoidCrossEntropyLoss", "SmoothL1Loss",
    "SoftmaxWithLoss", "DetectionEvaluate",
])  # fmt: skip
SINKS = frozenset(["Silence"])

# The names that rules have for the blobs of their layers decide what made-up weights look like.
POSITIVE_ROLES = frozenset(["scale", "variance"])


def parameter_message(kind: str) -> str:
    """Return the name of the parameter message of layers of a type."""
    if kind in _PARAMETERS:
        return _PARAMETERS[kind]
    letters = [
        f"_{char.lower()}" if char.isupper() and index and not kind[index - 1].isupper() else char
        for index, char in enumerate(kind)
    ]
    return f"{''.join(letters).lower()}_param"
