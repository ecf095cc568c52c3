"""The grammars and the standard library of NNEF, as texts."""

from pkgutil import get_data  # importlib.resources would do; to load it takes ten times as long


def read(name: str) -> str:
    """Return the text of the file `name` of this package."""
    data = get_data(__name__, name)
    if data is None:
        raise FileNotFoundError(name)
    return data.decode("utf-8")
