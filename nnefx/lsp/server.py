"""The server: requests of the protocol, translated and answered from an Analysis of the text."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, TypeVar
from urllib.parse import unquote, urlparse

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from nnefx._version import __version__
from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.lsp import complete, describe, mend, navigate
from nnefx.lsp.analysis import Analysis
from nnefx.lsp.positions import Positions
from nnefx.source import Source, TextAt
from nnefx.syntax.format import format_document, format_quantization

T = TypeVar("T")


class Placed(Protocol):
    """What all requests about a place have."""

    text_document: types.TextDocumentIdentifier
    position: types.Position


PAUSE = 0.05  # seconds without a change before a text is checked
SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}


class Server(LanguageServer):
    """A language server that keeps one Analysis for each open text."""

    def __init__(self) -> None:
        super().__init__(
            "nnefx", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Incremental
        )
        self.known: dict[str, tuple[int | None, Analysis]] = {}
        self.waiting: dict[str, asyncio.TimerHandle] = {}
        self.took: dict[str, float] = {}

    def analysis(self, uri: str) -> Analysis:
        """Return what is known about a text as it is now."""
        document = self.workspace.get_text_document(uri)
        version, known = self.known.get(uri, (None, None))
        if known is None or version != document.version or version is None:
            source = Source(_name(uri), document.source)
            unit = self.workspace.position_encoding or types.PositionEncodingKind.Utf16
            known = Analysis(source, Positions(source, unit))
            self.known[uri] = (document.version, known)
        return known

    def publish(self, uri: str) -> None:
        """Check a text and send what is found."""
        self.waiting.pop(uri, None)
        begin = time.perf_counter()
        analysis = self.analysis(uri)
        document = self.workspace.get_text_document(uri)
        found = [_finding(analysis, uri, item) for item in analysis.findings]
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, found, document.version)
        )
        self.took[uri] = time.perf_counter() - begin

    def publish_soon(self, uri: str) -> None:
        """Check a text once no change has come for a while, as long as checking it takes."""
        self.cancel(uri)
        loop = asyncio.get_running_loop()
        self.waiting[uri] = loop.call_later(max(PAUSE, self.took.get(uri, 0)), self.publish, uri)

    def cancel(self, uri: str) -> None:
        """Drop a check that has not begun."""
        waiting = self.waiting.pop(uri, None)
        if waiting:
            waiting.cancel()


def _name(uri: str) -> str:
    return unquote(urlparse(uri).path) or uri


def _finding(analysis: Analysis, uri: str, item: Diagnostic) -> types.Diagnostic:
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(
                uri, analysis.positions.range(note.at.pos, max(note.at.end, note.at.pos))
            ),
            note.message,
        )
        for note in item.notes
        if isinstance(note.at, TextAt) and note.at.source is analysis.source
    ]
    plain = [note.message for note in item.notes if note.at is None]
    return types.Diagnostic(
        analysis.positions.range(*analysis.span(item)),
        "\n".join([item.message, *plain]),
        SEVERITIES[item.severity],
        item.code,
        source="nnefx",
        tags=[types.DiagnosticTag.Unnecessary] if item.code == "NX801" else None,
        related_information=related or None,
    )


def make_server() -> Server:
    """Return a server that answers everything; `start_io` runs it."""
    server = Server()
    _follow_texts(server)
    _answer_about_places(server)
    _answer_about_texts(server)
    _answer_with_edits(server)
    return server


def _follow_texts(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.publish_soon(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.cancel(uri)
        server.known.pop(uri, None)
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _answer_about_places(server: Server) -> None:
    def at(params: Placed) -> tuple[Analysis, int]:
        analysis = server.analysis(params.text_document.uri)
        return analysis, analysis.positions.offset(params.position)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        return describe.hover(*at(params))

    @server.feature(
        types.TEXT_DOCUMENT_SIGNATURE_HELP, types.SignatureHelpOptions(["(", ","], ["="])
    )
    def signature_help(params: types.SignatureHelpParams) -> types.SignatureHelp | None:
        return describe.signature_help(*at(params))

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(["(", ",", "'", '"']))
    def completion(params: types.CompletionParams) -> types.CompletionList:
        return types.CompletionList(False, complete.completions(*at(params)))

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        analysis, offset = at(params)
        return navigate.definition(analysis, params.text_document.uri, offset)

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def references(params: types.ReferenceParams) -> list[types.Location]:
        analysis, offset = at(params)
        uses = navigate.references(analysis, offset, declared=params.context.include_declaration)
        uri = params.text_document.uri
        return [types.Location(uri, analysis.positions.range(w.pos, w.end)) for w in uses]

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    def highlight(params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
        analysis, offset = at(params)
        kinds = {False: types.DocumentHighlightKind.Read, True: types.DocumentHighlightKind.Write}
        return [
            types.DocumentHighlight(analysis.positions.range(w.pos, w.end), kinds[w.defines])
            for w in navigate.references(analysis, offset)
        ]


def _answer_about_texts(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    def inlay_hint(params: types.InlayHintParams) -> list[types.InlayHint]:
        analysis = server.analysis(params.text_document.uri)
        offset = analysis.positions.offset
        start, end = offset(params.range.start), offset(params.range.end)
        return describe.inlay_hints(analysis, start, end)

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def outline(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        return navigate.outline(server.analysis(params.text_document.uri))

    @server.feature(types.TEXT_DOCUMENT_FOLDING_RANGE)
    def folding(params: types.FoldingRangeParams) -> list[types.FoldingRange]:
        return navigate.folds(server.analysis(params.text_document.uri))


def _answer_with_edits(server: Server) -> None:
    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare(params: types.PrepareRenameParams) -> types.Range:
        analysis = server.analysis(params.text_document.uri)
        offset = analysis.positions.offset(params.position)
        word = _or_refuse(lambda: navigate.renamable(analysis, offset))
        return analysis.positions.range(word.pos, word.end)

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    def rename(params: types.RenameParams) -> types.WorkspaceEdit:
        analysis = server.analysis(params.text_document.uri)
        offset = analysis.positions.offset(params.position)
        edits = _or_refuse(lambda: navigate.renamed(analysis, offset, params.new_name))
        return types.WorkspaceEdit({params.text_document.uri: edits})

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions([types.CodeActionKind.QuickFix])
    )
    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        uri = params.text_document.uri
        analysis = server.analysis(uri)
        offset = analysis.positions.offset
        return mend.fixes(analysis, uri, offset(params.range.start), offset(params.range.end))

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        analysis = server.analysis(params.text_document.uri)
        quant = analysis.source.name.endswith(".quant")
        try:
            text = (format_quantization if quant else format_document)(analysis.source)
        except NnefError:
            return []  # its faults are told already; a faulty text stays as it is
        if text == analysis.text:
            return []
        whole = analysis.positions.range(0, len(analysis.text))
        return [types.TextEdit(whole, text)]


def _or_refuse(answer: Callable[[], T]) -> T:
    try:
        return answer()
    except navigate.Refusal as refusal:
        raise JsonRpcInvalidParams(str(refusal)) from None
