"""What authors wait for: formatting, pictures, and the language server. Times are CPU times."""

import gc
from collections.abc import Callable
from pathlib import Path
from time import process_time

from benchmarks import parsing
from benchmarks.report import Table, duration, ratio
from nnefx.lsp.analysis import Analysis
from nnefx.lsp.describe import hover, inlay_hints
from nnefx.lsp.positions import Positions
from nnefx.show.boxes import boxes
from nnefx.show.place import place
from nnefx.show.scene import scene
from nnefx.source import Source
from nnefx.syntax.format import format_document
from nnefx.syntax.parser import parse
from nnefx.tensors.structure import load_structure

GOOGLENET = Path(__file__).parents[1] / "samples" / "googlenet"
LINES = 2000


def cpu(action: Callable[[], object], runs: int = 5) -> float:
    """Return the least CPU time of an action."""
    taken = []
    for _ in range(runs):
        gc.collect()
        begin = process_time()
        action()
        taken.append(process_time() - begin)
    return min(taken)


def _formatting(folder: Path, statements: int) -> tuple[str, ...]:
    path = parsing.write(folder, statements)
    source = Source(path.name, path.read_text(encoding="utf-8"))
    read = cpu(lambda: parse(source), 3)
    written = cpu(lambda: format_document(source), 3)
    what = f"format {len(source.text) / 1e6:.3g} MB of flat text"
    return what, duration(written), f"{ratio(written, read)} times its parse", "3 times"


def _picture(what: str, model: Path) -> tuple[str, ...]:
    graph = load_structure(model).graph

    def act() -> None:
        made, arrangement = boxes(scene(graph))
        place(made, arrangement, lambda _: True)

    return f"lay out {what}", duration(cpu(act, 3)), "", "10 s"


def _analysis(text: str) -> Analysis:
    source = Source("graph.nnef", text)
    return Analysis(source, Positions(source))


def _server(folder: Path) -> list[tuple[str, ...]]:
    text = parsing.write(folder, LINES - 5).read_text(encoding="utf-8")
    middle = text.index("block_100_conv = ")
    halved = text.replace("block_100_conv = conv(", "block_100_conv = conv", 1)
    lines = f"{LINES:,} lines"
    known = _analysis(text)
    assert not known.findings
    rows = [
        (f"findings in {lines}", cpu(lambda: _analysis(text).findings), "200 ms"),
        ("the same, half-written", cpu(lambda: _analysis(halved).findings), "200 ms"),
        (f"words of {lines}, without findings", cpu(lambda: _analysis(text).scan), ""),
        ("hover, once checked", cpu(lambda: hover(known, middle + 3)), ""),
        (f"hints beside {lines}", cpu(lambda: inlay_hints(known, 0, len(text))), ""),
    ]
    return [(what, duration(taken), "", bound) for what, taken, bound in rows]


def table(folder: Path, statements: int) -> Table:
    """Measure formatting of `statements` statements, pictures, and the server."""
    large = parsing.write(folder, 8_333)  # 5,000 operations and their variables
    rows = [
        _formatting(folder, statements),
        _picture("GoogLeNet, all groups open", GOOGLENET),
        _picture("5,000 operations", large),
        *_server(folder),
    ]
    return Table("What authors wait for (CPU time)", ("", "takes", "", "asked"), tuple(rows))
