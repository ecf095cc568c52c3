"""The fast lane and the grammar say the same about every document."""

from dataclasses import dataclass
from functools import cached_property

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnefx.source import Source
from nnefx.syntax import flat
from nnefx.syntax.parser import parse_all

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
        form = "{}{} = {}({}{}".format
        return st.builds(form, st.sampled_from(["", "    "]), self.words, self.words, joined, ends)


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
        patch.setattr(flat, "read", lambda text: None)
        patch.setattr(flat, "statement", lambda text, pos: (None, pos))
        assert with_lane == outcome(text)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HEADS, STATEMENTS, TAILS)
def test_lane_and_grammar_agree_on_documents(head: str, body: list[str], tail: str) -> None:
    assert_lane_agrees(head + "".join(body) + tail)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(SOUND.usual, SOUND.usual, ANY.usual), min_size=1, max_size=4))
def test_lane_and_grammar_agree_on_the_usual_layout(body: list[str]) -> None:
    assert_lane_agrees("version 1.0; graph g(x)->(y){" + "".join(body) + "}")


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
    ],
)
def test_lane_and_grammar_agree_on_known_traps(statement: str) -> None:
    assert_lane_agrees("version 1.0; graph g(x)->(y){" + statement + "}")


def test_lane_reads_flat_statements_without_the_grammar(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    run = flat.engine.run
    monkeypatch.setattr(flat.engine, "run", lambda *args: (asked.append(args[1]), run(*args))[1])
    body = "a = conv(x, f, padding = [(1, 1), (0, 0)], border = 'constant', groups = 1);"
    body += "b = concat([a, x], axis = 1); y = clamp(b, -1.0, 1e5);"
    parse_all(Source("t", "version 1.0; graph g(x)->(y){" + body + "}"))
    assert asked == ["prelude", "graph_head"]
