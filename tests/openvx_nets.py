"""Networks for the tests of the OpenVX target: one for each way an operation is lowered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nnefx.ir.builder import Builder
from nnefx.tensors.model import Model


class Net:
    """A Builder with random weights beside it."""

    def __init__(self) -> None:
        self.g = Builder()
        self.weights: dict[str, np.ndarray] = {}
        self.random = np.random.default_rng(0)

    def __getattr__(self, op: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: self.g.add(op, *args, **kwargs)

    def input(self, *shape: int, name: str = "x", dtype: str = "scalar") -> Any:
        return self.g.external(shape=list(shape), name=name, dtype=dtype)

    def weight(self, *shape: int, scale: float | None = None) -> Any:
        label = f"w{len(self.weights)}"
        scale = scale or float(np.prod(shape[1:]) ** -0.5)
        self.weights[label] = (self.random.standard_normal(shape) * scale).astype(np.float32)
        return self.g.variable(shape=list(shape), label=label, name=label)

    def numbers(self, values: Any) -> Any:
        label = f"w{len(self.weights)}"
        self.weights[label] = np.asarray(values, np.float32)
        return self.g.variable(shape=list(np.shape(values)), label=label, name=label)

    def model(self, *outputs: Any) -> Model:
        return Model(self.g.finish(outputs=list(outputs)), self.weights)


@dataclass(frozen=True)
class Case:
    """A network, and how near to float its fixed point run has to come (dB)."""

    name: str
    make: Callable[[Net], Any]
    snr: float = 50.0
    low: float = -2.0
    high: float = 2.0
    logical: tuple[str, ...] = field(default=())

    def model(self) -> Model:
        net = Net()
        outputs = self.make(net)
        outputs = outputs if isinstance(outputs, tuple | list) else [outputs]
        return net.model(*outputs)

    def samples(self, model: Model, count: int = 2) -> list[dict[str, np.ndarray]]:
        random = np.random.default_rng(1)

        def sample(value: Any) -> np.ndarray:
            if value.dtype == "logical":
                return random.random(value.shape) > 0.5
            return random.uniform(self.low, self.high, value.shape).astype(np.float32)

        return [{value.name: sample(value) for value in model.graph.inputs} for _ in range(count)]


def _conv(shape: tuple[int, ...], filter: tuple[int, ...], **attributes: Any) -> Any:
    def make(n: Net) -> Any:
        bias = n.weight(1, filter[0], scale=0.3)
        return n.conv(n.input(*shape), n.weight(*filter), bias, **attributes)

    return make


def _unary(op: str, **attributes: Any) -> Any:
    return lambda n: getattr(n, op)(n.input(1, 4, 3, 5), **attributes)


def _binary(op: str, first: tuple[int, ...], second: tuple[int, ...]) -> Any:
    return lambda n: getattr(n, op)(n.input(*first), n.input(*second, name="y"))


def _constant(op: str, shape: tuple[int, ...], constant: tuple[int, ...]) -> Any:
    return lambda n: getattr(n, op)(n.input(*shape), n.weight(*constant, scale=1.0))


def _pool(op: str, shape: tuple[int, ...], /, **attributes: Any) -> Any:
    return lambda n: getattr(n, op)(n.input(*shape), **attributes)


def _layout(op: str, shape: tuple[int, ...], /, **attributes: Any) -> Any:
    return lambda n: getattr(n, op)(n.input(*shape), **attributes)


def hard_swish(n: Net, x: Any) -> Any:
    """x * clamp(x + 3, 0, 6) / 6, as an importer writes it."""
    return n.div(n.mul(x, n.clamp(n.g.add("add", x, 3.0), 0.0, 6.0)), 6.0)


def classifier(n: Net) -> Any:
    """Every kind of layer of a small MobileNetV3."""
    x = n.input(1, 3, 32, 64)
    y = n.conv(x, n.weight(8, 3, 3, 3), 0.0, stride=[2, 2], padding=[(1, 1), (1, 1)])
    y = n.batch_normalization(
        y,
        n.weight(1, 8, scale=0.1),
        n.numbers(n.random.uniform(0.5, 1.5, (1, 8))),
        n.weight(1, 8, scale=0.2),
        1.5,
        epsilon=1e-3,
    )
    y = hard_swish(n, y)
    z = n.relu(n.conv(y, n.weight(8, 1, 3, 3), n.weight(1, 8, scale=0.1), groups=8))
    s = n.mean_reduce(z, axes=[2, 3])
    s = n.relu(n.conv(s, n.weight(4, 8, 1, 1), n.weight(1, 4, scale=0.1)))
    s = n.conv(s, n.weight(8, 4, 1, 1), n.weight(1, 8, scale=0.1))
    s = n.clamp(n.g.add("add", n.mul(s, 0.2), 0.5), 0.0, 1.0)
    z = n.mul(z, s)
    y = n.g.add("add", y, n.conv(z, n.weight(8, 8, 1, 1), 0.0))
    y = hard_swish(n, n.conv(y, n.weight(8, 1, 5, 5), 0.0, groups=8, stride=[2, 1]))
    y = n.max_pool(y, size=[1, 1, 2, 2], stride=[1, 1, 2, 2], padding=[(0, 0)] * 4)
    y = n.reshape(y, shape=[0, -1])
    y = n.relu(n.linear(y, n.weight(10, y.shape[1]), n.weight(1, 10, scale=0.1)))
    y = n.g.add("add", n.matmul(y, n.weight(10, 4)), n.weight(1, 4))
    return n.softmax(y, name="shares")


def _regions(op: str, **attributes: Any) -> Any:
    def make(n: Net) -> Any:
        rois = n.numbers([[1, 0, 5, 6], [0, 2, 7, 5], [2, 2, 3, 4]])
        owners = n.constant(shape=[3, 1], value=[1, 0, 1], dtype="integer")
        return getattr(n, op)(n.input(2, 2, 7, 8), rois, owners, output_size=[2, 3], **attributes)

    return make


REGIONS: dict[str, dict[str, Any]] = {
    "max_roi_pool": {},
    "avg_roi_pool": {},
    "roi_resample": {"method": "symmetric"},
    "avg_roi_align": {"sampling_rate": [2, 2], "resize_method": "asymmetric"},
    "max_roi_align": {"sampling_rate": [2, 1], "resize_method": "symmetric"},
}
SMOOTH = ["neg", "exp", "sin", "cos", "tanh", "sinh", "cosh", "atan", "asinh", "abs", "sigmoid"]
SMOOTH += ["relu", "softplus", "sqr", "gelu", "silu", "elu", "selu"]
POSITIVE = ["log", "sqrt", "rsqrt", "rcp", "rsqr", "log2"]
NARROW = ["asin", "acos", "atanh", "tan"]
STEPS = ["floor", "ceil", "round", "sign"]

CASES = [
    Case("classifier", classifier, 30),
    # convolutions
    Case("conv", _conv((1, 3, 9, 11), (5, 3, 3, 3))),
    Case("conv_1x1", _conv((2, 6, 4, 5), (3, 6, 1, 1))),
    Case("conv_stride_2_even", _conv((1, 3, 8, 12), (4, 3, 3, 3), stride=[2, 2])),
    Case("conv_padding_1_stride_2", _conv((1, 2, 8, 8), (4, 2, 3, 3), padding=[(1, 1), (1, 1)],
                                          stride=[2, 2])),
    Case("conv_padding_uneven", _conv((1, 2, 7, 9), (3, 2, 2, 3), padding=[(0, 1), (2, 0)])),
    Case("conv_padding_negative", _conv((1, 2, 8, 8), (3, 2, 2, 2), padding=[(-1, 0), (0, -2)])),
    Case("conv_stride_3_few_outputs", _conv((1, 2, 9, 9), (3, 2, 1, 1), stride=[4, 3],
                                            padding=[(0, 0), (0, 0)])),
    Case("conv_dilated", _conv((1, 2, 12, 10), (3, 2, 3, 3), dilation=[2, 3])),
    Case("conv_dilated_strided", _conv((1, 2, 13, 10), (3, 2, 3, 2), dilation=[2, 2],
                                       stride=[3, 2])),
    Case("conv_groups", _conv((1, 6, 6, 6), (4, 3, 3, 3), groups=2)),
    Case("conv_depthwise", _conv((1, 12, 9, 7), (12, 1, 3, 3), groups=0)),
    Case("conv_depthwise_large", _conv((1, 32, 24, 24), (32, 1, 5, 5), groups=0)),
    Case("conv_1d", _conv((1, 3, 16), (4, 3, 5), stride=[2])),
    Case("conv_no_bias", lambda n: n.conv(n.input(1, 3, 5, 5), n.weight(4, 3, 3, 3))),
    Case("conv_scalar_bias", lambda n: n.conv(n.input(1, 3, 5, 5), n.weight(4, 3, 3, 3), 0.75)),
    *(Case(f"conv_{border}", _conv((1, 2, 6, 7), (3, 2, 3, 3), border=border,
                                   padding=[(1, 1), (2, 0)]))
      for border in ("replicate", "reflect", "reflect-even")),
    # linear
    Case("linear", lambda n: n.linear(n.input(2, 20), n.weight(7, 20), n.weight(1, 7))),
    Case("linear_then_conv", lambda n: n.conv(n.unsqueeze(n.linear(n.input(1, 9), n.weight(8, 9)),
                                              axes=[2, 3]), n.weight(3, 8, 1, 1)), 45),
    Case("flatten_linear", lambda n: n.linear(n.reshape(n.input(2, 3, 4, 5), shape=[0, -1]),
                                              n.weight(6, 60), n.weight(1, 6))),
    Case("matmul_constant", lambda n: n.matmul(n.input(3, 10), n.weight(10, 4))),
    Case("matmul_from_the_left", lambda n: n.matmul(n.weight(4, 10), n.input(10, 3))),
    Case("matmul_from_the_left_turned", lambda n: n.matmul(n.weight(1, 10, 4, scale=
         0.3), n.relu(n.input(2, 10, 3)), transposeA=True)),
    Case("matmul_of_a_layer", lambda n: n.matmul(n.weight(4, 3), n.linear(n.input(3, 10), n.weight(
         6, 10), n.weight(1, 6))), 40),
    Case("matmul_rank_3", lambda n: n.matmul(n.input(2, 5, 10), n.weight(1, 10, 4, scale=0.3))),
    Case("matmul_rank_4", lambda n: n.matmul(n.input(1, 2, 3, 10), n.weight(1, 1, 4, 10, scale=0.3),
                                             transposeB=True)),
    # tables
    *(Case(f"table_{op}", _unary(op)) for op in
      SMOOTH),
    *(Case(f"table_{op}", _unary(op), 50, 0.25, 3.0) for op in
      POSITIVE),
    *(Case(f"table_{op}", _unary(op), 40, -0.9, 0.9) for op in NARROW),
    *(Case(f"table_{op}", _unary(op), 30) for op in STEPS),
    Case("table_acosh", _unary("acosh"), 40, 1.25, 3.0),
    Case("table_leaky_relu", _unary("leaky_relu", alpha=0.1)),
    Case("table_pow", lambda n: n.pow(n.input(1, 4, 3, 5), 3.0), 45),
    Case("table_hard_swish", lambda n: hard_swish(n, n.input(1, 4, 3, 5))),
    Case("table_compare", lambda n: n.lt(n.input(1, 4, 3, 5), 0.5), 90),
    Case("table_linear_quantize", lambda n: n.linear_quantize(n.input(1, 4, 3, 5), -1.0, 1.0,
                                                              bits=8), 40),
    # two tensors
    Case("add", _binary("add", (1, 4, 3, 5), (1, 4, 3, 5))),
    Case("add_channels", _binary("add", (1, 4, 3, 5), (1, 4))),
    Case("add_first_smaller", _binary("add", (1, 4), (1, 4, 3, 5))),
    Case("add_both_smaller", _binary("add", (1, 4, 1, 5), (1, 1, 3, 5))),
    Case("add_constant", _constant("add", (1, 4, 3, 5), (1, 4))),
    Case("sub", _binary("sub", (1, 4, 3, 5), (1, 4, 3, 5))),
    Case("sub_first_smaller", _binary("sub", (1, 4), (1, 4, 3, 5))),
    Case("mul", _binary("mul", (1, 4, 3, 5), (1, 4, 3, 5))),
    Case("mul_channels", _binary("mul", (1, 4, 3, 5), (1, 4))),
    Case("mul_constant", _constant("mul", (1, 4, 3, 5), (1, 4))),
    Case("div_constant", lambda n: n.div(n.input(1, 4, 3, 5), n.numbers([[0.5, 3, 2, 7]]))),
    Case("min", _binary("min", (1, 4, 3, 5), (1, 4, 3, 5))),
    Case("max", _binary("max", (1, 4, 3, 5), (1, 4))),
    Case("lt", _binary("lt", (1, 4, 3, 5), (1, 4, 3, 5)), 20),
    Case("rank_3_beside_4", _binary("add", (1, 4, 3, 5), (1, 4, 3))),
    # pools
    Case("max_pool", _pool("max_pool", (1, 3, 8, 10), size=[1, 1, 2, 2], stride=[1, 1, 2, 2])),
    Case("max_pool_ignore", _pool("max_pool", (1, 3, 7, 7), size=[1, 1, 3, 3],
                                  stride=[1, 1, 2, 2], border="ignore", padding=[(0, 0), (0, 0),
                                  (1, 1), (1, 1)]), 50, -3, -1),
    Case("max_pool_constant", _pool("max_pool", (1, 3, 7, 7), size=[1, 1, 3, 3],
                                    border="constant", padding=[(0, 0), (0, 0), (1, 0), (0, 1)]),
         50, -3, 1),
    Case("max_pool_1d", _pool("max_pool", (1, 3, 9), size=[1, 1, 3], stride=[1, 1, 2])),
    Case("avg_pool", _pool("avg_pool", (1, 3, 8, 10), size=[1, 1, 2, 5], stride=[1, 1, 2, 5])),
    Case("avg_pool_constant", _pool("avg_pool", (1, 3, 7, 7), size=[1, 1, 3, 3],
                                    border="constant")),
    Case("avg_pool_ignore", _pool("avg_pool", (1, 3, 7, 8), size=[1, 1, 3, 3],
                                  stride=[1, 1, 2, 2], border="ignore")),
    Case("avg_pool_replicate", _pool("avg_pool", (1, 2, 6, 6), size=[1, 1, 3, 3],
                                     border="replicate")),
    Case("max_pool_reflect", _pool("max_pool", (1, 2, 6, 6), size=[1, 1, 3, 3], border="reflect",
                                   stride=[1, 1, 2, 2])),
    *(Case(f"compare_{op}", _binary(op, (1, 4, 3, 5), (1, 4, 3, 5)), 20)
      for op in ("gt", "le", "ge", "ne")),
    # reductions
    Case("mean_reduce_plane", _pool("mean_reduce", (2, 3, 4, 5), axes=[2, 3]), 40),
    Case("mean_reduce_channel", _pool("mean_reduce", (2, 3, 4, 5), axes=[1]), 40),
    Case("mean_reduce_all", _pool("mean_reduce", (2, 3, 4, 5), axes=[0, 1, 2, 3]), 20),
    Case("sum_reduce_height", _pool("sum_reduce", (2, 3, 4, 5), axes=[2])),
    Case("sum_reduce_width", _pool("sum_reduce", (2, 3, 4, 5), axes=[3])),
    Case("max_reduce_plane", _pool("max_reduce", (2, 3, 4, 5), axes=[2, 3])),
    Case("max_reduce_channel", _pool("max_reduce", (2, 3, 4, 5), axes=[1])),
    Case("min_reduce", _pool("min_reduce", (2, 3, 4, 5), axes=[1, 2])),
    # layout
    Case("reshape_merge", _layout("reshape", (1, 3, 4, 5), shape=[1, 3, 20])),
    Case("reshape_split", _layout("reshape", (1, 12, 5), shape=[1, 3, 4, 5])),
    Case("reshape_any", _layout("reshape", (1, 3, 4, 6), shape=[1, 4, 3, 6])),
    Case("reshape_then_relu", lambda n: n.relu(n.reshape(n.input(1, 6, 4, 5),
                                                         shape=[1, 4, 6, 5]))),
    Case("squeeze_relu", lambda n: n.relu(n.squeeze(n.input(1, 3, 1, 5), axes=[2]))),
    Case("squeeze_last_relu", lambda n: n.relu(n.squeeze(n.input(1, 3, 5, 1), axes=[3]))),
    Case("transpose", _layout("transpose", (2, 3, 4, 5), axes=[0, 2, 3, 1])),
    Case("transpose_back", _layout("transpose", (2, 3, 4, 5), axes=[3, 1, 0, 2])),
    Case("transpose_rank_3", _layout("transpose", (2, 3, 4), axes=[0, 2, 1])),
    Case("concat", lambda n: n.concat([n.relu(n.input(1, 3, 4, 5)), n.sigmoid(n.input(
        1, 2, 4, 5, name="y"))], axis=1)),
    Case("concat_input_twice", lambda n: (lambda x: n.concat([x, n.relu(x), x], axis=2))(
        n.input(1, 3, 4, 5))),
    Case("concat_of_concat", lambda n: (lambda x: n.concat([n.concat([n.relu(x), n.sigmoid(x)],
         axis=1), n.tanh(x)], axis=1))(n.input(1, 3, 4, 5))),
    Case("concat_constant", lambda n: n.concat([n.input(1, 3, 4, 5), n.weight(1, 1, 4, 5)],
                                               axis=1)),
    Case("stack", lambda n: n.stack([n.input(2, 3), n.input(2, 3, name="y")], axis=1)),
    Case("split", lambda n: [n.relu(v) for v in n.split(n.input(1, 6, 4, 5), axis=1,
                                                        ratios=[1, 2])]),
    Case("unstack", lambda n: [n.relu(v) for v in n.unstack(n.input(1, 2, 4, 5), axis=1)]),
    Case("slice", _layout("slice", (1, 6, 7, 8), axes=[1, 3], begin=[1, -4], end=[4, 0])),
    Case("slice_strided", _layout("slice", (1, 6, 7, 8), axes=[2, 3], begin=[0, -1],
                                  end=[7, 1], stride=[2, -3])),
    Case("pad_constant", _layout("pad", (1, 2, 4, 5), padding=[(0, 0), (1, 0), (2, 1), (0, 3)],
                                 border="constant", value=0.5)),
    Case("pad_replicate", _layout("pad", (1, 2, 4, 5), padding=[(0, 0), (0, 0), (2, 1), (0, 3)],
                                  border="replicate")),
    Case("pad_reflect", _layout("pad", (1, 2, 4, 5), padding=[(0, 0), (0, 0), (2, 1), (0, 3)],
                                border="reflect")),
    Case("tile", _layout("tile", (1, 2, 3, 4), repeats=[1, 3, 1, 2])),
    Case("copy_output", lambda n: n.copy(n.input(1, 2, 3, 4))),
    Case("batch_norm_alone", lambda n: n.batch_normalization(
        n.input(1, 3, 4, 5), n.weight(1, 3), n.numbers([[0.5, 1, 2]]), n.weight(1, 3),
        n.weight(1, 3), epsilon=1e-3), 45),
    # activations of their own
    Case("softmax_2d", lambda n: n.softmax(n.input(2, 6)), 20),
    Case("softmax_4d", lambda n: n.softmax(n.input(1, 6, 2, 3)), 20),
    Case("softmax_width", lambda n: n.softmax(n.input(1, 6, 2, 3), axes=[3]), 30),
    Case("logical_not", lambda n: n.__getattr__("not")(n.input(1, 4, dtype="logical")), 90),
    # deconvolutions
    Case("deconv", lambda n: n.deconv(n.input(1, 3, 5, 6), n.weight(3, 4, 3, 3), n.weight(1, 4)),
         45),
    Case("deconv_stride_2", lambda n: n.deconv(n.input(1, 3, 5, 6), n.weight(3, 4, 4, 4), 0.5,
         stride=[2, 2], padding=[(1, 1), (1, 1)]), 45),
    Case("deconv_groups", lambda n: n.deconv(n.input(1, 4, 5, 6), n.weight(4, 2, 3, 2), 0.0,
         groups=2, stride=[1, 3], padding=[(0, 0), (1, 0)]), 45),
    Case("deconv_depthwise_dilated", lambda n: n.deconv(n.input(1, 3, 5, 6), n.weight(3, 1, 3, 3),
         groups=0, dilation=[2, 1], stride=[2, 2]), 45),
    Case("deconv_output_shape", lambda n: n.deconv(n.input(1, 2, 4, 4), n.weight(2, 3, 3, 3), 0.0,
         stride=[2, 2], output_shape=[1, 3, 8, 7]), 45),
    Case("deconv_1d", lambda n: n.deconv(n.input(1, 3, 7), n.weight(3, 2, 4), stride=[2]), 45),
    # resampling and boxes
    Case("nearest_upsample", _layout("nearest_upsample", (1, 2, 3, 4), factor=[2, 3])),
    Case("nearest_downsample", _layout("nearest_downsample", (1, 2, 6, 8), factor=[2, 4])),
    Case("area_downsample", _layout("area_downsample", (1, 2, 6, 8), factor=[2, 4]), 40),
    *(Case(f"multilinear_{method}_{border}", _layout("multilinear_upsample", (1, 2, 3, 4),
           factor=[2, 2], method=method, border=border), 45)
      for method in ("symmetric", "asymmetric", "aligned") for border in ("replicate", "constant")),
    Case("box_channels", _layout("box", (1, 5, 3, 4), size=[1, 3, 1, 1], border="constant"), 40),
    Case("box_normalized", _layout("box", (1, 5, 3, 4), size=[1, 3, 2, 1], normalize=True), 40),
    Case("box_replicate", _layout("box", (1, 2, 6, 4), size=[1, 1, 3, 3], border="replicate"), 40),
    Case("debox", _layout("debox", (1, 2, 3, 4), size=[1, 1, 2, 3], stride=[1, 1, 2, 2]), 40),
    # positions in windows
    Case("argmax_pool", _pool("argmax_pool", (1, 2, 6, 6), size=[1, 1, 2, 2],
                              stride=[1, 1, 2, 2]), 90),
    Case("argmax_pool_ignore", _pool("argmax_pool", (1, 2, 6, 7), size=[1, 1, 3, 2],
                                     border="ignore"), 90, -2, -1),
    Case("argmax_pool_both_signs", _pool("argmax_pool", (1, 2, 6, 7), size=[1, 1, 3, 2],
                                         border="ignore", padding=[(0, 0), (0, 0), (1, 1), (1, 0)]
                                         ), 90, -2, 2),
    Case("max_pool_with_index", _pool("max_pool_with_index", (1, 2, 6, 6), size=[1, 1, 2, 2],
                                      stride=[1, 1, 2, 2], border="ignore")),
    Case("unpool", lambda n: (lambda p: n.desample(*p, size=[1, 1, 2, 2], stride=[1, 1, 2, 2],
                                                   padding=[(0, 0)] * 4))(
        n.max_pool_with_index(n.input(1, 2, 6, 6), size=[1, 1, 2, 2], stride=[1, 1, 2, 2],
                              padding=[(0, 0)] * 4))),
    # choices
    Case("select", lambda n: n.select(n.input(1, 4, 3, 5, name="c", dtype="logical"),
                                      n.input(1, 4, 3, 5), n.input(1, 4, name="y"))),
    Case("select_computed", lambda n: (lambda x, y: n.select(n.lt(x, y), x, y))(
        n.input(1, 4, 3, 5), n.input(1, 4, 3, 5, name="y"))),
    Case("and", lambda n: n.__getattr__("and")(n.input(1, 9, dtype="logical"), n.input(
        1, 9, name="y", dtype="logical")), 90),
    Case("or", lambda n: n.__getattr__("or")(n.input(1, 9, dtype="logical"), n.input(
        1, 9, name="y", dtype="logical")), 90),
    Case("any_reduce", lambda n: n.any_reduce(n.input(2, 3, 4, dtype="logical"), axes=[1]), 90),
    Case("all_reduce", lambda n: n.all_reduce(n.input(2, 3, 4, dtype="logical"), axes=[2]), 90),
    Case("argmax_reduce", _layout("argmax_reduce", (2, 30, 3, 4), axes=[1]), 90),
    Case("argmin_reduce", _layout("argmin_reduce", (2, 5, 3, 4), axes=[2]), 90),
    Case("gather", lambda n: n.gather(n.input(1, 5, 3, 4), n.constant(shape=[3], value=[4, 0, 4],
                                      dtype="integer"), axis=1)),
    Case("prelu", _constant("prelu", (1, 4, 3, 5), (1, 4))),
    Case("clamp_channels", lambda n: n.clamp(n.input(1, 2, 3, 5), n.numbers([[-1, -0.5]]),
                                             n.numbers([[0.5, 1]])), 40),
    # quotients and what needs them
    Case("div", lambda n: n.div(n.input(1, 4, 3, 5), n.exp(n.input(1, 4, 3, 5, name="y"))), 40),
    Case("div_number", lambda n: n.div(2.5, n.g.add("add", n.relu(n.input(1, 4, 3, 5)), 0.5)), 40),
    Case("div_channels", lambda n: n.div(n.input(1, 4, 3, 5), n.exp(n.input(1, 4, name="y"))), 40),
    Case("softmax_axes", lambda n: n.softmax(n.input(1, 3, 2, 4), axes=[2, 3]), 30),
    Case("l1_normalization", _layout("l1_normalization", (1, 8, 3, 4), axes=[1]), 35),
    Case("l2_normalization", _layout("l2_normalization", (1, 8, 3, 4), axes=[1]), 35),
    Case("lrn", lambda n: n.local_response_normalization(n.input(1, 8, 3, 4), size=[1, 5, 1, 1],
         alpha=0.5, beta=0.75, bias=1.0), 40),
    Case("local_mean", _layout("local_mean_normalization", (1, 2, 6, 7), size=[1, 1, 3, 3]), 35),
    Case("local_variance", lambda n: n.local_variance_normalization(
        n.input(1, 2, 6, 7), size=[1, 1, 3, 3], bias=0.5, epsilon=0.1), 35),
    Case("local_contrast", lambda n: n.local_contrast_normalization(
        n.input(1, 2, 6, 7), size=[1, 1, 3, 3], bias=0.5, epsilon=0.1), 30),
    Case("moments", lambda n: n.moments(n.input(1, 3, 4, 5), axes=[2, 3]), 30),
    Case("rms_pool", lambda n: n.rms_pool(n.input(1, 2, 6, 6), size=[1, 1, 2, 2],
                                          stride=[1, 1, 2, 2]), 40),
    Case("separable_conv", lambda n: n.separable_conv(n.input(1, 4, 6, 6), n.weight(4, 1, 3, 3),
                                                      n.weight(5, 4, 1, 1)), 40),
    Case("separable_deconv", lambda n: n.separable_deconv(n.input(1, 5, 4, 4), n.weight(4, 1, 3, 3),
                                                          n.weight(5, 4, 1, 1)), 35),
    Case("add_n", lambda n: n.add_n([n.input(1, 4), n.input(1, 4, name="y"),
                                     n.input(1, 4, name="z")])),
    Case("copy_n", lambda n: n.concat(n.copy_n(n.input(1, 3, 2, 2), times=3), axis=1)),
    Case("quantize_channels", lambda n: n.min_max_linear_quantize(
        n.input(1, 2, 3, 4), n.numbers([[-1, -2]]), n.numbers([[1, 2]]), bits=6, signed=True,
        symmetric=False), 20),
    Case("quantize_zero_point", lambda n: n.zero_point_linear_quantize(
        n.input(1, 2, 3, 4), n.constant(shape=[1], value=[3], dtype="integer"), 0.125, bits=8,
        signed=True, symmetric=False), 30),
    Case("quantize_logarithmic", lambda n: n.logarithmic_quantize(n.input(1, 2, 3, 4), 2.0, bits=6),
         20, 0.1, 2.0),
    # products and powers of two tensors
    Case("matmul_of_inputs", lambda n: n.matmul(n.input(3, 8), n.input(8, 5, name="y"))),
    Case("matmul_turned", lambda n: n.matmul(n.input(8, 3), n.input(5, 8, name="y"),
                                             transposeA=True, transposeB=True)),
    Case("matmul_after_conv", lambda n: n.matmul(n.reshape(n.conv(n.input(1, 2, 4, 4), n.weight(
         3, 2, 1, 1)), shape=[3, 16]), n.input(16, 5, name="y")), 35),
    Case("matmul_batched", lambda n: n.matmul(n.input(2, 3, 8), n.input(2, 8, 5, name="y")), 35),
    Case("matmul_batched_turned", lambda n: n.matmul(n.input(2, 8, 3), n.input(
         2, 5, 8, name="y"), transposeA=True, transposeB=True), 35),
    Case("pow", _binary("pow", (1, 4, 3, 5), (1, 4, 3, 5)), 40, 0.25, 2.5),
    Case("pow_of_constant", lambda n: n.pow(n.numbers([[1.5, 2.0, 0.5, 3.0]]), n.input(1, 4)), 40),
    # windows with gaps, and over batch and channels
    Case("max_pool_dilated", _pool("max_pool", (1, 2, 8, 9), size=[1, 1, 3, 2], border="ignore",
                                   dilation=[1, 1, 2, 3], stride=[1, 1, 1, 2])),
    Case("avg_pool_dilated", _pool("avg_pool", (1, 2, 8, 9), size=[1, 1, 3, 2], border="ignore",
                                   dilation=[1, 1, 2, 3], stride=[1, 1, 1, 2]), 40),
    Case("max_pool_channels", _pool("max_pool", (2, 5, 4, 4), size=[2, 3, 2, 1],
                                    border="constant")),
    Case("avg_pool_channels", _pool("avg_pool", (1, 5, 4, 4), size=[1, 3, 1, 2], border="ignore",
                                    stride=[1, 2, 1, 1]), 40),
    # regions that are known
    *(Case(op, _regions(op, **attributes), 35) for op, attributes in REGIONS.items()),
    # volumes
    Case("conv_3d", lambda n: n.conv(n.input(1, 2, 5, 4, 6), n.weight(3, 2, 3, 3, 2), n.weight(
         1, 3), stride=[2, 1, 2], padding=[(1, 1), (1, 0), (0, 0)]), 45),
    Case("conv_3d_dilated_groups", lambda n: n.relu(n.conv(n.input(1, 4, 5, 4, 4), n.weight(
         4, 2, 2, 3, 2), 0.25, groups=2, dilation=[2, 1, 1], padding=[(0, 0)] * 3)), 45),
    Case("network_3d", lambda n: n.linear(n.reshape(n.mean_reduce(n.max_pool(n.relu(n.g.add("add",
         n.conv(n.input(1, 2, 4, 6, 6), n.weight(4, 2, 3, 3, 3), n.weight(1, 4)), n.weight(1, 4))),
         size=[1, 1, 2, 2, 2], stride=[1, 1, 2, 2, 2], padding=[(0, 0)] * 5), axes=[2, 3, 4]),
         shape=[0, -1]), n.weight(3, 4), n.weight(1, 3)), 40),
    Case("max_pool_3d", _pool("max_pool", (1, 2, 5, 4, 4), size=[1, 1, 3, 2, 2], border="ignore",
                              stride=[1, 1, 2, 1, 2])),
    Case("avg_pool_3d", _pool("avg_pool", (1, 2, 5, 4, 4), size=[1, 1, 3, 2, 2], border="ignore",
                              stride=[1, 1, 2, 1, 2]), 35),
    Case("concat_3d", lambda n: n.concat([n.relu(n.input(1, 2, 3, 2, 2)), n.tanh(n.input(
         1, 1, 3, 2, 2, name="y"))], axis=1)),
    *(Case(f"{op}_3d", _pool(op, (1, 2, 3, 2, 2), axes=[2, 4]), 35)
      for op in ("max_reduce", "min_reduce", "sum_reduce")),
    # what only small networks have
    Case("eq", lambda n: (lambda x: n.eq(x, n.floor(x)))(n.round(n.input(1, 4, 3, 5))), 90),
    Case("cast", lambda n: n.mul(n.cast(n.lt(n.input(1, 4), n.input(1, 4, name="y")),
         dtype="scalar"), 2.0), 60),
    Case("sample", lambda n: (lambda x: n.sample(x, n.argmax_pool(x, size=[1, 1, 2, 2], stride=[
         1, 1, 2, 2], padding=[(0, 0)] * 4), size=[1, 1, 2, 2], stride=[1, 1, 2, 2],
         padding=[(0, 0)] * 4))(n.input(1, 2, 4, 6))),
]  # fmt: skip
