"""The fast lane: reads the statements of a flat graph with a few regular expressions.

The grammar stays the law. The expressions below are put together from its terminals, they match
only what has one meaning in it. Any statement that they do not match is left to
`nnefx.syntax.compositional`, and what that does not read either to Lark. Both are optional: without
them everything is read alike, only slower.

Groups are atomic throughout. Else a match that fails could be retried with less of a comment or
of a word, and read `# x` as a name.
"""

import json
import re
from ast import literal_eval
from dataclasses import dataclass
from functools import cache
from typing import Any

from nnefx.syntax import ast, compositional, engine, terminals
from nnefx.syntax.builder import dtype_of, unquote
from nnefx.syntax.flatcall import NO_TAIL, FlatCall, Tail
from nnefx.syntax.terminals import atomic

# Literal arrays nest this deep in the lane; deeper ones are left to Lark.
DEPTH = 2

# Longer numbers and exponents may be out of range, which the builder finds and reports.
_RISKY = re.compile(r"[0-9]{100}|[eE][+-]?[0-9]{3}")


@dataclass(frozen=True, slots=True)
class _End:
    """What follows the names of a call: attributes, and the key of a last one with a string."""

    tail: Tail
    key: str = ""
    at: int = 0  # where the key begins


@dataclass(frozen=True, slots=True)
class Lane:
    """The expressions of the lane; see `_lane` for their groups."""

    prelude: re.Pattern[str]
    usual: re.Pattern[str]
    opening: re.Pattern[str]
    argument: re.Pattern[str]
    closing: re.Pattern[str]
    odd: re.Pattern[str]
    name: re.Pattern[str]
    last: re.Pattern[str]
    reserved: frozenset[str]


def read(text: str, groups: list[int]) -> ast.Document | None:
    """Return the tree of a document, or None where only the grammar can tell what it is.

    `groups` gets the offsets of parenthesised expressions.

    Raises:
        lark.UnexpectedInput, nnefx.syntax.builder.Fault: a part of the text breaks the grammar,
            and with it the whole does.
    """
    lane = _lane()
    prelude = lane.prelude.match(text)
    if prelude is None:
        return None
    head, end = prelude.span(1)
    document = compositional.prelude(text, 0, head, groups) or engine.run(text, "prelude", 0, head)
    graph = compositional.graph_head(text, head, end) or engine.run(text, "graph_head", head, end)
    pos = _statements(lane, text, prelude.end(), graph.body, groups)
    if pos < 0 or not graph.body:
        return None
    document.graph = graph
    found: ast.Document = document
    return found


def statement(text: str, pos: int) -> tuple[ast.Assign | None, int]:
    """Return the plain statement at `pos` and its end, or None where it is not plain or faulty."""
    return _statement(_lane(), text, pos, {})


def _statements(lane: Lane, text: str, pos: int, body: list[ast.Assign], groups: list[int]) -> int:
    """Append the statements from `pos` on; return the end of the text, or -1 for give up."""
    literals: dict[str, Any] = {}
    ends: dict[str, _End | None] = {}
    match = lane.usual.match
    while True:
        usual = match(text, pos)
        if usual is not None:
            call = _usual(lane, usual, ends, literals)
            if call is not None:
                start = usual.start(1)
                body.append(ast.Assign(ast.Name(usual[1], start), call, start))
                pos = usual.end()
                continue
        assign, end = _statement(lane, text, pos, literals)
        if assign is None:
            if lane.closing.match(text, pos):
                return len(text)
            odd = lane.odd.match(text, pos)
            if odd is None:
                return -1
            end = odd.end()
            assign = compositional.assignment(text, pos, end, groups)
            if assign is None:
                assign = engine.run(text, "assignment", pos, end)
        body.append(assign)
        pos = end


def _usual(
    lane: Lane, usual: re.Match[str], ends: dict[str, _End | None], literals: dict[str, Any]
) -> FlatCall | None:
    """Return the call of a statement in the usual layout, or None where it is not plain."""
    target, op, dtype, names, rest, string = usual.groups("")
    if rest in ends:
        end = ends[rest]
    else:
        end = ends[rest] = _end(lane, rest, literals)
    # The expression takes keywords for names, and `f()` and `f(x, )` for calls.
    if end is None or bool(string) is not bool(end.key) or target in lane.reserved:
        return None
    if names[-1:] in " " and rest == ")":
        return None
    listed = names.removesuffix(", ").split(", ") if names else []
    if op in lane.reserved or not lane.reserved.isdisjoint(listed):
        return None
    label = None
    if string:
        label = (end.key, unquote(string) if "\\" in string else string[1:-1])
    start = usual.start(5)
    places = (usual.start(4), start, start + end.at, usual.start(6))
    return FlatCall(
        op, dtype_of(dtype) if dtype else None, usual.start(2), listed, end.tail, label, places
    )


def _end(lane: Lane, rest: str, literals: dict[str, Any]) -> _End | None:
    """Return what follows the names of a call, up to its end or a last string; None if not plain.

    Such as `stride = [1, 1], groups = 1)` or `shape = [1, 3], label = `.
    """
    if rest.endswith(")"):
        tail = _tail(lane, rest[:-1], literals)
        return None if tail is None else _End(tail)
    last = lane.last.search(rest)
    tail = last and _tail(lane, rest[: last.start()], literals)
    if last is None or tail is None or any(name == last[1] for name, *_ in tail.args):
        return None
    return _End(tail, last[1], last.start(1))


def _tail(lane: Lane, text: str, literals: dict[str, Any]) -> Tail | None:
    """Return the attributes of a text such as `stride = [1, 1], groups = 1`, or None."""
    if not text:
        return NO_TAIL
    found: dict[str, tuple[str, Any, int, int]] = {}
    text, pos = f"{text},", 0
    while pos < len(text):
        argument = lane.argument.match(text, pos)
        if argument is None:
            return None
        key, name, literal, _ = argument.groups()
        if not key or key in found or name or not literal:
            return None
        if literal not in literals and not _decode(literal, literals):
            return None
        found[key] = (key, literals[literal], argument.start(1), argument.start(3))
        pos = argument.end()
    return Tail(tuple(found.values()))


def _statement(
    lane: Lane, text: str, pos: int, literals: dict[str, Any]
) -> tuple[ast.Assign | None, int]:
    """Return the statement at `pos` and its end, or None where it is not a plain one."""
    opening = lane.opening.match(text, pos)
    if opening is None:
        return None, pos
    target, op, dtype = opening.groups()
    start = opening.start(1)
    args: list[ast.Arg] = []
    call = ast.Call(op, dtype and dtype_of(dtype), args, opening.start(2))
    end = opening.end()
    while True:
        argument = lane.argument.match(text, end)
        if argument is None:
            return None, pos
        key, name, literal, _ = argument.groups()
        value: ast.Expr
        if name:
            value = ast.Name(name, argument.start(2))
        elif literal:
            if literal not in literals and not _decode(literal, literals):
                return None, pos
            value = ast.Literal(literals[literal], argument.start(3))
        else:
            found = lane.name.finditer(text, argument.start(4), argument.end(4))
            value = ast.ArrayExpr([ast.Name(m[0], m.start()) for m in found], argument.start(4))
        args.append(ast.Arg(key, value, argument.start(1) if key else value.pos))
        end = argument.end()
        if text[end - 1] == ";":
            return ast.Assign(ast.Name(target, start), call, start), end


def _decode(text: str, literals: dict[str, Any]) -> bool:
    """Put the value of a literal into `literals`, or return False where the builder must judge."""
    if text[0] in "'\"":
        literals[text] = unquote(text)
        return True
    if _RISKY.search(text):
        return False
    try:
        literals[text] = literal_eval(text) if "(" in text else json.loads(text)
    except (ValueError, SyntaxError):  # such as 007, which NNEF allows
        return False
    return True


@cache
def _lane() -> Lane:
    space, ident, name = terminals.space(), atomic("IDENT"), _name()
    logical, number = atomic("LOGICAL"), f"(?>-?{atomic('NUMBER')})"
    string = atomic("STRING")
    # Inside of arrays there are no comments: what takes them apart knows none.
    blank = f"(?>(?:{atomic('SPACE')})?)"
    array = _array(f"(?>{logical}|{number})", blank)
    names = rf"\[{blank}{name}{blank}(?>(?:,{blank}{name}{blank})*)\]"
    dtype = atomic("DTYPE")
    end = rf"{space}(?>,|\){space};)"
    return Lane(
        prelude=re.compile(_prelude(space, string)),
        # 1 target, 2 operation, 3 type, 4 names, 5 what follows, 6 the string of a last attribute
        usual=re.compile(
            rf"(?>[ \t\n]*)({ident}) = ({ident})(?>({dtype}))?\("
            rf"((?>(?:{ident}(?>, |(?=\))))*))"
            rf"([^'\"#;]*+(?>(?:{string}(?=,)[^'\"#;]*+)*))(?>;|({string})\);)"
        ),
        # 1 target, 2 operation, 3 type
        opening=re.compile(
            rf"{space}({name}){space}={space}({name}){space}(?>({dtype}){space})?\("
        ),
        # 1 key, then one of 2 name, 3 literal, 4 array of names
        argument=re.compile(
            rf"{space}(?>({name}){space}={space})?"
            rf"(?>({name})|({number}|{string}|{logical}|{array})|({names})){end}"
        ),
        closing=re.compile(rf"{space}\}}{space}\Z"),
        odd=re.compile(rf"(?>(?:{string}|{atomic('COMMENT')}|[^;'\"#}}])*);"),
        name=re.compile(name),
        last=re.compile(rf"(?>\A|, )({name}) = \Z"),
        reserved=terminals.reserved(),
    )


def _prelude(space: str, string: str) -> str:
    """Match up to the graph's opening brace; group 1 is the graph's head."""
    word = r"(?>[A-Za-z0-9_]+)"
    other = rf"(?>{space}(?>{string}|(?!graph\b){word}|[^A-Za-z0-9_'\"#\s]))*"
    return rf"(?>{other}){space}(graph\b(?>(?:{space}[^{{#'\"])*){space})\{{"


def _name() -> str:
    """Match an identifier that is no keyword."""
    keywords = "|".join(sorted(terminals.keywords()))
    longer = "|".join(map(atomic, ("TYPE", "BUILTIN", "LOGICAL")))
    ident = terminals.patterns()["IDENT"]
    return rf"(?>(?!(?:{keywords})(?![A-Za-z0-9_])|{longer}){ident})"


def _array(item: str, space: str) -> str:
    """Match an item, or a literal array or tuple of them, nested up to DEPTH.

    An item is followed by the closing bracket, or by a comma and no closing bracket: said so, each
    level repeats the level below three times only.
    """
    nested = item
    for _ in range(DEPTH):
        items = rf"(?>(?:{nested}{space}(?>,{space}(?![\])])|(?=[\])])))*)"
        pair = rf"\({space}{nested}{space},{space}(?!\)){items}\)"
        nested = rf"(?>{item}|\[{space}{items}\]|{pair})"
    return nested
