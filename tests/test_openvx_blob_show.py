"""Pictures of blobs: every call has a box, and links lead from what writes to what reads."""

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from nnefx.cli import cli
from nnefx.openvx import lower, write_blob
from nnefx.openvx.plan import Plan
from nnefx.show.calls import plan_picture, plan_weights
from nnefx.show.html import html
from nnefx.show.scene import Item
from nnefx.show.svg import svg
from openvx_nets import CASES
from random_plans import random_plan


def plan_of(name: str) -> Plan:
    case = next(case for case in CASES if case.name == name)
    model = case.model()
    return lower(model, calibration=case.samples(model))


def titled(plan: Plan) -> dict[str, Item]:
    return {item.title: item for item in plan_picture(plan).level.items}


@pytest.mark.parametrize("plan", [
    *map(plan_of, ("classifier", "concat_of_concat", "slice", "pad_constant", "matmul_of_inputs",
                   "max_roi_pool", "network_3d")),
    *map(random_plan, range(12)),
])  # fmt: skip
def test_every_call_has_a_box_and_links_carry_one_value(plan: Plan):
    picture = plan_picture(plan)
    items = picture.level.items
    boxes = Counter(item.node.name for item in items if item.node)
    assert boxes == Counter(call.function for call in plan.calls)
    entering = Counter(link.target for link in picture.level.links)
    assert all(entering[number] == len(item.inputs) for number, item in enumerate(items))
    for link in picture.level.links:
        assert link.source < link.target
        written, read = items[link.source].outputs[link.out], items[link.target].inputs[link.into]
        assert written is read[1]
    ET.fromstring(svg(picture, 0))


def test_parts_of_tensors_have_boxes_that_say_which():
    assert titled(plan_of("slice"))["view"].summary.startswith("[")
    assert len(titled(plan_of("concat_of_concat"))["views"].inputs) == 3
    assert titled(plan_of("pad_constant"))["views"].summary == "filled 0.5"


def test_boxes_tell_extents_weights_and_arguments():
    plan = plan_of("classifier")
    drawn = titled(plan)
    conv = drawn["ConvolutionLayer"]
    assert conv.node is not None
    assert conv.node.attributes["rounding_policy"].startswith("ROUND_POLICY_")
    assert conv.weights[0].param == "weights"
    assert drawn["PoolingLayer"].summary.startswith("max  pooling_size")
    assert drawn["TensorTableLookupNode"].weights[0].value.shape == (65536,)
    page = html(plan_picture(plan), plan_weights(plan), 0)
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert {weight.label for weight in conv.weights} <= set(data["weights"])
    assert data["docs"]["vxSoftmaxLayer"] == "org.khronos.nn_extension.softmax_layer"


@pytest.mark.parametrize(("name", "begins"), [
    ("a.svg", "<svg"), ("a.html", "<!doctype html"), ("a.txt", "x["),
])  # fmt: skip
def test_show_writes_blobs_in_each_form(name: str, begins: str, tmp_path: Path):
    write_blob(plan_of("concat_of_concat"), tmp_path / "net.nxvx")
    call = ["show", str(tmp_path / "net.nxvx"), "-o", str(tmp_path / name)]
    assert CliRunner().invoke(cli, call).exit_code == 0
    assert (tmp_path / name).read_text().lower().startswith(begins)
    assert CliRunner().invoke(cli, call).exit_code != 0  # what is there stays


def test_show_refuses_other_forms(tmp_path: Path):
    write_blob(plan_of("concat_of_concat"), tmp_path / "net.nxvx")
    call = ["show", str(tmp_path / "net.nxvx"), "-o", str(tmp_path / "a.png")]
    result = CliRunner().invoke(cli, call)
    assert result.exit_code == 2
    assert ".svg, .html or .txt" in result.output
