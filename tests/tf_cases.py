"""One case per TensorFlow operation and family of attributes: a function, and what it is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

FLOAT = np.float32
INT = np.int32


@dataclass(frozen=True, slots=True)
class Case:
    """A function of tensors; `shapes` with item types. `lite` is False where TFLite lacks it."""

    name: str
    make: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[Any, ...] = ()
    positive: bool = False
    lite: bool = True
    rtol: float = 1e-4

    def __str__(self) -> str:
        return self.name

    def inputs(self) -> list[np.ndarray[Any, Any]]:
        """Return the same random inputs each time."""
        rng = np.random.default_rng(sum(map(ord, self.name)))
        found = []
        for index, shape in enumerate(self.shapes):
            dtype = self.dtypes[index] if index < len(self.dtypes) else FLOAT
            if np.dtype(dtype).kind == "b":
                array = rng.random(shape) > 0.5
            elif np.dtype(dtype).kind in "iu":
                array = rng.integers(0, 4, shape)
            elif self.positive:
                array = rng.random(shape) * 2 + 0.1
            else:
                array = rng.standard_normal(shape)
            found.append(np.asarray(array, dtype))
        return found


def weights(*shape: int) -> np.ndarray[Any, Any]:
    """Return the same random weights each time."""
    return np.random.default_rng(len(shape) + sum(shape)).standard_normal(shape).astype(FLOAT)


IMAGE = ((1, 8, 9, 4),)
PAIR = ((2, 3, 4), (2, 3, 4))


def cases(tf: Any) -> list[Case]:
    """Return all cases; TensorFlow is given, so that it is only imported by who needs it."""
    return [
        *_unary(tf), *_binary(tf), *_windows(tf), *_layers(tf), *_moving(tf), *_indices(tf),
        *_control(tf),
    ]  # fmt: skip


def _unary(tf: Any) -> list[Case]:
    m, n = tf.math, tf.nn
    anything = {
        "abs": m.abs, "neg": m.negative, "sign": m.sign, "exp": m.exp, "sin": m.sin, "cos": m.cos,
        "floor": m.floor, "ceil": m.ceil, "round": m.round, "square": m.square, "tanh": m.tanh,
        "sigmoid": m.sigmoid, "relu": n.relu, "relu6": n.relu6, "elu": n.elu, "selu": n.selu,
        "softplus": n.softplus, "softsign": n.softsign, "swish": n.silu, "erf": m.erf,
        "leaky_relu": lambda x: n.leaky_relu(x, 0.1), "gelu": lambda x: n.gelu(x, False),
        "gelu_tanh": lambda x: n.gelu(x, True), "expm1": m.expm1, "sinh": m.sinh, "cosh": m.cosh,
        "tan": m.tan, "atan": m.atan, "asinh": m.asinh, "erfc": m.erfc, "reciprocal": m.reciprocal,
        "hard_swish": lambda x: x * n.relu6(x + 3.0) / 6.0, "softmax": n.softmax,
        "log_softmax": n.log_softmax, "is_nan": lambda x: tf.cast(m.is_nan(x), FLOAT),
        "is_finite": lambda x: tf.cast(m.is_finite(x), FLOAT),
        "clip_by_value": lambda x: tf.clip_by_value(x, -0.5, 0.5),
        "l2_normalize": lambda x: m.l2_normalize(x, -1), "cast_to_int": lambda x: tf.cast(x, INT),
        "cast_to_bool": lambda x: tf.cast(tf.cast(x > 0, tf.bool), FLOAT),
        "fake_quant": lambda x: tf.quantization.fake_quant_with_min_max_args(x, -1.0, 1.5),
        "log1p_of_abs": lambda x: m.log1p(m.abs(x)), "zeros_like": lambda x: tf.zeros_like(x) + x,
    }  # fmt: skip
    positive = {
        "log": m.log, "sqrt": m.sqrt, "rsqrt": m.rsqrt, "acosh": lambda x: m.acosh(x + 1),
        "asin": lambda x: m.asin(x / 3), "acos": lambda x: m.acos(x / 3),
        "atanh": lambda x: m.atanh(x / 3), "pow_scalar": lambda x: x**1.7,
    }  # fmt: skip
    absent = {  # from TFLite
        "erf", "erfc", "sinh", "cosh", "tan", "atan", "asinh", "acosh", "asin", "acos", "atanh",
    }  # fmt: skip
    shape = ((2, 3, 5),)
    return [
        *(Case(k, f, shape, lite=k not in absent) for k, f in anything.items()),
        *(Case(k, f, shape, positive=True, lite=k not in absent) for k, f in positive.items()),
    ]


def _binary(tf: Any) -> list[Case]:
    m = tf.math
    floats = {
        "add": m.add, "sub": m.subtract, "mul": m.multiply, "div": m.divide, "max": m.maximum,
        "min": m.minimum, "squared_difference": m.squared_difference, "floor_div": m.floordiv,
        "floor_mod": m.floormod, "less": m.less, "less_equal": m.less_equal, "greater": m.greater,
        "greater_equal": m.greater_equal, "equal": m.equal, "not_equal": m.not_equal,
        "atan2": m.atan2, "div_no_nan": m.divide_no_nan, "xdivy": m.xdivy,
    }  # fmt: skip
    integers = {
        "add": m.add, "sub": m.subtract, "mul": m.multiply, "max": m.maximum, "min": m.minimum,
        "less": m.less, "equal": m.equal, "floor_div": lambda x, y: m.floordiv(x, y + 1),
        "floor_mod": lambda x, y: m.floormod(x, y + 1),
    }  # fmt: skip
    logic = {"and": m.logical_and, "or": m.logical_or, "xor": m.logical_xor, "eq": m.equal}
    wide = ((2, 1, 4), (3, 1))
    return [
        *(Case(k, f, PAIR) for k, f in floats.items()),
        *(Case(f"int_{k}", f, PAIR, (INT, INT)) for k, f in integers.items()),
        *(Case(f"logical_{k}", f, PAIR, (bool, bool)) for k, f in logic.items()),
        Case("pow", m.pow, PAIR, positive=True),
        Case("broadcast_from_the_right", m.add, wide),
        Case("broadcast_image_and_channels", lambda x: x * weights(4) + weights(1, 4), IMAGE),
        Case("add_n", lambda x, y: m.add_n([x, y, x]), PAIR),
        Case("not", lambda x: tf.logical_not(x > 0), ((3, 4),)),
        Case("select", lambda x, y: tf.where(x > y, x, y), PAIR),
        Case("select_broadcast", lambda x, y: tf.where(x > 0, x, y), ((3, 1), (2, 3, 4))),
        Case("prelu", lambda x: tf.nn.relu(x) - weights(4) * tf.nn.relu(-x), IMAGE),
        Case("bitwise_xor", tf.bitwise.bitwise_xor, PAIR, (INT, INT), lite=False),
        Case("bitwise_and", tf.bitwise.bitwise_and, PAIR, (INT, INT), lite=False),
    ]


def _windows(tf: Any) -> list[Case]:
    n, w = tf.nn, weights(3, 3, 4, 5)
    found = [
        Case(f"conv_{p}_{s}", lambda x, p=p, s=s: n.conv2d(x, w, s, p), IMAGE)
        for p in ("SAME", "VALID")
        for s in (1, 2, 3)
    ]
    for padding in ("SAME", "VALID"):
        found += [
            Case(f"conv_dilated_{padding}",
                 lambda x, p=padding: n.conv2d(x, w, 1, p, dilations=2), IMAGE),
            Case(f"depthwise_{padding}",
                 lambda x, p=padding: n.depthwise_conv2d(x, weights(3, 2, 4, 1), [1, 2, 2, 1], p),
                 IMAGE),
            Case(f"depthwise_multiplied_{padding}",
                 lambda x, p=padding: n.depthwise_conv2d(x, weights(3, 3, 4, 2), [1, 1, 1, 1], p),
                 IMAGE),
            Case(f"max_pool_{padding}", lambda x, p=padding: n.max_pool2d(x, (3, 2), 2, p), IMAGE),
            Case(f"avg_pool_{padding}", lambda x, p=padding: n.avg_pool2d(x, 3, 2, p), IMAGE),
            Case(f"conv_transpose_{padding}",
                 lambda x, p=padding: n.conv2d_transpose(
                     x, weights(3, 3, 5, 4), (1, 16, 18, 5) if p == "SAME" else (1, 17, 19, 5),
                     2, p), IMAGE),
            Case(f"max_pool_with_argmax_{padding}",
                 lambda x, p=padding: n.max_pool_with_argmax(x, 2, 2, p), IMAGE, lite=False),
            Case(f"conv3d_{padding}",
                 lambda x, p=padding: n.conv3d(x, weights(2, 3, 3, 3, 4), [1, 1, 2, 1, 1], p),
                 ((1, 4, 6, 5, 3),)),
            Case(f"max_pool3d_{padding}",
                 lambda x, p=padding: n.max_pool3d(x, 2, 2, p), ((1, 4, 6, 5, 3),), lite=False),
        ]  # fmt: skip
    return [
        *found,
        Case("conv_transpose_beyond",
             lambda x: n.conv2d_transpose(x, weights(2, 2, 5, 4), (1, 17, 19, 5), 2, "VALID"),
             IMAGE),
        Case("conv_grouped", lambda x: n.conv2d(x, weights(3, 3, 2, 6), 1, "SAME"), IMAGE,
             lite=False),
        Case("conv_explicit",
             lambda x: n.conv2d(x, w, 1, [[0, 0], [1, 0], [2, 1], [0, 0]]), IMAGE),
        Case("conv1d", lambda x: n.conv1d(x, weights(3, 4, 5), 2, "SAME"), ((2, 9, 4),)),
        Case("depthwise_dilated", lambda x: n.depthwise_conv2d(
            x, weights(3, 3, 4, 1), [1, 1, 1, 1], "SAME", dilations=[2, 2]), IMAGE),
        Case("separable", lambda x: n.separable_conv2d(
            x, weights(3, 3, 4, 2), weights(1, 1, 8, 5), [1, 1, 1, 1], "SAME"), IMAGE),
        Case("dilation_by_batches", lambda x: tf.batch_to_space(
            n.bias_add(n.conv2d(tf.space_to_batch(x, [2, 2], [[2, 2], [2, 3]]), w, 1, "VALID"),
                       weights(5)), [2, 2], [[0, 0], [0, 1]]), IMAGE, lite=False),
        Case("conv3d_transpose", lambda x: n.conv3d_transpose(
            x, weights(2, 2, 2, 4, 3), (1, 8, 12, 10, 4), 2, "SAME"), ((1, 4, 6, 5, 3),)),
        Case("depthwise_transpose", lambda x: n.depthwise_conv2d_backprop_input(
            (1, 8, 9, 4), weights(3, 3, 4, 2), x, [1, 2, 2, 1], "SAME"), ((1, 4, 5, 8),),
             lite=False),
        Case("dynamic_filter", lambda x, f: n.conv2d(x, f, 1, "SAME"),
             ((1, 6, 6, 2), (3, 3, 2, 4)), lite=False),
        Case("lrn", lambda x: n.lrn(x, 2, 1.5, 0.7, 0.6), IMAGE),
    ]  # fmt: skip


def _layers(tf: Any) -> list[Case]:
    n, image, v1 = tf.nn, tf.image, tf.compat.v1.image
    sizes = {"twice": (16, 18), "thrice": (24, 27), "up": (11, 13), "down": (5, 4), "half": (4, 3)}
    found = []
    for name, size in sizes.items():
        shape = ((1, 8, 9, 2),)
        for suffix, options in {
            "old": {}, "aligned": {"align_corners": True},
            "half_pixel": {"half_pixel_centers": True},
        }.items():  # fmt: skip
            for kind, op in {
                "bilinear": tf.raw_ops.ResizeBilinear,
                "nearest": tf.raw_ops.ResizeNearestNeighbor,
            }.items():
                found.append(Case(
                    f"resize_{kind}_{suffix}_{name}",
                    lambda x, o=op, s=size, k=options: o(images=x, size=s, **k), shape,
                ))  # fmt: skip
    one = np.ones(4, FLOAT)

    def norm(x: Any, training: bool) -> Any:
        return tf.raw_ops.FusedBatchNormV3(
            x=x, scale=weights(4), offset=one, mean=one * 0.5 if not training else [],
            variance=one * 2 if not training else [], epsilon=1e-3, is_training=training,
        )[0]  # fmt: skip

    return [
        *found,
        Case("batch_norm", lambda x: norm(x, False), IMAGE),
        Case("batch_norm_training", lambda x: norm(x, True), ((2, 5, 6, 4),), lite=False),
        Case("conv_bias_norm_relu", lambda x: n.relu6(norm(n.bias_add(
            n.conv2d(x, weights(3, 3, 4, 4), 1, "SAME"), weights(4)), False)), IMAGE),
        Case("resize_area", lambda x: image.resize(x, (4, 3), "area"), ((1, 8, 9, 2),),
             lite=False),
        Case("resize_bicubic", lambda x: v1.resize_bicubic(x, (11, 13)), ((1, 8, 9, 2),),
             lite=False, rtol=1e-3),
        Case("resize_bicubic_half_pixel",
             lambda x: v1.resize_bicubic(x, (11, 13), half_pixel_centers=True), ((1, 8, 9, 2),),
             lite=False, rtol=1e-3),
        Case("matmul", lambda x: tf.matmul(x, weights(4, 3)), ((2, 4),)),
        Case("matmul_of_two", lambda x, y: tf.matmul(x, y, transpose_b=True), ((2, 4), (3, 4))),
        Case("matmul_transposed", lambda x, y: tf.matmul(x, y, transpose_a=True),
             ((4, 2), (4, 3))),
        Case("dense", lambda x: n.relu(n.bias_add(tf.matmul(x, weights(4, 3)), weights(3))),
             ((2, 4),)),
        Case("batch_matmul", tf.matmul, ((2, 3, 4, 5), (2, 3, 5, 6))),
        Case("batch_matmul_broadcast", tf.matmul, ((2, 3, 4, 5), (5, 6))),
        Case("batch_matmul_adjoint", lambda x, y: tf.matmul(x, y, adjoint_b=True),
             ((2, 4, 5), (2, 6, 5))),
        *(Case(f"einsum_{e}", lambda x, y, e=e: tf.einsum(e, x, y), s, lite=False)
          for e, s in {
              "abc,cd->abd": ((2, 3, 4), (4, 5)), "abc,cde->abde": ((2, 3, 4), (4, 2, 5)),
              "bqhd,bkhd->bhqk": ((2, 3, 2, 4), (2, 5, 2, 4)),
              "bhqk,bkhd->bqhd": ((2, 2, 3, 5), (2, 5, 2, 4)), "...ij,...jk->...ik": PAIR_3,
              "ab,cb->ac": ((2, 3), (4, 3)), "abc,ab->c": ((2, 3, 4), (2, 3)),
          }.items()),
        Case("flatten_dense", lambda x: tf.matmul(
            tf.reshape(n.conv2d(x, weights(3, 3, 4, 4), 1, "SAME"), (2, -1)), weights(120, 3)),
             ((2, 5, 6, 4),)),
        Case("space_to_batch", lambda x: tf.space_to_batch(x, [2, 3], [[0, 0], [1, 2]]),
             ((2, 4, 6, 3),)),
        Case("batch_to_space", lambda x: tf.batch_to_space(x, [2, 3], [[1, 0], [0, 2]]),
             ((12, 4, 6, 3),)),
        Case("space_to_depth", lambda x: n.space_to_depth(x, 2), ((1, 4, 6, 3),)),
        Case("depth_to_space", lambda x: n.depth_to_space(x, 2), ((1, 4, 6, 8),)),
    ]  # fmt: skip


PAIR_3 = ((2, 3, 4), (2, 4, 5))


def _moving(tf: Any) -> list[Case]:
    x4 = ((2, 3, 4, 5),)
    slices = {
        "plain": lambda x: x[:, 1:3, ::2],
        "negative": lambda x: x[..., ::-1, -3:-1],
        "shrunk": lambda x: x[0, ..., 2],
        "new": lambda x: x[:, tf.newaxis, ..., 1:4:2],
        "mixed": lambda x: x[1:, tf.newaxis, 2, ::-2],
    }
    reduces = {
        "sum": tf.reduce_sum, "mean": tf.reduce_mean, "max": tf.reduce_max, "min": tf.reduce_min,
        "prod": tf.reduce_prod,
    }  # fmt: skip
    return [
        *(Case(f"slice_{k}", f, x4) for k, f in slices.items()),
        *(Case(f"reduce_{k}", lambda x, f=f: f(x, [1, 3]), x4) for k, f in reduces.items()),
        *(Case(f"reduce_{k}_kept", lambda x, f=f: f(x, -1, True), x4) for k, f in reduces.items()),
        Case("reduce_sum_int", lambda x: tf.reduce_sum(x, 1), ((2, 3, 4),), (INT,)),
        Case("reduce_max_int", lambda x: tf.reduce_max(x, 1), ((2, 3, 4),), (INT,)),
        Case("reduce_any", lambda x: tf.reduce_any(x > 1, 1), ((2, 3, 4),)),
        Case("reduce_all", lambda x: tf.reduce_all(x > -1, 1), ((2, 3, 4),)),
        Case("reduce_everything", tf.reduce_sum, ((2, 3),)),
        Case("pool_globally", lambda x: tf.reduce_mean(x, [1, 2]), IMAGE),
        Case("argmax", lambda x: tf.argmax(x, 1), ((2, 5, 4),)),
        Case("argmin", lambda x: tf.argmin(x, -1), ((2, 5, 4),)),
        Case("reshape", lambda x: tf.reshape(x, (3, -1)), x4),
        Case("transpose", lambda x: tf.transpose(x, (0, 2, 3, 1)), x4),
        Case("expand_squeeze", lambda x: tf.squeeze(tf.expand_dims(x, 1), 1) + 1, x4),
        Case("concat", lambda x, y: tf.concat([x, y, x], -1), PAIR),
        Case("concat_images", lambda x: tf.concat(
            [tf.nn.relu(tf.nn.conv2d(x, weights(1, 1, 4, 3), 1, "SAME")), x], -1), IMAGE),
        Case("stack", lambda x, y: tf.stack([x, y], 1), PAIR),
        Case("unstack", lambda x: tf.unstack(x, axis=1), ((2, 3, 4),)),
        Case("split", lambda x: tf.split(x, 2, 2), ((2, 3, 4),)),
        Case("split_v", lambda x: tf.split(x, [1, 3, -1], -1), ((2, 3, 6),)),
        Case("slice", lambda x: tf.slice(x, (0, 1, 2), (2, -1, 1)), ((2, 3, 4),)),
        Case("pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 3]]), ((2, 3, 4),)),
        Case("pad_value", lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 3]], constant_values=1.5),
             ((2, 3, 4),)),
        Case("pad_conv", lambda x: tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]),
                                                weights(3, 3, 4, 2), 2, "VALID"), IMAGE),
        Case("mirror_pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [2, 3]], "REFLECT"),
             ((2, 3, 4),)),
        Case("mirror_pad_symmetric", lambda x: tf.pad(x, [[0, 0], [1, 2], [2, 3]], "SYMMETRIC"),
             ((2, 3, 4),)),
        Case("tile", lambda x: tf.tile(x, (1, 2, 3)), ((2, 3, 4),)),
        Case("broadcast_to", lambda x: tf.broadcast_to(x, (2, 3, 4)), ((3, 1),)),
        Case("reverse", lambda x: tf.reverse(x, [1, 2]), ((2, 3, 4),)),
        Case("roll", lambda x: tf.roll(x, [1, -2], [0, 2]), ((2, 3, 4),)),
        Case("fill_range", lambda x: x + tf.cast(tf.range(4), FLOAT) + tf.fill((3, 1), 2.0),
             ((2, 3, 4),)),
        Case("shape_arithmetic", lambda x: tf.reshape(x, (tf.shape(x)[0] * 3, -1)), x4),
        Case("band_part", lambda x: tf.linalg.band_part(x, 1, 0), ((2, 4, 4),), lite=False),
        Case("diag", tf.linalg.diag, ((2, 3),), lite=False),
    ]  # fmt: skip


def _indices(tf: Any) -> list[Case]:
    at = ((5, 4), (2, 3))
    return [
        Case("gather", tf.gather, at, (FLOAT, INT)),
        Case("gather_axis", lambda x, i: tf.gather(x, i, axis=1), ((3, 5), (2, 2)), (FLOAT, INT)),
        Case("gather_known", lambda x: tf.gather(x, [2, 0, 1], axis=1), ((3, 4),)),
        Case("gather_nd", lambda x: tf.gather_nd(x, [[0, 1], [1, 2]]), ((2, 3, 4),)),
        Case("embedding", lambda i: tf.gather(weights(6, 3), i), ((2, 3),), (INT,)),
        Case("one_hot", lambda i: tf.one_hot(i, 5, 2.0, -1.0), ((2, 3),), (INT,)),
        Case("one_hot_axis", lambda i: tf.one_hot(i, 5, axis=1), ((2, 3),), (INT,)),
        Case("top_k", lambda x: tf.math.top_k(x, 2), ((2, 5),)),
        Case("cumsum", lambda x: tf.cumsum(x, 1), ((2, 5),)),
        Case("cumsum_reversed", lambda x: tf.cumsum(x, 1, True, True), ((2, 5),)),
        Case("scatter_nd", lambda x: tf.scatter_nd([[1], [3]], x, (5, 4)), ((2, 4),)),
        Case("tensor_scatter", lambda x, u: tf.tensor_scatter_nd_update(x, [[1], [0]], u),
             ((3, 4), (2, 4)), lite=False),
        Case("reverse_sequence", lambda x: tf.reverse_sequence(x, [2, 3], 1, 0), ((2, 4, 3),)),
    ]  # fmt: skip


def _control(tf: Any) -> list[Case]:
    def loop(x: Any) -> Any:
        return tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 1.5 + 1), (0, x))[1]

    def listed(x: Any) -> Any:
        array = tf.TensorArray(tf.float32, 3)
        return tf.while_loop(
            lambda i, a: i < 3, lambda i, a: (i + 1, a.write(i, x * tf.cast(i, FLOAT))), (0, array)
        )[1].stack()

    def branch(x: Any) -> Any:
        return tf.cond(tf.constant(True), lambda: x + 1, lambda: x - 1)

    def called(x: Any) -> Any:
        return tf.function(lambda y: tf.nn.relu(y) * 2)(x)

    def dropout(x: Any) -> Any:
        return tf.nn.dropout(x, 0.0)

    return [
        Case("while", loop, ((2, 3),)),
        Case("tensor_array", listed, ((2, 3),), lite=False),
        Case("cond", branch, ((2, 3),)),
        Case("call", called, ((2, 3),)),
        Case("dropout_of_nothing", dropout, ((2, 3),)),
    ]
