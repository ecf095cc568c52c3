"""The fragments that importers share: documented, valid for others, and with rules where needed."""

import nnef
import pytest

from nnefx.converters.fragments import declare, extensions, library
from nnefx.converters.fragments.shapes import SHAPES
from nnefx.ir.builder import Builder
from nnefx.ir.declare import check_fragment
from nnefx.ir.unbuild import unbuild
from nnefx.ops import custom_rules, standard_ops
from nnefx.ops.registry import RULES, Op, bind
from nnefx.syntax.printer import print_document

FRAGMENTS = library()
STANDARD = standard_ops()
assert custom_rules("nnefx_") is None  # loads all
DECLARED = {
    name: bind(fragment, RULES[name], source)
    if fragment.body is None and name in RULES
    else Op(fragment, source=source)
    for name, (fragment, source) in FRAGMENTS.items()
}

every = pytest.mark.parametrize("name", sorted(FRAGMENTS))


@every
def test_name_says_whose_it_is_and_the_comment_what_it_does(name):
    assert name.startswith("nnefx_")
    assert name not in STANDARD
    assert FRAGMENTS[name][0].doc.strip()


@every
def test_without_a_body_there_are_rules(name):
    if FRAGMENTS[name][0].body is None:
        assert name in RULES
        assert RULES[name].run is not None
    else:
        assert name not in RULES, "the body is the meaning: rules would not be asked"


@every
def test_the_page_tells_the_shape_where_no_body_does(name):
    assert (name in SHAPES) is (FRAGMENTS[name][0].body is None)


@every
def test_declaration_is_sound(name):
    fragment, source = FRAGMENTS[name]
    assert not list(check_fragment(fragment, source, {**STANDARD, **DECLARED}))


def test_rules_without_a_fragment_are_none():
    custom = {name for name in RULES if name.startswith("nnefx_")}
    assert custom <= FRAGMENTS.keys()


@every
def test_khronos_accepts_the_declaration(name):
    builder = Builder()
    declare(builder, name)
    output = builder.copy(builder.external(shape=[1], dtype="scalar", name="x"), name="y")
    graph = builder.finish([output], extensions=extensions(builder))
    assert nnef.parse_string(print_document(unbuild(graph))) is not None
