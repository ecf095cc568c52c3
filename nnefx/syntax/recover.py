"""Reading a faulty document piece by piece, so that each independent fault is reported once.

The text is cut where statements and bodies end: at `;`, `{`, `}` outside of strings and comments.
Each piece is parsed on its own from the rule of its kind; a faulty one is reported and left out.
This runs only after the grammar has refused the text as a whole.
"""

import re
from typing import Any

from lark import UnexpectedInput, UnexpectedToken

from nnefx.diagnostics import Diagnostic
from nnefx.source import Source, TextAt
from nnefx.syntax import ast, engine, flat
from nnefx.syntax.builder import Fault
from nnefx.syntax.explain import Piece, explain, found_at, last_end, position, skip, wants

# The order of a document's parts, which is also that of their ranks.
MAX_FAULTS = 100  # a text with more of them is not NNEF at all
PARTS = ("version", "extension", "fragment", "graph")

_PART = re.compile(r"(version|extension|fragment|graph)(?![A-Za-z0-9_])")
# A keyword that begins another part, and is not merely misused as a name.
_NEXT_PART = re.compile(
    r"(?:fragment|graph)[ \t]+[A-Za-z_]|version[ \t]+[0-9]|extension[ \t]+[A-Z]"
)
_CUT = re.compile(
    r"""'(?:[^'\\\n]|\\.)*' | "(?:[^"\\\n]|\\.)*"   # strings hide what they hold
    | (?P<open>['"][^\n]*)                          # an unclosed string ends with its line
    | \#[^\n\f]*
    | (?P<cut>[;{}])
    | (?P<part>^[ \t]*(?:(?:fragment|graph)[ \t]+[A-Za-z_]|version[ \t]+[0-9]))""",
    re.VERBOSE | re.MULTILINE,
)


def recover(
    source: Source, start: str, error: UnexpectedInput | Fault
) -> tuple[ast.Document, list[Diagnostic]]:
    """Return what can be read of a faulty text, and every independent fault in it.

    `start` is "document" or "library"; `error` is what parsing the whole raised, reported as it
    is should the pieces look sound on their own.
    """
    reader = _Reader(source, start)
    reader.read()
    if not reader.diagnostics:
        reader.diagnostics.append(explain(Piece(source, start, 0, len(source.text)), error))
    return reader.document, reader.diagnostics


def recover_quant(source: Source, error: UnexpectedInput | Fault) -> list[Diagnostic]:
    """Return every independent fault of a quantization file."""
    reader = _Reader(source, "quantization")
    while len(reader.diagnostics) < MAX_FAULTS:
        begin = skip(source.text, reader.pos)
        if begin >= len(source.text):
            break
        reader.parse("entry", begin, reader.cut(begin, ";"))
    whole = Piece(source, "quantization", 0, len(source.text))
    return reader.diagnostics or [explain(whole, error)]


class _Reader:
    """A walk over the pieces of a text; `pos` is where the next piece begins."""

    def __init__(self, source: Source, start: str) -> None:
        self.source = source
        self.text = source.text
        self.start = start
        self.pos = 0
        self.lost = False  # between parts, where a fault has been reported already
        self.diagnostics: list[Diagnostic] = []
        self.document = ast.Document((1, 0), [], [], None)

    def read(self) -> None:
        """Read all parts, and say what a whole document lacks."""
        seen: list[str] = []
        while self._goes_on() and (begin := skip(self.text, self.pos)) < len(self.text):
            match = _PART.match(self.text, begin)
            if match:
                self.lost = False
                self._order(match.group(), seen, begin)
                seen.append(match.group())
                getattr(self, f"_{match.group()}")(begin)
            else:
                self._junk(begin, seen)
        self.diagnostics.sort(key=_offset)
        if self.start == "library" or "graph" in seen or not self._goes_on():
            return
        end = last_end(self.text, 0, len(self.text))
        if not seen and not self.diagnostics:
            self._report("NX110", "expected 'version 1.0;' at its start, found nothing", end)
        else:
            self._report("NX114", "expected a graph before the end of the text", end)

    def parse(self, start: str, begin: int, end: int) -> Any:
        """Parse one piece and move behind it; a fault is reported and gives None."""
        piece = Piece(self.source, start, begin, end)
        self.pos = end
        try:
            return engine.run(self.text, start, begin, end)
        except UnexpectedToken as error:
            self.diagnostics.append(explain(piece, error))
            at = position(piece, error)
            missing = self.diagnostics[-1].code == "NX106" or wants(error, "$END")
            if missing and begin < at < end:  # what follows is a piece of its own
                self.pos = at
        except (UnexpectedInput, Fault) as error:
            self.diagnostics.append(explain(piece, error))
        return None

    def cut(self, begin: int, stops: str) -> int:
        """Return where the piece from `begin` ends: behind a `;`, or before another stop."""
        for match in _CUT.finditer(self.text, begin):
            if match["open"]:
                return match.end()
            if match["part"] and match.start() > begin:
                return match.start()
            if match["cut"] and match["cut"] in stops:
                return match.end() if match["cut"] == ";" else match.start()
        return len(self.text)

    def _report(self, code: str, message: str, pos: int, end: int = -1) -> None:
        piece = Piece(self.source, self.start, 0, len(self.text))
        self.diagnostics.append(piece.error(code, message, pos, end))

    def _goes_on(self) -> bool:
        return len(self.diagnostics) < MAX_FAULTS

    def _last(self) -> int:
        return _offset(self.diagnostics[-1]) if self.diagnostics else -1

    def _order(self, part: str, seen: list[str], begin: int) -> None:
        end = begin + len(part)
        if not seen and part != "version" and self.start == "document":
            message = f"expected 'version 1.0;' at its start, found '{part}'"
            self._report("NX110", message, begin, end)
        elif part == "graph" and self.start == "library":
            self._report("NX100", "expected fragments only, found 'graph'", begin, end)
        elif part in seen and part in ("version", "graph"):
            self._report("NX100", f"expected one {part}, found another", begin, end)
        elif seen and PARTS.index(part) < max(map(PARTS.index, seen)):
            later = max(seen, key=PARTS.index)
            self._report("NX100", f"expected '{part}' before '{later}'", begin, end)

    def _junk(self, begin: int, seen: list[str]) -> None:
        """Report what begins no part, once for all up to the next part."""
        found, end = found_at(self.text, begin)
        if not self.lost:
            self.lost = True
            try:  # a character that is not of the language is said to be that
                engine.run(self.text, "library", begin, end)
            except UnexpectedToken:
                message = f"expected {self._wanted(seen)}, found {found}"
                self._report("NX100", message, begin, end)
            except (UnexpectedInput, Fault) as error:
                piece = Piece(self.source, self.start, begin, end)
                self.diagnostics.append(explain(piece, error))
        self.pos = end

    def _wanted(self, seen: list[str]) -> str:
        if "graph" in seen:
            return "the end of the text after the graph"
        if self.start == "library":
            return "a fragment"
        return "a fragment or graph" if seen else "'version 1.0;' at its start"

    def _version(self, begin: int) -> None:
        version = self.parse("version", begin, self.cut(begin, ";{}"))
        self.document.version = version or self.document.version

    def _extension(self, begin: int) -> None:
        extensions = self.parse("extension", begin, self.cut(begin, ";{}"))
        self.document.extensions += extensions or []

    def _fragment(self, begin: int) -> None:
        cut = self.cut(begin, ";{}")
        bodiless = self.text[cut - 1 : cut] == ";"
        fragment: ast.Fragment | None = self.parse("head", begin, cut - bodiless)
        if self.pos < cut - bodiless or self.text[cut : cut + 1] == "{":
            body = self._body("fragment")
            if fragment:
                fragment.body = body
        elif bodiless:
            self.pos = cut
        elif fragment:
            end = last_end(self.text, begin, cut)
            self._report("NX106", "fragment: expected '{' or ';' at its end", end)
        if fragment:
            self.document.fragments.append(fragment)

    def _graph(self, begin: int) -> None:
        cut = self.cut(begin, ";{}")
        cut -= self.text[cut - 1 : cut] == ";"
        graph: ast.GraphDef | None = self.parse("graph_head", begin, cut)
        if self.pos == cut and self.text[cut : cut + 1] != "{":
            found, end = found_at(self.text, cut)
            if graph:
                self._report("NX100", f"expected '{{' after the graph's head, found {found}", cut)
            self.pos = end
        else:
            body = self._body("graph")
            if graph:
                graph.body = body
        self.document.graph = graph or self.document.graph

    def _body(self, owner: str) -> list[ast.Assign]:
        """Read assignments up to the closing brace."""
        if self.text[self.pos : self.pos + 1] == "{":
            self.pos += 1
        body: list[ast.Assign] = []
        first = self.pos
        while self._goes_on():
            begin = skip(self.text, self.pos)
            if self.text[begin : begin + 1] == "}":
                if skip(self.text, first) == begin:
                    self._report("NX100", f"expected an assignment in the {owner}", begin)
                self.pos = begin + 1
                return body
            if begin >= len(self.text) or _NEXT_PART.match(self.text, begin):
                end = last_end(self.text, first, begin)
                if end > self._last():  # an unfinished statement has been reported there
                    self._report("NX107", f"expected '}}' at the end of the {owner}", end)
                self.pos = begin
                return body
            assignment, self.pos = flat.statement(self.text, begin)
            if not assignment:
                assignment = self.parse("assignment", begin, self.cut(begin, ";}"))
            if assignment:
                body.append(assignment)
            self.pos = max(self.pos, begin + 1)
        return body


def _offset(diagnostic: Diagnostic) -> int:
    return diagnostic.at.pos if isinstance(diagnostic.at, TextAt) else 0
