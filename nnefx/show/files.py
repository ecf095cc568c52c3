"""The files beside these modules that become parts of pictures."""

from importlib.resources import files


def read(name: str) -> str:
    """Return the text of a file of this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
