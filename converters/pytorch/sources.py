"""Where programs come from: exported programs, TorchScript files, modules that are imported."""

import contextlib
import json
import os
import pickle
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import ExportedProgram

from nnefx.converters.pytorch.capture import FAULTS, captured, quiet
from nnefx.converters.pytorch.program import Program, of_export
from nnefx.converters.pytorch.script import of_script
from nnefx.diagnostics import NnefError, Note
from nnefx.source import FileAt

Shapes = dict[Any, Sequence[int]]

_ATTRIBUTE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")
# What symbolic extents are written with; torch hands such texts to a parser that evaluates them.
_SYMBOL = re.compile(r"Symbol\('\w+'((?:, \w+=(?:True|False))*)\)")
_EXPRESSION = re.compile(r"[\w\s+\-*/%(),<>=!&|~]*\Z")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")


def is_attribute(source: str) -> bool:
    """Tell whether a source is of the form `package.module:attribute`."""
    return bool(_ATTRIBUTE.match(source)) and not Path(source).exists()


def program(
    source: str | os.PathLike[str],
    shapes: Shapes,
    strict: bool | None,
    weights: str | os.PathLike[str] | None = None,
) -> Program:
    """Return the program of a source; see `read`.

    Raises:
        NnefError: NX7xx, with the reason.
    """
    text = os.fspath(source)
    if is_attribute(text):
        module, args, kwargs = _examples(text, shapes)
        if weights is not None:
            _load_weights(module, Path(weights))
        return of_export(captured(module, args, kwargs, strict=strict, path=text))
    if weights is not None:
        message = "the file holds its weights itself, --weights does not apply"
        raise NnefError("NX705", message, FileAt(text))
    path = Path(text)
    if not path.is_file():
        raise NnefError("NX001", "no such file", FileAt(text))
    if not zipfile.is_zipfile(path):
        raise _refused_archive(path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names):
        return _exported(path, names, shapes, strict)
    if any("/code/" in f"/{name}" for name in names):
        return of_script(_script(text), text, shapes)
    raise _refused_weights(path)


# --- module:attribute


@cache
def _attribute(source: str) -> Any:
    """Return what `package.module:attribute` names: this runs the code of that package."""
    module_name, _, path = source.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        message = f"'{source}' cannot be imported: {error}"
        raise NnefError("NX719", message, FileAt(source)) from None
    finally:
        sys.path.remove(os.getcwd())
    if isinstance(found, type) or (callable(found) and not isinstance(found, nn.Module)):
        try:
            found = found()
        except FAULTS as error:
            message = f"'{source}' cannot be called without arguments: {error}"
            raise NnefError("NX719", message, FileAt(source)) from None
    return found


def _examples(source: str, shapes: Shapes) -> tuple[nn.Module, tuple[Any, ...], dict[str, Any]]:
    """Return a module and its example inputs: those that come with it, or random ones."""
    found = _attribute(source)
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    if isinstance(found, tuple) and found:
        found, *rest = found
        args = tuple(rest[0]) if rest else ()
        kwargs = dict(rest[1]) if len(rest) > 1 else {}
    if not isinstance(found, nn.Module):
        message = f"'{source}' is a {type(found).__name__}, expected a torch.nn.Module"
        raise NnefError("NX719", message, FileAt(source))
    if shapes:
        args = tuple(torch.randn(tuple(shape)) for name, shape in shapes.items() if name is None)
        kwargs = {name: torch.randn(tuple(shape)) for name, shape in shapes.items() if name}
    if not args and not kwargs:
        args = tuple(getattr(found, "example_inputs", ()))
    if not args and not kwargs:
        message = "the shapes of its inputs are not known"
        note = "give --input-shape, or name a function that returns (module, inputs)"
        raise NnefError("NX707", message, FileAt(source), [Note(note)])
    return found, args, kwargs


def _load_weights(module: nn.Module, path: Path) -> None:
    if not path.is_file():
        raise NnefError("NX001", "no such file", FileAt(str(path)))
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise _refused_pickle(str(path)) from None
    except FAULTS as error:
        message = f"not a PyTorch file: {str(error).splitlines()[0]}"
        raise NnefError("NX710", message, FileAt(str(path))) from None
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    try:
        module.load_state_dict(state)
    except FAULTS as error:
        lines = [line.strip() for line in str(error).splitlines()]
        message = f"the weights do not fit the module: {' '.join(lines[1:2] or lines)}"
        raise NnefError("NX719", message, FileAt(str(path))) from None


# --- files of torch.export


def _exported(path: Path, names: list[str], shapes: Shapes, strict: bool | None) -> Program:
    _check_archive(path, names)
    loaded = _loaded(path)
    fixed = _fixed_inputs(loaded, shapes, str(path))
    if fixed is not None:
        args, kwargs = fixed
        return of_export(captured(_module(loaded), args, kwargs, strict=strict, path=str(path)))
    return of_export(loaded)


def _module(loaded: ExportedProgram) -> nn.Module:
    module: nn.Module = loaded.module(check_guards=False)
    return module


def _loaded(path: Path) -> ExportedProgram:
    try:
        with _weights_only(), quiet():
            return torch.export.load(path)
    except pickle.UnpicklingError:
        raise _refused_objects(str(path)) from None
    except FAULTS as error:
        message = f"not a file of torch.export that this PyTorch reads: {error}".splitlines()[0]
        raise NnefError("NX710", message, FileAt(str(path))) from None


@contextlib.contextmanager
def _weights_only() -> Iterator[None]:
    """Have torch.load refuse every object but tensors, whatever its callers ask for."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _check_archive(path: Path, names: list[str]) -> None:
    """Refuse what torch.export.load would unpickle or evaluate."""
    if any("custom_obj" in name or "opaque_obj" in name for name in names):
        raise _refused_objects(str(path))
    with zipfile.ZipFile(path) as archive:
        for name in names:
            if name.endswith(".json"):
                data = archive.read(name)
                if b"quantized_decomposed" in data:  # operators that PyTorch registers late
                    with quiet():
                        import_module("torch.ao.quantization.fx._decomposed")
                try:
                    content = json.loads(data)
                except (ValueError, RuntimeError) as error:
                    message = f"{name} is not JSON: {error}"
                    raise NnefError("NX710", message, FileAt(str(path))) from None
                _check_expressions(content, str(path))


def _check_expressions(item: Any, path: str) -> None:
    stack = [item]
    while stack:
        current = stack.pop()
        if isinstance(current, Mapping):
            text = current.get("expr_str")
            if isinstance(text, str) and not _is_arithmetic(text):
                message = f"the extent '{text[:60]}' is no arithmetic; the file is not loaded"
                raise NnefError("NX720", message, FileAt(path))
            stack += current.values()
        elif isinstance(current, list):
            stack += current


def _is_arithmetic(text: str) -> bool:
    """Tell whether a text is made of numbers, symbols and the classes of sympy, nothing else."""
    plain = _SYMBOL.sub("s", text)
    names = _CALL.findall(plain)
    return (
        "__" not in plain
        and bool(_EXPRESSION.match(plain))
        and all(name[0].isupper() for name in names)
    )


def _fixed_inputs(
    loaded: ExportedProgram, shapes: Shapes, path: str
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Return example inputs where shapes are open or to be changed, else None."""
    fakes = {
        node.name: node.meta["val"]
        for node in loaded.graph.nodes
        if node.op == "placeholder" and node.name in loaded.graph_signature.user_inputs
    }
    is_open = any(
        not isinstance(extent, int)
        for fake in fakes.values()
        if isinstance(fake, torch.Tensor)
        for extent in fake.shape
    )
    if not shapes and not is_open:
        return None
    examples = loaded.example_inputs
    if examples is None and is_open and not shapes:
        message = "extents are open and the file has no example inputs; give --input-shape"
        raise NnefError("NX707", message, FileAt(path))
    named = _named_shapes(list(fakes), shapes, path)
    args, kwargs = examples if examples is not None else (tuple(fakes.values()), {})
    flat, spec = torch.utils._pytree.tree_flatten((args, kwargs))
    fixed = [_example(item, named.get(name)) for item, name in zip(flat, fakes, strict=True)]
    new_args, new_kwargs = torch.utils._pytree.tree_unflatten(fixed, spec)
    return tuple(new_args), dict(new_kwargs)


def _named_shapes(names: list[str], shapes: Shapes, path: str) -> dict[str, Sequence[int]]:
    found = {}
    for index, (name, shape) in enumerate(shapes.items()):
        key = names[index] if name is None and index < len(names) else name
        if key not in names:
            message = f"there is no input '{key}'; the inputs are {', '.join(names)}"
            raise NnefError("NX708", message, FileAt(path))
        found[key] = shape
    return found


def _example(item: Any, shape: Sequence[int] | None) -> Any:
    if shape is None or not isinstance(item, torch.Tensor):
        return item
    if item.dtype.is_floating_point:
        return torch.randn(tuple(shape)).to(item.dtype)
    return torch.zeros(tuple(shape), dtype=item.dtype)


# --- TorchScript and pickles


def _script(path: str) -> Any:
    try:
        with quiet():
            load: Any = torch.jit.load
            return load(path, map_location="cpu")
    except FAULTS as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        message = f"not a TorchScript file that this PyTorch reads: {first}"
        raise NnefError("NX710", message, FileAt(path)) from None


def _refused_weights(path: Path) -> NnefError:
    """Tell what a file of torch.save holds: weights alone, or a module as a pickle."""
    try:
        torch.load(path, map_location="meta", weights_only=True)
    except pickle.UnpicklingError:
        return _refused_pickle(str(path))
    except FAULTS as error:
        message = f"not a PyTorch file: {str(error).splitlines()[0]}"
        return NnefError("NX710", message, FileAt(str(path)))
    message = "the file holds weights, but no network"
    note = (
        "write a function that makes the module and loads this file into it, and name it as "
        "package.module:function; or export it: torch.export.save(torch.export.export(...), ...)"
    )
    return NnefError("NX710", message, FileAt(str(path)), [Note(note)])


def _refused_archive(path: Path) -> NnefError:
    """Tell why a file that is no archive is refused: it is cut short, or a pickle."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        return NnefError("NX710", "the file is empty", FileAt(str(path)))
    if start == b"PK\x03\x04":
        message = "the archive is damaged or cut short: its directory is missing"
        return NnefError("NX710", message, FileAt(str(path)))
    return _refused_pickle(str(path))


def _refused_pickle(path: str) -> NnefError:
    message = "a pickle is not loaded: it may run any code"
    note = (
        "where you trust the file, load it yourself and convert it once: "
        "module = torch.load(path, weights_only=False); "
        "torch.export.save(torch.export.export(module, (example,)), 'net.pt2')"
    )
    return NnefError("NX720", message, FileAt(path), [Note(note)])


def _refused_objects(path: str) -> NnefError:
    message = "the file holds pickled objects, which are not loaded: they may run any code"
    note = "export the module again without custom objects among its constants"
    return NnefError("NX720", message, FileAt(path), [Note(note)])
