"""Writes the nets of this folder: well-known ones, one layer to a line.

`python samples/caffe/nets.py` renews the .prototxt files; a test holds them to what it writes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent


class Net:
    """The text of a net, layer by layer; methods return the name of the blob that they make."""

    def __init__(self, name: str, comment: str) -> None:
        self.lines = [f"# {comment}", f'name: "{name}"']

    def layer(
        self,
        kind: str,
        name: str,
        bottoms: str | Sequence[str],
        top: str = "",
        parameters: str = "",
    ) -> str:
        """Add a layer of which the parameters are given as text."""
        names = [bottoms] if isinstance(bottoms, str) else bottoms
        links = " ".join(f'bottom: "{item}"' for item in names)
        rest = f" {parameters}" if parameters else ""
        top = top or name
        self.lines.append(f'layer {{ name: "{name}" type: "{kind}" {links} top: "{top}"{rest} }}')
        return top

    def conv(
        self, name: str, bottom: str, outputs: int, size: int, *, stride: int = 1, pad: int = 0,
        group: int = 1, bias: bool = True,
    ) -> str:  # fmt: skip
        """Add a convolution."""
        fields = [f"num_output: {outputs}", f"kernel_size: {size}"]
        fields += [f"stride: {stride}"] * (stride > 1) + [f"pad: {pad}"] * (pad > 0)
        fields += [f"group: {group}"] * (group > 1) + ["bias_term: false"] * (not bias)
        text = f"convolution_param {{ {' '.join(fields)} }}"
        return self.layer("Convolution", name, bottom, parameters=text)

    def relu(self, bottom: str, name: str = "") -> str:
        """Add a rectifier in place."""
        return self.layer("ReLU", name or f"relu_{bottom}", bottom, bottom)

    def active_conv(self, name: str, bottom: str, outputs: int, size: int, **window: int) -> str:
        """Add a convolution and a rectifier."""
        return self.relu(self.conv(name, bottom, outputs, size, **window))

    def pool(
        self, name: str, bottom: str, size: int, stride: int, *, method: str = "MAX", pad: int = 0
    ) -> str:
        """Add a pooling."""
        fields = [f"pool: {method}", f"kernel_size: {size}", f"stride: {stride}"]
        fields += [f"pad: {pad}"] * (pad > 0)
        return self.layer(
            "Pooling", name, bottom, parameters=f"pooling_param {{ {' '.join(fields)} }}"
        )

    def dense(self, name: str, bottom: str, outputs: int) -> str:
        """Add an inner product."""
        text = f"inner_product_param {{ num_output: {outputs} }}"
        return self.layer("InnerProduct", name, bottom, parameters=text)

    def norm(self, name: str, bottom: str) -> str:
        """Add a local response normalization with the parameters of 2012."""
        text = "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }"
        return self.layer("LRN", name, bottom, parameters=text)

    def dropout(self, bottom: str, ratio: float = 0.5) -> str:
        """Add a dropout in place."""
        text = f"dropout_param {{ dropout_ratio: {ratio} }}"
        return self.layer("Dropout", f"drop_{bottom}", bottom, bottom, text)

    def input(self, *extents: int) -> str:
        """Add an input layer."""
        dims = " ".join(f"dim: {extent}" for extent in extents)
        text = f"input_param {{ shape {{ {dims} }} }}"
        self.lines.append(f'layer {{ name: "data" type: "Input" top: "data" {text} }}')
        return "data"

    def old_input(self, *extents: int) -> str:
        """Declare an input as nets did before there were input layers."""
        dims = " ".join(f"input_dim: {extent}" for extent in extents)
        self.lines.append(f'input: "data" {dims}')
        return "data"

    def text(self) -> str:
        """Return the whole text."""
        return "\n".join(self.lines) + "\n"


def lenet() -> str:
    net = Net("LeNet", "Handwritten digits: Y. LeCun et al., 1998, as Caffe's examples have it.")
    x = net.pool("pool1", net.conv("conv1", net.input(1, 1, 28, 28), 20, 5), 2, 2)
    x = net.pool("pool2", net.conv("conv2", x, 50, 5), 2, 2)
    x = net.dense("ip2", net.relu(net.dense("ip1", x, 500)), 10)
    net.layer("Softmax", "prob", x)
    return net.text()


def _ending(net: Net, x: str, *, drop: bool = True) -> None:
    for name in ("fc6", "fc7"):
        x = net.relu(net.dense(name, x, 4096))
        x = net.dropout(x) if drop else x
    net.layer("Softmax", "prob", net.dense("fc8", x, 1000))


def _alexnet(net: Net, data: str, between: Callable[[str, str], str]) -> str:
    x = between("1", net.active_conv("conv1", data, 96, 11, stride=4))
    x = between("2", net.active_conv("conv2", x, 256, 5, pad=2, group=2))
    x = net.active_conv("conv3", x, 384, 3, pad=1)
    x = net.active_conv("conv4", x, 384, 3, pad=1, group=2)
    x = net.active_conv("conv5", x, 256, 3, pad=1, group=2)
    _ending(net, net.pool("pool5", x, 3, 2))
    return net.text()


def alexnet() -> str:
    net = Net("AlexNet", "ImageNet: A. Krizhevsky et al., 2012.")

    def between(number: str, x: str) -> str:
        return net.pool(f"pool{number}", net.norm(f"norm{number}", x), 3, 2)

    return _alexnet(net, net.old_input(1, 3, 227, 227), between)


def caffenet() -> str:
    net = Net("CaffeNet", "AlexNet with pooling before normalization: the reference net of Caffe.")

    def between(number: str, x: str) -> str:
        return net.norm(f"norm{number}", net.pool(f"pool{number}", x, 3, 2))

    return _alexnet(net, net.input(1, 3, 227, 227), between)


def googlenet() -> str:
    net = Net("GoogLeNet", "ImageNet: C. Szegedy et al., 2014, without the heads for training.")
    x = net.active_conv("conv1", net.input(1, 3, 224, 224), 64, 7, stride=2, pad=3)
    x = net.norm("norm1", net.pool("pool1", x, 3, 2))
    x = net.active_conv("conv2", net.active_conv("reduce2", x, 64, 1), 192, 3, pad=1)
    x = net.pool("pool2", net.norm("norm2", x), 3, 2)
    for name, widths in _INCEPTIONS.items():
        x = _inception(net, f"inception_{name}", x, widths)
        if name in ("3b", "4e"):
            x = net.pool(f"pool{name[0]}", x, 3, 2)
    x = net.dropout(net.pool("pool5", x, 7, 1, method="AVE"), 0.4)
    net.layer("Softmax", "prob", net.dense("classifier", x, 1000))
    return net.text()


# Outputs: 1x1; 3x3 reduced and 3x3; 5x5 reduced and 5x5; behind the pooling.
_INCEPTIONS = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


def _inception(net: Net, name: str, x: str, widths: Sequence[int]) -> str:
    one, reduce3, three, reduce5, five, pooled = widths
    branches = [
        net.active_conv(f"{name}/1x1", x, one, 1),
        net.active_conv(
            f"{name}/3x3", net.active_conv(f"{name}/3x3_reduce", x, reduce3, 1), three, 3, pad=1
        ),
        net.active_conv(
            f"{name}/5x5", net.active_conv(f"{name}/5x5_reduce", x, reduce5, 1), five, 5, pad=2
        ),
        net.active_conv(f"{name}/proj", net.pool(f"{name}/pool", x, 3, 1, pad=1), pooled, 1),
    ]
    return net.layer("Concat", f"{name}/output", branches)


def vgg16() -> str:
    net = Net("VGG16", "ImageNet: K. Simonyan and A. Zisserman, 2014; in the words of version 1.")
    x = net.old_input(1, 3, 224, 224)
    for block, (count, width) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        for index in range(1, count + 1):
            x = net.active_conv(f"conv{block}_{index}", x, width, 3, pad=1)
        x = net.pool(f"pool{block}", x, 2, 2)
    _ending(net, x)
    return _as_version_1(net.text())


def _as_version_1(text: str) -> str:
    for now, then in (
        ("Convolution", "CONVOLUTION"), ("ReLU", "RELU"), ("Pooling", "POOLING"),
        ("InnerProduct", "INNER_PRODUCT"), ("Dropout", "DROPOUT"), ("Softmax", "SOFTMAX"),
    ):  # fmt: skip
        text = text.replace(f'type: "{now}"', f"type: {then}")
    return text.replace("layer {", "layers {")


def resnet50() -> str:
    net = Net("ResNet-50", "ImageNet: K. He et al., 2015.")
    x = net.relu(_normed(net, "conv1", net.input(1, 3, 224, 224), 64, 7, stride=2, pad=3))
    x = net.pool("pool1", x, 3, 2)
    for stage, count in enumerate((3, 4, 6, 3), 2):
        for index in range(count):
            stride = 2 if stage > 2 and index == 0 else 1
            x = _residual(net, f"res{stage}{'abcdef'[index]}", x, 2 ** (stage + 4), stride, index)
    x = net.pool("pool5", x, 7, 1, method="AVE")
    net.layer("Softmax", "prob", net.dense("fc1000", x, 1000))
    return net.text()


def _normed(
    net: Net, name: str, x: str, outputs: int, size: int, *, stride: int = 1, pad: int = 0
) -> str:
    x = net.conv(name, x, outputs, size, stride=stride, pad=pad, bias=False)
    net.layer("BatchNorm", f"bn_{name}", x, x)
    return net.layer("Scale", f"scale_{name}", x, x, "scale_param { bias_term: true }")


def _residual(net: Net, name: str, x: str, width: int, stride: int, index: int) -> str:
    same = _normed(net, f"{name}_branch1", x, 4 * width, 1, stride=stride) if index == 0 else x
    y = net.relu(_normed(net, f"{name}_branch2a", x, width, 1, stride=stride))
    y = net.relu(_normed(net, f"{name}_branch2b", y, width, 3, pad=1))
    y = _normed(net, f"{name}_branch2c", y, 4 * width, 1)
    return net.relu(net.layer("Eltwise", name, [same, y]))


def squeezenet() -> str:
    net = Net("SqueezeNet", "ImageNet: F. Iandola et al., 2016, version 1.1.")
    x = net.active_conv("conv1", net.input(1, 3, 227, 227), 64, 3, stride=2)
    x = net.pool("pool1", x, 3, 2)
    for number, squeezed in enumerate((16, 16, 32, 32, 48, 48, 64, 64), 2):
        s = net.active_conv(f"fire{number}/squeeze", x, squeezed, 1)
        wide = [
            net.active_conv(f"fire{number}/expand1x1", s, 4 * squeezed, 1),
            net.active_conv(f"fire{number}/expand3x3", s, 4 * squeezed, 3, pad=1),
        ]
        x = net.layer("Concat", f"fire{number}", wide)
        if number in (3, 5):
            x = net.pool(f"pool{number}", x, 3, 2)
    x = net.active_conv("conv10", net.dropout(x), 1000, 1)
    text = "pooling_param { pool: AVE global_pooling: true }"
    net.layer("Softmax", "prob", net.layer("Pooling", "pool10", x, parameters=text))
    return net.text()


# Depthwise blocks: outputs and stride. The 11th and the 13th are looked at for objects.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5,
           (1024, 2), (1024, 1))  # fmt: skip
_EXTRA = ((256, 512), (128, 256), (128, 256), (64, 128))
_SIDES = ((60, 0), (105, 150), (150, 195), (195, 240), (240, 285), (285, 300))


def mobilenet_ssd() -> str:
    net = Net("MobileNet-SSD", "Objects of 21 kinds: A. Howard et al., 2017, W. Liu et al., 2016.")
    x = net.active_conv("conv0", net.input(1, 3, 300, 300), 32, 3, stride=2, pad=1)
    seen, width = [], 32
    for number, (outputs, stride) in enumerate(_BLOCKS, 1):
        name = f"conv{number}"
        x = net.active_conv(f"{name}/dw", x, width, 3, stride=stride, pad=1, group=width)
        x, width = net.active_conv(name, x, outputs, 1), outputs
        seen += [x] * (number in (11, 13))
    for number, (squeezed, outputs) in enumerate(_EXTRA, 14):
        x = net.active_conv(f"conv{number}_1", x, squeezed, 1)
        x = net.active_conv(f"conv{number}_2", x, outputs, 3, stride=2, pad=1)
        seen.append(x)
    heads = [_head(net, item, *sides) for item, sides in zip(seen, _SIDES)]
    location, confidence, prior = (
        net.layer("Concat", name, list(parts), parameters=f"concat_param {{ axis: {axis} }}")
        for name, axis, parts in zip(("location", "confidence", "prior"), (1, 1, 2), zip(*heads))
    )
    shape = "reshape_param { shape { dim: 0 dim: -1 dim: 21 } }"
    x = net.layer("Reshape", "by_class", confidence, parameters=shape)
    x = net.layer("Softmax", "scores", x, parameters="softmax_param { axis: 2 }")
    x = net.layer("Flatten", "flat_scores", x)
    text = (
        "detection_output_param { num_classes: 21 share_location: true background_label_id: 0 "
        "code_type: CENTER_SIZE keep_top_k: 100 confidence_threshold: 0.25 "
        "nms_param { nms_threshold: 0.45 top_k: 100 } }"
    )
    net.layer("DetectionOutput", "detections", [location, x, prior], parameters=text)
    return net.text()


def _head(net: Net, x: str, low: int, high: int) -> tuple[str, str, str]:
    count = 6 if high else 3
    parts = []
    for kind, width in (("loc", 4), ("conf", 21)):
        y = net.conv(f"{x}_{kind}", x, count * width, 1)
        order = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
        y = net.layer("Permute", f"{x}_{kind}_last", y, parameters=order)
        parts.append(net.layer("Flatten", f"{x}_{kind}_flat", y))
    sides = f"min_size: {low}" + f" max_size: {high}" * bool(high)
    ratios = "aspect_ratio: 2" + " aspect_ratio: 3" * bool(high)
    spread = " ".join(f"variance: {value}" for value in (0.1, 0.1, 0.2, 0.2))
    text = f"prior_box_param {{ {sides} {ratios} flip: true clip: false {spread} }}"
    prior = net.layer("PriorBox", f"{x}_prior", [x, "data"], parameters=text)
    return parts[0], parts[1], prior


NETS: dict[str, Callable[[], str]] = {
    "lenet": lenet, "alexnet": alexnet, "caffenet": caffenet, "googlenet": googlenet,
    "vgg16": vgg16, "resnet50": resnet50, "squeezenet": squeezenet,
    "mobilenet_ssd": mobilenet_ssd,
}  # fmt: skip

if __name__ == "__main__":
    for stem, write in NETS.items():
        (FOLDER / f"{stem}.prototxt").write_text(write(), encoding="utf-8")
