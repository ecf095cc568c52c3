"""`nnefx export`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnefx.cli import options

if TYPE_CHECKING:
    from nnefx.cli.samples import Sample
    from nnefx.openvx.plan import Plan
    from nnefx.tensors.model import Model

SHOWN = 16  # simulated samples; more would keep people waiting without telling them more


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, type=click.Choice(["openvx", "openvx-blob"]),
              help="A C project, or a blob for the loader.")  # fmt: skip
@options.output("A folder for the C project, a file for the blob.")
@click.option("--profile", default="khr16", show_default=True, help="See `nnefx targets`.")
@click.option("--calibrate", type=click.Path(path_type=Path), metavar="FILE.npz|DIR",
              help="Sample inputs, from which fixed-point scales are chosen.")  # fmt: skip
@click.option("--debug-tensors", is_flag=True, help="Keep intermediate tensors readable.")
@click.option("--embed", is_flag=True, help="Put the weights into the C text.")
@click.option("--simulate", is_flag=True, help="Run the lowered plan and compare with float.")
@click.option("--report", type=click.Path(path_type=Path), help="What each operation became.")
@options.force
@options.verbosity
def export(
    model: Path,
    target: str,
    output: Path,
    profile: str,
    calibrate: Path | None,
    debug_tensors: bool,
    embed: bool,
    simulate: bool,
    report: Path | None,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Lower MODEL to OpenVX."""
    from nnefx import openvx
    from nnefx.cli.samples import read_samples
    from nnefx.tensors.model import load, require_free

    require_free(output, force)
    loaded = load(model)
    samples = read_samples(loaded.graph, calibrate) if calibrate else None
    if samples is None and profile != "float32":
        options.say(
            "no calibration samples: scales come from random inputs and fit real data by luck; "
            "give some with --calibrate",
            quiet,
        )
    plan = openvx.lower(loaded, profile=profile, calibration=samples)
    if target == "openvx":
        openvx.write_c(plan, output, embed=embed, debug_tensors=debug_tensors, force=force)
    else:
        openvx.write_blob(plan, output, force=force)
    if report is not None:
        openvx.write_report(plan, report)
    options.say(f"{output}: {len(plan.calls)} nodes, {len(plan.tensors)} tensors", quiet)
    if simulate:
        _simulate(loaded, plan, samples)


def _simulate(model: "Model", plan: "Plan", samples: "list[Sample] | None") -> None:
    from nnefx import openvx
    from nnefx.cli.inputs import gather
    from nnefx.execute.executor import Executor

    executor = Executor(model)
    shown = (samples or [gather(model.graph, {}, seed=0)])[:SHOWN]
    click.echo(f"{'output':20} {'rounding':10} {'SNR':>9} {'max error':>10}  same answer")
    for name in plan.outputs:
        for rounding in ("once", "product"):
            pairs = []
            for sample in shown:
                ours = openvx.simulate(plan, sample, rounding)
                pairs += openvx.compare(ours, executor(sample))
            label = plan.label(name)
            mine = [item for item in pairs if item.name == label]
            ratio = min(item.snr for item in mine)
            largest = max(item.largest for item in mine)
            same = sum(item.same for item in mine)
            click.echo(
                f"{label:20} {rounding:10} {ratio:6.1f} dB {largest:10.3g}  {same} of {len(mine)}"
            )
