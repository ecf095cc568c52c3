"""nnefx: compiler for the Khronos Neural Network Exchange Format (NNEF 1.0.5).

The names below are loaded when they are first used, so that `import nnefx` costs nothing.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnefx._version import __version__

# In a checkout, converters/ and grammar/ are siblings of this folder; in a wheel they are inside.
if not (Path(__file__).parent / "converters").exists():
    __path__.append(str(Path(__file__).parents[1]))

if TYPE_CHECKING:
    from nnefx import openvx
    from nnefx.api import convert, read_tensor, run, write_tensor
    from nnefx.checking import check
    from nnefx.diagnostics import Diagnostic, NnefError, Severity
    from nnefx.ir.graph import Graph
    from nnefx.tensors.model import Model, load, loads, save
    from nnefx.torch_api import from_torch, from_torch_module, to_torch

_HOMES = {
    "Diagnostic": "nnefx.diagnostics",
    "Graph": "nnefx.ir.graph",
    "Model": "nnefx.tensors.model",
    "NnefError": "nnefx.diagnostics",
    "Severity": "nnefx.diagnostics",
    "check": "nnefx.checking",
    "convert": "nnefx.api",
    "from_torch": "nnefx.torch_api",
    "from_torch_module": "nnefx.torch_api",
    "load": "nnefx.tensors.model",
    "loads": "nnefx.tensors.model",
    "read_tensor": "nnefx.api",
    "run": "nnefx.api",
    "save": "nnefx.tensors.model",
    "to_torch": "nnefx.torch_api",
    "write_tensor": "nnefx.api",
}

__all__ = [
    "Diagnostic",
    "Graph",
    "Model",
    "NnefError",
    "Severity",
    "__version__",
    "check",
    "convert",
    "from_torch",
    "from_torch_module",
    "load",
    "loads",
    "openvx",
    "read_tensor",
    "run",
    "save",
    "to_torch",
    "write_tensor",
]


def __getattr__(name: str) -> Any:
    if name == "openvx":
        return import_module("nnefx.openvx")
    if name not in _HOMES:
        raise AttributeError(f"module 'nnefx' has no attribute '{name}'")
    # Not kept in this module's namespace: `run` is also a subpackage, whose import would win.
    return getattr(import_module(_HOMES[name]), name)
