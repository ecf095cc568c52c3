"""What the walks over TFLite and TensorFlow graphs share: a node by its rule, faults gathered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nnefx.converters.rules import Rules
from nnefx.converters.scope import Scope, Site, Tensor
from nnefx.converters.tensorflow.names import readable
from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.ir.graph import Value
from nnefx.ops import Reject
from nnefx.source import ModelAt
from nnefx.tensors.quant import Quantization


class Failed:
    """Stands for the outputs of a node that could not be imported; what needs them is skipped."""


FAILED: Final = Failed()


@dataclass(frozen=True, slots=True)
class Foreign:
    """A node of the source: its operator, what it is called, its inputs and attributes."""

    kind: str
    name: str
    at: ModelAt
    inputs: Sequence[Any]
    attributes: Mapping[str, Any]
    outputs: int
    version: int = 1


@dataclass(frozen=True, slots=True)
class Blocks:
    """A tensor whose blocks were moved into the batch: of `source`, with a border around it."""

    source: Tensor
    extents: tuple[int, ...]
    around: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Whole:
    """What was computed on blocks, put together again.

    `make(crops)` emits it, with (before, after) cut off per spatial dimension; `blocks` are the
    extents of the blocks.
    """

    blocks: tuple[int, ...]
    make: Callable[[Sequence[tuple[int, int]]], Tensor]


class Importer(Scope):
    """The scope of rules for channels-last operators.

    Attributes:
        scope: the beginning of most names of the model, which is left out of them.
        faults: what could not be imported, by node.
        entries: how values of the graph are quantized.
        blocks: tensors that were moved from space into the batch.
        wholes: what was convolved in blocks, for the way back.
    """

    def __init__(self, name: str, rules: Rules, path: str) -> None:
        super().__init__(name)
        self.rules = rules
        self.path = path
        self.scope = ""
        self.faults: list[Diagnostic] = []
        self.entries: dict[Value, Quantization] = {}
        self.blocks: dict[Value, Blocks] = {}
        self.wholes: dict[Value, Whole] = {}

    def short(self, name: str) -> str:
        """Return a readable name, without the scope that all of the model is in."""
        return readable(name, self.scope)

    def fault(self, code: str, message: str, at: ModelAt) -> None:
        """Note that a node cannot be imported."""
        self.faults.append(Diagnostic(code, message, at))

    def imported(self, node: Foreign) -> list[Any]:
        """Return the outputs of a node by its rule; `FAILED` for each where that is impossible."""
        self.site = Site(node.at, node.name, node.version, (True,) * node.outputs)
        lost: list[Any] = [FAILED] * node.outputs
        rule = self.rules.find(node.kind, node.version)
        if rule is None:
            self.fault("NX701", f"operator {node.kind} is not supported", node.at)
            return lost
        if any(isinstance(item, Failed) for item in node.inputs):
            return lost
        try:
            inputs, attributes = rule.bind(list(node.inputs), node.attributes)
            outputs = outputs_of(rule.function(self, *inputs, **attributes))
            if len(outputs) < node.outputs:
                text = f"{node.outputs} outputs, {len(outputs)} are known"
                raise Reject(None, text, "NX703")
            self._follow(node, rule.function, inputs, attributes, outputs)
        except Reject as reject:
            self.fault(reject.code, reject.message, node.at)
            return lost
        except NnefError as error:
            for item in error.diagnostics:
                self.faults.append(Diagnostic(item.code, item.message, item.at or node.at))
            return lost
        return outputs

    def whole_of(self, tensor: Any) -> Whole | None:
        """Return what a tensor that was convolved in blocks makes up, if it was."""
        if isinstance(tensor, Tensor) and tensor.value is not None:
            return self.wholes.get(tensor.value)
        return None

    def _follow(
        self, node: Foreign, function: Any, inputs: list[Any], attributes: Any, outputs: list[Any]
    ) -> None:
        """Where blocks meet an element-wise operator, remember what it makes of their whole."""
        if node.kind not in ELEMENTWISE or len(outputs) != 1:
            return
        places = [i for i, item in enumerate(inputs) if self.whole_of(item)]
        others = [
            item for i, item in enumerate(inputs) if isinstance(item, Tensor) and i not in places
        ]
        value = outputs[0].value if isinstance(outputs[0], Tensor) else None
        if len(places) != 1 or value is None or any(o.rank > 1 or not o.known for o in others):
            return
        whole = self.whole_of(inputs[places[0]])
        assert whole is not None

        def make(crops: Sequence[tuple[int, int]]) -> Tensor:
            again = [*inputs]
            again[places[0]] = whole.make(crops)
            result = function(self, *again, **attributes)
            assert isinstance(result, Tensor)
            return result

        self.wholes[value] = Whole(whole.blocks, make)


# Operators through which the blocks of a tensor can be followed to their whole.
ELEMENTWISE = {
    "ADD", "MUL", "SUB", "RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH", "ELU",
    "Add", "AddV2", "BiasAdd", "Mul", "Sub", "Relu", "Relu6", "LeakyRelu", "Sigmoid", "Tanh",
    "Elu", "Identity",
}  # fmt: skip


def outputs_of(result: Any) -> list[Any]:
    """Return what a rule gave as a list."""
    return list(result) if isinstance(result, (list, tuple)) else [result]
