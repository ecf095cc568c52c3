"""The walk over a Caffe net: every layer by the rule of its type."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from nnefx.converters.caffe.net import Layer, Net, Shape
from nnefx.converters.caffe.tables import JUDGES, SINKS, SOURCES, WITHOUT_EFFECT, parameter_message
from nnefx.converters.caffe.weights import Weights
from nnefx.converters.rules import Rules
from nnefx.converters.scope import Scope, Site, Tensor
from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.ops import Reject
from nnefx.tensors.header import MAX_DATA_LENGTH


class Failed:
    """Stands for the tops of a layer that could not be imported; what needs them is skipped."""


FAILED: Final = Failed()


class Importer(Scope):
    """The scope of Caffe rules.

    Attributes:
        layer: the layer that is being imported.
        env: what each blob is at this point of the net.
        made: what each layer of one top makes, by the name of the layer.
        fed: the blobs that come from outside.
        windows: for the masks of max pooling, the window that their positions are in.
    """

    def __init__(self, net: Net, rules: Sequence[Rules], weights: Weights, path: str) -> None:
        super().__init__(net.name)
        self.net = net
        self.path = path
        self.rules = rules
        self.env: dict[str, Tensor | Failed] = {}
        self.made: dict[str, Tensor] = {}
        self.windows: dict[int, dict[str, Any]] = {}
        self.faults: list[Diagnostic] = []
        self.notes: list[Diagnostic] = []
        self.layer = Layer("", "", (), ())
        self._weights = weights
        self._shared: dict[str, Tensor] = {}
        self._used = 0
        self.fed: dict[str, Tensor | Failed] = {}
        self._available: dict[str, None] = {}

    # What a rule asks for

    def blob(self, index: int, shape: Sequence[int], role: str) -> Tensor:
        """Return blob `index` of the layer in the shape that the net expects.

        `role` is its name in the model, behind that of the layer. A blob that does not fit is a
        fault of the net, but not the end: zeros stand in for it.
        """
        self._used = max(self._used, index + 1)
        target = tuple(shape)
        if 4 * math.prod(target) > MAX_DATA_LENGTH:
            text = f"{role}: a blob of shape {list(target)} is larger than a tensor file can be"
            raise Reject(None, text, "NX706")
        named = self.layer.shared[index] if index < len(self.layer.shared) else ""
        if named in self._shared:
            return self._of_same_blob(self._shared[named], target, role)
        try:
            array = self._weights.blob(self.layer, index, target, role)
        except Reject as fault:
            self._fault(fault.code, fault.message)
            array = np.zeros(target, np.float32)
        tensor = self.known(array, f"{self.layer.name}/{role}")
        tensor.kept = True
        if named:
            self._shared[named] = tensor
        return tensor

    def _of_same_blob(self, tensor: Tensor, shape: Shape, role: str) -> Tensor:
        if tensor.volume != math.prod(shape):
            text = f"{role}: the net expects {list(shape)}, the shared blob '{tensor.name}' is"
            self._fault("NX731", f"{text} {list(tensor.shape)}")
            return self.known(np.zeros(shape, np.float32), f"{self.layer.name}/{role}")
        return self.viewed(tensor, shape)

    def note(self, text: str) -> None:
        """Tell the user something about the layer that is no fault."""
        at = self.layer.at(self.path)
        self.notes.append(Diagnostic("NX734", text, at, Severity.INFO))

    # The walk

    def run(self, layers: Sequence[Layer]) -> None:
        """Import layers in order."""
        for index, layer in enumerate(layers):
            self.layer, self._used = layer, 0
            self.site = Site(layer.at(self.path), layer.name, 1, tuple(True for _ in layer.tops))
            if layer.type in JUDGES:
                self.note("left out: it judges results in training and computes none")
                continue
            try:
                bottoms = [self._bottom(name, layers[index:]) for name in layer.bottoms]
                tops = self._tops(bottoms)
            except Skip:
                tops = [FAILED] * len(layer.tops)
            except Reject as fault:
                self._fault(fault.code, fault.message)
                tops = [FAILED] * len(layer.tops)
            except NnefError as error:
                self.faults += error.diagnostics
                tops = [FAILED] * len(layer.tops)
            self._define(tops)

    def results(self) -> dict[str, Tensor]:
        """Return the blobs that no layer consumes, in the order in which they are made."""
        found = {}
        for name in self._available:
            tensor = self.env[name]
            if not isinstance(tensor, Tensor) or tensor is self.fed.get(name):
                continue
            if tensor.value is not None and id(tensor.value) in self.windows:
                continue  # positions in windows mean nothing outside of the net
            found[name] = tensor
        return found

    def feed(self, name: str, tensor: Tensor | Failed) -> None:
        """Define a blob that comes from outside."""
        self.env[name] = self.fed[name] = tensor
        self._available[name] = None

    def _bottom(self, name: str, following: Sequence[Layer]) -> Tensor | Failed:
        if name not in self.env:
            text = f"bottom '{name}' is made by no layer"
            later = [layer.name for layer in following if name in layer.tops]
            if later:
                text = f"bottom '{name}' is made only by layer '{later[0]}': the net has a cycle"
                if later[0] != self.layer.name:
                    text += ", or its layers are out of order"
            raise Reject(None, text, "NX714" if later else "NX713")
        self._available.pop(name, None)
        return self.env[name]

    def _tops(self, bottoms: list[Tensor | Failed]) -> Sequence[Tensor | Failed]:
        if self.layer.type in SINKS:
            return []
        rule = self._rule()
        tensors = [item for item in bottoms if isinstance(item, Tensor)]
        if rule is None or len(tensors) < len(bottoms):
            raise Skip
        positional, keywords = rule.bind(tensors, self._attributes())
        result = rule.function(self, *positional, **keywords)
        tops = list(result) if isinstance(result, (list, tuple)) else [result]
        if len(tops) != len(self.layer.tops):
            text = f"{len(self.layer.tops)} tops, expected {len(tops)}"
            raise Reject(None, text, "NX703")
        if unused := self._weights.unused(self.layer, self._used):
            self._fault("NX731", unused)
        return tops

    def _rule(self) -> Any:
        kind = self.layer.type
        for rules in self.rules:
            rule = rules.find(kind, 1)
            if rule is not None:
                return rule
        text = f"layer type '{kind}' is not supported" if kind else "the layer has no type"
        self._fault("NX701", text)
        return None

    def _attributes(self) -> dict[str, Any]:
        own = parameter_message(self.layer.type)
        for name, values in self.layer.parameters.items():
            if name not in (own, "transform_param", "loss_param") and values:
                self.note(f"{name} is not of a {self.layer.type} layer: Caffe ignores it, too")
        values = self.layer.parameters.get(own, {})
        return {name: value for name, value in values.items() if name not in WITHOUT_EFFECT}

    def _define(self, tops: Sequence[Tensor | Failed]) -> None:
        for name, tensor in zip(self.layer.tops, tops):
            in_place = name in self.layer.bottoms
            if name in self.env and not in_place:
                self._fault("NX713", f"top '{name}' is made by an earlier layer already")
                tensor = FAILED
            if isinstance(tensor, Tensor):
                tensor = self.named(tensor, self.layer.name if in_place else name)
                if len(tops) == 1:
                    self.made[self.layer.name] = tensor
            self.env[name] = tensor
            self._available.pop(name, None)
            self._available[name] = None

    def _fault(self, code: str, message: str) -> None:
        self.faults.append(Diagnostic(code, message, self.layer.at(self.path)))


class Skip(Exception):
    """Raised where a layer cannot be imported because of a fault that is listed already."""


def is_source(layer: Layer) -> bool:
    """Tell whether a layer feeds the net with data."""
    return layer.type in SOURCES
