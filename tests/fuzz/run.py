"""Check random mutations for as long as one likes: `python tests/fuzz/run.py SECONDS [SEED]`.

An exception, a hang of more than two seconds or more than 500 MB is a fault; what caused it is
written to `build/fuzz/`, and becomes a file in tests/hostile/crashes.
"""

import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from check.models import model, tensor
from fuzz.mutate import archive, mutated_bytes, mutated_text, texts
from nnefx.checking import Options, Selection, check_path, check_source, load, names
from nnefx.source import Source

SECONDS, BYTES = 2, 500 << 20
OUT = Path("build") / "fuzz"
QUANT = (
    '"z": min_max_linear_quantize(min = -1.0, max = [[1.0,2.0,1.0,1.0]], bits = 8, '
    "signed = false, symmetric = false);\n# comment\n"
    '"w": logarithmic_quantize(max = 1.0, bits = 4);\n'
)


class TooSlowError(Exception):
    """Raised by the alarm."""


def alarm(*_: object) -> None:
    raise TooSlowError


def attempts(chance: random.Random, folder: Path):
    """Yield one thing after another to check: what it is, its bytes, and the function to call."""
    seeds = texts()
    net = model(folder / "net", quant=QUANT)
    tensor(folder / "net" / "conv" / "w.dat.q", np.ones((4, 3, 3, 3), np.uint8))
    files = {
        str(path.relative_to(net)): path.read_bytes() for path in net.rglob("*") if path.is_file()
    }
    everything = Options(
        targets=tuple(load(name) for name in names() if name != "openvx-nn"),
        selection=Selection(select=("ALL",)),
    )
    while True:
        kind = chance.random()
        if kind < 0.7:
            text = mutated_text(chance, seeds)
            yield (
                "nnef",
                text.encode(),
                lambda t=text: check_source(Source("a.nnef", t), everything),
            )
        elif kind < 0.8:
            text = mutated_text(chance, [QUANT])
            yield (
                "quant",
                text.encode(),
                lambda t=text: check_source(Source("a.quant", t), everything),
            )
        elif kind < 0.9:
            data = mutated_bytes(chance, files["conv/w.dat"])
            path = folder / "w.dat"
            path.write_bytes(data)
            yield "dat", data, lambda p=path: check_path(p, everything)
        else:
            changed = dict(files)
            name = chance.choice(sorted(changed))
            changed[name] = mutated_bytes(chance, changed[name])
            if chance.random() < 0.3:
                changed[chance.choice(["../out.dat", "/tmp/out.dat", "a\\b.dat", "x" * 300])] = b""
            mode = chance.choice(["w", "w:gz", "w:bz2"])
            data = archive(changed, mode)
            if chance.random() < 0.5:
                data = mutated_bytes(chance, data)
            path = folder / "net.tgz"
            path.write_bytes(data)
            yield "tgz", data, lambda p=path: check_path(p, everything)


def main(seconds: float, seed: int) -> int:
    chance = random.Random(seed)
    signal.signal(signal.SIGVTALRM, alarm)  # of time spent, whatever else the machine does
    OUT.mkdir(parents=True, exist_ok=True)
    faults, count, start, worst = 0, 0, time.monotonic(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        for kind, data, call in attempts(chance, Path(folder)):
            if time.monotonic() - start > seconds:
                break
            began = time.process_time()
            signal.setitimer(signal.ITIMER_VIRTUAL, 4 * SECONDS)
            try:
                call()
                fault = ""
            except Exception:
                fault = traceback.format_exc()
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            spent = time.process_time() - began
            worst = max(worst, spent)
            if spent > SECONDS:
                fault = fault or f"{spent:.1f} seconds"
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            if peak > BYTES:
                print(f"{peak >> 20} MB after {count} attempts: {kind}")
                (OUT / f"memory-{seed}-{count}.{kind}").write_bytes(data)
                return faults + 1
            count += 1
            if fault:
                faults += 1
                (OUT / f"crash-{seed}-{count}.{kind}").write_bytes(data)
                print(fault)
    print(f"{count} attempts, {faults} faults, slowest {worst:.2f} s, {peak >> 20} MB")
    return faults


if __name__ == "__main__":
    limit = float(sys.argv[1]) if len(sys.argv) > 1 else 60
    sys.exit(bool(main(limit, int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
