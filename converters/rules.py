"""Importer rules: functions whose parameters are the schema of a foreign operator.

Positional parameters of a rule are the node's inputs in order, keyword-only parameters its
attributes with the framework's own defaults:

    rules = Rules("onnx")

    @rules.on("Softmax", since=13)
    def softmax(g, x, *, axis=-1): ...

    @rules.on("Reshape", since=5)
    def reshape(g, x, shape: Const, *, allowzero=0): ...

The first parameter is the scope that emits operations. An input annotated `Const` arrives as an
array: the node is refused where its value is not known. Inputs that the node leaves out are None.
An attribute that the rule does not name is refused, never dropped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from numpy.typing import NDArray

from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

_CONST = "the value of this input is needed"

Const = Annotated[NDArray[Any], _CONST]
"""Annotates an input whose value the rule needs."""

Function = Callable[..., Any]
Decorated = TypeVar("Decorated", bound=Function)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and what its signature says; `required` inputs come first."""

    name: str
    since: int
    function: Function
    inputs: tuple[str, ...]
    required: int
    variadic: bool
    constants: frozenset[str]
    attributes: frozenset[str]
    required_attributes: frozenset[str]

    def bind(
        self, inputs: Sequence[Tensor | None], attributes: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments for the function; raise `Reject` where the node does not fit."""
        while inputs and inputs[-1] is None:
            inputs = inputs[:-1]
        if len(inputs) > len(self.inputs) and not self.variadic:
            raise Reject(None, f"{len(inputs)} inputs, {len(self.inputs)} are known", "NX703")
        for index in range(self.required):
            if index >= len(inputs) or inputs[index] is None:
                raise Reject(None, f"input '{self.inputs[index]}' is missing", "NX703")
        for name in attributes.keys() - self.attributes:
            text = f"attribute '{name}' = {brief(attributes[name])} is not handled"
            raise Reject(name, text, "NX702")
        for name in self.required_attributes - attributes.keys():
            raise Reject(name, f"attribute '{name}' is missing", "NX703")
        named = [self._input(name, value) for name, value in zip(self.inputs, inputs)]
        rest = list(inputs[len(named) :])
        named += [None] * (len(self.inputs) - len(named))
        return named + rest, dict(attributes)

    def _input(self, name: str, value: Tensor | None) -> Any:
        if value is None or name not in self.constants:
            return value
        if value.array is None:
            raise Unresolved(name, value)
        return value.array


class Unresolved(Reject):
    """Raised where a rule needs the value of an input that is only known when the model runs."""

    def __init__(self, parameter: str, tensor: Tensor) -> None:
        text = f"the value of '{parameter}' must be known, but it is computed when the model runs"
        super().__init__(parameter, text, "NX705")
        self.tensor = tensor


class Rules:
    """The rules of one framework, by operator name and version."""

    def __init__(self, framework: str) -> None:
        self.framework = framework
        self._rules: dict[str, list[Rule]] = {}

    def on(self, *names: str, since: int = 1) -> Callable[[Decorated], Decorated]:
        """Register the decorated function for the operators `names` from version `since` on."""

        def register(function: Decorated) -> Decorated:
            for name in names:
                self._add(_inspect(name, since, function))
            return function

        return register

    def same(self, **names: str) -> None:
        """Register operators that are an NNEF operation on the same inputs, without attributes."""
        for name, operation in names.items():
            self._add(_inspect(name, 1, _renaming(operation)))

    def drop(self, *names: str, since: int) -> None:
        """State that operators exist only before version `since`."""
        for name in names:
            self._add(_inspect(name, since, _dropped))

    def find(self, name: str, version: int) -> Rule | None:
        """Return the newest rule of operator `name` that is not above `version`."""
        known = [rule for rule in self._rules.get(name, ()) if rule.since <= version]
        rule = max(known, key=lambda rule: rule.since, default=None)
        return None if rule is None or rule.function is _dropped else rule

    def names(self) -> list[str]:
        """Return the operators that have a rule, sorted."""
        return sorted(self._rules)

    def _add(self, rule: Rule) -> None:
        rules = self._rules.setdefault(rule.name, [])
        if any(other.since == rule.since for other in rules):
            raise ValueError(f"{self.framework}: '{rule.name}' has two rules since {rule.since}")
        rules.append(rule)


def _dropped(g: Any) -> None:
    """Stand for an operator that a version removed."""


def _renaming(operation: str) -> Function:
    def rule(g: Any, x: Tensor) -> Any:
        return g.add(operation, x)

    return rule


def _inspect(name: str, since: int, function: Function) -> Rule:
    parameters = list(signature(function).parameters.values())[1:]
    inputs = [p for p in parameters if p.kind in _POSITIONAL]
    keywords = [p for p in parameters if p.kind is Parameter.KEYWORD_ONLY]
    if any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
        raise ValueError(f"rule of '{name}' would swallow attributes")
    hints = get_type_hints(function, include_extras=True)
    return Rule(
        name,
        since,
        function,
        tuple(p.name for p in inputs),
        sum(p.default is Parameter.empty for p in inputs),
        any(p.kind is Parameter.VAR_POSITIONAL for p in parameters),
        frozenset(p.name for p in inputs if _is_const(hints.get(p.name))),
        frozenset(p.name for p in keywords),
        frozenset(p.name for p in keywords if p.default is Parameter.empty),
    )


def _is_const(hint: Any) -> bool:
    return _CONST in getattr(hint, "__metadata__", ()) or any(map(_is_const, get_args(hint)))


def brief(value: Any) -> str:
    """Return a short text for an attribute value in a message."""
    text = repr(value.decode(errors="replace") if isinstance(value, bytes) else value)
    return text if len(text) <= 40 else f"{text[:37]}..."


_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
