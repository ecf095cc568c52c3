"""`nnefx run`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from nnefx.cli import blobs, options
from nnefx.cli.inputs import gather

if TYPE_CHECKING:
    from nnefx.execute.executor import Executor
    from nnefx.execute.integer import IntegerExecutor, Rounding, Step
    from nnefx.execute.torch.executor import TorchExecutor
    from nnefx.tensors.model import Model

    Runner = Executor | TorchExecutor | IntegerExecutor

Arrays = dict[str, NDArray[Any]]
MOST_BITS = 32  # of an accumulator


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--input", "files", multiple=True, callback=options.parse_pairs, metavar="NAME=FILE",
              help="An input from a .npy, .npz, .dat or picture file; repeatable.")  # fmt: skip
@options.output("Folder for the outputs, one .npy each.", required=False)
@click.option(
    "--backend", type=click.Choice(["numpy", "torch"]), default="numpy", show_default=True
)
@click.option("--integer", is_flag=True,
              help="Compute with the integers of graph.quant, as deployed engines do.")  # fmt: skip
@click.option("--rounding", type=click.Choice(["onnx", "tflite", "tflite-reference"]),
              help="Whose rounding sums get with --integer; onnx without it.")  # fmt: skip
@click.option("--random", "seed", type=click.IntRange(min=0), metavar="SEED",
              help="Make up inputs left out.")  # fmt: skip
@click.option("--dump", type=click.Path(path_type=Path), metavar="DIR",
              help="Folder for every tensor of the graph, one .npy each.")  # fmt: skip
@click.option("--openvx-lib", "libraries", multiple=True, metavar="PATH",
              type=click.Path(path_type=Path),
              help="Run a blob on this OpenVX library; repeatable, loaded in order.")  # fmt: skip
@click.option("--openvx-include", "include", metavar="DIR", type=click.Path(path_type=Path),
              help="The folder of VX/vx.h, where it is not beside the library.")  # fmt: skip
@options.verbosity
def run(
    model: Path,
    files: dict[str, str],
    output: Path | None,
    backend: str,
    integer: bool,
    rounding: "Rounding | None",
    seed: int | None,
    dump: Path | None,
    libraries: tuple[Path, ...],
    include: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run MODEL and print its outputs in brief, or write them with -o.

    MODEL may be a blob for OpenVX (.nxvx): it runs on the library of --openvx-lib, for which the
    loader is compiled ($CC, else cc), or without one in the simulator.
    """
    if blobs.is_blob(model):
        if dump is not None or backend != "numpy" or integer:
            raise click.UsageError("--dump, --backend and --integer are for models, not for blobs")
        _tell(blobs.run(model, files, seed, libraries, include), output, quiet)
        return
    if libraries:
        raise click.UsageError("--openvx-lib runs blobs: nnefx export --to openvx-blob makes one")
    if rounding is not None and not integer:
        raise click.UsageError("--rounding says how --integer rounds, which is not there")
    if integer and backend != "numpy":
        raise click.UsageError("--integer computes with numpy: leave --backend out")
    from nnefx.execute.fit import check_fit
    from nnefx.tensors.model import load

    loaded = load(model)
    check_fit(loaded.graph, loaded.quantization)
    inputs = gather(loaded.graph, files, seed)
    executor = _integers(loaded, rounding) if integer else _executor(loaded, backend)
    for folder in (output, dump):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    if dump is not None:
        outputs = _dumped(executor, inputs, dump)
    elif verbose:
        outputs = _measured(executor, inputs)
    else:
        outputs = executor(inputs)
    _tell(outputs, output, quiet)
    if integer and not quiet:
        for line in told(getattr(executor, "steps", ())):
            click.echo(line)


def _dumped(executor: "Runner", inputs: Arrays, folder: Path) -> Arrays:
    """Run, and write every value."""
    names = [value.name for value in executor.graph.outputs]
    found: Arrays = {}
    for value, array in executor.trace(inputs):
        np.save(folder / f"{value.name}.npy", array)
        if value.name in names:
            found[value.name] = array
    return {name: found[name] for name in names}


def _measured(executor: "Runner", inputs: Arrays) -> Arrays:
    """Run, and say how much memory that took; torch's memory is not seen."""
    from nnefx.execute.memory import least_bytes, measured

    with measured() as most:
        outputs = executor(inputs)
    least = least_bytes(executor.graph)
    click.echo(
        f"values: {most[0] / 1e6:.1f} MB at most, of which {least / 1e6:.1f} MB are alive at once",
        err=True,
    )
    return outputs


def _integers(model: "Model", rounding: "Rounding | None") -> "IntegerExecutor":
    from nnefx.execute.integer import IntegerExecutor

    return IntegerExecutor(model, rounding or "onnx")


def told(steps: "Sequence[Step]") -> Iterator[str]:
    """Yield how the operations of an integer run were computed; those in float are named."""
    ways = {how: [step for step in steps if step.how == how] for how in ("integer", "table")}
    floats = [step for step in steps if step.how == "float" and step.quantized]
    apart = sum(step.how == "float" and not step.quantized for step in steps)
    counts = f"{len(ways['integer'])} operations in integers, {len(ways['table'])} by table"
    yield f"{counts}, {len(floats)} in float and rounded, {apart} not quantized"
    for step in floats:
        yield f"  in float: {step.name} ({step.op})"
    for step in steps:
        if step.bits > MOST_BITS:
            yield f"  sums of {step.name} take {step.bits} bits, engines have {MOST_BITS}"


def _tell(outputs: dict[str, NDArray[Any]], output: Path | None, quiet: bool) -> None:
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    for name, array in outputs.items():
        if output is not None:
            np.save(output / f"{name}.npy", array)
        if not quiet:
            click.echo(f"{name} {list(array.shape)}: {brief(array)}")


def _executor(model: "Model", backend: str) -> "Executor | TorchExecutor":
    if backend == "torch":
        from nnefx.torch_api import executor

        return executor(model)
    from nnefx.execute.executor import Executor

    return Executor(model)


def brief(array: NDArray[Any], items: int = 8) -> str:
    """Return the first values of an array, and its range and largest item where there are more."""
    flat = array.ravel()
    shown = " ".join(
        f"{item:.6g}" if array.dtype.kind == "f" else str(item) for item in flat[:items]
    )
    if flat.size <= items:
        return shown
    return f"{shown} ... (min {flat.min():.6g}, max {flat.max():.6g} at {int(flat.argmax())})"
