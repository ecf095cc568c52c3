"""Printed text is canonical, needs few signs, and parses back to an equal tree."""

import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnefx.diagnostics import NnefError
from nnefx.grammar import read
from nnefx.source import Source
from nnefx.syntax import ast
from nnefx.syntax.builder import PRECEDENCE
from nnefx.syntax.parser import parse, parse_fragments
from nnefx.syntax.printer import (
    print_assign,
    print_document,
    print_expr,
    print_fragment,
    print_literal,
    quote,
)

CANONICAL = """\
version 1.0;
extension KHR_enable_fragment_definitions;
extension KHR_enable_operator_expressions;
extension vendor_symbol N;

# Says what it does,
#
#   with margins.
fragment f<? = scalar>(x: tensor<?>, a: (integer, scalar[])[] = [(1, [-2.0])]) -> (y: tensor<?>)
{
    y = g<?>(x, k = [for i in a, j in range_of(a) if i > 1 yield i + 1]);
}

fragment h(x: tensor<>, b: logical = true) -> (y: tensor<scalar>, z: tensor<integer>[]);

graph g(x, w) -> (y)
{
    x = external<scalar>(shape = [1, 2]);
    w = external(shape = []);
    a, [b, (c, d)] = h(x, b = false);
    y = f(a, 'it"s', "it's", axes = [(0, 1), (2, 3)]);
}
"""


def expression(text: str) -> ast.Expr:
    graph = parse(Source("t", f"version 1.0; graph g(x) -> (y) {{ y = {text}; }}")).graph
    assert graph is not None
    return graph.body[0].value


def test_canonical_text_is_printed_as_it_is() -> None:
    assert print_document(parse(Source("t", CANONICAL))) == CANONICAL


def test_standard_library_round_trips() -> None:
    fragments = parse_fragments(Source("stdlib", read("stdlib.nnef")))
    printed = "".join(map(print_fragment, fragments))
    again = parse_fragments(Source("printed", printed))
    assert again == fragments
    assert [f.doc for f in again] == [f.doc for f in fragments]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("((a))", "a"),
        ("(a + b) + c", "a + b + c"),
        ("a + (b + c)", "a + (b + c)"),
        ("a + (b * c)", "a + b * c"),
        ("(a + b) * c", "(a + b) * c"),
        ("(a ^ b) ^ c", "a ^ b ^ c"),
        ("(-a) ^ b", "-a ^ b"),
        ("-(a ^ b)", "-(a ^ b)"),
        ("-(-1)", "--1"),
        ("(-1)[0]", "(-1)[0]"),
        ("(a + b)[c]", "(a + b)[c]"),
        ("f(a)[c]", "f(a)[c]"),
        ("a[(b)][c:]", "a[b][c:]"),
        ("(a if b else c) + d", "(a if b else c) + d"),
        ("a if b else (c if d else e)", "a if b else c if d else e"),
        ("(a if b else c) if d else e", "(a if b else c) if d else e"),
        ("a if (b if c else d) else e", "a if b if c else d else e"),
        ("[for a in (b if c else d) yield e]", "[for a in (b if c else d) yield e]"),
        ("[for a in (b in c) yield (d)]", "[for a in b in c yield d]"),
        ("(a && b) in c", "a && b in c"),
        ("a && (b in c)", "a && (b in c)"),
        ("(a, b)", "(a, b)"),
        ("a, b", "(a, b)"),
        ("integer ( a )", "integer(a)"),
    ],
)
def test_parentheses_stand_only_where_precedence_needs_them(text: str, printed: str) -> None:
    assert print_expr(expression(text)) == printed
    assert expression(printed) == expression(text)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (1, "1"),
        (True, "true"),
        (False, "false"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e16, "1e+16"),
        (1e-5, "1e-05"),
        (0.1, "0.1"),
        (sys.float_info.max, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        ([], "[]"),
        ([1, -2], "[1, -2]"),
        ([(0, 1.5), (2, 3.0)], "[(0, 1.5), (2, 3.0)]"),
        ([True, "a"], "[true, 'a']"),
        ([[], [False]], "[[], [false]]"),
        ("", "''"),
        ("it's", '"it\'s"'),
        ("both ' and \"", "'both \\' and \"'"),
        ("\\", "'\\\\'"),
    ],
)
def test_literals_print_exactly(value: ast.LiteralValue, printed: str) -> None:
    assert print_literal(value) == printed


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, [1.0, math.inf], "é", "a\nb"])
def test_what_nnef_cannot_write_is_refused(value: ast.LiteralValue) -> None:
    with pytest.raises(NnefError) as caught:
        print_literal(value)
    assert caught.value.code == "NX113"


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
def test_strings_read_back(text: str) -> None:
    assert expression(quote(text)) == ast.Literal(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_scalars_read_back_to_the_last_bit_and_as_scalars(value: float) -> None:
    literal = expression(print_literal(value))
    assert isinstance(literal, ast.Literal)
    assert repr(literal.value) == repr(value)


NAMES = st.sampled_from(["a", "b", "graphs", "in_"])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ATOMS = NUMBERS | st.booleans() | st.sampled_from(["", "it's", '\\"'])
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, min_size=2, max_size=3).map(tuple),
    max_leaves=6,
)


def is_folded(node: ast.Expr) -> bool:
    """Whether the parser folds the node away, so that it never returns it as it is."""
    if isinstance(node, ast.ArrayExpr | ast.TupleExpr):
        return all(isinstance(item, ast.Literal) for item in node.items)
    if not (isinstance(node, ast.Unary) and node.op == "-"):
        return False
    value = getattr(node.operand, "value", None)
    return type(value) in (int, float) and not repr(value).startswith("-")


def deeper(inner: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
    names, optional = st.builds(ast.Name, NAMES), st.none() | inner
    args = st.lists(st.builds(ast.Arg, st.none() | NAMES, inner), min_size=1, max_size=2)
    loops = st.lists(st.tuples(names, inner), min_size=1, max_size=2)
    return st.one_of(
        st.builds(ast.ArrayExpr, st.lists(inner, min_size=1, max_size=3)),
        st.builds(ast.TupleExpr, st.lists(inner, min_size=2, max_size=3)),
        st.builds(ast.Call, NAMES, st.sampled_from([None, "?", "integer"]), args),
        st.builds(ast.Builtin, st.sampled_from(["shape_of", "integer", "string"]), inner),
        st.builds(ast.Unary, st.sampled_from("-+!"), inner),
        st.builds(ast.Binary, st.sampled_from(list(PRECEDENCE)), inner, inner),
        st.builds(ast.IfElse, inner, inner, inner),
        st.builds(ast.Index, inner, inner),
        st.builds(ast.Slice, inner, optional, optional),
        st.builds(ast.Comprehension, loops, optional, inner),
    ).filter(lambda node: not is_folded(node))


LEAVES = st.builds(ast.Name, NAMES) | st.builds(ast.Literal, VALUES)
EXPRESSIONS: st.SearchStrategy[ast.Expr] = st.deferred(lambda: LEAVES | deeper(EXPRESSIONS))


@settings(max_examples=400, deadline=None)
@given(EXPRESSIONS)
def test_every_expression_reads_back_as_it_was(tree: ast.Expr) -> None:
    text = print_expr(tree)
    assert expression(text) == tree
    assert print_expr(expression(text)) == text  # which tells 1 from 1.0 and true


def test_assignments_print_bare_tuples_on_the_left_only() -> None:
    names: list[ast.Expr] = [ast.Name("a"), ast.Name("b")]
    assign = ast.Assign(ast.TupleExpr(names), ast.TupleExpr(names))
    assert print_assign(assign) == "a, b = (a, b);"
