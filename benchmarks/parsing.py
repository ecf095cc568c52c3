"""Parsing, checking and expanding graphs of 1,000 statements and more."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nnef

import nnefx
from benchmarks.plot import Plot
from benchmarks.report import Table, duration, mebibytes, rate, ratio
from nnefx.ir.build import build
from nnefx.ir.graph import Graph
from nnefx.ops import standard_ops
from nnefx.passes.expand import expand
from nnefx.source import Source
from nnefx.syntax.parser import parse

FRAGMENT = """version 1.0;
extension KHR_enable_fragment_definitions;

fragment residual( x: tensor<scalar>, filter: tensor<scalar>, bias: tensor<scalar> )
-> ( y: tensor<scalar> )
{
    found = conv(x, filter, bias, stride = [1, 1], dilation = [1, 1],
                 padding = [(1, 1), (1, 1)], border = 'constant', groups = 1);
    bent = relu(found);
    y = add(bent, x);
}

graph generated( input ) -> ( output )
{
"""
HEAD = "version 1.0;\n\ngraph generated( input ) -> ( output )\n{\n"
BLOCK = 5  # statements of one residual block, its two variables included


def statements(count: int) -> Iterator[str]:
    """Yield `count` statements of a chain of residual blocks, written as exporters write them."""
    yield "input = external(shape = [1, 16, 28, 28]);"
    last = "input"
    for index in range((count - 2) // BLOCK):
        weight, bias, x = f"filter_{index}", f"bias_{index}", f"block_{index}"
        yield f"{weight} = variable<scalar>(shape = [16, 16, 3, 3], label = 'block{index}/filter');"
        yield f"{bias} = variable<scalar>(shape = [1, 16], label = 'block{index}/bias');"
        yield (
            f"{x}_conv = conv({last}, {weight}, {bias}, stride = [1, 1], dilation = [1, 1], "
            "padding = [(1, 1), (1, 1)], border = 'constant', groups = 1);"
        )
        yield f"{x}_relu = relu({x}_conv);"
        yield f"{x} = add({x}_relu, {last});"
        last = x
    for index in range((count - 2) % BLOCK):
        yield f"tail_{index} = copy({last});"
        last = f"tail_{index}"
    yield f"output = copy({last});"


def write(folder: Path, count: int) -> Path:
    """Write a model of `count` statements, without its weights, and return its graph.nnef."""
    path = folder / f"flat_{count}.nnef"
    body = "".join(f"    {statement}\n" for statement in statements(count))
    path.write_text(f"{HEAD}{body}}}\n", encoding="utf-8")
    return path


# A process of its own, so that the peak of one does not hide another's. A small text goes first:
# what a package loads and prepares once does not count. Then the same several times, where short.
PROBE = """
import re, sys
from time import perf_counter, process_time
from benchmarks.parsing import ACTIONS
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
act = ACTIONS[sys.argv[1]]
act(sys.argv[2])
before, times = peak(), []
while len(times) < 15 and sum(times) < 0.5:
    start = process_time()
    result = act(sys.argv[3])
    times.append(process_time() - start)
    del result
print(min(times), peak() - before)
"""
ROOT = Path(__file__).parents[1]
PLOT = ROOT / "docs" / "performance.svg"


def blocks(count: int) -> Iterator[str]:
    """Yield `count` calls of a fragment, and the variables that they take."""
    yield "input = external(shape = [1, 16, 28, 28]);"
    last = "input"
    for index in range(count):
        yield f"f{index} = variable<scalar>(shape = [16, 16, 3, 3], label = 'block{index}/filter');"
        yield f"b{index} = variable<scalar>(shape = [1, 16], label = 'block{index}/bias');"
        yield f"block_{index} = residual({last}, f{index}, b{index});"
        last = f"block_{index}"
    yield f"output = copy({last});"


def write_hierarchical(folder: Path, count: int) -> Path:
    """Write a model that expands to `count` statements, and return its graph.nnef."""
    path = folder / f"hierarchical_{count}.nnef"
    body = "".join(f"    {statement}\n" for statement in blocks((count - 2) // BLOCK))
    path.write_text(f"{FRAGMENT}{body}}}\n", encoding="utf-8")
    return path


def graph(path: str) -> object:
    """Parse, check types and arguments, and infer all shapes, those inside of fragments too."""
    text = Path(path).read_text(encoding="utf-8")
    source = Source(path, text)
    return build(parse(source), source)


def expanded(path: str) -> object:
    """Do the same, and replace calls of the document's fragments by their bodies."""
    made = graph(path)
    assert isinstance(made, Graph)
    return expand(made, keep=standard_ops())


def khronos(path: str) -> object:
    """Parse with the Khronos parser, which checks types and arguments but infers no shape."""
    return nnef.parse_file(path)


def khronos_expanded(path: str) -> object:
    """Parse with the Khronos parser, which replaces calls of fragments that it does not know."""
    return nnef.parse_file(path, lowered=["residual"])


ACTIONS = {
    "graph": graph,
    "expanded": expanded,
    "khronos": khronos,
    "khronos_expanded": khronos_expanded,
}


def check(path: Path) -> None:
    """Check as `nnefx check` does, hints about style and use included."""
    if found := nnefx.check(path):
        raise ValueError(f"{path.name}: {found[0]}")


def measured(small: Path, path: Path, actions: tuple[str, ...], runs: int) -> list[list[float]]:
    """Return the least processor time in s, and the growth of memory in bytes, of each action."""
    rounds = []
    for _ in range(runs):
        words = [[sys.executable, "-c", PROBE, act, str(small), str(path)] for act in actions]
        rounds.append([_printed(command) for command in words])
    return [[min(values) for values in zip(*found)] for found in zip(*rounds)]


def _printed(command: list[str]) -> list[float]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return list(map(float, done.stdout.split()))


def tables(folder: Path, sizes: tuple[int, ...]) -> list[Table]:
    """Measure flat and hierarchical texts of every size."""
    head = ("statements", "text", "nnefx", "nnef", "nnefx : nnef", "rate")
    head += ("memory of nnefx", "memory of nnef", "nnefx : nnef")
    note = "Processor time, the least of several runs; memory is what a process grows by. "
    flat = "nnefx also infers all shapes, nnef does not. "
    flat += "The expressions alone that find the ends of statements run at 70 MB/s."
    both = "Both replace the calls of fragments by their bodies; nnefx also infers all shapes."
    return [
        Table("Parse and check a flat graph", head,
              _rows(folder, sizes, write, ("graph", "khronos")), note + flat),
        Table("Parse, check and expand a hierarchical graph", head,
              _rows(folder, sizes, write_hierarchical, ("expanded", "khronos_expanded")),
              note + both),
    ]  # fmt: skip


def _rows(
    folder: Path, sizes: tuple[int, ...], make: Callable[[Path, int], Path], acts: tuple[str, str]
) -> tuple[tuple[str, ...], ...]:
    rows = []
    small = make(folder, 12)
    for size in sizes:
        path = make(folder, size)
        (ours, own), (theirs, other) = measured(small, path, acts, runs=3)
        text = path.stat().st_size
        rows.append((
            f"{size:,}", f"{text / 1e6:.2f} MB",
            duration(ours), duration(theirs), ratio(ours, theirs), rate(text, ours),
            mebibytes(own), mebibytes(other), ratio(own, max(other, 1)),
        ))  # fmt: skip
        path.unlink()
    return tuple(rows)


def growth(folder: Path, most: int) -> Plot:
    """Measure from 1,000 statements to `most`; the other parser to a third of a million."""
    found: dict[str, list[tuple[float, float]]] = {"nnefx": [], "nnef": []}
    size = min(1_000, most)
    small = write(folder, 12)
    while size <= most:
        path = write(folder, size)
        acts = ("graph", "khronos") if size <= 300_000 else ("graph",)
        for name, (time, _) in zip(found, measured(small, path, acts, runs=1)):
            found[name].append((size, time))
        path.unlink()
        size = size * 3 if str(size)[0] == "1" else size // 3 * 10
    return Plot("Parse and check a flat graph", "statements", "seconds", found)
