"""Checking what a path leads to: a model, a text, a tensor file, or a folder of these."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nnefx.checking.conform import check_target
from nnefx.checking.document import Checked, check_document
from nnefx.checking.files import check_codes, check_files
from nnefx.checking.quant import check_quant
from nnefx.checking.selection import Selection, suppress
from nnefx.checking.target import Target
from nnefx.diagnostics import Diagnostic, NnefError
from nnefx.source import At, FileAt, Source, TextAt
from nnefx.tensors.container import Container, decode_text, open_container
from nnefx.tensors.dat import check_tensor
from nnefx.tensors.paths import GRAPH, QUANT

_ARCHIVES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tbz2", ".txz")


@dataclass(frozen=True, slots=True)
class Options:
    """How much is checked, and what of it is shown.

    Attributes:
        data: look at the values of tensor files, not only at their headers.
        targets: the consumers that the model is meant for.
        selection: the codes that are shown.
    """

    data: bool = True
    targets: tuple[Target, ...] = ()
    selection: Selection = field(default_factory=Selection)


def check_path(path: str | os.PathLike[str], options: Options) -> list[Diagnostic]:
    """Return everything that is wrong with what is at `path`; never raises for a bad model.

    `path` is a model (folder or archive), a `.nnef` text, a `.quant` text or a `.dat` file.
    """
    where = os.fspath(path)
    found: list[Diagnostic] = []
    try:
        if os.path.isfile(where) and where.endswith(".dat"):
            found += check_tensor(where, scan=options.data)
        elif os.path.isfile(where) and where.endswith((".nnef", ".quant")):
            with open(where, "rb") as file:
                text = decode_text(file.read(), where)
            return check_source(Source(where, text), options)
        else:
            with open_container(where) as container:
                return _check_container(container, options)
    except NnefError as error:
        found += error.diagnostics
    except OSError as error:
        message = (error.strerror or str(error)).lower()
        found.append(Diagnostic("NX002", message, FileAt(where)))
    return _shown(found, (), options)


def check_source(source: Source, options: Options) -> list[Diagnostic]:
    """Return everything that is wrong with a text, which is a graph.quant if named `*.quant`."""
    found: list[Diagnostic] = []
    if source.name.endswith(".quant"):
        check_quant(source, Checked(), {}, found)
    else:
        checked = check_document(source, found, options.selection)
        for target in options.targets:
            found += check_target(target, checked, source)
    return _shown(found, (source,), options)


def _check_container(container: Container, options: Options) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    sources = []
    checked = Checked()
    try:
        sources.append(container.source(GRAPH))
        checked = check_document(sources[0], found, options.selection)
    except NnefError as error:
        found += error.diagnostics
    headers = check_files(container, checked, found, data=options.data)
    entries = {}
    if QUANT in container:
        try:
            sources.append(container.source(QUANT))
            entries = check_quant(sources[-1], checked, headers, found)
        except NnefError as error:
            found += error.diagnostics
    found += check_codes(checked, headers, entries)
    for target in options.targets if checked.document else ():
        found += check_target(target, checked, sources[0])
    return _shown(found, sources, options)


def _shown(
    found: list[Diagnostic], sources: Sequence[Source], options: Options
) -> list[Diagnostic]:
    """Return what is neither suppressed nor deselected, in the order of the places."""
    for source in sources:
        found = suppress(source, found)
    shown = [item for item in found if options.selection.wants(item.code)]
    return sorted(shown, key=lambda item: _order(item.at))


def _order(at: At | None) -> tuple[int, str, int]:
    match at:
        case TextAt(source, pos):
            return 0, source.name, pos
        case FileAt(path, offset):
            return 1, path, offset
        case _:
            return 2, str(at), 0


def models_within(path: str) -> Iterator[str]:
    """Yield `path` itself, or where it is a folder without a graph, the models below it."""
    if not os.path.isdir(path) or os.path.exists(os.path.join(path, GRAPH)):
        yield path
        return
    below = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        if GRAPH in files:
            below.append(folder)
            folders.clear()
            continue
        below += [os.path.join(folder, name) for name in sorted(files) if _is_model(name)]
    yield from below or [path]


def _is_model(name: str) -> bool:
    return name.endswith((".nnef", *(f".nnef{suffix}" for suffix in _ARCHIVES)))
