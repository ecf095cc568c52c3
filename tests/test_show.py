"""Pictures of models: nothing overlaps, pages do what they should, and both agree."""

import io
import json
import random
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import nnefx
from browser import Page, chromium
from nnefx.cli import cli
from nnefx.passes.initial import initial_weights
from nnefx.show.boxes import Box, boxes
from nnefx.show.html import html
from nnefx.show.layout import arrange
from nnefx.show.palette import DARK, LIGHT, picture_style
from nnefx.show.place import Layout, place
from nnefx.show.scene import Picture, brief, scene, walk
from nnefx.show.statistics import MOST, statistics
from nnefx.show.svg import svg
from nnefx.show.text import text
from nnefx.tensors.structure import load_structure

ROOT = Path(__file__).parents[1]
GOOGLENET = ROOT / "samples" / "googlenet"


def picture(source: str) -> Picture:
    graph = nnefx.loads(source).graph
    return Picture(graph.name, scene(graph))


def chain_of(statements: list[str]) -> str:
    lines = ["version 1.0;", "graph net(x) -> (y)", "{", "x = external(shape = [1, 4, 8, 8]);"]
    return "\n".join([*lines, *statements, "}"])


def tangle(count: int, seed: int) -> str:
    """A net whose links go near and far, by chance."""
    rng = random.Random(seed)
    names, statements = ["x"], []
    for number in range(count):
        near, far = rng.choice(names[-3:]), rng.choice(names)
        call = rng.choice([f"relu({near})", f"add({near}, {far})", f"concat([{near}], axis = 1)"])
        statements.append(f"t{number} = {call};")
        names.append(f"t{number}")
    return chain_of([*statements, f"y = copy({names[-1]});"])


def placed(source: Picture, depth: int = 99) -> Layout:
    made, arrangement = boxes(source.level)
    depths: dict[int, int] = {}

    def note(found: tuple[Box, ...], level: int) -> None:
        for box in found:
            depths[box.id] = level
            note(box.boxes, level + 1)

    note(made, 1)
    return place(made, arrangement, lambda box: depths[box.id] <= depth)


def layouts(layout: Layout) -> Iterator[Layout]:
    yield layout
    for item in layout.placed:
        if item.inside:
            yield from layouts(item.inside)


def overlaps(layout: Layout) -> list[tuple[str, str]]:
    """Pairs of boxes of one level that share ground."""
    found = []
    items = [item for item in layout.placed if item.height]
    for index, a in enumerate(items):
        for b in items[index + 1 :]:
            apart = a.x + a.width <= b.x + 1e-6 or b.x + b.width <= a.x + 1e-6
            if not (apart or a.y + a.height <= b.y + 1e-6 or b.y + b.height <= a.y + 1e-6):
                found.append((a.box.item.title, b.box.item.title))
    return found


def hits(layout: Layout) -> list[str]:
    """Boxes that an upright part of a link goes through, and curves that leave their gap."""
    found = []
    for _, (x1, y0, y1, x2, y2, y3) in layout.paths:
        if y2 < y1 - 1e-6:
            found.append("a curve goes up")
        for x, top, bottom in ((x1, y0, y1), (x2, y2, y3)):
            found += [
                item.box.item.title
                for item in layout.placed
                if item.x + 1e-6 < x < item.x + item.width - 1e-6
                and item.y + 1e-6 < bottom
                and top < item.y + item.height - 1e-6
            ]
    return found


MODELS = {
    "googlenet": (ROOT / "samples/googlenet/graph.nnef").read_text(encoding="utf-8"),
    **{f"tangle {seed}": tangle(60, seed) for seed in range(6)},
}


@pytest.mark.parametrize("depth", [0, 1, 99])
@pytest.mark.parametrize("name", MODELS)
def test_boxes_do_not_overlap_and_links_go_around_them(name: str, depth: int) -> None:
    for layout in layouts(placed(picture(MODELS[name]), depth)):
        assert overlaps(layout) == []
        assert hits(layout) == []


@pytest.mark.parametrize("name", MODELS)
def test_inside_of_a_group_lies_within_its_frame(name: str) -> None:
    for layout in layouts(placed(picture(MODELS[name]))):
        for item in layout.placed:
            assert item.x >= 0
            assert item.x + item.width <= layout.width + 1e-6
            assert item.inside is None or item.inside.width <= item.width


def test_a_chain_is_one_straight_line() -> None:
    layout = placed(picture(chain_of(["a = relu(x);", "b = tanh(a);", "y = sigmoid(b);"])))
    assert {round(points[0] - points[3], 6) for _, points in layout.paths} == {0}


def test_branches_of_equal_size_lie_symmetrical_about_the_trunk() -> None:
    branches = [f"b{number} = relu(x);" for number in range(4)]
    layout = placed(picture(chain_of([*branches, "y = concat([b0, b1, b2, b3], axis = 1);"])))
    middles = [item.x + item.width / 2 for item in layout.placed]
    assert middles[0] == pytest.approx(sum(middles[1:5]) / 4)


def test_equal_graphs_give_equal_pictures() -> None:
    assert svg(picture(tangle(80, 1)), 0) == svg(picture(tangle(80, 1)), 0)


def test_a_large_graph_is_laid_out_in_time() -> None:
    source = picture(tangle(5000, 3))
    begin = time.process_time()
    layout = placed(source)
    assert time.process_time() - begin < 10
    assert len(layout.placed) == 5003


def test_links_beyond_all_measure_are_told_instead_of_drawn() -> None:
    statements = [
        f"t{number} = relu({f't{number - 1}' if number else 'x'});" for number in range(700)
    ]
    ends = [f"a{number} = add(t{699 if number == 0 else 0}, t{number});" for number in range(100)]
    sums = [f"s{n} = add({f's{n - 1}' if n else 't699'}, a{n});" for n in range(100)]
    level = picture(chain_of([*statements, *ends, *sums, "y = copy(s99);"])).level
    arrangement = arrange(level)
    drawn = {(s.target, s.into) for s in arrangement.segments}
    kept = {
        (link.target, link.into)
        for i, link in enumerate(level.links)
        if i not in arrangement.hidden
    }
    assert kept <= drawn


def test_of_a_value_only_the_far_links_are_given_up() -> None:
    arrangement = arrange(level := picture(tangle(5000, 3)).level)
    assert arrangement.hidden
    rows = {slot: number for number, row in enumerate(arrangement.rows) for slot in row}
    near = [i for i, link in enumerate(level.links) if rows[link.target] - rows[link.source] == 1]
    assert not set(near) & set(arrangement.hidden)


def test_rows_follow_the_direction_of_data() -> None:
    level = picture(tangle(200, 5)).level
    arrangement = arrange(level)
    row = {slot: number for number, slots in enumerate(arrangement.rows) for slot in slots}
    assert all(row[link.source] < row[link.target] for link in level.links)
    assert all(row[s.target] == row[s.source] + 1 for s in arrangement.segments)
    assert sorted(row) == list(range(arrangement.count))


FRAGMENT = """version 1.0;
extension KHR_enable_fragment_definitions, KHR_enable_operator_expressions;
fragment twice(x: tensor<scalar>, f: tensor<scalar>) -> (y: tensor<scalar>, z: tensor<scalar>)
{
    t = conv(x, f);
    y = relu(t);
    z = x;
}
graph net(x) -> (y, z)
{
    x = external(shape = [1, 4, 8, 8]);
    f = variable(shape = [4, 4, 3, 3], label = 'a/b');
    y, z = twice(x, f);
}
"""


def test_groups_hold_what_the_fragment_does_and_name_its_weights() -> None:
    items = list(walk(picture(FRAGMENT).level))
    group = next(item for item in items if item.title == "twice")
    assert [w.label for w in group.weights] == ["a/b"]
    assert group.level is not None
    conv = next(item for item in group.level.items if item.title == "conv")
    assert [(w.param, w.label) for w in conv.weights] == [("filter", "a/b")]
    assert [item.kind for item in group.level.items if item.kind in ("in", "out")] == [
        "in",
        "out",
        "out",
    ]


def test_variable_that_is_an_output_gets_a_box() -> None:
    source = "version 1.0;\ngraph net(x) -> (y, v) {\nx = external(shape = [2]);\n"
    source += "v = variable(shape = [2], label = 'v');\ny = add(x, v);\n}"
    assert [item.kind for item in picture(source).level.items] == [
        "input", "weight", "op", "output", "output",
    ]  # fmt: skip


def test_names_that_were_made_up_are_not_shown() -> None:
    names = {item.name for item in walk(picture(MODELS["googlenet"]).level) if item.kind == "op"}
    assert "i3a" in names
    assert not {name for name in names if re.fullmatch(r"(unit|pool|conv|relu)[0-9]*", name)}


def test_summaries_take_as_many_lines_as_they_need() -> None:
    call = "max_pool(x, size = [1, 1, 3, 3], padding = [(0, 0), (0, 0), (1, 1), (1, 1)],"
    made, _ = boxes(picture(chain_of([f"y = {call} stride = [1, 1, 2, 2]);"])).level)
    (box,) = [box for box in made if box.item.title == "max_pool"]
    assert "…" not in box.body
    assert box.body.count('class="s"') == 2


@pytest.mark.parametrize(
    ("value", "short"),
    [
        ([2, 2], "2"),
        ([1, 1, 3, 3], "1×1×3×3"),
        ([(1, 1), (1, 1)], "1"),
        ([(0, 1), (0, 1)], "0+1"),
        ([], "none"),
        (True, "true"),
        (0.0001, "0.0001"),
        ("constant", "constant"),
    ],
)
def test_attributes_are_shortened(value: object, short: str) -> None:
    assert brief(value) == short


@pytest.mark.parametrize("name", [*MODELS, "fragment"])
def test_svg_is_well_formed_and_needs_nothing_else(name: str) -> None:
    content = svg(picture(MODELS.get(name, FRAGMENT)), 99)
    root = ET.fromstring(content)
    assert root.tag.endswith("svg")
    assert re.findall(r"(?:href|src|url\(|var\()[^\s>]*", content) == []


def test_dark_pictures_differ_in_colours_only() -> None:
    style = picture_style()
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for part, colours_ in ((light, LIGHT), (dark, DARK)):  # nothing is chosen in a picture
        wanted = {colour for name, colour in colours_.items() if name != "accent"}
        assert set(re.findall(r"#[0-9a-f]{6}", part)) == wanted
    selectors = [re.findall(r"(\.[^{}]*?)\s*\{", part) for part in (light, dark)]
    assert set(selectors[1]) <= set(selectors[0])


def test_page_does_not_tell_where_the_text_was(tmp_path: Path) -> None:
    (tmp_path / "graph.nnef").write_text(MODELS["googlenet"], encoding="utf-8")
    graph = load_structure(tmp_path).graph
    page = html(Picture(graph.name, scene(graph)), {}, 0)
    assert str(tmp_path) not in page
    assert '"graph.nnef:41:11"' in page


def test_text_draws_branches_beside_operations() -> None:
    source = chain_of(["a = relu(x);", "b = tanh(a);", "c = sigmoid(a);", "y = add(b, c);"])
    lines = [line[:4].rstrip() for line in text(picture(source), 0).splitlines()[2:]]
    assert lines == ["○", "●", "├─╮", "│ ●", "● │", "├─╯", "●", "◎"]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([1.0, 2.0, 3.0], np.float32), (1.0, 3.0, 2.0, 0, 0)),
        (np.array([0, 0, 5]), (0.0, 5.0, 5 / 3, 2, 0)),
        (np.array([True, False]), (0.0, 1.0, 0.5, 1, 0)),
        (np.array([np.nan, 1.0, np.inf]), (1.0, 1.0, 1.0, 0, 2)),
        (np.zeros(0), (0.0, 0.0, 0.0, 0, 0)),
        (np.array(7.0), (7.0, 7.0, 7.0, 0, 0)),
        (np.array([-1.7e308, 1.7e308]), (-1.7e308, 1.7e308, 0.0, 0, 0)),
    ],
)
def test_statistics(array: np.ndarray, expected: tuple[float, ...]) -> None:
    found = statistics(array)
    assert (found.least, found.most, found.mean, found.zeros, found.odd) == pytest.approx(expected)
    assert sum(found.histogram) in (0, found.looked - found.odd)


def test_statistics_of_a_large_tensor_look_at_a_sample() -> None:
    found = statistics(np.ones(3 * MOST, np.float32))
    assert (found.count, found.looked) == (3 * MOST, MOST)


def test_command_writes_each_form_and_keeps_what_is_there(tmp_path: Path) -> None:
    for name, start in (("a.svg", "<svg"), ("a.html", "<!DOCTYPE"), ("a.txt", "googlenet")):
        done = CliRunner().invoke(cli, ["show", str(GOOGLENET), "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)
    again = CliRunner().invoke(cli, ["show", str(GOOGLENET), "-o", str(tmp_path / "a.svg")])
    assert getattr(again.exception, "code", None) == "NX010"


@pytest.mark.parametrize("arguments", [["-o", "a.png"], ["--open", "two"], ["--open", "-1"]])
def test_command_refuses_other_forms(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, ["show", str(GOOGLENET), *arguments]).exit_code == 2


# ---- pages, in a browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    model = load_structure(GOOGLENET)
    weights = dict(initial_weights(model.graph, 1))
    path = tmp_path_factory.mktemp("page") / "googlenet.html"
    path.write_text(html(Picture("googlenet", scene(model.graph)), weights, 0), encoding="utf-8")
    with chromium() as found:
        found.open(path)
        yield found
        assert found.faults == []
        assert all(url.startswith("file:") for url in found.requests)


def item_id(page: Page, name: str) -> int:
    found = page.evaluate(f"[...nnefx.items.values()].find(i => i.name === {json.dumps(name)}).id")
    assert isinstance(found, int)
    return found


def shown(page: Page) -> int:
    number = page.evaluate("document.querySelectorAll('#view .item').length")
    assert isinstance(number, int)
    return number


def colours(page: Page) -> int:
    with Image.open(io.BytesIO(page.screenshot())) as image:
        return len(image.convert("RGB").getcolors(1 << 24) or [])


@pytest.mark.xdist_group("browser")
class TestPage:
    def test_begins_with_the_groups_closed_and_shows_something(self, page: Page) -> None:
        page.press("c")
        assert shown(page) == 24
        assert colours(page) > 50

    def test_computes_the_same_coordinates_as_python(self, page: Page) -> None:
        for key, depth in (("e", 99), ("c", 0)):
            page.press(key)
            found = page.evaluate(
                "(function f(l) { return l.placed.map((p) => [p.x, p.y, p.width, p.height,"
                " p.inside ? f(p.inside) : null]); })(nnefx.layout())"
            )
            layout = placed(picture(MODELS["googlenet"]), depth)
            assert_same(found, layout)

    def test_sign_opens_a_group_and_closes_it_again(self, page: Page) -> None:
        before = shown(page)
        number = item_id(page, "i3a")
        page.evaluate("document.getElementById('fit').click()")
        page.click(f'[data-id="{number}"] > .toggle')
        assert shown(page) == before + 8
        page.click(f'[data-id="{number}"] > .toggle')
        assert shown(page) == before

    def test_click_tells_attributes_and_weights(self, page: Page) -> None:
        search(page, "dense")
        page.press("Enter")
        panel = "document.getElementById('panel')"
        assert page.evaluate(f"{panel}.hidden") is False
        told = page.evaluate(f"{panel}.innerText")
        assert "1×1024" in told
        assert "1000×1024" in told
        assert "deviation" in told
        assert page.evaluate(f"{panel}.querySelectorAll('.histogram rect').length") >= 40
        page.press("Escape")
        page.press("Escape")
        assert page.evaluate(f"{panel}.hidden") is True

    def test_search_opens_the_groups_around_what_it_finds(self, page: Page) -> None:
        page.press("c")
        search(page, "i4c/b5/filter")
        assert page.evaluate("document.querySelectorAll('#found li').length") >= 1
        page.press("Enter")
        chosen = page.evaluate("document.querySelector('.chosen > .t').textContent")
        assert chosen in ("inception", "unit", "layer")
        page.press("Enter")
        page.press("Enter")
        assert page.evaluate("document.querySelector('.chosen > .t').textContent") == "conv"
        x, y = page.evaluate(
            "(() => { const b = document.querySelector('.chosen').getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y]; })()"
        )
        assert 0 < x < 1300
        assert 0 < y < 900
        page.press("Escape")

    def test_wheel_and_keys_zoom_and_dragging_pans(self, page: Page) -> None:
        page.evaluate("document.activeElement.blur()")
        page.press("0")
        before = page.evaluate("nnefx.camera()")
        page.press("+")
        near = page.evaluate("nnefx.camera()")
        assert near["scale"] == pytest.approx(before["scale"] * 1.25)
        page.call("Input.dispatchMouseEvent", type="mouseWheel", x=9, y=400, deltaX=0, deltaY=300)
        assert page.evaluate("nnefx.camera().scale") < near["scale"]
        at = page.evaluate("nnefx.camera()")
        mouse = {"button": "left", "clickCount": 1}
        page.call("Input.dispatchMouseEvent", type="mousePressed", x=100, y=400, **mouse)
        for x in (120, 160):
            page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=430, button="left")
        page.call("Input.dispatchMouseEvent", type="mouseReleased", x=160, y=430, **mouse)
        moved = page.evaluate("nnefx.camera()")
        assert (moved["x"] - at["x"], moved["y"] - at["y"]) == (60, 30)

    def test_dark_mode_follows_the_system_and_the_button(self, page: Page) -> None:
        def paper() -> str:
            return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

        light = paper()
        dark = [{"name": "prefers-color-scheme", "value": "dark"}]
        page.call("Emulation.setEmulatedMedia", features=dark)
        assert paper() != light
        page.click("#theme")
        assert paper() == light
        page.call("Emulation.setEmulatedMedia", features=[])

    def test_names_from_a_model_are_text_and_never_markup(self, page: Page, tmp_path: Path) -> None:
        bad = (
            "version 1.0;\nextension KHR_enable_fragment_definitions;\n# </script><img src=x>\n"
            "fragment odd(x: tensor<scalar>, note: string) -> (y: tensor<scalar>)\n"
            "{ y = relu(x); }\ngraph net(x) -> (y)\n{\n x = external(shape = [1]);\n"
            " y = odd(x, note = '</script><img src=x onerror=alert(1)>');\n}"
        )
        path = tmp_path / "bad.html"
        path.write_text(html(picture(bad), {}, 99), encoding="utf-8")
        page.open(path)
        search(page, "odd")
        page.press("Enter")
        assert page.evaluate("document.images.length") == 0
        assert "onerror" in page.evaluate("document.getElementById('panel').innerText")

    def test_keys_lead_from_box_to_box_and_open_groups(self, page: Page, tmp_path: Path) -> None:
        path = tmp_path / "googlenet.html"
        path.write_text(html(picture(MODELS["googlenet"]), {}, 0), encoding="utf-8")
        page.open(path)
        chosen = "document.querySelector('#view .chosen > .t').textContent"
        for key, title in (
            ("ArrowDown", "data"), ("ArrowDown", "unit"), ("ArrowDown", "pool"),
            ("ArrowUp", "unit"), ("ArrowUp", "data"),
        ):  # fmt: skip
            page.press(key)
            assert page.evaluate(chosen) == title
        search(page, "i3a")
        page.press("Enter")
        page.press("Escape")
        page.press("Enter")
        for key, title in (
            ("ArrowDown", "unit"), ("ArrowRight", "unit"), ("ArrowRight", "unit"),
            ("ArrowRight", "pool"), ("ArrowRight", "pool"), ("ArrowDown", "unit"),
            ("ArrowDown", "concat"), ("ArrowDown", "inception"),
        ):  # fmt: skip
            page.press(key)
            assert page.evaluate(chosen) == title
        page.press("?")
        assert "from box to box" in page.evaluate("document.getElementById('panel').innerText")
        page.press("Escape")

    def test_of_a_large_picture_only_what_is_near_is_drawn(
        self, page: Page, tmp_path: Path
    ) -> None:
        path = tmp_path / "large.html"
        path.write_text(html(picture(tangle(5000, 3)), {}, 0), encoding="utf-8")
        page.open(path)
        assert 5 < shown(page) < 300
        search(page, "t4000")
        page.press("Enter")
        assert page.evaluate("document.querySelector('.chosen > .n').textContent") == "t4000"
        assert 5 < shown(page) < 300
        missing = """nnefx.layout().placed.filter((p) => {
            const c = nnefx.camera(), x = p.x * c.scale + c.x, y = p.y * c.scale + c.y;
            return x > 0 && y > 0 && x < innerWidth && y < innerHeight
              && !document.querySelector(`[data-id="${p.item.id}"]`); }).length"""
        page.press("Escape")
        for key in ("-", "-", "-", "-", "0", "+", "+", "+"):
            page.press(key)
            assert page.evaluate(missing) == 0
        assert colours(page) > 5


def search(page: Page, words: str) -> None:
    page.evaluate(
        "(() => { const s = document.getElementById('search'); s.value = ''; s.focus(); })()"
    )
    page.type(words)


def assert_same(found: list[list[object]], layout: Layout) -> None:
    assert len(found) == len(layout.placed)
    for (x, y, width, height, inside), item in zip(found, layout.placed):
        assert (x, y, width, height) == pytest.approx(
            (item.x, item.y, item.width, item.height), abs=0.5
        )
        assert (inside is None) == (item.inside is None)
        if item.inside:
            assert isinstance(inside, list)
            assert_same(inside, item.inside)
