"""The grammars and the standard library of NNEF, as texts."""

from pkgutil import get_data  # importlib.resources would do; to load it takes ten times as long


def read(name: str) -> str:
    """Return the text of the file `name` of this package.

    Raises:
        ImportError: the package is not installed whole. (An OSError would be taken for one of the
            model that is read.)
    """
    try:
        data = get_data(__name__, name)
    except OSError:
        data = None
    if data is None:
        raise ImportError(f"nnefx is not installed whole: grammar/{name} cannot be read")
    return data.decode("utf-8")
