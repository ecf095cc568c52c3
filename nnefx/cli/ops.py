"""`nnefx ops`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from textwrap import wrap
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nnefx.checking.target import Target
    from nnefx.ir.graph import Graph
    from nnefx.ops import Op

_TENSOR = re.compile(r"\b([A-Za-z_]\w*)(?:: (\w+))?(\[[0-9, ]+\])")
_RESULTS = re.compile(r"[A-Za-z_]\w*")


@click.command()
@click.argument("name", required=False)
def ops(name: str | None) -> None:
    """List the operations of NNEF, or show one.

    That is its signature, what it does, the formula or the body that says it exactly, an example
    with the shapes of its results, and which targets know it.
    """
    from nnefx.ops import standard_ops

    known = standard_ops()
    if name is None:
        for op in known.values():
            first = op.signature.doc.split("\n", 1)[0]
            click.echo(f"{op.name:30} {first}")
        return
    if name not in known:
        from nnefx.ir.builder import unknown_operation

        raise click.UsageError(unknown_operation(name, known))
    click.echo("\n".join(page(known[name])))


def page(op: "Op") -> Iterator[str]:
    """Yield the lines that tell about an operation."""
    from nnefx.ops.examples import FORMULAS

    yield _declaration(op)
    yield op.signature.doc
    if op.signature.body is None:
        yield from ("", "Formula", *map(_indented, wrap(FORMULAS[op.name], 92)))
    else:
        yield from ("", "Body", _body(op))
    yield from ("", "Example", *map(_indented, example(op.name)))
    yield from ("", "Targets", *map(_indented, _targets(op)))


def example(name: str) -> list[str]:
    """Return an example of an operation: what it takes, the call, and the shapes of its results."""
    from nnefx.ops.examples import EXAMPLES

    statement = EXAMPLES[name]
    call = _TENSOR.sub(lambda match: match[1], statement)
    graph = example_graph(name)
    results = _RESULTS.findall(call.split(" = ")[0])
    inputs = [value for value in _introduced(graph) if value not in results]
    lines = [", ".join(_shown(graph, value) for value in inputs)] if inputs else []
    return [*lines, call, "-> " + ", ".join(_shown(graph, value) for value in results)]


def example_graph(name: str) -> "Graph":
    """Return the graph of the example of an operation."""
    from nnefx.ops.examples import EXAMPLES
    from nnefx.tensors.model import loads

    statement = EXAMPLES[name]
    declared = [_introduction(match) for match in _TENSOR.finditer(statement)]
    call = _TENSOR.sub(lambda match: match[1], statement)
    results = _RESULTS.findall(call.split(" = ")[0])
    fed = [line.split(" = ")[0] for line in [*declared, call] if " external" in line]
    if not fed:
        fed, declared = ["fed"], ["fed = external(shape = [1]);", *declared]
    outputs = [result for result in results if result not in fed] or ["copied"]
    copies = [] if results[0] not in fed else [f"copied = copy({results[0]});"]
    head = f"graph example({', '.join(fed)}) -> ({', '.join(outputs)})"
    return loads("\n".join(["version 1.0;", head, "{", *declared, call, *copies, "}"])).graph


def _introduction(match: re.Match[str]) -> str:
    name, kind, shape = match.groups()
    if kind == "variable":
        return f"{name} = variable(shape = {shape}, label = '{name}');"
    dtype = f"<{kind}>" if kind else ""
    return f"{name} = external{dtype}(shape = {shape});"


def _introduced(graph: "Graph") -> list[str]:
    kinds = ("external", "variable")
    names = [node.output.name for node in graph.nodes if node.name in kinds]
    return [name for name in names if name != "fed"]


def _shown(graph: "Graph", name: str) -> str:
    value = graph.values[name]
    dtype = "" if value.dtype == "scalar" else f"{value.dtype} "
    return f"{name}: {dtype}{list(value.shape)}"


def _declaration(op: "Op") -> str:
    from nnefx.syntax.printer import print_fragment

    return _formatted(print_fragment(replace(op.signature, body=None, doc="")))


def _body(op: "Op") -> str:
    """Return the statements of a compound, with the comments that the library has."""
    assert op.source is not None
    start = op.signature.pos
    text = _formatted(op.source.text[start : op.source.text.index("\n}", start) + 2])
    return text[text.index("\n{\n") + 3 : text.rindex("}")].rstrip()


def _formatted(text: str) -> str:
    from nnefx.source import Source
    from nnefx.syntax.format import format_document

    return format_document(Source("operation", text), 100)


def _targets(op: "Op") -> Iterator[str]:
    """Yield a line for each engine that runs the operation or is known not to."""
    from nnefx.checking import load, names
    from nnefx.openvx.rules import LOWERINGS

    import_module("nnefx.openvx.lower")  # which brings all rules

    yield f"{'nnefx run':16} {'yes' if op.run or op.signature.body is None else 'by its body'}"
    profiles = [load(name) for name in names()]
    for target in profiles:
        yield f"{target.name:16} {_support(target, op)}"
    lowered = "by its body" if op.signature.body is not None else "no"
    known = {*LOWERINGS, "external", "constant", "variable"}
    yield f"{'nnefx export':16} {'yes' if op.name in known else lowered}"


def _support(target: "Target", op: "Op") -> str:
    if op.name in target.lacks:
        hint = target.lacks[op.name]
        lacks = f"no: {hint}" if hint else "no"
        return "by its body" if target.expand and op.signature.body is not None else lacks
    if target.only is not None and op.name not in target.only:
        return "by its body" if target.expand and op.signature.body is not None else "no"
    limited = any(op.name in rule.operations for rule in target.rules)
    return "yes, with limits" if limited else "yes"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
