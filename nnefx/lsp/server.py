"""The server: requests of the protocol, translated and answered from an Analysis of the text."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Protocol, TypeVar
from urllib.parse import unquote

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from nnefx._version import __version__
from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.lsp import complete, describe, mend, navigate
from nnefx.lsp.analysis import Analysis, Beside, Values
from nnefx.lsp.beside import Folder, read_folder, read_text
from nnefx.lsp.positions import Positions, lines_of
from nnefx.source import FileAt, Source, TextAt
from nnefx.syntax.format import format_document, format_quantization
from nnefx.tensors.paths import GRAPH, QUANT

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


class Text(TextDocument):
    """A text that is open; changes are applied to lines as clients count them."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines with their ends."""
        return tuple(lines_of(self.source))


class Server(LanguageServer):
    """A language server that keeps one Analysis for each open text."""

    def __init__(self) -> None:
        super().__init__(
            "nnefx", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Incremental
        )
        self.texts: dict[str, Text] = {}
        self.known: dict[str, Analysis] = {}
        self.earlier: dict[str, Values] = {}
        self.folders: dict[str, Folder | None] = {}
        self.closed: dict[str, Analysis] = {}  # texts beside open ones that are not open
        self.waiting: dict[str, asyncio.TimerHandle] = {}
        self.took: dict[str, float] = {}

    def analysis(self, uri: str) -> Analysis:
        """Return what is known about a text as it is now."""
        known = self.known.get(uri)
        if known is None:
            source = self.texts[uri].source if uri in self.texts else self._unopened(uri)
            known = self._analysis(uri, source, self._beside(uri))
            if uri in self.texts:
                self.known[uri] = known
        return known

    def forget(self, uri: str) -> None:
        """Drop what is known about a text that has changed, but for its tensors."""
        known = self.known.pop(uri, None)
        if known:
            self.earlier[uri] = known.lasting

    def look_beside(self, uri: str) -> None:
        """Look at the files in the folder of a text."""
        path = to_fs_path(uri) or ""
        self.folders[uri] = read_folder(path)
        other = _sibling(uri)
        if other:
            source = read_text(to_fs_path(other) or "")
            self.closed.pop(other, None)
            if source:
                self.closed[other] = self._analysis(other, source.text, Beside())

    def _unopened(self, uri: str) -> str:
        text: str = self.workspace.get_text_document(uri).source
        return text

    def _analysis(self, uri: str, text: str, beside: Beside) -> Analysis:
        source = Source(to_fs_path(uri) or uri, text)
        unit = self.workspace.position_encoding or types.PositionEncodingKind.Utf16
        return Analysis(source, Positions(source, unit), beside, self.earlier.get(uri, {}))

    def _beside(self, uri: str) -> Beside:
        folder, other = self.folders.get(uri), self.sibling(uri)
        if other is None:
            return Beside(folder)
        if uri.endswith(QUANT):
            return Beside(folder, checked=other.checked)
        return Beside(folder, quant=other.source)

    def sibling(self, uri: str) -> Analysis | None:
        """Return what is known of the graph.quant beside a graph.nnef, or the other way round."""
        other = _sibling(uri)
        if other in self.texts and uri.endswith(QUANT):
            return self.analysis(other)
        if other in self.texts:
            return self._analysis(other, self.texts[other].source, Beside())
        return self.closed.get(other or "")

    def publish(self, uri: str) -> None:
        """Check a text and send what is found."""
        self.waiting.pop(uri, None)
        begin = time.perf_counter()
        analysis = self.analysis(uri)
        found = [_finding(analysis, uri, item) for item in analysis.findings]
        version = self.texts[uri].version if uri in self.texts else None
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, version))
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


def _sibling(uri: str) -> str | None:
    """Return the graph.quant beside a graph.nnef, and the other way round."""
    folder, _, name = uri.rpartition("/")
    other = {GRAPH: QUANT, QUANT: GRAPH}.get(name)
    return f"{folder}/{other}" if other else None


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
    message = item.message
    if isinstance(item.at, FileAt):
        message = f"{os.path.basename(item.at.path)}: {message}"
    return types.Diagnostic(
        analysis.positions.range(*analysis.span(item)),
        "\n".join([message, *plain]),
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
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        codec = server.workspace.position_codec
        text = Text(item.uri, item.text, item.version, position_codec=codec)
        server.texts[item.uri] = server.workspace.text_documents[unquote(item.uri)] = text
        server.known.pop(item.uri, None)
        server.look_beside(item.uri)
        server.publish(item.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        uri = params.text_document.uri
        for touched in (uri, _sibling(uri)):
            if touched in server.texts:
                server.forget(touched)
                server.publish_soon(touched)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        refresh(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def watched(params: types.DidChangeWatchedFilesParams) -> None:
        folders = {change.uri.rpartition("/")[0] for change in params.changes}
        for uri in list(server.texts):
            home = uri.rpartition("/")[0]
            if any(folder == home or folder.startswith(f"{home}/") for folder in folders):
                refresh(uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.cancel(uri)
        for kept in (server.texts, server.known, server.earlier, server.folders, server.took):
            kept.pop(uri, None)
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def refresh(uri: str) -> None:
        for touched in (uri, _sibling(uri)):
            if touched in server.texts:
                server.look_beside(touched)
                server.forget(touched)
                server.publish_soon(touched)


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
        changes = {params.text_document.uri: edits}
        word = analysis.scan.word_at(offset)
        other, uri = server.sibling(params.text_document.uri), _sibling(params.text_document.uri)
        if word and uri and other and uri.endswith(QUANT) and analysis.in_graph(word):
            name = params.new_name
            entries = navigate.renamed_entries(other.source, other.positions, word.text, name)
            changes |= {uri: entries} if entries else {}
        return types.WorkspaceEdit(changes)

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
