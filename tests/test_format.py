"""The formatter: it keeps meaning, comments and groups, and is done after one run."""

import random
import re
import time
from pathlib import Path

import pytest

from conftest import shared
from nnefx.diagnostics import NnefError
from nnefx.source import Source
from nnefx.syntax.format import format_document, format_quantization
from nnefx.syntax.layout import TOKEN, lay_out, plain_line, wrap_plain
from nnefx.syntax.parser import parse, parse_fragments, parse_quant

ROOT = Path(__file__).parents[1]


def formatted(text: str, width: int = 120) -> str:
    found = format_document(Source("text", text), width)
    assert format_document(Source("again", found), width) == found
    return found


def body(*lines: str) -> str:
    return "".join(
        [
            "version 1.0;\nextension KHR_enable_operator_expressions;\n\ngraph g(x) -> (y)\n{\n",
            *(f"    {line}\n" if line else "\n" for line in lines),
            "}\n",
        ]
    )


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"#[^\n\f]*", text))


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("y=conv ( x,w,stride=[ 2,2 ] ) ;", "y = conv(x, w, stride = [2, 2]);"),
        (
            "y = max_pool( x , padding=[(0,1),(-1,0)] );",
            "y = max_pool(x, padding = [(0, 1), (-1, 0)]);",
        ),
        (
            "y=variable<integer>(shape=[1],label='a , b=c');",
            "y = variable<integer>(shape = [1], label = 'a , b=c');",
        ),
        (
            "y=variable< # c\n integer>(shape=[1],label='a');",
            "# c\ny = variable<integer>(shape = [1], label = 'a');",
        ),
        ("y=x*-1.0-2.0^-x;", "y = x * -1.0 - 2.0 ^ -x;"),
        ("y=a<b&&!(c>=d)||-e!=+f;", "y = a < b && !(c >= d) || -e != +f;"),
        (
            "y=[for i in a,j in b if i<j yield f(i)[j]];",
            "y = [for i in a, j in b if i < j yield f(i)[j]];",
        ),
        ("y=a if b in[1,2]else(c);", "y = a if b in [1, 2] else (c);"),
        ("y=x[1:n-1][:2][n:][:];", "y = x[1:n - 1][:2][n:][:];"),
        ("[a,b],(c,d)=f(x),(1e-5,0.5E+3)[0];", "[a, b], (c, d) = f(x), (1e-5, 0.5E+3)[0];"),
        ("y=shape_of ( x )[0]+integer( 1.0 );", "y = shape_of(x)[0] + integer(1.0);"),
        ("y = f(a = -1,b=x-1,c=x -1);", "y = f(a = -1, b = x - 1, c = x - 1);"),
    ],
)
def test_spacing(written: str, wanted: str) -> None:
    assert formatted(body(written)) == body(*wanted.split("\n"))


def test_definitions() -> None:
    written = """version 1.0;extension A,B;


    extension C D;
    # about f
    fragment f < ? = scalar > ( x:tensor<?>[],n:(integer,logical[])=(1,[true]) )->(y:tensor< ?>) ;
    fragment g(x:tensor< >)->(y:tensor<scalar>){y=f(x);}
    graph g(x)->(y){y=f(x);}"""
    wanted = """version 1.0;
extension A, B;


extension C D;
# about f
fragment f<? = scalar>(x: tensor<?>[], n: (integer, logical[]) = (1, [true])) -> (y: tensor<?>);

fragment g(x: tensor<>) -> (y: tensor<scalar>)
{
    y = f(x);
}

graph g(x) -> (y)
{
    y = f(x);
}
"""
    assert formatted(written) == wanted


def test_long_calls_are_wrapped() -> None:
    written = body(
        "y = conv(input, filter, bias, padding = [(1, 1), (1, 1)], stride = [1, 1]);",
        "abcdefgh = conv(input, filter, padding = [(1, 1), (1, 1)]);",
        "y = softmax(relu(linear(input_of_the_layer, filter_of_the_layer, bias_of_it)));",
        "y = constant(shape = [20], value = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);",
        "[first, second, third], fourth = something(with_a_long_name, and_more);",
    )
    wanted = body(
        "y = conv(",
        "    input,",
        "    filter,",
        "    bias,",
        "    padding = [(1, 1), (1, 1)],",
        "    stride = [1, 1]",
        ");",
        "abcdefgh = conv(",
        "    input, filter, padding = [(1, 1), (1, 1)]",
        ");",
        "y = softmax(relu(linear(",
        "    input_of_the_layer,",
        "    filter_of_the_layer,",
        "    bias_of_it",
        ")));",
        "y = constant(",
        "    shape = [20],",
        "    value = [",
        "        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,",
        "        13, 14, 15",
        "    ]",
        ");",
        "[first, second, third], fourth = something(",
        "    with_a_long_name, and_more",
        ");",
    )
    assert formatted(written, 50) == wanted


def test_comments_stay_where_they_are() -> None:
    text = (
        "# the file\n\n# the version\nversion 1.0;  # behind it\n\n\n# section\n\n# the graph\n"
        + body(
            "# first",
            "",
            "# above",
            "x = external(shape = [1]);  # behind",
            "y = conv(",
            "    x,  # the input",
            "    # the filter",
            "    w,",
            "    stride = [1]  # last",
            "    # end",
            ");  # after",
            "",
            "# the end",
        ).split("\n", 3)[3]
        + "\n# bye\n"
    )
    assert formatted(text) == text


def test_comments_in_odd_places_go_above() -> None:
    written = body("y # a", "= # b", "f(x, [1, # c", "2]) # d", ";")
    wanted = body("# a", "# b", "# c", "# d", "y = f(x, [1, 2]);")
    assert formatted(written) == wanted


def test_groups_of_statements_stay() -> None:
    written = body("", "a = f(x);", "", "", "", "b = f(x); c = f(x);", "", "# d", "d = f(x);", "")
    wanted = body("a = f(x);", "", "b = f(x);", "c = f(x);", "", "# d", "d = f(x);")
    assert formatted(written) == wanted
    assert formatted(written.replace("\n", "\r\n")) == wanted


def test_quantization_files() -> None:
    written = (
        '# about\n"x":linear_quantize(min=-1.0,max = 1.0,bits=8);  # x\n\n\n\n"y" : f( a=[1.0] );'
    )
    wanted = '# about\n"x": linear_quantize(min = -1.0, max = 1.0, bits = 8);  # x\n\n\n'
    wanted += '"y": f(a = [1.0]);\n'
    found = format_quantization(Source("graph.quant", written))
    assert found == wanted
    assert format_quantization(Source("graph.quant", found)) == found
    assert parse_quant(Source("a", found)) == parse_quant(Source("b", written))


def test_faulty_text_is_refused() -> None:
    with pytest.raises(NnefError) as caught:
        format_document(Source("text", body("y = f(x;", "z = 'abc;")))
    assert len(caught.value.diagnostics) > 1


def texts() -> list[Path]:
    own = [*ROOT.glob("samples/**/*.nnef"), *ROOT.glob("converters/fragments/*.nnef")]
    own += [*ROOT.glob("nnefx/templates/*.nnef"), ROOT / "grammar/stdlib.nnef"]
    return own


def same_after_formatting(text: str, name: str) -> None:
    read = parse if re.search(r"^\s*graph\b|; graph", text, re.MULTILINE) else parse_fragments
    found = formatted(text)
    assert read(Source(name, found)) == read(Source(name, text)), name
    assert comments(found) == comments(text), name


def test_every_text_of_the_repository_reads_the_same() -> None:
    for path in texts():
        same_after_formatting(path.read_text(), str(path))


def test_every_text_of_the_corpora_reads_the_same() -> None:
    found = sorted(shared("corpora", "nnef_core").glob("*/graph.nnef"))
    assert found
    for path in found:
        same_after_formatting(path.read_text(), str(path))


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("samples/*/graph.nnef")), ids=lambda p: p.parent.name
)
def test_samples_are_formatted(path: Path) -> None:
    assert formatted(path.read_text()) == path.read_text()


GAPS = ["", " ", " ", "\n", "\n\n\n", "\t ", " # a; comment = [\n", "\n# 'own\n", "#}\n"]


@pytest.mark.parametrize("seed", range(30))
def test_any_gaps_between_tokens_keep_tree_and_comments(seed: int) -> None:
    dice = random.Random(seed)
    path = dice.choice([ROOT / "samples/googlenet/graph.nnef", *texts()[-4:]])
    tokens = TOKEN.findall(re.sub(r"#.*", "", path.read_text()))
    start = dice.randrange(len(tokens))
    parts: list[str] = []
    for index, token in enumerate(tokens):
        gap = dice.choice(GAPS) if start <= index < start + 150 else " "
        parts += [gap or " " if token[0].isalnum() or token[0] == "<" else gap, token]
    text = "".join(parts)
    read = parse if "graph" in tokens else parse_fragments
    found = formatted(text, dice.choice([40, 80, 120]))
    assert read(Source("found", found)) == read(Source("text", text))
    assert comments(found) == sorted(item.rstrip() for item in comments(text))


def flat(size: int) -> str:
    lines, length, number = [], 0, 0
    while length < size:
        n = number
        number += 1
        lines.append(
            f"    w{n} = variable(shape = [64,64,3,3], label = 'layer{n}/w');\n"
            f"    c{n} = conv(x, w{n}, 0.0, padding = [(1,1),(1,1)], stride = [1,1], "
            "dilation = [1,1], border = 'constant', groups = 1);\n"
            f"    y{n} = relu(c{n});\n"
        )
        length += len(lines[-1])
    return "".join(["version 1.0;\n\ngraph g(x) -> (y)\n{\n", *lines, "    y = relu(x);\n}\n"])


def test_formatting_takes_no_longer_than_three_parses() -> None:
    source = Source("flat", flat(2_000_000))  # ratios of 10 MB are the same
    ratios = []
    for _ in range(3):
        start = time.process_time()
        parse(source)
        middle = time.process_time()
        format_document(source)
        ratios.append((time.process_time() - middle) / (middle - start))
    assert min(ratios) < 3


def test_plain_statements_are_wrapped_as_all_others() -> None:
    dice = random.Random(0)
    values = ["x", "0.0", "'abc/def'", "[1, 2]", "[(0, 0), (1, 1)]", "-1.0", "[a, b]", "1e-5"]
    values += ["[[1, 2], [3, 4]]", "['a, b', 'c']", f"[({'0, ' * 30}1)]", "[[[[[1, 2]]]], 3]"]
    for _ in range(2000):
        row = [str(dice.randrange(100)) for _ in range(dice.randrange(1, 40))]
        items = [*values, f"[{', '.join(row)}]", f"[{', '.join(['(1, 2)'] * len(row))}]"]
        parts = [dice.choice(["", f"key{n} = "]) + dice.choice(items) for n in range(len(row) % 7)]
        called = dice.choice(["f", "variable<scalar>", "a < b", "f<integer> < g"])
        line = f"y = {called}({', '.join([*parts, 'last = 1'])});"
        tokens = TOKEN.findall(line)
        for width in (40, 80, 120):
            lines = lay_out(tokens[:-1], width, "    ", ";")
            assert TOKEN.findall("\n".join(lines)) == tokens
            assert plain_line(" ".join(lines)) in (line, None)
            assert wrap_plain(line, width, "    ") == lines


def test_line_ends_and_form_feeds() -> None:
    graph = body("x = external(shape = [1]);  # b", "y = relu(x);").split("\n\n", 1)[1]
    text = (
        "version 1.0;\f# a graph\fgraph g(x) -> (y){x = external(shape = [1]); # b\f y = relu(x);}"
    )
    assert formatted(text) == f"version 1.0;\n\n# a graph\n{graph}"
    assert formatted(formatted(text).replace("\n", "\r\n")) == formatted(text)


@pytest.mark.parametrize(("text", "wanted"), [("", ""), ("\n\n# a\n\n\n# b", "# a\n\n# b\n")])
def test_texts_of_comments_only(text: str, wanted: str) -> None:
    assert formatted(text) == wanted
