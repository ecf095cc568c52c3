"""The validator: everything that is wrong with a model, in one run."""

import os
from collections.abc import Sequence

from nnefx.checking.model import Options, check_path, check_source, models_within
from nnefx.checking.selection import Selection
from nnefx.checking.target import Target, load, names
from nnefx.diagnostics import Diagnostic

__all__ = [
    "Options",
    "Selection",
    "Target",
    "check",
    "check_path",
    "check_source",
    "load",
    "models_within",
    "names",
]


def check(
    path: str | os.PathLike[str],
    *,
    data: bool = True,
    targets: Sequence[str] = (),
    select: Sequence[str] = (),
    extend_select: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> list[Diagnostic]:
    """Return everything that is wrong with a model; never raises for a bad one.

    Args:
        path: a model (folder or archive), or a single `.nnef`, `.quant` or `.dat` file.
        data: look at the values of tensor files too, not at their headers only.
        targets: names of profiles, or paths of TOML files, of consumers to compare with.
        select: codes or prefixes of codes to show, instead of those that are on by default.
        extend_select: further ones.
        ignore: ones not to show.

    Raises:
        NnefError: NX018 for a target that does not exist.
    """
    selection = Selection(tuple(select), tuple(extend_select), tuple(ignore))
    return check_path(path, Options(data, tuple(map(load, targets)), selection))
