"""A Caffe net as records: what of its text matters, whatever version the text is of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nnefx.source import ModelAt

Shape = tuple[int, ...]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer.

    Attributes:
        parameters: the fields that are set, by parameter message: `{"lrn_param": {"k": 2.0}}`.
        shared: the names of its blobs, empty where a blob has none; blobs of one name are one.
        include: rules of which one must hold, where there are any.
        exclude: rules of which none may hold.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    parameters: Mapping[str, Values] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    include: tuple[Values, ...] = ()
    exclude: tuple[Values, ...] = ()

    def at(self, path: str) -> ModelAt:
        """Return the place of the layer in the file `path`."""
        return ModelAt(path, f"layer '{self.name}' ({self.type})")


@dataclass(frozen=True, slots=True)
class Net:
    """A net: `inputs` are those that the net itself declares, with shapes where it tells them."""

    name: str
    inputs: tuple[tuple[str, Shape | None], ...]
    layers: tuple[Layer, ...]
    state: Values = field(default_factory=dict)


def active(layers: Sequence[Layer], state: Values, phase: str = "TEST") -> tuple[Layer, ...]:
    """Return the layers that take part in a state: its phase, level and stages."""
    phase = state.get("phase", phase)
    level, stages = state.get("level", 0), frozenset(state.get("stage", ()))
    return tuple(layer for layer in layers if _is_active(layer, phase, level, stages))


def _is_active(layer: Layer, phase: str, level: int, stages: frozenset[str]) -> bool:
    if layer.include:
        return any(_holds(rule, phase, level, stages) for rule in layer.include)
    return not any(_holds(rule, phase, level, stages) for rule in layer.exclude)


def _holds(rule: Values, phase: str, level: int, stages: frozenset[str]) -> bool:
    return (
        rule.get("phase", phase) == phase
        and rule.get("min_level", level) <= level <= rule.get("max_level", level)
        and stages.issuperset(rule.get("stage", ()))
        and stages.isdisjoint(rule.get("not_stage", ()))
    )
