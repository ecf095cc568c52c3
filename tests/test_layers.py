"""Who may import whom: a module imports only from layers before its own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# In order: each may import itself and what stands before it. Names in one row are one layer.
LAYERS = (
    ("_version", "grammar", "collector"),
    ("source", "diagnostics", "codes"),
    ("types",),
    ("syntax",),
    ("ops",),
    ("ir",),
    ("tensors",),
    ("execute", "passes"),  # constants are computed by running, torch runs what is expanded
    ("quantization",),
    ("openvx",),
    ("checking",),
    ("show",),
    ("converters",),
    ("", "api", "torch_api"),  # the public door
    ("cli", "__main__", "highlight", "lsp"),
)
RANK = {name: rank for rank, row in enumerate(LAYERS) for name in row}
APART = {("converters", "openvx"), ("openvx", "converters")}  # these do not know each other

# Which part of the package may import a framework: its own converter, torch the executors too.
FRAMEWORKS = {
    "onnx": {"converters.onnx"},
    "onnxruntime": {"converters.onnx"},
    "torch": {"converters.pytorch", "execute", "torch_api"},
    "tensorflow": {"converters.tensorflow"},
    "keras": {"converters.tensorflow"},
    "tflite": {"converters.tensorflow"},
    "caffe": {"converters.caffe"},
}
TEST_ONLY = {"nnef", "_nnef", "tract", "pytest", "hypothesis"}


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name within `nnefx`."""
    found = {}
    for folder, prefix in (
        ("nnefx", ()),
        ("grammar", ("grammar",)),
        ("converters", ("converters",)),
    ):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = (*prefix, *path.relative_to(ROOT / folder).with_suffix("").parts)
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imports(tree: ast.AST) -> set[str]:
    """The absolute names that a module imports, wherever in it: `from a import b` is `a.b`."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def within(name: str) -> str | None:
    """The module of the package that an import names, or None for another package's."""
    top, _, rest = name.partition(".")
    if top != "nnefx":
        return None
    while rest and rest not in MODULES:  # `from nnefx.ir import Graph` names nnefx.ir
        rest = rest.rpartition(".")[0]
    return rest


def layer(module: str) -> str:
    return module.partition(".")[0]


def faults(module: str, tree: ast.AST) -> list[str]:
    """What the imports of `module` do against the rules, in words."""
    own, found = layer(module), []
    for name in sorted(imports(tree)):
        top = name.partition(".")[0]
        inner = within(name)
        if inner is None:
            if top in TEST_ONLY or not _at_home(module, FRAMEWORKS.get(top)):
                found.append(f"{module} may not import {top}")
            if top in ("converters", "grammar"):
                found.append(f"{module} imports {top}, whose name is nnefx.{top}")
            continue
        other = layer(inner)
        if RANK[other] > RANK[own] or (own, other) in APART:
            found.append(f"{module or 'nnefx'} may not import {inner or 'nnefx'}")
        # What frameworks share knows none of them; `nnefx.converters` itself opens them.
        if _framework(inner) not in ("", _framework(module)) and module != "converters":
            found.append(f"{module} may not import {inner}")
    return found


def _at_home(module: str, homes: set[str] | None) -> bool:
    """Whether `module` is in one of `homes`; a package without homes is anybody's."""
    return homes is None or any(f"{module}.".startswith(f"{home}.") for home in homes)


def _framework(module: str) -> str:
    """`onnx` for converters.onnx.read; what the frameworks share belongs to none."""
    parts = module.split(".")
    if parts[0] != "converters" or len(parts) == 1 or parts[1] == "fragments":
        return ""
    return parts[1] if (ROOT / "converters" / parts[1]).is_dir() else ""


@pytest.mark.parametrize("module", [pytest.param(name, id=name or "nnefx") for name in MODULES])
def test_module_imports_only_from_layers_before_its_own(module: str) -> None:
    assert layer(module) in RANK, f"say in LAYERS where nnefx.{module} stands"
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    assert faults(module, tree) == []


@pytest.mark.parametrize(
    ("module", "line", "fault"),
    [
        ("ir.graph", "from nnefx.converters.onnx import read", "may not import converters.onnx"),
        ("ops.registry", "import nnefx.ir", "may not import ir"),
        ("openvx", "from nnefx.converters import onnx", "may not import converters.onnx"),
        ("types", "from nnefx import __version__", "may not import nnefx"),
        ("ir.graph", "import onnx", "may not import onnx"),
        ("converters.onnx", "import nnef", "may not import nnef"),
        ("converters.scope", "import nnefx.converters.onnx", "may not import converters.onnx"),
        ("converters.onnx", "import converters", "whose name is nnefx.converters"),
    ],
)
def test_forbidden_import_is_found(module: str, line: str, fault: str) -> None:
    assert any(fault in found for found in faults(module, ast.parse(line)))


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("converters.onnx", "import onnx"),
        ("converters.onnx.read", "from nnefx.converters.scope import Scope"),
        ("converters", "from nnefx.converters.onnx.read import read"),
        ("ir.graph", "from nnefx.ops.registry import Op"),
        ("cli", "from nnefx import __version__"),
    ],
)
def test_allowed_import_passes(module: str, line: str) -> None:
    assert faults(module, ast.parse(line)) == []
