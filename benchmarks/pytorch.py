"""`python -m benchmarks.pytorch`: networks of timm and transformers, beside torch-to-nnef.

Writes the table of docs/pytorch.md. torch-to-nnef is no dependency of
the tests: `python -m benchmarks.peers` installs it; without it its columns are empty.
The times are those of the conversion alone, packages being loaded. `names` are tried with both
tools; by default all networks are, and a few of them with torch-to-nnef as well, which takes long.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.report import Table
from benchmarks.timing import environment

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "pytorch.md"
MARK = "<!-- table: python -m benchmarks.pytorch -->"
COMPARED = ("resnet50", "BERT")  # the other tool takes long
SECONDS = 400  # that one tool may take for a network


def probe(name: str) -> dict[str, Any]:
    """Convert one network with both tools; return what came of it."""
    from time import perf_counter

    import numpy as np
    import torch
    from torch.utils import _pytree as pytree

    import nnefx
    from benchmarks.architectures import ARCHITECTURES

    module, args = ARCHITECTURES[name]()
    with torch.no_grad():
        wanted = [item for item in pytree.tree_leaves(module(*args)) if torch.is_tensor(item)]
    nnefx.from_torch(torch.nn.ReLU(), (torch.ones(1),))  # what is loaded once does not count
    start = perf_counter()
    model = nnefx.from_torch(module, args)
    seconds = perf_counter() - start
    feeds = {value.name: arg.numpy() for value, arg in zip(model.graph.inputs, args, strict=True)}
    found = nnefx.run(model, feeds).values()
    error = max(
        float(np.abs(ours - theirs.numpy()).max() / np.abs(theirs.numpy()).max())
        for ours, theirs in zip(found, wanted, strict=True)
    )
    own = sorted(item for item, op in model.graph.ops.items() if op.signature.body is None)
    return {"seconds": seconds, "error": error, "custom": own, **_text(model)}


def _text(model: Any) -> dict[str, Any]:
    import nnef

    from nnefx.ir.unbuild import unbuild
    from nnefx.syntax.printer import print_document

    text = print_document(unbuild(model.graph))
    nnef.parse_string(text)
    return {"lines": text.count("\n"), "bytes": len(text)}


def peer(name: str) -> dict[str, Any]:
    """Convert one network with torch-to-nnef for its Khronos target; return what came of it."""
    import tempfile
    from time import perf_counter

    import nnef
    import torch
    from torch_to_nnef.export import export_model_to_nnef
    from torch_to_nnef.inference_target import KhronosNNEF

    from benchmarks.architectures import ARCHITECTURES

    module, args = ARCHITECTURES[name]()
    target = KhronosNNEF(KhronosNNEF.OFFICIAL_SUPPORTED_VERSIONS[0], check_io=False)
    names = [f"input_{index}" for index in range(len(args))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.nnef.tgz"
        start = perf_counter()
        with torch.no_grad():
            export_model_to_nnef(
                model=module, args=args, file_path_export=path, inference_target=target,
                input_names=names, output_names=["output"], compression_level=0,
            )  # fmt: skip
        seconds = perf_counter() - start
        subprocess.run(["tar", "xf", path, "-C", folder], check=True)
        text = (Path(folder) / "graph.nnef").read_text()
        try:
            nnef.parse_string(text)
            loads = True
        except nnef.Error:
            loads = False
    return {"seconds": seconds, "bytes": len(text), "loads": loads}


def run(words: list[str]) -> dict[str, Any]:
    """Run a probe in a process of its own; `{}` where it fails."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.pytorch", *words]
    path = peers.path("torch_to_nnef") if words[0] == "--peer" else None
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(path),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1]) if done.returncode == 0 and lines else {}
    return found


def table(names: list[str], compared: Collection[str]) -> Table:
    """Convert all networks, those in `compared` with both tools; return the table."""
    rows = []
    right, done, loads = 0, 0, 0
    for name in names:
        ours = _probed(name)
        theirs = run(["--peer", name]) if name in compared else None
        right += bool(ours) and ours["error"] < 1e-4
        done += bool(theirs)
        loads += bool(theirs and theirs["loads"])
        rows.append(_row(name, ours, theirs))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    tried = sum(name in compared for name in names)
    verdict = f"**{done} of {tried}, {loads} load**"
    total = ("**all**", f"**{right} of {len(names)} agree**", "", "", "", verdict, "")
    head = ("network", "nnefx", "error", "text", "custom operations", "torch-to-nnef", "text")
    return Table("Networks", head, (*rows, total))


def _probed(name: str) -> dict[str, Any]:
    from nnefx.diagnostics import NnefError

    try:
        return probe(name)
    except NnefError as error:
        print(error, file=sys.stderr)
        return {}


def _row(name: str, ours: Any, theirs: Any) -> tuple[str, ...]:
    left = ("fails", "", "", "")
    if ours:
        custom = ", ".join(f"`{item}`" for item in ours["custom"])
        size = f"{ours['bytes'] / 1000:.0f} kB"
        left = (f"{ours['seconds']:.2f} s", f"{ours['error']:.0e}", size, custom)
    if not theirs:
        return (name, *left, "fails" if theirs is not None else "", "")
    verdict = "loads" if theirs["loads"] else "does not load"
    size = f"{theirs['bytes'] / 1000:.0f} kB"
    return (name, *left, f"{theirs['seconds']:.2f} s, {verdict}", size)


def main() -> None:
    """Measure and write the page, or be the process of one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--probe")
    parser.add_argument("--peer")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    if given.probe:
        print(json.dumps(probe(given.probe)))
    elif given.peer:
        print(json.dumps(peer(given.peer)))
    else:
        from benchmarks.architectures import ARCHITECTURES

        found = table(given.names or list(ARCHITECTURES), given.names or COMPARED)
        page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else f"{MARK}\n"
        head = page[: page.index(MARK) + len(MARK)]
        if given.names:
            print(found)
        else:
            PAGE.write_text(f"{head}\n\n{found}", encoding="utf-8")


if __name__ == "__main__":
    main()
