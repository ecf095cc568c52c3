"""The grammars and the standard library of NNEF, as texts."""

from importlib.resources import files


def read(name: str) -> str:
    """Return the text of the file `name` of this package."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
