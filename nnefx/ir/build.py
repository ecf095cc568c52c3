"""Document -> Graph: names resolve, arguments are bound, types agree, every tensor has a shape."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nnefx import collector, types
from nnefx.diagnostics import Diagnostic, NnefError, Note, Severity
from nnefx.ir.arithmetic import Poisoned
from nnefx.ir.binding import type_of
from nnefx.ir.builder import Builder
from nnefx.ir.declare import GRAPH_ONLY, check_fragment
from nnefx.ir.evaluate import Evaluator, names_of
from nnefx.ir.graph import UNKNOWN, Graph, Node, Value
from nnefx.ir.memo import Memo
from nnefx.ir.scoped import EXTENSION, file_key, scoped_fragments
from nnefx.ops import Op
from nnefx.source import At, Source, TextAt
from nnefx.syntax import ast
from nnefx.syntax.flatcall import FlatCall
from nnefx.syntax.profile import check_profile

Report = Callable[[Diagnostic], None]

# What a document may expand to, in items (see nnefx.ir.evaluate): a long one may do more.
BUDGET = 1 << 22
BUDGET_PER_CHARACTER = 1 << 7


def build(document: ast.Document, source: Source, report: Report | None = None) -> Graph:
    """Return the checked graph of a document.

    Args:
        document: the tree, which has a graph.
        source: the text that it came from.
        report: takes every diagnostic; after an error the graph that is returned holds values of
            unknown shape and is good for nothing but further diagnosis. Without it the errors are
            raised as one NnefError.
    """
    found: list[Diagnostic] = []
    graph = _Build(document, source, report or found.append).run()
    if errors := [item for item in found if item.severity is Severity.ERROR]:
        raise NnefError.of(errors)
    return graph


class _Build:
    """One run over a document; every fault goes to `report`, and the run goes on."""

    def __init__(self, document: ast.Document, source: Source, report: Report) -> None:
        self.document = document
        self.source = source
        self.report = _once(report)
        self.builder = Builder(document.graph.name if document.graph else "main")
        self.builder.budget.items = BUDGET + BUDGET_PER_CHARACTER * len(source.text)
        self.evaluator = Evaluator(self.builder, source, {})
        self.words = [word for extension in document.extensions for word in extension.words]
        self.repeated: set[str] = set()
        self.by_op: dict[Op, list[Node]] = {}  # once all statements are read
        self.graph_only: tuple[str, ...] = GRAPH_ONLY
        if EXTENSION in self.words:
            self.builder.scoped = scoped_fragments(document.fragments)
            self.graph_only = tuple(name for name in GRAPH_ONLY if name != "variable")

    def run(self) -> Graph:
        for diagnostic in check_profile(self.document, self.source):
            self.report(diagnostic)
        self._declare()
        definition = self.document.graph
        if definition is None:
            self.report(Diagnostic("NX114", "the document has no graph", TextAt(self.source, 0)))
            return self.builder.finish([])
        self.builder.reserve(_targets(definition.body))
        assigned: set[str] = set()
        memo = Memo(self.builder, self.source, self.evaluator.env)
        with _deep_recursion(), collector.paused():
            for statement in definition.body:
                if not self._plain(statement, assigned, memo):
                    self._statement(statement, assigned)
            return self._finish(definition)

    def _plain(self, statement: ast.Assign, assigned: set[str], memo: Memo) -> bool:
        """Add a flat statement in short, where one like it was checked before."""
        call, target = statement.value, statement.target
        if type(call) is not FlatCall or type(target) is not ast.Name or target.id in assigned:
            return False
        if memo.repeat(call, target.id):
            assigned.add(target.id)
            return True
        before = len(self.builder.nodes)
        self._statement(statement, assigned)
        nodes = self.builder.nodes
        if len(nodes) == before + 1 and nodes[-1].outputs[0] is self.evaluator.env.get(target.id):
            memo.learn(call, nodes[-1])
        return True

    def _declare(self) -> None:
        for fragment in self.document.fragments:
            at = TextAt(self.source, fragment.pos)
            if fragment.name in self.builder.own:
                self._error("NX203", f"fragment '{fragment.name}' is defined twice", at)
            elif fragment.name in self.builder.ops:
                message = f"fragment '{fragment.name}' redefines a standard operation"
                self._error("NX203", message, at)
            else:
                self._declare_one(fragment, at)
        for fragment in self.document.fragments:
            found = check_fragment(fragment, self.source, self.builder.ops, self.graph_only)
            for diagnostic in found:
                self.report(diagnostic)

    def _declare_one(self, fragment: ast.Fragment, at: TextAt) -> None:
        try:
            self.builder.declare(fragment, self.source)
        except ValueError as fault:
            self._error("NX213", f"custom operation '{fragment.name}': {fault}", at)
            fragment.body = None

    def _statement(self, statement: ast.Assign, assigned: set[str]) -> None:
        twice = False
        for name in names_of(statement):
            if name.id in assigned:
                message = f"'{name.id}' is assigned twice"
                self._error("NX203", message, TextAt(self.source, name.pos))
                twice = True
                self.repeated.add(name.id)
            assigned.add(name.id)
        before = len(self.builder.nodes)
        try:
            value = self.evaluator.assign(statement)
        except Poisoned:
            self._poison(statement)
            return
        except NnefError as error:
            for diagnostic in error.diagnostics:
                self.report(diagnostic)
            if not twice:
                self._poison(statement)
            return
        if not (
            type(value) is Value
            and len(self.builder.nodes) == before + 1
            and self.builder.nodes[-1].outputs[0] is value
        ):
            self._check_tensors(statement)

    def _poison(self, statement: ast.Assign) -> None:
        for name in names_of(statement):
            self.evaluator.env[name.id] = self.builder.poisoned(name.id)

    def _check_tensors(self, statement: ast.Assign) -> None:
        """Make each identifier of the graph body an individual tensor, named as it is written."""
        env = self.evaluator.env
        made = {id(value) for node in self.builder.nodes[-1:] for value in node.values()}
        for name in names_of(statement):
            value = env[name.id]
            if type(value) is not Value:
                message = f"'{name.id}' is {type_of(value)}; in the graph it must be a tensor"
                self._error("NX207", message, TextAt(self.source, name.pos))
                env[name.id] = self.builder.poisoned(name.id)
            elif value.name != name.id:
                if id(value) in made:
                    value.name = name.id
                    continue
                if value.dtype == types.GENERIC:  # an earlier fault left it unknown
                    env[name.id] = self.builder.poisoned(name.id)
                    continue
                at = TextAt(self.source, statement.pos)
                env[name.id] = self.builder.invoke("copy", [value], {}, None, name.id, at)

    def _finish(self, definition: ast.GraphDef) -> Graph:
        env = self.evaluator.env
        for name in _unique(definition.inputs + definition.outputs, self._twice):
            if name.id not in env:
                message = f"'{name.id}' is declared by the graph but not assigned in its body"
                self._error("NX202", message, TextAt(self.source, name.pos))
                env[name.id] = self.builder.poisoned(name.id)
        inputs = [env[name.id] for name in definition.inputs]
        outputs = [env[name.id] for name in definition.outputs]
        self.by_op = {}
        for node in self.builder.nodes:
            self.by_op.setdefault(node.op, []).append(node)
        self._check_externals(definition)
        self._check_labels()
        self._check_updates()
        self._check_custom()
        words = tuple(word for word in self.words if word != EXTENSION)
        return self.builder.finish(outputs, inputs, extensions=words)

    def _twice(self, name: ast.Name) -> None:
        message = f"'{name.id}' stands twice among the graph's parameters and results"
        self._error("NX203", message, TextAt(self.source, name.pos))

    def _check_externals(self, definition: ast.GraphDef) -> None:
        declared = {name.id for name in definition.inputs}
        external = {node.output.name for node in self._nodes("external")}
        strays = [node for node in self._nodes("external") if node.output.name not in declared]
        unfed = [name.id for name in definition.inputs if name.id not in external]
        for node in strays:
            message = f"external '{node.output.name}' is not a parameter of the graph"
            if len(strays) == len(unfed) == 1:  # one of the two was renamed
                message += f"; did you mean '{unfed[0]}'?"
            elif unfed:
                message += f", which has {', '.join(unfed)}"
            self.report(Diagnostic("NX214", message, node.at))
        for name in definition.inputs:
            value = self.evaluator.env[name.id]
            if name.id not in external and not (value.shape is UNKNOWN and value.dtype == "?"):
                message = f"graph parameter '{name.id}' is not the result of 'external'"
                self._error("NX214", message, TextAt(self.source, name.pos))

    def _check_labels(self) -> None:
        seen: dict[str, Node] = {}
        told: set[str] = set()
        for node in self._nodes("variable"):
            label = node.attributes["label"]
            first = seen.setdefault(file_key(label), node)
            if first is not node and {first.output, node.output} & self.builder.brought:
                self._check_scoped(label, first, node, told)
            elif (first.output.shape, first.output.dtype) != (node.output.shape, node.output.dtype):
                message = (
                    f"variable: label '{label}' shares data with '{first.output.name}', which is "
                    f"{first.output.dtype}{list(first.output.shape)}, not "
                    f"{node.output.dtype}{list(node.output.shape)}"
                )
                note = Note(f"'{first.output.name}' is here", first.at)
                self.report(Diagnostic("NX216", message, node.at, notes=(note,)))

    def _check_scoped(self, label: str, first: Node, node: Node, told: set[str]) -> None:
        """Report two calls, or a call and a variable, whose labels are the same, once."""
        path = label.lower().rpartition("/")[0]
        if path in told or re.split(r"[/.]", label)[0] in self.repeated:
            return  # where one name is assigned twice, that is the fault
        told.add(path)
        message = f"variable: its scoped label '{label}' is that of '{first.output.name}'"
        note = Note(f"'{first.output.name}' is here", first.at)
        self.report(Diagnostic("NX219", message, node.at, notes=(note,)))

    def _check_updates(self) -> None:
        variables = {node.output for node in self._nodes("variable")}
        updated: dict[Value, Node] = {}
        for node in self._nodes("update"):
            target = node.inputs["variable"]
            name = target.name if type(target) is Value else "a literal"
            if type(target) is not Value or (
                target not in variables and target.dtype != types.GENERIC
            ):
                message = f"update: '{name}' is not the result of 'variable'"
                self.report(Diagnostic("NX304", message, node.at))
            elif target in updated:
                note = Note("the first update is here", updated[target].at)
                message = f"update: '{name}' is updated twice"
                self.report(Diagnostic("NX203", message, node.at, notes=(note,)))
            else:
                updated[target] = node

    def _check_custom(self) -> None:
        for op, nodes in self.by_op.items():
            if op.shape is None and op.signature.body is None:
                message = f"custom operation '{op.name}' has no shape rule here"
                self.report(Diagnostic("NX217", message, nodes[0].at))

    def _nodes(self, name: str) -> list[Node]:
        return [node for op, nodes in self.by_op.items() if op.name == name for node in nodes]

    def _error(self, code: str, message: str, at: TextAt) -> None:
        self.report(Diagnostic(code, message, at))


def _once(report: Report) -> Report:
    """Return `report` that drops repetitions: each call of a fragment finds its faults again."""
    told: set[tuple[str, str, At | None]] = set()

    def tell(diagnostic: Diagnostic) -> None:
        key = (diagnostic.code, diagnostic.message, diagnostic.at)
        if key not in told:
            told.add(key)
            report(diagnostic)

    return tell


def _targets(body: list[ast.Assign]) -> Iterator[str]:
    for statement in body:
        if type(statement.target) is ast.Name:
            yield statement.target.id
        else:
            yield from (name.id for name in names_of(statement))


def _unique(names: list[ast.Name], twice: Callable[[ast.Name], None]) -> Iterator[ast.Name]:
    seen: set[str] = set()
    for name in names:
        if name.id in seen:
            twice(name)
        else:
            yield name
        seen.add(name.id)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Give fragments that call fragments the room that `MAX_DEPTH` promises them."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 12_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


__all__ = ["Report", "build"]
