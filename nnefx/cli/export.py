"""`nnefx export`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nnefx.cli import options
from nnefx.diagnostics import NnefError

if TYPE_CHECKING:
    from nnefx.cli.samples import Sample
    from nnefx.openvx.plan import Plan
    from nnefx.tensors.model import Model

ROUNDINGS: tuple[Literal["once", "product"], ...] = ("once", "product")
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
@click.option("--stubs", type=click.Path(path_type=Path), metavar="DIR",
              help="Where stubs of user kernels go for what is refused.")  # fmt: skip
@click.option("--equalize", is_flag=True, help="Level the channels of layers that follow another.")
@click.option("--logits", is_flag=True, help="Leave out a softmax that makes an output.")
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
    stubs: Path | None,
    equalize: bool,
    logits: bool,
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
    options.require_report(report, force, model, output)
    loaded = load(model)
    samples = read_samples(loaded.graph, calibrate) if calibrate else None
    try:
        plan = openvx.lower(
            loaded, profile=profile, calibration=samples, equalize=equalize, logits=logits
        )
    except NnefError:
        if stubs is not None:
            written = openvx.write_stubs(openvx.refused(loaded, profile), stubs)
            options.say(f"{stubs}: {len(written)} stubs of user kernels", quiet)
        raise
    for note in plan.notes:
        options.say(note, quiet)
    if target == "openvx":
        openvx.write_c(plan, output, embed=embed, debug_tensors=debug_tensors, force=force)
    else:
        openvx.write_blob(plan, output)
    if report is not None:
        text = json.dumps(openvx.legalisation(loaded.graph, plan), indent=1)
        report.write_text(text + "\n", encoding="utf-8")
    options.say(f"{output}: {len(plan.calls)} nodes, {len(plan.tensors)} tensors", quiet)
    if simulate:
        _simulate(loaded, plan, samples)


def _simulate(model: "Model", plan: "Plan", samples: "list[Sample] | None") -> None:
    from nnefx import openvx
    from nnefx.cli.inputs import gather
    from nnefx.execute.executor import Executor

    shown = (samples or [gather(model.graph, {}, seed=0)])[:SHOWN]
    executor = Executor(model)
    references = [executor(sample) for sample in shown]
    width = max(map(len, references[0]))
    click.echo(f"{'output':{width}}  {'rounding':8} {'SNR':>9} {'max error':>10}  same answer")
    rows = []
    for rounding in ROUNDINGS:
        outputs = [openvx.simulate(plan, sample, rounding) for sample in shown]
        compared = [openvx.compare(*pair) for pair in zip(outputs, references)]
        for index, outcomes in enumerate(zip(*compared)):
            name = outcomes[0].name
            ratio, largest = min(item.snr for item in outcomes), max(o.largest for o in outcomes)
            same = sum(
                ours[name].argmax() == theirs[name].argmax()
                for ours, theirs in zip(outputs, references)
            )
            text = f"{name:{width}}  {rounding:8} {ratio:6.1f} dB {largest:10.3g}"
            rows.append((index, f"{text}  {same} of {len(shown)}"))
    for _, row in sorted(rows, key=lambda item: item[0]):  # both roundings of an output together
        click.echo(row)
