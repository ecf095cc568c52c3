"""ONNX models to convert: a residual network of the size of ResNet-50, and chains of any length."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

# Blocks of the residual network, by stage: how many, and their narrow width.
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))
OPSET = 17


class _Net:
    """A network as it is exported while training: normalizations are operations of their own."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.stored: list[TensorProto] = []
        self.random = np.random.default_rng(0)

    def weight(self, *shape: int, least: float = -1.0) -> str:
        name = f"w{len(self.stored)}"
        scale = float(np.prod(shape[1:])) ** -0.5
        array = self.random.uniform(least, 1, shape) * scale
        self.stored.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def add(self, op: str, inputs: Sequence[str], **attributes: object) -> str:
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def conv(self, x: str, channels: tuple[int, int], size: int, step: int = 1) -> str:
        pad, (narrow, wide) = (size - 1) // 2, channels
        kernel = self.weight(wide, narrow, size, size)
        y = self.add("Conv", [x, kernel], kernel_shape=[size] * 2, strides=[step] * 2,
                     pads=[pad] * 4, dilations=[1, 1], group=1)  # fmt: skip
        parts = [self.weight(wide, least=least) for least in (0.5, -1, -1, 0.5)]
        return self.add("BatchNormalization", [y, *parts], epsilon=1e-5, momentum=0.9)

    def block(self, x: str, before: int, width: int, step: int) -> str:
        y = self.add("Relu", [self.conv(x, (before, width), 1)])
        y = self.add("Relu", [self.conv(y, (width, width), 3, step)])
        y = self.conv(y, (width, 4 * width), 1)
        if before != 4 * width:
            x = self.conv(x, (before, 4 * width), 1, step)
        return self.add("Relu", [self.add("Add", [y, x])])


def resnet50(path: Path) -> Path:
    """Write the residual network, 102 MB."""
    net = _Net()
    x = net.add("Relu", [net.conv("x", (3, 64), 7, 2)])
    x = net.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    before = 64
    for stage, (count, width) in enumerate(STAGES):
        for number in range(count):
            x = net.block(x, before, width, 2 if stage and not number else 1)
            before = 4 * width
    x = net.add("Flatten", [net.add("GlobalAveragePool", [x])], axis=1)
    x = net.add("Gemm", [x, net.weight(1000, before), net.weight(1000)], transB=1)
    return _save(path, net.nodes, net.stored, ([1, 3, 224, 224], x, [1, 1000]))


def chain(path: Path, count: int) -> Path:
    """Write `count` nodes of small convolutions with shortcuts."""
    net, x = _Net(), "x"
    for _ in range(count // 4):
        kernel, bias = net.weight(8, 8, 1, 1), net.weight(8)
        y = net.add("Conv", [x, kernel, bias], kernel_shape=[1, 1])
        x = net.add("Add", [net.add("Mul", [net.add("Relu", [y]), y]), x])
    return _save(path, net.nodes, net.stored, ([1, 8, 4, 4], x, [1, 8, 4, 4]))


def products(path: Path, count: int, extent: int = 2048) -> Path:
    """Write a chain of products with `count` stored matrices."""
    matrix = np.random.default_rng(1).standard_normal((extent, extent), np.float32)
    stored = [numpy_helper.from_array(matrix, f"w{index}") for index in range(count)]
    names = ["x", *(f"y{index}" for index in range(count))]
    nodes = [
        helper.make_node("MatMul", [before, item.name], [after], after)
        for before, item, after in zip(names, stored, names[1:])
    ]
    return _save(path, nodes, stored, ([1, extent], names[-1], [1, extent]))


def _save(
    path: Path,
    nodes: list[NodeProto],
    stored: list[TensorProto],
    ends: tuple[list[int], str, list[int]],
) -> Path:
    extents, last, result = ends
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, extents)]
    outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, result)]
    graph = helper.make_graph(nodes, "generated", inputs, outputs, stored)
    opsets = [helper.make_opsetid("", OPSET)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path
