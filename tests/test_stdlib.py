"""The standard library: complete, documented, and in agreement with its rules and with others."""

import re

import nnef
import numpy as np
import pytest

from nnefx.ops import standard_ops, stdlib_source
from nnefx.ops.registry import RULES, bind
from nnefx.syntax.ast import Literal
from nnefx.types import Array, Primitive, Tensor

# The operations of NNEF 1.0.5 in the order of its chapter 4.
CHAPTER = """
external constant variable
copy neg rcp exp log sin cos tan sinh cosh tanh asin acos atan asinh acosh atanh abs sign not
floor ceil round
add sub mul div pow lt gt le ge eq ne and or
select
sqr sqrt rsqr rsqrt log2 min max clamp
conv deconv box debox argmax_pool sample desample
nearest_downsample area_downsample nearest_upsample multilinear_upsample
sum_reduce max_reduce min_reduce argmax_reduce argmin_reduce all_reduce any_reduce mean_reduce
reshape squeeze unsqueeze transpose split concat stack unstack slice pad tile gather cast
avg_roi_pool max_roi_pool roi_resample avg_roi_align max_roi_align
matmul update
sigmoid relu prelu leaky_relu elu selu gelu silu softmax softplus
linear separable_conv separable_deconv
max_pool_with_index max_pool avg_pool rms_pool
local_response_normalization local_mean_normalization local_variance_normalization
local_contrast_normalization l1_normalization l2_normalization batch_normalization
min_max_linear_quantize zero_point_linear_quantize linear_quantize logarithmic_quantize
copy_n add_n moments
"""
NAMES = CHAPTER.split()

OPS = standard_ops()
FED = {"external", "variable"}  # by the executor

# Khronos' parser knows these beside the text of 1.0.5.
FOREIGN = {"softabs", "avg_unpool", "max_unpool"}


def test_the_operations_are_those_of_the_specification_in_its_order():
    assert list(OPS) == NAMES
    assert len(NAMES) == 118


def test_the_operations_are_those_of_the_khronos_parser():
    assert set(NAMES) == nnef.StandardOperations - FOREIGN


def test_every_rule_belongs_to_an_operation():
    own = {name for name in RULES if name.startswith("nnefx_")}  # of the converters' fragments
    assert set(RULES) - own == set(OPS)


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_rules_take_what_the_operation_declares(op):
    bind(op.signature, RULES[op.name], op.source)  # raises ValueError where they do not


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_operation_has_a_meaning(op):
    assert op.shape is not None
    assert op.run or op.signature.body or op.name in FED


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_operation_is_documented_with_its_section(op):
    lines = op.signature.doc.splitlines()
    assert 1 <= len(lines) <= 3
    assert re.search(r"Section 4\.\d(\.\d)?\.$", op.signature.doc)
    assert not any(line.startswith("----") for line in lines)


def test_sections_stand_in_the_order_of_the_specification():
    sections = [re.findall(r"Section ([\d.]+)\.$", op.signature.doc)[0] for op in OPS.values()]
    numbers = [tuple(map(int, section.split("."))) for section in sections]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_tensors_precede_attributes(op):
    assert list(op.params.values()) == [*op.tensors, *op.attributes]


def test_lines_are_at_most_100_characters():
    assert max(map(len, stdlib_source().text.splitlines())) <= 100


# ---- signatures against the Khronos parser, which has its own copy of them -----------------------


def sample(type_):
    """Return NNEF text of some argument of a type, `x` standing for a tensor."""
    match type_:
        case Tensor(item):
            return {"integer": "i", "logical": "l"}.get(item or "", "x")
        case Array(item):
            return f"[{sample(item)}, {sample(item)}]"
        case Primitive(name):
            texts = {"integer": "2", "scalar": "0.5", "logical": "true", "string": "'a'"}
            return texts.get(name, "0.5")
        case _:
            return f"({', '.join(map(sample, type_.items))})"


def parse_with_khronos(op, arguments):
    """Return the invocation of `op` as the Khronos parser understands it."""
    if op.name == "external":  # an input of the graph by itself
        text = f"graph net(y) -> (z) {{ y = external({arguments[0]}); z = copy(y); }}"
        return nnef.parse_string(f"version 1.0;\n{text}").operations[0]
    first = "variable(label = 'x', " if op.name == "update" else "external("
    inputs = "i, l" if op.name == "update" else "x, i, l"
    outputs = ["y0", "y1"] if isinstance(op.signature.results[0].type, Array) else None
    targets = outputs or [f"y{number}" for number in range(len(op.signature.results))]
    left = f"[{', '.join(targets)}]" if outputs else ", ".join(targets)
    generic = "<integer>" if op.name == "cast" else ""
    text = f"""version 1.0;
    graph net({inputs}) -> ({", ".join(targets)})
    {{
        x = {first}shape = [2]);
        i = external<integer>(shape = [2]);
        l = external<logical>(shape = [2]);
        {left} = {op.name}{generic}({", ".join(arguments)});
    }}
    """
    return nnef.parse_string(text).operations[-1]


def plain(value):
    """Return a value with strings as str, and scalars in float32, as that parser keeps them."""
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value))
    if isinstance(value, float):
        return float(np.float32(value))
    return str(value) if isinstance(value, str) else value


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_signature_is_the_one_of_the_khronos_parser(op):
    tensors = [sample(param.type) for param in op.tensors if param.default is None]
    attributes = [param for param in op.attributes if param.default is None]
    named = [f"{param.name} = {sample(param.type)}" for param in attributes]
    parsed = parse_with_khronos(op, tensors + named)
    assert parsed.name == op.name
    assert list(parsed.inputs) == [param.name for param in op.tensors]
    assert list(parsed.attribs) == [param.name for param in op.attributes]
    assert list(parsed.outputs) == [result.name for result in op.signature.results]
    found = {**parsed.inputs, **parsed.attribs}
    for param in op.params.values():
        if param.default is not None:
            assert isinstance(param.default, Literal)
            assert plain(found[param.name]) == plain(param.default.value)
            assert type(plain(found[param.name])) is type(param.default.value)


def test_bodies_are_accepted_by_the_khronos_parser():
    text = re.sub(r"#.*", "", stdlib_source().text)
    found = re.findall(r"^fragment (\w+)(.*?)(\{.*?^\}|;\n\n)", text + "\n\n", re.M | re.S)
    pending = {name: (head, body) for name, head, body in found}
    ordered = []  # that parser wants definitions before uses
    while pending:
        for name, (head, body) in list(pending.items()):
            if not set(re.findall(r"(\w+)\s*[(<]", body)) - {name} & pending.keys():
                ordered.append(f"fragment {name}{head}{body}")
                del pending[name]
    graph = "version 1.0;\ngraph net(x) -> (y)\n{ x = external(shape = [2]); y = relu(x); }"
    nnef.parse_string(graph, stdlib="\n".join(ordered), lowered=["relu"])
