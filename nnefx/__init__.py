"""nnefx: compiler for the Khronos Neural Network Exchange Format (NNEF 1.0.5)."""

from pathlib import Path

from nnefx._version import __version__

__all__ = ["__version__"]

# In a checkout, converters/ and grammar/ are siblings of this folder; in a wheel they are inside.
if not (Path(__file__).parent / "converters").exists():
    __path__.append(str(Path(__file__).parents[1]))
