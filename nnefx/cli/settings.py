"""Settings of `nnefx check` from `nnefx.toml` or the table `[tool.nnefx]` of `pyproject.toml`."""

from pathlib import Path
from typing import Any

from nnefx.diagnostics import NnefError
from nnefx.source import FileAt

FILE = "nnefx.toml"

# The keys, and what their values are.
_KEYS: dict[str, type] = {
    "select": list,
    "extend-select": list,
    "ignore": list,
    "fail-on": str,
    "target": list,
    "output-format": str,
    "baseline": str,
    "exclude": list,
    "no-data": bool,
    "jobs": int,
}


def find(start: Path) -> Path | None:
    """Return the nearest file of settings in `start` or a folder above it."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
        project = folder / "pyproject.toml"
        if project.is_file() and "nnefx" in _toml(project).get("tool", {}):
            return project
    return None


def read(path: Path) -> dict[str, Any]:
    """Return the settings of a file; paths in them are relative to its folder.

    Raises:
        NnefError: NX016 for keys that do not exist and values of another type.
    """
    table = _toml(path)
    if path.name == "pyproject.toml":
        table = table.get("tool", {}).get("nnefx", {})
    table = {**table, **table.pop("check", {})} if isinstance(table.get("check"), dict) else table
    for key, value in table.items():
        if key not in _KEYS:
            message = f"key '{key}' is unknown, expected one of {', '.join(_KEYS)}"
            raise NnefError("NX016", message, FileAt(str(path)))
        if type(value) is not _KEYS[key] or (
            isinstance(value, list) and not all(isinstance(item, str) for item in value)
        ):
            wanted = {list: "an array of strings", str: "a string", bool: "true or false"}
            expected = wanted.get(_KEYS[key], "an integer")
            message = f"key '{key}' has the value {value!r}, expected {expected}"
            raise NnefError("NX016", message, FileAt(str(path)))
    if "baseline" in table:
        table["baseline"] = str(path.parent / table["baseline"])
    table["target"] = [
        str(path.parent / name) if name.endswith(".toml") else name
        for name in table.get("target", [])
    ]
    return table


def _toml(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        message = f"no TOML: {str(error).lower()}"
    except UnicodeDecodeError:
        message = "the file is not UTF-8 text"
    except OSError as error:
        message = (error.strerror or str(error)).lower()
    raise NnefError("NX016", message, FileAt(str(path)))
