"""Parsing and checking flat graphs of 1,000 to 100,000 statements."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nnef

import nnefx
from benchmarks.report import Table, duration, ratio
from benchmarks.timing import seconds

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


def check(path: Path) -> None:
    """Parse and check with nnefx: types, arguments and all shapes."""
    if found := nnefx.check(path):
        raise ValueError(f"{path.name}: {found[0]}")


def khronos(path: Path) -> None:
    """Parse with the Khronos parser, which checks types and arguments but infers no shape."""
    nnef.parse_file(str(path))


def khronos_shapes(path: Path) -> None:
    """Parse with the Khronos parser, and let its Python part infer the shapes."""
    nnef.infer_shapes(nnef.parse_file(str(path)))


def table(folder: Path, sizes: tuple[int, ...]) -> Table:
    """Measure every size with the three."""
    rows = []
    for size in sizes:
        path = write(folder, size)
        acts = (check, khronos, khronos_shapes)
        ours, parsed, shaped = seconds(*(partial(act, path) for act in acts))
        rate = f"{path.stat().st_size / 1e6 / ours:.2f} MB/s"
        times = (duration(ours), rate, duration(parsed), duration(shaped), ratio(ours, shaped))
        rows.append((f"{size:,}", f"{path.stat().st_size / 1e6:.2f} MB", *times))
    head = ("statements", "text", "nnefx", "rate", "nnef, parse", "nnef, + shapes", "nnefx : nnef")
    return Table("Parse, check and infer all shapes of a flat graph", head, tuple(rows))
