"""What is known about one version of a text: its words, its findings, and shapes of its tensors."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from nnefx.checking import Options, check_source
from nnefx.checking.document import Checked, check_document
from nnefx.checking.selection import Selection, suppress
from nnefx.diagnostics import Diagnostic, Note
from nnefx.ir.graph import UNKNOWN, Graph, Value
from nnefx.lsp.beside import Folder, compare
from nnefx.lsp.positions import Positions
from nnefx.lsp.scan import Scan, Word, scan
from nnefx.ops import Op, standard_ops, stdlib_source
from nnefx.source import FileAt, Source, TextAt
from nnefx.syntax.ast import Fragment

MOST = 5  # places that a finding names
_MISSING = re.compile(r"there is no file '(.+)\.dat'\Z")
# Values by scope (the graph, or a fragment by its name) and name; several in fragments.
Values = Mapping[str, Mapping[str, tuple[Value, ...]]]


@dataclass(frozen=True)
class Beside:
    """What stands beside a text: tensor files, its graph.quant, or as one, the checked graph."""

    folder: Folder | None = None
    quant: Source | None = None
    checked: Checked | None = None


@dataclass(frozen=True)
class Analysis:
    """One version of a text; everything else is computed when it is asked for.

    `earlier` are the tensors of versions before, which stand in for those that an error in this
    one leaves open.
    """

    source: Source
    positions: Positions
    beside: Beside = field(default_factory=Beside)
    earlier: Values = field(default_factory=dict)

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
        selection = Selection()
        checked = Checked()
        if not self.source.name.endswith(".quant"):
            checked = check_document(self.source, found, selection)
            found += self._gathered(compare(checked, self.beside.folder, self.beside.quant)[0])
        elif self.beside.checked:
            found += compare(self.beside.checked, self.beside.folder, self.source)[1]
        else:
            return checked, check_source(self.source, Options())
        shown = [item for item in suppress(self.source, found) if selection.wants(item.code)]
        return checked, shown

    @property
    def checked(self) -> Checked:
        """The tree and the graph of what could be read."""
        return self._checked[0]

    @property
    def findings(self) -> list[Diagnostic]:
        """What `nnefx check` says about the text."""
        return self._checked[1]

    @property
    def graph(self) -> Graph | None:
        """The graph of what could be built, None where nothing could."""
        return self.checked.graph

    @cached_property
    def fragments(self) -> Mapping[str, Fragment]:
        """The fragments that the text declares, as far as they could be read."""
        document = self.checked.document
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

    @property
    def lasting(self) -> Values:
        """The tensors known so far, for the next version; nothing is computed for this."""
        if "_checked" not in self.__dict__:
            return self.earlier
        if self.checked.sound:
            return self._values
        scopes = {**self.earlier, **self._values}
        return {
            scope: {**self.earlier.get(scope, {}), **_known(self._values.get(scope, {}))}
            for scope in scopes
        }

    @cached_property
    def _values(self) -> Values:
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

        Those whose shapes an error left open are left out; if no others remain, they are those
        of an earlier version of the text.
        """
        if scope < 0:
            return ()
        key = self._key(scope)
        known = _known({name: self._values.get(key, {}).get(name, ())})
        if known or self.checked.sound:
            return known.get(name, ())
        return self.earlier.get(key, {}).get(name, ())

    def is_earlier(self, scope: int, name: str) -> bool:
        """Tell whether `values` are those of an earlier version of the text."""
        known = _known({name: self._values.get(self._key(scope), {}).get(name, ())})
        return not known and bool(self.values(scope, name))

    def _key(self, scope: int) -> str:
        place = self.scan.scopes[scope]
        return "graph" if place.kind == "graph" else f"fragment {place.name}"

    def in_graph(self, word: Word) -> bool:
        """Tell whether a word is the name of a tensor of the graph."""
        scopes = self.scan.scopes
        return word.role == "name" and word.scope >= 0 and scopes[word.scope].kind == "graph"

    def span(self, finding: Diagnostic) -> tuple[int, int]:
        """Return the offsets that a finding is about: at least the word at its place."""
        at = self._place(finding)
        if at is None:
            return self._head()
        start, end = at.pos, at.end
        if end <= start:
            word = self.scan.word_at(start)
            end = word.end if word and word.pos == start else start + 1
        return start, min(end, len(self.text))

    def _gathered(self, found: list[Diagnostic]) -> list[Diagnostic]:
        """Return findings with one for all files that one statement of the graph lacks.

        A new call of a fragment with variables is one thing to do, not one for each of them. Their
        labels begin with the name that the graph assigns.
        """
        kept: list[Diagnostic] = []
        missing: dict[Word, list[Diagnostic]] = {}
        for item in found:
            label = _MISSING.search(item.message) if item.code == "NX432" else None
            word = self._assigned(label[1]) if label and self._in_fragment(item) else None
            if word:
                missing.setdefault(word, []).append(item)
            else:
                kept.append(item)
        for word, items in missing.items():
            count = f"{len(items)} tensor files are" if len(items) > 1 else "a tensor file is"
            message = f"{word.text}: {count} missing, which nnefx init makes"
            notes = tuple(Note(item.message, item.at) for item in items[:MOST])
            at = TextAt(self.source, word.pos, word.end)
            kept.append(replace(items[0], message=message, at=at, notes=notes))
        return kept

    def _in_fragment(self, item: Diagnostic) -> bool:
        if not (isinstance(item.at, TextAt) and item.at.source is self.source):
            return False
        scope = self.scan.scope_at(item.at.pos)
        return scope >= 0 and self.scan.scopes[scope].kind == "fragment"

    def _assigned(self, label: str) -> Word | None:
        """Return where the graph assigns the name that begins the label of a scoped variable."""
        name = label.partition("/")[0].partition(".")[0]
        for number, scope in enumerate(self.scan.scopes):
            for word in self.scan.definitions(number) if scope.kind == "graph" else ():
                if word.text == name:
                    return word
        return None

    def _place(self, finding: Diagnostic) -> TextAt | None:
        """Return where in this text a finding is shown; those about a file, at its variable."""
        for at in (finding.at, *(note.at for note in finding.notes)):
            if isinstance(at, TextAt) and at.source is self.source:
                return at
        if isinstance(finding.at, FileAt) and self.graph and self.beside.folder:
            root = self.beside.folder.container.path
            for node in self.graph.variables:
                path = os.path.join(root, f"{node.attributes['label']}.dat")
                if path.casefold() == finding.at.path.casefold() and isinstance(node.at, TextAt):
                    return node.at
        return None

    def _head(self) -> tuple[int, int]:
        """Return the offsets of the name of the graph, for what is about the model as a whole."""
        for scope in self.scan.scopes:
            if scope.kind == "graph":
                return scope.name_pos, scope.name_pos + len(scope.name)
        return 0, 0


def _known(names: Mapping[str, tuple[Value, ...]]) -> dict[str, tuple[Value, ...]]:
    """Leave out tensors whose shapes an error left open, and names without any others."""
    found = {}
    for name, values in names.items():
        known = tuple(value for value in values if value.shape is not UNKNOWN)
        if known:
            found[name] = known
    return found


def _bodies(graph: Graph, seen: set[int]) -> Iterator[Graph]:
    for node in graph.nodes:
        if node.body and id(node.body) not in seen:
            seen.add(id(node.body))
            yield node.body
            yield from _bodies(node.body, seen)


def shape_text(value: Value) -> str:
    """Return type and shape of a tensor: `scalar[1, 3, 224, 224]`."""
    return f"{value.dtype}{list(value.shape)}"
