"""Hints: operations that a shorter or better known one says, and what could be left out."""

import pytest

from nnefx.checking import Options, Selection, check_source
from nnefx.source import Source

HINTS = Options(selection=Selection(select=("NX8",)))


def hints(body: str, fragments: str = "", outputs: str = "y") -> list[tuple[str, str]]:
    words = ("KHR_enable_fragment_definitions", "KHR_enable_operator_expressions")
    extensions = "".join(f"extension {word};\n" for word in words)
    text = (
        f"version 1.0;\n{extensions}{fragments}graph net( x ) -> ( {outputs} )\n{{\n"
        f"    x = external(shape = [1,3,8,8]);\n    {body}\n}}\n"
    )
    return [(item.code, item.message) for item in check_source(Source("a.nnef", text), HINTS)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("y = max(x, 0.0);", "relu"),
        ("y = max(0.0, x);", "relu"),
        ("a = min(x, 6.0); y = max(a, 0.0);", "relu"),
        ("a = min(x, 6.0); y = max(a, 1.0);", "clamp"),
        ("a = max(x, 0.5); y = min(a, 6.0);", "clamp"),
        ("a = mul(x, 0.1); y = max(x, a);", "leaky_relu"),
        ("a = sigmoid(x); y = mul(x, a);", "silu"),
        ("a = sigmoid(x); y = mul(a, x);", "silu"),
        ("y = mul(x, x);", "sqr"),
        ("a = rcp(x); y = mul(2.0, a);", "div"),
        ("y = div(1.0, x);", "rcp"),
        ("y = pow(x, 2.0);", "sqr"),
        ("y = pow(x, 0.5);", "sqrt"),
        ("y = pow(x, -1.0);", "rcp"),
        ("a = sqrt(x); y = rcp(a);", "rsqrt"),
        ("a = exp(x); b = add(a, 1.0); y = log(b);", "softplus"),
        ("y = sum_reduce(x, axes = [2,3], normalize = true);", "mean_reduce"),
        ("y = box(x, size = [1,1,2,2], normalize = true);", "avg_pool"),
        ("w = variable(shape = [4,3,3,3], label = 'w'); a = conv(x, w); y = add(a, 1.0);",
         "conv with a bias"),
        ("m = squeeze(x, axes = [0]); w = variable(shape = [3,8,8], label = 'w');"
         " a = matmul(m, w, transposeB = true); y = add(a, 1.0);", "linear"),
    ],
)  # fmt: skip
def test_a_standard_operation_says_the_same(body, said):
    assert [message for code, message in hints(body) if code == "NX805"][-1].endswith(
        f": {said} says the same"
    )


@pytest.mark.parametrize(
    "body",
    [
        "y = max(x, 0.5);",
        "a = sigmoid(x); b = tanh(x); y = mul(a, b);",
        "y = pow(x, 3.0);",
        "y = mul(x, 2.0);",
        "y = div(2.0, x);",
        "y = sum_reduce(x, axes = [2,3]);",
        "y = box(x, size = [1,1,2,2]);",
    ],
)
def test_what_nothing_else_says_is_left_alone(body):
    assert hints(body) == []


def test_an_inner_result_that_is_used_elsewhere_stays():
    assert hints("a = min(x, 6.0); y = max(a, 1.0); z = relu(a);", outputs="y, z") == []


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("y = matmul(x, x, transposeA = false);", ["transposeA"]),
        ("y = softmax(x, axes = [1]);", ["axes"]),
        ("y = softmax(x, axes = [2]);", []),
        ("y = elu(x, alpha = 1.0);", ["alpha"]),
        ("y = gather(x, i, axis = 0);", []),
        ("w = variable(shape = [4,3,3,3], label = 'w');"
         " y = conv(x, w, padding = [], groups = 1);", ["padding", "groups"]),
    ],
)  # fmt: skip
def test_arguments_that_equal_their_defaults(body, names):
    found = [message for code, message in hints(body) if code == "NX804"]
    assert [message.split("'")[1] for message in found] == names


def test_a_chain_that_leads_nowhere_is_dead_but_for_its_end():
    assert [code for code, _ in hints("a = relu(x); b = tanh(a); c = exp(b); y = relu(x);")] == [
        "NX802", "NX802", "NX801",
    ]  # fmt: skip


def test_an_update_is_a_use():
    body = "s = variable(shape = [1,3,8,8], label = 's'); t = update(s, x); y = relu(x);"
    assert hints(body) == []


def test_fragments_that_only_unused_ones_call_are_unused():
    fragments = (
        "fragment a( x: tensor<scalar> ) -> ( y: tensor<scalar> ) { y = b(x); }\n"
        "fragment b( x: tensor<scalar> ) -> ( y: tensor<scalar> ) { y = relu(x); }\n"
        "fragment c( x: tensor<scalar> ) -> ( y: tensor<scalar> ) { y = relu(x); }\n"
    )
    found = [message for code, message in hints("y = c(x);", fragments) if code == "NX803"]
    assert found == ["fragment 'a' is never used", "fragment 'b' is never used"]
