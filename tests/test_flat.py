"""The fast lanes and the grammar say the same about every document."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lark.lexer import PatternStr

from nnefx import grammar
from nnefx.source import Source
from nnefx.syntax import compositional, engine, flat, terminals
from nnefx.syntax.parser import parse_all, parse_quant

ESCAPES = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
SPACES = ["", "", "", "", " ", "\n", "\t \v", "# a = b(c); }\n", "# ' \f", "\r\n", "#\n #x\n"]

# Words in which lane and grammar could differ: keywords and what resembles them.
NAMES = ["x", "y1", "conv", "_", "graphs", "inx", "integers", "true_", "e1", "E", "tensor_"]
KEYWORDS = ["graph", "in", "integer", "true", "tensor", "shape_of", "if", "yield"]

NUMBERS = ["0", "-0", "-0.0", "007", "1e5", "1E+2", "1e-400", "- 1", "--1", "00", "9" * 120]
BAD_NUMBERS = ["1e999", "1.", ".5", "1e", "1x", "1.2.3", "0x1", "1_0", "-", "+1", "1e0000005"]
STRINGS = ["'a'", '"b"', "''", "'a;b'", "'#}'", "'it\\'s'", "'a\\\\'", '"\'"', "'\\\\\\''"]
BAD_STRINGS = ["'a\\b'", "'é'", "'open", "'a\nb'", "'\t'"]


@dataclass(frozen=True)
class Texts:
    """Random pieces of text; `sound` ones are mostly valid, the others mostly not."""

    sound: bool

    def pick(self, good: list[str], bad: list[str]) -> st.SearchStrategy[str]:
        return st.sampled_from(good if self.sound else good + bad)

    @cached_property
    def spaces(self) -> st.SearchStrategy[str]:
        return self.pick(SPACES, ["\u00a0"])

    @cached_property
    def words(self) -> st.SearchStrategy[str]:
        return self.pick(NAMES, KEYWORDS)

    @cached_property
    def literals(self) -> st.SearchStrategy[str]:
        integers = st.integers(-(10**30), 10**30).map(str)
        scalars = st.floats(allow_nan=False, allow_infinity=False).map(repr)
        numbers = st.one_of(integers, scalars, self.pick(NUMBERS, BAD_NUMBERS))
        return st.one_of(
            numbers,
            numbers,
            self.pick(STRINGS, BAD_STRINGS),
            self.pick(["true", "false"], ["True"]),
        )

    def spaced(self, *parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        """Draw parts with any space or comments between them."""
        drawn = [st.just(part) if isinstance(part, str) else part for part in parts]
        return st.tuples(*[x for part in drawn for x in (self.spaces, part)]).map("".join)

    def listed(self, item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        array = st.lists(self.spaced(item), max_size=4)
        pair = st.lists(self.spaced(item), min_size=1 + self.sound, max_size=4)
        comma = self.pick([",", ", ", " , ", ",\n", ",# c\n"], [",,", " "])
        brackets = self.pick(["[]", "[]"], ["[)", "(]", "[,]", "(,)"])
        return st.one_of(
            st.builds(lambda xs, c, b: b[0] + c.join(xs) + b[1:], array, comma, brackets),
            st.builds(lambda xs, c: "(" + c.join(xs) + ")", pair, comma),
        )

    @cached_property
    def values(self) -> st.SearchStrategy[str]:
        def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
            operators = self.pick(["+", "*", "==", "in", "<", "^"], ["=", "<>"])
            return st.one_of(
                self.listed(inner),
                self.listed(self.literals),
                self.listed(self.words),
                self.spaced(inner, operators, inner),
                self.spaced(self.words, "(", inner, ")"),
                self.spaced(self.words, "[", inner, "]"),
                self.spaced("(", inner, ")"),
            )

        return st.recursive(st.one_of(self.literals, self.words), deeper, max_leaves=5)

    @cached_property
    def expressions(self) -> st.SearchStrategy[str]:
        """Expressions of every kind, most of them of a depth that fragments have."""
        operators = self.pick(
            ["+", "-", "*", "/", "^", "<", "<=", "==", "!=", "&&", "||", "in", ">"],
            ["=", "!", "<>", "&", "->", "if"],
        )
        signs = self.pick(["-", "+", "!"], ["*", "in"])
        types = self.pick(["", "", "<integer>", "< ? >"], ["<>", "<x>", "<"])
        functions = self.pick(["shape_of", "length_of", "integer", "scalar"], ["tensor", "f"])

        def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
            loops = st.lists(self.spaced("for ", self.words, " in ", inner), min_size=1, max_size=2)
            arguments = st.lists(
                st.one_of(inner, self.spaced(self.words, "=", inner)), min_size=1, max_size=3
            ).map(",".join)
            return st.one_of(
                self.spaced(inner, operators, inner),
                self.spaced(inner, operators, inner, operators, inner),
                self.spaced(signs, inner),
                self.spaced("(", inner, ")"),
                self.listed(inner),
                self.spaced(self.words, types, "(", arguments, ")"),
                self.spaced(functions, "(", inner, ")"),
                self.spaced(inner, " if ", inner, " else ", inner),
                self.spaced(inner, "[", inner, "]"),
                self.spaced(inner, "[", st.one_of(inner, st.just("")), ":", inner, "]"),
                self.spaced("[", loops.map(", ".join), " yield ", inner, "]"),
                self.spaced("[", loops.map(",".join), " if ", inner, " yield ", inner, "]"),
            )

        return st.recursive(st.one_of(self.literals, self.words), deeper, max_leaves=8)

    @cached_property
    def targets(self) -> st.SearchStrategy[str]:
        return st.one_of(
            self.words,
            self.words,
            self.spaced(self.words, ",", self.words),
            self.spaced("[", self.words, ",", self.spaced("(", self.words, ",", "z", ")"), "]"),
            self.listed(self.words),
        )

    @cached_property
    def fragments(self) -> st.SearchStrategy[str]:
        names = self.pick(["integer", "scalar", "tensor<scalar>", "tensor< ?>", "?", "tensor<>"],
                          ["tensor", "real", "tensor<real>"])  # fmt: skip
        types = st.one_of(
            names, self.spaced(names, "[", "]"), self.spaced("(", names, ",", names, ")", "[]")
        )
        constants = st.one_of(self.literals, self.listed(self.literals), self.expressions)
        params = st.one_of(
            self.spaced(self.words, ":", types),
            self.spaced(self.words, ":", types, "=", constants),
        )
        listed = st.lists(params, min_size=self.sound, max_size=3).map(",".join)
        generics = self.pick(["", "", "<?>", "<? = scalar>", "<?=?>"], ["<scalar>", "<>", "<? >>"])
        assignment = self.spaced(self.targets, "=", self.expressions, ";")
        bodies = st.lists(assignment, min_size=1, max_size=3).map(lambda x: "{" + "".join(x) + "}")
        ends = st.one_of(self.pick([";"], ["", "{}"]), bodies)
        return self.spaced("fragment ", self.words, generics, "(", listed, ")", "->", "(",
                           self.spaced(self.words, ":", types), ")", ends)  # fmt: skip

    @cached_property
    def arguments(self) -> st.SearchStrategy[str]:
        plain = st.one_of(self.words, self.literals, self.listed(self.literals))
        return st.one_of(self.values, plain, self.spaced(self.words, "=", plain))

    @cached_property
    def statements(self) -> st.SearchStrategy[str]:
        names = st.one_of(self.words, self.words, self.listed(self.words))
        targets = self.words if self.sound else names
        types = self.pick(["", "", "<integer>", "< ? >", "<# a\nscalar>"], ["<>", "<x>", "<real>"])
        arguments = st.lists(self.arguments, min_size=1, max_size=3).map(",".join)
        call = self.spaced(self.words, types, "(", arguments, ")")
        value = st.one_of(call, call, call, self.values)
        ends = self.pick([";", "; # c\n"], ["", ";;", "}"])
        return self.spaced(targets, "=", value, ends)

    @cached_property
    def usual(self) -> st.SearchStrategy[str]:
        """Statements laid out as printers do it, which the lane reads in one match."""
        literals = st.one_of(self.literals, st.sampled_from(["[1, 2]", "[(1, 1), (0, 0)]", "[]"]))
        named = st.builds(lambda k, v: f"{k} = {v}", self.words, literals)
        labels = st.builds(lambda k, v: f"{k} = {v}", self.words, self.pick(STRINGS, BAD_STRINGS))
        positional = st.lists(self.words, max_size=3)
        arguments = st.tuples(positional, st.lists(named, max_size=3), st.lists(labels, max_size=1))
        commas = self.pick([", "], [",", ", , ", " , ", ",  "])
        joined = st.builds(lambda a, c: c.join([*a[0], *a[1], *a[2]]), arguments, commas)
        ends = self.pick([");\n"], [", );", ") ;", ")", ");;", "));"])
        types = self.pick(["", "", "<integer>", "<?>", "< scalar >"], ["<>", "<x>", " <scalar>"])
        form = "{}{} = {}{}({}{}".format
        margins = st.sampled_from(["", "    "])
        return st.builds(form, margins, self.words, self.words, types, joined, ends)


SOUND, ANY = Texts(sound=True), Texts(sound=False)
STATEMENTS = st.one_of(
    st.lists(SOUND.statements, min_size=1, max_size=4),
    st.lists(st.one_of(SOUND.statements, ANY.statements), max_size=4),
)
HEADS = st.sampled_from(
    ["version 1.0;graph g(x)->(y){"] * 6
    + [
        "version 1.0; # graph\ngraph g # {\n (x, z) -> (y) # }\n{",
        "version 1.0; extension KHR_a; fragment graph_(a: string = 'graph') -> (b: tensor<>); "
        "graph g(x) -> (y) {",
        "version 1.0; fragment f(a: integer) -> (b: tensor<?>) { b = f(-(a)); } graph g(x)->(y){",
        "graph g(x)->(y){",
        "version 1.0; graph graph(x)->(y){",
        "version 2.0; graph g(x)->(y){",
        "version 1.0; graph g(x)->(){",
    ]
)
TAILS = st.sampled_from(["}"] * 8 + ["} # end", "\n}\n", "", "}}", "} graph"])


def outcome(text: str) -> tuple[str, list[str], list[int]]:
    """Everything that parsing says: the tree with its offsets, the messages, the parentheses."""
    document, diagnostics = parse_all(Source("t", text))
    assert document is not None
    return repr(document), [str(found) for found in diagnostics], document.groups


def assert_lane_agrees(text: str) -> None:
    with_lane = outcome(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat, "read", lambda text, groups: None)
        patch.setattr(flat, "statement", lambda text, pos: (None, pos))
        patch.setattr(compositional, "tokens", lambda text, begin, end: None)
        assert with_lane == outcome(text)


REAL = sorted(
    path.read_text(encoding="utf-8")
    for folder in ("samples", "tests")
    for path in (Path(__file__).parents[1] / folder).rglob("*.nnef")
    if path.stat().st_size < 3_000
)
TOKEN = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|#[^\n]*|\w+|\s+|.", re.DOTALL)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(REAL), st.sampled_from(["drop", "twice", "swap", "cut"]), st.data())
def test_lanes_and_grammar_agree_on_real_documents_with_a_fault(
    text: str, change: str, data: st.DataObject
) -> None:
    tokens = TOKEN.findall(text)
    at = data.draw(st.integers(0, len(tokens) - 1))
    other = data.draw(st.integers(0, len(tokens) - 1))
    if change == "swap":
        tokens[at], tokens[other] = tokens[other], tokens[at]
    else:
        tokens[at:] = {
            "drop": tokens[at + 1 :],
            "twice": [tokens[at], *tokens[at:]],
            "cut": [],
        }[change]
    assert_lane_agrees("".join(tokens))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HEADS, STATEMENTS, TAILS)
def test_lane_and_grammar_agree_on_documents(head: str, body: list[str], tail: str) -> None:
    assert_lane_agrees(head + "".join(body) + tail)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(SOUND.usual, SOUND.usual, ANY.usual), min_size=1, max_size=4))
def test_lane_and_grammar_agree_on_the_usual_layout(body: list[str]) -> None:
    assert_lane_agrees("version 1.0; graph g(x)->(y){" + "".join(body) + "}")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(SOUND.fragments, SOUND.fragments, ANY.fragments), max_size=3))
def test_lanes_and_grammar_agree_on_fragments(fragments: list[str]) -> None:
    assert_lane_agrees("version 1.0;" + "\n".join(fragments) + "graph g(x)->(y){ y = copy(x); }")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(SOUND.targets, ANY.targets), st.one_of(SOUND.expressions, ANY.expressions))
def test_lanes_and_grammar_agree_on_expressions(target: str, expression: str) -> None:
    assert_lane_agrees(f"version 1.0; graph g(x)->(y){{{target} = {expression};}}")


@settings(max_examples=300, deadline=None)
@given(st.one_of(SOUND.arguments, ANY.arguments), ANY.spaces)
def test_lane_and_grammar_agree_on_arguments(argument: str, space: str) -> None:
    assert_lane_agrees(f"version 1.0; graph g(x)->(y){{y = f({argument}{space});}}")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab1.e-+ (){}[],;=<>'\\\"#\n/?:é", max_size=25))
def test_lane_and_grammar_agree_on_noise(noise: str) -> None:
    assert_lane_agrees("version 1.0; graph g(x)->(y){ a = b(c, d = 1); " + noise + "}")


@pytest.mark.parametrize(
    "statement",
    [
        "y = f(a # b\n);",
        "y = f(# a\n b);",
        "y = f(graph);",
        "y = f(a, in = 1);",
        "y = f(a = 1e999);",
        "y = f(a = [1e999]);",
        "y = f(a = 007, b = [007, 1]);",
        "y = f(a = [(1)]);",
        "y = f(a = (1, ));",
        "y = f(a = [[[[1]]]]);",
        "y = f(a = [true, (1, false)]);",
        "y = f(a = ['x', 'y']);",
        "y = f((a), (1), -(2));",
        "y = f<integer # >\n>(a);",
        "y = f(a = [b, b # c\n, c]);",
        "y = f(a = [1,\v2]); z = f(a = (1,\f2));",
        "y = f(a, b = 1, b = 'x');",
        "y = f(a, );",
        "y = f(a, b = 1, );",
        "y = f(a, b = 'x', c = 'it\\'s');",
        "y = f(b = 'x', a);",
        "y = f(a, b = c);",
        "y = f();",
        "y = f(a, b) z = f(a);",
        "y = f(a, b = 1) + f(c);",
        "y = f(a, b = 1)) ;",
        "y = f(, b = 1);",
        "y = f(a, b = 'x', );",
        "y = f(a, b = 'x') ;",
        "y = f(b = 'x', b = 'y');",
        "y = f(a, b = 1, 'x');",
        "y = f(a,  b);",
        "y = f(a,\n b = 1,\n c = [1,\n2]);",
        "y = f(a, b = [(1, 2), (3, 4)], c = 'x');",
        "y = f(a b = 'x');",
        "y = f(a, b = 1 c = 'x');",
        "y = - - 1; z = -1[0]; a = -(1); b = - 'x'; c = -1.0 ^ 2;",
        "y = a if b else c if d else e;",
        "y = a if b if c else d else e;",
        "y = [for i in a if b else c yield i];",
        "y = [for i in a in b, j in (c if d else e) if i < j yield i];",
        "y = a < b > (c);",
        "y = a<integer>;",
        "y = integer(a)[0]; z = shape_of(x, y);",
        "y = a[:]; z = a[]; b = a[::]; c = a[1:][:2];",
        "y, z = a, b; [a, (b, c)], [] = 1, 2;",
        "y = (1, [2, 'a']), true;",
        "y = 1e999 + a;",
        "y = " + "(" * 39 + "a" + ")" * 39 + ";",
        "y = " + "(" * 60 + "a" + ")" * 60 + ";",
        "y = " + "-" * 250 + "a;",
        "y = " + " + ".join("a" * 150) + ";",
        "y = " + " + ".join("a" * 250) + ";",
        "y = a" + "[0]" * 250 + ";",
        "y = a + ;",
        "y = a == b != c;",
        "y = a && ! b || c in d;",
        "y = f(a = );",
        "y = .5;",
    ],
)
def test_lane_and_grammar_agree_on_known_traps(statement: str) -> None:
    assert_lane_agrees("version 1.0; graph g(x)->(y){" + statement + "}")


@pytest.mark.parametrize(
    "prelude",
    [
        "version 1.0; extension KHR_a KHR_b; extension vendor_symbol N, M;",
        "version 1.00;",
        "version 1.1;",
        "version 1.0; extension;",
        "version 1.0; extension a,;",
        "version 1.0; extension a, , b;",
        "version 1.0; fragment f(a: integer" + "[]" * 60 + ") -> (b: tensor<>);",
        "version 1.0; fragment f<integer>(a: integer) -> (b: tensor<>);",
        "version 1.0; fragment f(a: (integer)) -> (b: tensor<>);",
        "version 1.0; fragment f(a: integer = - 1, c: scalar[] = [(1, -2)]) -> (b: tensor<>) {}",
        "version 1.0; fragment f(a: integer = 1 + 2) -> (b: tensor<>);",
        "version 1.0; fragment f(a: integer) -> (b: tensor<>) extension KHR_a;",
        "# a\nversion # b\n 1.0 # c\n ; # d\n",
    ],
)
def test_lanes_and_grammar_agree_on_preludes(prelude: str) -> None:
    assert_lane_agrees(prelude + "graph g(x) -> (y) { y = copy(x); }")


def test_lanes_read_without_the_grammar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "run", lambda *args: pytest.fail("the grammar was asked"))
    body = "a = conv(x, f, padding = [(1, 1), (0, 0)], border = 'constant', groups = 1);"
    body += "b = concat([a, x], axis = 1); y = clamp(b, -1.0, 1e5); z = (a + b) * 2.0 ^ y;"
    head = "version 1.0; extension KHR_a; fragment f(a: tensor<>) -> (b: tensor<>) { b = a[0]; }"
    assert not parse_all(Source("t", head + "graph g(x)->(y){" + body + "}"))[1]
    assert parse_quant(Source("q", "'a': f(x = [-1.5, 2], y = true); 'b': g();"))


def test_a_grammar_that_is_missing_is_not_taken_for_a_missing_model() -> None:
    with pytest.raises(ImportError, match=r"not installed whole: grammar/none\.lark"):
        grammar.read("none.lark")


def test_terminals_are_those_of_the_grammar() -> None:
    lark = engine.structure()
    plain = {t.pattern.value for t in lark.terminals if isinstance(t.pattern, PatternStr)}
    assert terminals.fixed() == plain
    for name, regex in terminals.patterns().items():
        assert unescaped(lark.get_terminal(name).pattern.to_regexp()) == unescaped(regex)


def test_reserved_words_are_those_that_the_grammar_takes_for_no_identifier() -> None:
    words = {*re.findall(r"\b[A-Za-z]\w*", grammar.read("nnef.lark")), "x", "true_", "length"}
    taken = {word for word in words if next(engine.structure().lex(word)).type != "IDENT"}
    assert terminals.reserved() == taken
    for word in terminals.reserved():
        for statement in (f"{word} = f(x);", f"y = {word}(x);", f"y = f(x, {word});",
                          f"y = f(x, {word} = 1);", f"y = f({word} = 'a');"):  # fmt: skip
            assert_lane_agrees("version 1.0; graph g(x)->(y){" + statement + "}")


def unescaped(regex: str) -> str:
    """Lark puts some control characters in place of their escapes."""
    return re.sub(r"\\([tnvfr])", lambda match: ESCAPES[match[1]], regex)
