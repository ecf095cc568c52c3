"""What is known about one version of a text: its words, its findings, and shapes of its tensors."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from nnefx.checking import Options, check_source
from nnefx.checking.document import Checked, check_document
from nnefx.checking.selection import Selection, suppress
from nnefx.diagnostics import Diagnostic
from nnefx.ir.graph import UNKNOWN, Graph, Value
from nnefx.lsp.positions import Positions
from nnefx.lsp.scan import Scan, scan
from nnefx.ops import Op, standard_ops, stdlib_source
from nnefx.source import Source, TextAt
from nnefx.syntax.ast import Fragment


@dataclass(frozen=True)
class Analysis:
    """One version of a text; everything else is computed when it is asked for."""

    source: Source
    positions: Positions

    @property
    def text(self) -> str:
        """The text itself."""
        return self.source.text

    @cached_property
    def scan(self) -> Scan:
        """The words of the text."""
        return scan(self.source.text)

    @cached_property
    def _checked(self) -> tuple[Checked, list[Diagnostic]]:
        found: list[Diagnostic] = []
        if self.source.text == stdlib_source().text:  # opened through a definition: no document
            return Checked(), []
        if self.source.name.endswith(".quant"):
            return Checked(), check_source(self.source, Options())
        selection = Selection()
        checked = check_document(self.source, found, selection)
        shown = [item for item in suppress(self.source, found) if selection.wants(item.code)]
        return checked, shown

    @property
    def findings(self) -> list[Diagnostic]:
        """What `nnefx check` says about the text."""
        return self._checked[1]

    @property
    def graph(self) -> Graph | None:
        """The graph of what could be built, None where nothing could."""
        return self._checked[0].graph

    @cached_property
    def fragments(self) -> Mapping[str, Fragment]:
        """The fragments that the text declares, as far as they could be read."""
        document = self._checked[0].document
        return {item.name: item for item in document.fragments} if document else {}

    def op(self, name: str) -> Fragment | None:
        """Return the declaration of an operation, the document's own or a standard one."""
        if name in self.fragments:
            return self.fragments[name]
        standard = standard_ops().get(name)
        return standard.signature if standard else None

    @cached_property
    def ops(self) -> Mapping[str, Fragment]:
        """All operations that may be called."""
        standard: Mapping[str, Op] = standard_ops()
        return {**{name: op.signature for name, op in standard.items()}, **self.fragments}

    @cached_property
    def _values(self) -> Mapping[str, Mapping[str, tuple[Value, ...]]]:
        """Values by fragment (the graph's under its own name, with a mark) and name."""
        found: dict[str, dict[str, list[Value]]] = {}
        if self.graph:
            for name, value in self.graph.values.items():
                found.setdefault("graph", {}).setdefault(name, []).append(value)
            for body in _bodies(self.graph, set()):
                inner = found.setdefault(f"fragment {body.name}", {})
                for name, value in body.values.items():
                    inner.setdefault(name, []).append(value)
        return {
            scope: {name: tuple(values) for name, values in names.items()}
            for scope, names in found.items()
        }

    def values(self, scope: int, name: str) -> tuple[Value, ...]:
        """Return the tensors that a name stands for: one in the graph, one per use in a fragment.

        Those whose shapes an error left open are left out.
        """
        if scope < 0:
            return ()
        place = self.scan.scopes[scope]
        key = "graph" if place.kind == "graph" else f"fragment {place.name}"
        values = self._values.get(key, {}).get(name, ())
        return tuple(value for value in values if value.shape is not UNKNOWN)

    def span(self, finding: Diagnostic) -> tuple[int, int]:
        """Return the offsets that a finding is about: at least the word at its place."""
        if not isinstance(finding.at, TextAt):
            return 0, 0
        start, end = finding.at.pos, finding.at.end
        if end <= start:
            word = self.scan.word_at(start)
            end = word.end if word and word.pos == start else start + 1
        return start, min(end, len(self.text))


def _bodies(graph: Graph, seen: set[int]) -> Iterator[Graph]:
    for node in graph.nodes:
        if node.body and id(node.body) not in seen:
            seen.add(id(node.body))
            yield node.body
            yield from _bodies(node.body, seen)


def shape_text(value: Value) -> str:
    """Return type and shape of a tensor: `scalar[1, 3, 224, 224]`."""
    return f"{value.dtype}{list(value.shape)}"
