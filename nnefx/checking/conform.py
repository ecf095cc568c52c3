"""Comparing a model with what a target can do."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nnefx.checking.demands import demands
from nnefx.checking.document import Checked
from nnefx.checking.syntax import KINDS, uses
from nnefx.checking.target import Rule, Target
from nnefx.diagnostics import Diagnostic, Severity
from nnefx.ir.builder import Builder
from nnefx.ir.evaluate import instantiate
from nnefx.ir.graph import UNKNOWN, Graph, Node
from nnefx.source import At, Source, TextAt
from nnefx.syntax import ast


def check_target(target: Target, checked: Checked, source: Source) -> list[Diagnostic]:
    """Return what keeps the target from taking a model, each finding with its limit."""
    document = checked.document
    if document is None:
        return []
    found = list(_syntax(target, document, source))
    if checked.graph is None or not checked.sound:
        message = "operations are not compared, because of the errors in the model"
        found.append(Diagnostic("NX615", message, TextAt(source, 0), Severity.INFO))
    else:
        found += _operations(target, checked.graph)
        if target.lowering:
            found += _lowering(target, checked.graph)
    return [replace(item, message=f"{target.name}: {item.message}") for item in found]


def _syntax(target: Target, document: ast.Document, source: Source) -> Iterator[Diagnostic]:
    lacks, misreads = set(target.syntax), set(target.misreads)
    for kind, pos in uses(document, source) if lacks or misreads else ():
        at = TextAt(source, pos)
        if kind in lacks:
            yield Diagnostic("NX610", f"{KINDS[kind]}: the target does not read it", at)
        elif kind in misreads:
            message = f"{KINDS[kind]}: the target takes it for something else, silently"
            yield Diagnostic("NX616", message, at, Severity.WARNING)
    for extension in document.extensions if target.extensions is not None else ():
        for word in extension.words:
            if word not in (target.extensions or ()):
                pos = max(source.text.find(word, extension.pos), extension.pos)
                at = TextAt(source, pos, pos + len(word))
                yield Diagnostic("NX614", f"extension {word}: the target does not know it", at)


def _operations(target: Target, graph: Graph) -> Iterator[Diagnostic]:
    comparison = _Comparison(target)
    told: set[tuple[str, At | None]] = set()
    for node in graph.nodes:
        for item in comparison.node(node, graph):
            if (item.message, item.at) not in told:
                told.add((item.message, item.at))
                yield item


class _Comparison:
    """Compares the operations of one model with a target."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.rules: dict[str, list[Rule]] = {}
        for rule in target.rules:
            for name in rule.operations:
                self.rules.setdefault(name, []).append(rule)
        self.seen: set[Graph] = set()  # bodies; equal calls share one, which is looked at once

    def node(self, node: Node, graph: Graph) -> Iterator[Diagnostic]:
        """Yield what the target cannot do of a node of `graph`."""
        if node.at is None:  # a literal that is the result of a fragment
            return
        if node.op.shape is None and node.body is not None:
            yield from self._body(node.body)
        elif node.op.shape is None and node.op.signature.body is None:
            if not self.target.custom:
                message = f"{node.name}: the target takes no operations without a body"
                yield Diagnostic("NX611", message, node.at)
        elif self._knows(node.name):
            yield from _tensors(self.target, node)
            for rule in self.rules.get(node.name, ()):
                for code, message in demands(rule, node, graph):
                    hint = f"; {rule.hint}" if rule.hint else ""
                    yield Diagnostic(code, f"{node.name}: {message}{hint}", node.at)
        elif self.target.expand and node.op.signature.body is not None:
            yield from self._expanded(node)
        else:
            hint = self.target.lacks.get(node.name, "")
            message = f"{node.name}: the target lacks it" + (f"; {hint}" if hint else "")
            yield Diagnostic("NX611", message, node.at)

    def _knows(self, name: str) -> bool:
        if name in self.target.lacks:
            return False
        return self.target.only is None or name in self.target.only

    def _body(self, body: Graph) -> Iterator[Diagnostic]:
        """Yield what of a fragment of the document the target cannot do."""
        if body not in self.seen:
            self.seen.add(body)
            for inner in body.nodes:
                yield from self.node(inner, body)

    def _expanded(self, node: Node) -> Iterator[Diagnostic]:
        """Yield what of the body of a compound the target cannot do, at the compound's place."""
        body = instantiate(Builder(), node.op, node.inputs, node.attributes, node.dtype)
        for inner in body.nodes:
            for item in self.node(inner, body):
                message = f"{node.name}: it consists of others, and {item.message}"
                yield replace(item, message=message, at=node.at)


def _tensors(target: Target, node: Node) -> Iterator[Diagnostic]:
    for value in node.values():
        if value.shape is UNKNOWN:
            continue
        limit = ""
        if target.ranks and value.rank not in target.ranks:
            limit = f"rank {value.rank}, the target takes {_either(target.ranks)}"
        elif target.types and value.dtype not in target.types:
            limit = f"data-type {value.dtype}, the target takes {_either(target.types)}"
        elif target.largest and max(value.shape, default=0) > target.largest:
            limit = f"extent {max(value.shape)}, the target takes up to {target.largest}"
        if limit:
            yield Diagnostic("NX613", f"{node.name}: '{value.name}' has {limit}", node.at)


def _either(items: tuple[Any, ...]) -> str:
    return " or ".join(map(str, items))


def _lowering(target: Target, graph: Graph) -> Iterator[Diagnostic]:
    from nnefx.checking.lowering import lowering_faults

    return lowering_faults(target.lowering, graph)
