"""Texts and the trees, positions and errors that parsing them gives."""

import gc
from collections.abc import Callable
from pathlib import Path

import nnef
import pytest

from nnefx.diagnostics import NnefError, Severity
from nnefx.source import Source, TextAt
from nnefx.syntax.ast import (
    Arg,
    ArrayExpr,
    Assign,
    Binary,
    Builtin,
    Call,
    Comprehension,
    Expr,
    Extension,
    IfElse,
    Index,
    Literal,
    Name,
    Slice,
    TupleExpr,
    Unary,
)
from nnefx.syntax.builder import MAX_DEPTH
from nnefx.syntax.parser import parse, parse_all, parse_fragments, parse_quant
from nnefx.syntax.printer import print_document
from nnefx.syntax.profile import check_profile
from nnefx.types import Array, Primitive, Tensor, Tuple

a, b, c, d, x = map(Name, "abcdx")


def document(*lines: str) -> str:
    """A flat document with these statements, each on its own line from line 4 on."""
    return "\n".join(["version 1.0;", "graph g(x) -> (y)", "{", *lines, "}", ""])


def statement(text: str) -> Assign:
    graph = parse(Source("t.nnef", document(text))).graph
    assert graph is not None
    return graph.body[0]


def expression(text: str) -> Expr:
    return statement(f"y = {text};").value


def errors(text: str) -> list[str]:
    """The errors of a document as `line:column code message`."""
    _, diagnostics = parse_all(Source("t", text))
    return [f"{str(found.at)[2:]} {found.code} {found.message}" for found in diagnostics]


LITERALS = [
    ("1", 1),
    ("-1", -1),
    ("- 1", -1),
    ("007", 7),
    ("3000000000", 3000000000),
    ("9" * 100, int("9" * 100)),
    ("1.0", 1.0),
    ("1e5", 1e5),
    ("1E+5", 1e5),
    ("-2.5e-3", -2.5e-3),
    ("-0.0", -0.0),
    ("1e-400", 0.0),
    ("true", True),
    ("false", False),
    ("''", ""),
    ("'a\"b'", 'a"b'),
    (r"'it\'s'", "it's"),
    (r'"a\\"', "a\\"),
    (r"'\\\''", "\\'"),
    ("'#;}'", "#;}"),
    ("[]", []),
    ("[ 1 , 2 ]", [1, 2]),
    ("[1, # one\n 2]", [1, 2]),
    ("[(0, 1), (2, 3)]", [(0, 1), (2, 3)]),
    ("[[[[1.0]]], []]", [[[[1.0]]], []]),
    ("('a', true, [-1])", ("a", True, [-1])),
    ("(1)", 1),
    ("-(1)", -1),
]


@pytest.mark.parametrize(("text", "value"), LITERALS, ids=[text for text, _ in LITERALS])
@pytest.mark.parametrize("place", ["{}", "f(x, k = {})", "f(x) if {} else x"])
def test_literals_have_their_exact_value_and_type(text: str, value: object, place: str) -> None:
    found = expression(place.format(text))
    if isinstance(found, Call):
        found = found.args[1].value
    if isinstance(found, IfElse):
        found = found.condition
    assert isinstance(found, Literal)
    assert repr(found.value) == repr(value)


EXPRESSIONS: list[tuple[str, Expr]] = [
    ("a", a),
    ("[a, 1]", ArrayExpr([a, Literal(1)])),
    ("(a, 1)", TupleExpr([a, Literal(1)])),
    ("a, 1", TupleExpr([a, Literal(1)])),
    ("1, 2", Literal((1, 2))),
    ("f(a, k = b)", Call("f", None, [Arg(None, a), Arg("k", b)])),
    ("f<integer>(a)", Call("f", "integer", [Arg(None, a)])),
    ("f < # c\n ? > (a)", Call("f", "?", [Arg(None, a)])),
    ("shape_of(a)", Builtin("shape_of", a)),
    ("length_of(a)", Builtin("length_of", a)),
    ("range_of(a)", Builtin("range_of", a)),
    ("integer(a)", Builtin("integer", a)),
    ("scalar(a)", Builtin("scalar", a)),
    ("logical(a)", Builtin("logical", a)),
    ("string(a)", Builtin("string", a)),
    ("-a", Unary("-", a)),
    ("+1", Unary("+", Literal(1))),
    ("!a", Unary("!", a)),
    ("--1", Unary("-", Literal(-1))),
    ("-true", Unary("-", Literal(True))),
    ("a - 1", Binary("-", a, Literal(1))),
    ("a -1", Binary("-", a, Literal(1))),
    ("a - -1", Binary("-", a, Literal(-1))),
    ("a < b", Binary("<", a, b)),
    ("a < integer(b)", Binary("<", a, Builtin("integer", b))),
    ("a[1]", Index(a, Literal(1))),
    ("a[b][c]", Index(Index(a, b), c)),
    ("a[1:]", Slice(a, Literal(1), None)),
    ("a[:1]", Slice(a, None, Literal(1))),
    ("a[:]", Slice(a, None, None)),
    ("a[b:c]", Slice(a, b, c)),
    ("-a[0]", Unary("-", Index(a, Literal(0)))),
    ("f(a)[0]", Index(Call("f", None, [Arg(None, a)]), Literal(0))),
    ("a if b else c", IfElse(a, b, c)),
    ("a if b else c if d else x", IfElse(a, b, IfElse(c, d, x))),
    ("a + b if c == d else x", IfElse(Binary("+", a, b), Binary("==", c, d), x)),
    ("[for a in b yield c]", Comprehension([(a, b)], None, c)),
    ("[for a in b, c in d yield x]", Comprehension([(a, b), (c, d)], None, x)),
    ("[for a in b if c yield d]", Comprehension([(a, b)], c, d)),
    ("[for a in b + c if c yield d]", Comprehension([(a, Binary("+", b, c))], c, d)),
    ("[for a in b if a in c yield d]", Comprehension([(a, b)], Binary("in", a, c), d)),
    ("[for a in b yield c if d else x]", Comprehension([(a, b)], None, IfElse(c, d, x))),
    ("[for a in (b if c else d) yield x]", Comprehension([(a, IfElse(b, c, d))], None, x)),
    (
        "[for a in b if c if d else x yield a]",
        Comprehension([(a, b)], IfElse(c, d, x), a),
    ),
]


@pytest.mark.parametrize(("text", "tree"), EXPRESSIONS, ids=[text for text, _ in EXPRESSIONS])
def test_expressions_have_their_tree(text: str, tree: Expr) -> None:
    assert expression(text) == tree


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a in b && c", "a in (b && c)"),
        ("a && b in c", "(a && b) in c"),
        ("a && b == c", "a && (b == c)"),
        ("a || b && c", "(a || b) && c"),
        ("a < b + c", "a < (b + c)"),
        ("a + b * c", "a + (b * c)"),
        ("a * b + c", "(a * b) + c"),
        ("a * b ^ c", "a * (b ^ c)"),
        ("a ^ b ^ c", "(a ^ b) ^ c"),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c", "(a / b) * c"),
        ("a == b != c", "(a == b) != c"),
        ("-a ^ b", "(-a) ^ b"),
        ("!a && b", "(!a) && b"),
        ("a ^ -b", "a ^ (-b)"),
        ("-2 ^ b", "(-2) ^ b"),
        ("a + b < c * d && x in a", "(((a + b) < (c * d)) && x) in a"),
        ("a if b in c else d + x", "a if (b in c) else (d + x)"),
    ],
)
def test_operators_group_by_precedence_and_from_the_left(text: str, grouped: str) -> None:
    assert expression(text) == expression(grouped)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("a", a),
        ("a, b", TupleExpr([a, b])),
        ("(a, b)", TupleExpr([a, b])),
        ("[a]", ArrayExpr([a])),
        ("[]", ArrayExpr([])),
        ("[a, b], c", TupleExpr([ArrayExpr([a, b]), c])),
        ("([a, (b, c)], d)", TupleExpr([ArrayExpr([a, TupleExpr([b, c])]), d])),
    ],
)
def test_left_sides_have_their_tree(text: str, target: Expr) -> None:
    assert statement(f"{text} = f(x);").target == target


FRAGMENT = """\
version 1.0;
extension KHR_enable_fragment_definitions;

# far away

# What it does,
#   with margins.
fragment f<? = scalar>( x: tensor<?>, y: tensor<>, a: integer[][] = [[1]],
    b: (integer, ?)[] = [(1, -2.0)], c: string = '' )
-> ( z: tensor<scalar>, w: tensor<?>[] ) # not its documentation
{
    z, w = g(x);
}
fragment h<?>(x: tensor<?>=1.0) -> (y: tensor<?>);  fragment k(x: ?) -> (y: tensor<logical>);
"""


def test_fragments_have_types_defaults_and_documentation() -> None:
    f, h, k = parse_fragments(Source("t", FRAGMENT))
    assert (f.name, f.generic, f.generic_default) == ("f", True, "scalar")
    assert f.doc == "What it does,\n  with margins."
    generic, integer = Primitive("?"), Primitive("integer")
    assert [param.type for param in f.params] == [
        Tensor("?"),
        Tensor(None),
        Array(Array(integer)),
        Array(Tuple((integer, generic))),
        Primitive("string"),
    ]
    assert [param.default for param in f.params[2:]] == [
        Literal([[1]]),
        Literal([(1, -2.0)]),
        Literal(""),
    ]
    assert [(r.name, r.type) for r in f.results] == [
        ("z", Tensor("scalar")),
        ("w", Array(Tensor("?"))),
    ]
    assert f.body == [Assign(TupleExpr([Name("z"), Name("w")]), Call("g", None, [Arg(None, x)]))]
    assert (h.generic, h.generic_default, h.body, h.doc) == (True, None, None, "")
    assert h.params[0].default == Literal(1.0)
    assert (k.generic, k.body, k.doc) == (False, None, "")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("extension a;", [["a"]]),
        ("extension a, b;", [["a"], ["b"]]),
        ("extension KHR_a KHR_b;", [["KHR_a"], ["KHR_b"]]),
        ("extension vendor_symbol N;", [["vendor_symbol", "N"]]),
        ("extension a; extension b c;", [["a"], ["b", "c"]]),
    ],
)
def test_extensions_are_parted_by_spaces_or_commas(line: str, expected: list[list[str]]) -> None:
    tree = parse(Source("t", "version 1.0;" + line + "graph g(x) -> (y) { y = f(x); }"))
    assert tree.extensions == [Extension(words) for words in expected]


def test_form_feed_ends_a_comment() -> None:
    assert statement("# comment\fy = f(x);").target == Name("y")


def test_positions_are_offsets_of_first_characters_and_operators() -> None:
    text = document("y, z = f(x, key = [1, a], t = (-1, 2)) + -a[0];  # é")
    graph = parse(Source("t", text)).graph
    assert graph is not None
    start = text.index("y, z")
    assign = graph.body[0]
    assert isinstance(assign.target, TupleExpr)
    assert (assign.pos, assign.target.pos) == (start, start)
    assert assign.target.items[1].pos == text.index("z =")
    value = assign.value
    assert isinstance(value, Binary)
    assert value.pos == text.index("+ ")
    call, unary = value.left, value.right
    assert isinstance(call, Call)
    assert isinstance(unary, Unary)
    assert call.pos == text.index("f(x")
    assert [arg.pos for arg in call.args] == [text.index(s) for s in ("x, key", "key", "t =")]
    assert [arg.value.pos for arg in call.args[1:]] == [text.index("[1"), text.index("(-1")]
    assert unary.pos == text.index("-a")
    assert unary.operand.pos == text.index("a[0]")
    assert (graph.pos, graph.inputs[0].pos) == (text.index("graph"), text.index("x)"))


ERRORS = [
    ("a = f(x)\ny = f(a);", ["4:9 NX106 assignment: expected ';' at its end"]),
    ("a = f(x) y = f(a);", ["4:9 NX106 assignment: expected ';' at its end"]),
    ("a = f(x) # note\n\ny = f(a);", ["4:9 NX106 assignment: expected ';' at its end"]),
    ("y = f(x)", ["4:9 NX106 assignment: expected ';' at its end"]),
    ("y = f(x;", ["4:8 NX100 assignment: expected ')' or ',', found ';'"]),
    ("y = f();", ["4:7 NX100 assignment: expected an expression, found ')'"]),
    ("y = f(x,);", ["4:9 NX100 assignment: expected an expression, found ')'"]),
    ("y = [1, 2;", ["4:10 NX100 assignment: expected ',' or ']', found ';'"]),
    ("y = ;", ["4:5 NX100 assignment: expected an expression, found ';'"]),
    ("y f(x);", ["4:3 NX100 assignment: expected ',' or '=', found 'f'"]),
    ("(y) = f(x);", ["4:3 NX100 assignment: expected ',', found ')'"]),
    ("f(x) = y;", ["4:2 NX100 assignment: expected ',' or '=', found '('"]),
    ("graph = f(x);", ["4:1 NX108 assignment: keyword 'graph' cannot be a name"]),
    ("y = f(in = 1);", ["4:7 NX108 assignment: keyword 'in' cannot be a name"]),
    ("true = f(x);", ["4:1 NX108 assignment: keyword 'true' cannot be a name"]),
    ("y = f('abc);", ["4:7 NX102 string: expected ' before the end of the line"]),
    ("y = f('abc\n');", ["4:7 NX102 string: expected ' before the end of the line", "5"]),
    (r"y = f('a\b');", ["4:9 NX103 string: a backslash stands only before ' or another backslash"]),
    ("y = f('né');", ["4:9 NX104 string: expected printable ASCII, found U+00E9"]),
    ("y = f('a\tb');", ["4:9 NX104 string: expected printable ASCII, found U+0009"]),
    ("y = f(x @ x);", ["4:9 NX101 assignment: unexpected character '@'"]),
    ("y = f(x & x);", ["4:9 NX101 assignment: unexpected character '&'"]),
    ("y = é(x);", ["4:5 NX101 assignment: unexpected character U+00E9"]),
    ("y = f(1.2.3);", ["4:7 NX105 assignment: '1.2.3' is not a number"]),
    ("y = f(5x);", ["4:7 NX105 assignment: '5x' is not a number"]),
    ("y = f(1.);", ["4:7 NX105 assignment: '1.' is not a number"]),
    ("y = f(.5);", ["4:7 NX105 assignment: '.5' is not a number"]),
    ("y = f(1e);", ["4:7 NX105 assignment: '1e' is not a number"]),
    ("y = f(1e999);", ["4:7 NX112 number: 1e999 is too large for a scalar"]),
    ("y = f(k = [0, 1e999]);", ["4:15 NX112 number: 1e999 is too large for a scalar"]),
    ("y = f<>(x);", ["4:6 NX100 assignment: expected ',' or ';', found '<'"]),
    ("y = [for a in b if c else d yield a];", ["4:22 NX100 assignment: expected 'yield', found"]),
    ("y = [yield a];", ["4:6 NX100 assignment: expected an expression, ']' or 'for', found"]),
    ("y = f(x;\na = f('x);\nb = 1.x;\nc = f(@);", ["4:8", "5:7", "6:5", "7:7"]),
    ("y = f(x);\n;", ["5:1 NX100 assignment: expected '(', '[' or an identifier, found ';'"]),
    ("", ["5:1 NX100 document: expected an assignment in the graph"]),
]


@pytest.mark.parametrize(("body", "expected"), ERRORS, ids=[body for body, _ in ERRORS])
def test_faulty_statements_are_reported_where_the_fault_is(body: str, expected: list[str]) -> None:
    found = errors(document(body))
    assert len(found) == len(expected), found
    for line, prefix in zip(found, expected):
        assert line.startswith(prefix)


GRAPH = "graph g(x) -> (y)\n{ y = f(x); }\n"
PARTS = [
    ("", ["1:1 NX110 document: expected 'version 1.0;' at its start, found nothing"]),
    ("# only\n", ["1:1 NX110"]),
    (GRAPH, ["1:1 NX110 document: expected 'version 1.0;' at its start, found 'graph'"]),
    ("version 1.0;", ["1:13 NX114 document: expected a graph before the end of the text"]),
    ("version 2.0;" + GRAPH, ["1:9 NX110 version: 2.0 is not supported, expected 1.0"]),
    ("version 1;" + GRAPH, ["1:9 NX110 version: expected 1.0, found 1"]),
    ("version 1.1;" + GRAPH, ["1:9 NX110"]),
    ("version '1.0';" + GRAPH, ["1:9 NX100 version: expected a number, found '1.0'"]),
    ("version 1.0\n" + GRAPH, ["1:12 NX106 version: expected ';' at its end"]),
    ("version 1.0; version 1.0;" + GRAPH, ["1:14 NX100 document: expected one version"]),
    ("version 1.0; extension;" + GRAPH, ["1:23 NX100 extension: expected an identifier"]),
    ("version 1.0;" + GRAPH + GRAPH, ["3:1 NX100 document: expected one graph, found another"]),
    ("version 1.0;" + GRAPH + "extension a;", ["3:1 NX100 document: expected 'extension' before"]),
    ("version 1.0;" + GRAPH + "}", ["3:1 NX100 document: expected the end of the text after"]),
    ("\ufeffversion 1.0;" + GRAPH, ["1:1 NX101 document: unexpected character U+FEFF"]),
    ("version 1.0; graph g(x)->(y) { a = f(x); } b = f(x); y = f(x); }", ["1:44 NX100 document"]),
    ("version 1.0; net g;" + GRAPH, ["1:14 NX100 document: expected a fragment or graph, found"]),
    (
        "version 1.0; graph g(x) -> (y) { y = f(x);",
        ["1:43 NX107 document: expected '}' at the end"],
    ),
    ("version 1.0; graph g(x) -> (y);", ["1:31 NX100 document: expected '{' after the graph's"]),
    ("version 1.0; graph g() -> (y) { y = f(x); }", ["1:22 NX100 graph: expected an identifier"]),
    ("version 1.0; graph g(x) (y) { y = f(x); }", ["1:25 NX100 graph: expected '->', found '('"]),
    ("version 1.0; graph g(x) -> (y) y = f(x); }", ["1:32 NX100 graph: expected '{', found 'y'"]),
    (
        "version 1.0; fragment f(a: integer) -> (b: tensor<>) { b = \n" + GRAPH,
        ["2:1 NX100 assignment: expected an expression, found 'graph'"],
    ),
    (
        "version 1.0;\nfragment f(a: int) -> (b: tensor<>) { b = 1 1; }\n" + GRAPH,
        ["2:15 NX100 fragment: expected '(', '?', 'tensor' or a type", "2:45"],
    ),
    (
        "version 1.0;\nfragment f<real>(a: ?) -> (b: tensor<>);\nfragment g<scalar>(a: ?) -> "
        "(b: tensor<>);\nfragment h(a: ? = x) -> (b: tensor<>);" + GRAPH,
        ["2:12 NX100", "3:11 NX100 fragment: expected <?>", "4:19 NX100 fragment: expected a lit"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), PARTS, ids=[text for text, _ in PARTS])
def test_faulty_documents_are_reported_where_the_fault_is(text: str, expected: list[str]) -> None:
    found = errors(text)
    assert len(found) == len(expected), found
    for line, prefix in zip(found, expected):
        assert line.startswith(prefix)


def test_parse_raises_every_independent_error_at_its_place() -> None:
    with pytest.raises(NnefError) as caught:
        parse(Source("net/graph.nnef", document("a = f(x)", "b = f(;", "y = f('é');")))
    assert [found.code for found in caught.value.diagnostics] == ["NX106", "NX100", "NX104"]
    assert isinstance(caught.value.at, TextAt)
    assert str(caught.value).startswith("net/graph.nnef:4:9: error[NX106]")


def test_sound_statements_around_errors_are_in_the_tree() -> None:
    tree, _ = parse_all(Source("t", document("a = f(x);", "b = f(;", "c = f(a)", "y = f(c);")))
    assert tree is not None
    assert tree.graph is not None
    assert [assign.target for assign in tree.graph.body] == [Name("a"), Name("y")]


def test_noise_gives_a_bounded_number_of_errors() -> None:
    assert len(errors(document("a = é;\n" * 10_000))) == 100
    assert len(errors("\x00\xff é = ; }" * 10_000)) < 100


DEEP: list[Callable[[int], str]] = [
    lambda n: "-" * n + "a",
    lambda n: "[" * n + "a" + "]" * n,
    lambda n: "[" * n + "]" * n,
    lambda n: "f(" * n + "a" + ")" * n,
    lambda n: " + ".join(["a"] * (n + 1)),
    lambda n: "a" + "[0]" * n,
    lambda n: "a if b else " * n + "a",
]


@pytest.mark.parametrize("deep", DEEP, ids=[deep(2) for deep in DEEP])
def test_depth_is_limited_without_exhausting_the_stack(deep: Callable[[int], str]) -> None:
    near = MAX_DEPTH // 2 - 1
    text = document(f"y = {deep(near)};")
    tree = parse(Source("t", text))
    assert parse(Source("t", print_document(tree))) == tree
    found = errors(document(f"y = {deep(20_000)};"))
    assert len(found) == 1
    assert "NX109 expression: found more than 200 nested levels" in found[0]


def test_depth_of_types_and_defaults_is_limited() -> None:
    for nested in ("a: integer" + "[]" * 5000, "a: integer = " + "[" * 5000 + "]" * 5000):
        with pytest.raises(NnefError) as caught:
            parse_fragments(Source("t", f"fragment f({nested}) -> (b: tensor<>);"))
        assert caught.value.code == "NX109"


def test_numbers_of_absurd_length_are_refused() -> None:
    (found,) = errors(document(f"y = f({'1' * 5000});"))
    assert found.startswith("4:7 NX111 number: found 5000 characters")


@pytest.mark.parametrize("text", [document("y = f(x);"), document("y = f(;")])
@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collector_is_left_as_it_was(text: str, enabled: bool) -> None:
    before = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        parse_all(Source("t", text))
        assert gc.isenabled() is enabled
    finally:
        gc.enable() if before else gc.disable()


def test_quantization_entries_have_names_calls_and_positions() -> None:
    text = "# c\n\"a\": linear_quantize(min = -1.0, max = [[1], [2]], bits = 8);\n'b/\\'': f();\n"
    first, second = parse_quant(Source("graph.quant", text))
    assert first.name == "a"
    assert first.call == Call(
        "linear_quantize",
        None,
        [Arg("min", Literal(-1.0)), Arg("max", Literal([[1], [2]])), Arg("bits", Literal(8))],
    )
    assert (first.pos, first.call.pos) == (4, text.index("linear"))
    assert (second.name, second.call.args) == ("b/'", [])
    assert parse_quant(Source("graph.quant", "# nothing\n")) == []


def test_every_faulty_quantization_entry_is_reported() -> None:
    text = "'a': f(1);\nb: f();\n'c': f(k = x);\n'd': f()\n'e' f();\n'f: f();\n'g': f(k = 1e);"
    with pytest.raises(NnefError) as caught:
        parse_quant(Source("q", text))
    found = [f"{str(e.at)[2:]} {e.code} {e.message}" for e in caught.value.diagnostics]
    assert found == [
        "1:8 NX100 entry: expected ')' or an identifier, found '1'",
        "2:1 NX100 entry: expected a string, found 'b'",
        "3:12 NX100 entry: expected a literal, found 'x'",
        "4:9 NX106 entry: expected ';' at its end",
        "5:5 NX100 entry: expected ':', found 'f'",
        "6:1 NX102 string: expected ' before the end of the line",
        "7:12 NX105 entry: '1e' is not a number",
    ]


FRAGMENTS_LINE = "extension KHR_enable_fragment_definitions;"
OPERATORS_LINE = "extension KHR_enable_operator_expressions;"
PROFILES = [
    ("", "", "y = f(x, a = [1, -2], b = (1, [x, x]));", []),
    ("", "", "y = f(x, a = (1));", ["4:14 NX121 parenthesised expression"]),
    ("", "", "y = f(g(x));", ["4:7 NX121 invocation inside an argument"]),
    ("", "", "y = f([x, g(x)]);", ["4:11 NX121 invocation inside an argument"]),
    ("", "", "y = x;", ["4:5 NX121 identifier as the right side"]),
    ("", "", "y = 1.0;", ["4:5 NX121 literal as the right side"]),
    ("", "", "y = f(x, a = +1);", ["4:14 NX121 unary operator"]),
    ("", "", "y = f(x)[0];", ["4:5 NX121 subscript"]),
    ("", "", "y = f(shape_of(x));", ["4:7 NX121 builtin function"]),
    ("", "", "y = f(x);\na = x + x;\nb = x;", ["5:7 NX121 binary operator"]),
    (OPERATORS_LINE, "", "y = f(x) + (x) if a else [for i in x yield -i];", []),
    (
        "",
        "fragment f(a: ?) -> (b: tensor<?>);",
        "y = f(x);",
        ["1:13 NX120 fragment f: definitions"],
    ),
    (FRAGMENTS_LINE, "fragment f(a: ?) -> (b: tensor<?>) { b = f(a); }", "y = f(x);", []),
    (FRAGMENTS_LINE, "fragment f(a: ?) -> (b: tensor<?>) { b = a; }", "y = f(x);", ["1:96 NX121"]),
    ("extension KHR_other;", "", "y = f(x);", ["1:23 NX122 extension KHR_other"]),
    ("extension VENDOR_other;", "", "y = f(x);", []),
]


@pytest.mark.parametrize(("extension", "fragment", "body", "expected"), PROFILES)
def test_profiles_need_their_extension(
    extension: str, fragment: str, body: str, expected: list[str]
) -> None:
    text = document(body).replace("version 1.0;", "version 1.0;" + extension + fragment)
    source = Source("t", text)
    diagnostics = check_profile(parse(source), source)
    found = [f"{str(e.at)[2:]} {e.code} {e.message}" for e in diagnostics]
    assert len(found) == len(expected), found
    for line, prefix in zip(found, expected):
        assert line.startswith(prefix)
    warned = [e.severity for e in diagnostics if e.code == "NX122"]
    assert warned in ([], [Severity.WARNING])


# Documents whose body both parsers judge by syntax alone, and what 1.0.5 says of them.
PEERS = [
    ("y = relu(x);", True),
    ("y = relu(x)", False),
    ("y = relu(x;", False),
    ("y = relu();", False),
    ("y = relu(x,);", False),
    ("y = relu(x) y = relu(x);", False),
    ("graph = relu(x);", False),
    ("if = relu(x);", False),
    ("true = relu(x);", False),
    ("y = reshape(x, shape = [007, 1]);", True),
    ("y = reshape(x, shape = [1, 2,]);", False),
    ("y = reshape(x, shape = [1 2]);", False),
    ("y = leaky_relu(x, alpha = 1e-1);", True),
    ("y = leaky_relu(x, alpha = .5);", False),
    ("y = leaky_relu(x, alpha = -(1.0));", True),
    ("y = pad(x, padding = [(0, 0), (0, 1)]);", True),
    ("y = relu((x));", True),
    ("y = reshape(x, shape = [--2]);", True),
    ("y = reshape(x, shape = [1 if true else 2 if false else 3]);", True),
    ("y = reshape(x, shape = [1 if true if false else true else 2]);", True),
    ("y = reshape(x, shape = [for i in [1, 2] if i > 1 yield i]);", True),
    ("y = reshape(x, shape = [for i in [1, 2] yield i if i > 1 else 0]);", True),
    ("y = reshape(x, shape = [for i in [1, 2] if i > 1 else 0 yield i]);", False),
    ("y = reshape(x, shape = [1, 2][0:1]);", True),
    ("y = reshape(x, shape = [1, 2][]);", False),
    ("[y] = split(x, axis = 0, ratios = [1]);", True),
    ("y = 1.0;", True),
    ("y = ;", False),
    ("", False),
    ("; y = relu(x);", False),
    ("y = relu(x); # c\n", True),
    ("y = relu(x @ x);", False),
    ("y = relu('x);", False),
]


@pytest.mark.parametrize(("body", "valid"), PEERS)
def test_acceptance_agrees_with_the_khronos_parser(body: str, valid: bool) -> None:
    lines = "version 1.0; extension KHR_enable_operator_expressions;"
    text = (
        f"{lines} graph g(x) -> (y) {{ {'x = external(shape = [1, 2]);' if body else ''} {body} }}"
    )
    try:
        nnef.parse_string(text)
        theirs = True
    except nnef.Error:
        theirs = False
    assert theirs is valid
    assert (errors(text) == []) is valid


def test_conformance_corpus_parses_and_round_trips(shared: Callable[..., Path]) -> None:
    files = sorted(shared("corpora", "nnef_core").glob("*/graph.nnef"))
    assert len(files) == 74
    for file in files:
        source = Source(str(file), file.read_text(encoding="utf-8"))
        tree = parse(source)
        assert check_profile(tree, source) == []
        assert parse(Source("printed", print_document(tree))) == tree
