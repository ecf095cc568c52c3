"""From text to tree: documents, files of fragments, quantization files (NNEF 1.0.5, 3.1, 3.2, 5.3).

The grammar decides what is valid. Where it finds a fault, `nnefx.syntax.recover` reads the text
again piece by piece, to report every independent fault and not only the first.
"""

from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.source import Source, TextAt
from nnefx.syntax import ast, compositional, engine, flat

MAX_TEXT = 1 << 30  # characters; a tree takes some twenty times the memory of its text


def parse(source: Source) -> ast.Document:
    """Return the tree of a document.

    Raises:
        NnefError: NX1xx; it carries every independent syntax error of the text.
    """
    document, diagnostics = parse_all(source)
    _raise_errors(diagnostics)
    assert document is not None
    return document


def parse_all(source: Source) -> tuple[ast.Document | None, list[Diagnostic]]:
    """Return the tree of a document and every independent syntax error in it.

    Where there are errors, the tree holds what could be read; it is None only where the text was
    refused as a whole.
    """
    return _read(source, "document")


def parse_fragments(source: Source) -> list[ast.Fragment]:
    """Return the fragments of a text that has no graph; version and extensions may be absent.

    Raises:
        NnefError: NX1xx; it carries every independent syntax error of the text.
    """
    document, diagnostics = _read(source, "library")
    _raise_errors(diagnostics)
    assert document is not None
    return document.fragments


def parse_quant(source: Source) -> list[ast.QuantEntry]:
    """Return the entries of a graph.quant file (NNEF 1.0.5, section 5.3).

    Raises:
        NnefError: NX1xx; it carries every independent syntax error of the text.
    """
    _raise_errors(_refuse(source))
    with engine.parsing():
        entries = compositional.quantization(source.text)
        if entries is None:
            try:
                entries = list(engine.run(source.text, "quantization"))
            except engine.refusals() as error:
                from nnefx.syntax.recover import recover_quant

                raise NnefError.of(recover_quant(source, error)) from None
    return entries


def _read(source: Source, start: str) -> tuple[ast.Document | None, list[Diagnostic]]:
    refused = _refuse(source)
    if refused:
        return None, refused
    diagnostics: list[Diagnostic] = []
    with engine.parsing() as builder:
        try:
            document = _quick(source.text, start, builder.groups)
            if document is None:
                builder.groups = []
                document = engine.run(source.text, start)
        except engine.refusals() as error:
            from nnefx.syntax.recover import recover

            document, diagnostics = recover(source, start, error)
    assert document is not None
    document.groups = builder.groups
    for fragment in document.fragments:
        fragment.doc = doc_above(source.text, fragment.pos)
    return document, diagnostics


def _quick(text: str, start: str, groups: list[int]) -> ast.Document | None:
    """Return the tree where it takes no grammar to tell it, else None."""
    if start == "document":
        return flat.read(text, groups)
    return compositional.library(text, groups)


def doc_above(text: str, pos: int) -> str:
    """Return the `#` block that ends on the line above `pos`, without marks and margin."""
    lines: list[str] = []
    end = text.rfind("\n", 0, pos)
    if text[end + 1 : pos].strip():
        return ""
    while end > 0:
        start = text.rfind("\n", 0, end)
        line = text[start + 1 : end].strip()
        if not line.startswith("#"):
            break
        lines.append(line[1:].removeprefix(" "))
        end = start
    return "\n".join(reversed(lines))


def _refuse(source: Source) -> list[Diagnostic]:
    if len(source.text) <= MAX_TEXT:
        return []
    message = f"text: found {len(source.text)} characters, at most {MAX_TEXT} are supported"
    return [Diagnostic("NX111", message, TextAt(source, 0))]


def _raise_errors(diagnostics: list[Diagnostic]) -> None:
    errors = [found for found in diagnostics if found.severity is Severity.ERROR]
    if errors:
        raise NnefError.of(errors)
