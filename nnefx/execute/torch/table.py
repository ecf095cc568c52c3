"""The table of PyTorch kernels by operation, and what a kernel is told about its node.

A kernel is called like those of numpy: tensors by position, attributes by keyword. `prepare` turns
the attributes of a node into keywords once, when a module is made, from shapes that are known then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nnefx.ir.graph import Node

Function = Callable[..., Any]
Prepare = Callable[[Node], dict[str, Any]]


def as_given(node: Node) -> dict[str, Any]:
    """Pass the attributes of a node on as they are."""
    return dict(node.attributes)


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function on tensors, and how the attributes of a node become its keywords."""

    run: Function
    prepare: Prepare = as_given


KERNELS: dict[str, Kernel] = {}


def define(name: str, run: Function, prepare: Prepare = as_given) -> None:
    """Give an operation its kernel."""
    if name in KERNELS:
        raise ValueError(f"operation '{name}' has two kernels")
    KERNELS[name] = Kernel(run, prepare)


def shapes_of(node: Node) -> list[Any]:
    """Return the shapes of a node's operands, `()` for literals."""
    return [getattr(item, "shape", ()) for item in node.inputs.values()]


def kernels() -> Mapping[str, Kernel]:
    """Return all kernels; the families are loaded when this is first called."""
    from nnefx.execute.torch import (  # noqa: F401
        custom,
        elementwise,
        layout,
        pool,
        reduce,
        resample,
        window,
    )

    return KERNELS
