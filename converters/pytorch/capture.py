"""A module and example inputs -> the graph of its ATen operators, by `torch.export`."""

import sys
import sysconfig
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram, export

from nnefx.diagnostics import NnefError, Note
from nnefx.source import ModelAt

# What a module's own code, or PyTorch on its behalf, may raise while it is traced.
FAULTS = (
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    LookupError,
    NotImplementedError,
    ArithmeticError,
)


def captured(
    module: nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    strict: bool | None = None,
    path: str = "",
) -> ExportedProgram:
    """Return the exported program of a module in evaluation mode; the module stays as it is.

    Args:
        module: the module.
        args: example inputs; their shapes become those of the graph.
        kwargs: example inputs by name.
        strict: how torch.export traces; by default not strictly, then strictly where that fails.
        path: what messages call the module.

    Raises:
        NnefError: NX717 for control flow that depends on data, NX718 for what else fails.
    """
    name = path or type(module).__name__
    if isinstance(args, torch.Tensor):  # its rows would be taken for the inputs
        message = "the example inputs are one tensor, expected a tuple of them: write (x,)"
        raise NnefError("NX718", message, ModelAt(name, "forward"))
    ways = (False, True) if strict is None else (strict,)
    errors: list[BaseException] = []
    for way in ways:
        try:
            with _evaluating(module), torch.no_grad(), quiet():
                return export(module, tuple(args), dict(kwargs or {}), strict=way)
        except FAULTS as error:
            errors.append(error)
            if not _may_succeed_strictly(error):
                break
    raise _refusal(errors[0], name) from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what PyTorch warns about itself from users, and what it prints from stdout."""
    with warnings.catch_warnings(), redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", module=r"torch\.")
        yield


def _may_succeed_strictly(error: BaseException) -> bool:
    """Tell whether following the bytecode may help: not where the code itself fails."""
    origin = type(error).__module__
    return origin.startswith("torch.") or isinstance(error, (RuntimeError, AssertionError))


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Put every part of a module into evaluation mode, and back into its own."""
    training = [part for part in module.modules() if getattr(part, "training", False)]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _refusal(error: BaseException, name: str) -> NnefError:
    text = str(error).strip()
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    kind = type(error).__name__
    data = any(word in f"{kind} {text}" for word in _DATA_DEPENDENT)
    where = _line(error)
    at = ModelAt(name, where) if where else ModelAt(name, "forward")
    if data:
        message = f"control flow depends on the values of tensors, which a graph cannot: {first}"
        note = "compute both sides and choose with torch.where, or fix the value before exporting"
        return NnefError("NX717", message, at, [Note(note)])
    return NnefError("NX718", f"torch.export fails: {kind}: {first}", at)


_DATA_DEPENDENT = (
    "data-dependent",
    "GuardOnDataDependent",
    "DataDependentOutputException",
    "DynamicOutputShapeException",
    "Dynamic control flow",
    "aten._local_scalar_dense",
    "aten.nonzero",
)


def _line(error: BaseException) -> str:
    """Return the user's line that an error comes from."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "/torch/" not in frame.filename.replace("\\", "/")
        and "nnefx" not in frame.filename
        and "/converters/pytorch/" not in frame.filename.replace("\\", "/")
        and not _is_of_python(frame.filename)
    ]
    if not frames:
        return _quoted(str(error))
    return f"{frames[-1].filename}:{frames[-1].lineno}: {frames[-1].line or ''}"


def _is_of_python(filename: str) -> bool:
    """Tell whether a file is of Python's own library, which is never to blame."""
    inside = filename.startswith(sysconfig.get_path("stdlib"))
    return inside and "site-packages" not in filename and "dist-packages" not in filename


def _quoted(text: str) -> str:
    """Return the user's line that a message of torch quotes."""
    from nnefx.converters.pytorch.place import user_line

    return user_line(text)
