"""The main job: a trained classifier goes from ONNX to NNEF, is run, and is lowered to OpenVX.

`python samples/direction/run.py [FOLDER]`, or `make run`. It writes everything into FOLDER
(`out/direction`) and prints each command that it runs there: the README shows the same ones.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import zoo
from direction import pictures, readers

ROOT = Path(__file__).parents[2]
TEXT = "This way up"
SOURCE = "cls.onnx"
MODEL = "cls.nnef.tgz"
PLAN = "c"
BLOB = "cls.nxvx"
OPENVX = ROOT / "tests" / "openvx_stub"
ANSWERS = ("upright", "upside down")  # in the order of the classifier's two outputs
TOLERANCE = 1e-4

CLASSIFIER = zoo.Packaged(
    package="rapidocr-onnxruntime",
    version="1.4.4",
    member="rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
    sha256="e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
)

Arrays = dict[str, pictures.Array]


def main(folder: Path) -> int:
    """Do the whole job in `folder`, which is emptied first; return 0 if all went well."""
    if folder.exists() and any(folder.iterdir()) and not (folder / SOURCE).exists():
        raise SystemExit(f"{folder} holds something else: name an empty folder, or a new one")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(zoo.obtain(CLASSIFIER), folder / SOURCE)
    images = pictures.write(folder, TEXT)
    np.savez(folder / "pictures.npz", x=np.concatenate(list(images.values())))

    convert(folder)
    for name in images:
        nnefx(folder, "run", MODEL, "--input", f"x={name}.npy", "-o", name)
    lower(folder)
    for name in images:
        run_c(folder, name)

    print()
    for name, text in summary(folder, images):
        print(f"  {name:<16}{text}")
    return 0


def convert(folder: Path) -> None:
    """Write the NNEF model with a fixed input shape, hold it to onnxruntime, and check it."""
    shape, picture = ("--input-shape", "x:1,3,48,192"), ("--input", "x=upright.npy")
    nnefx(folder, "convert", SOURCE, "-o", MODEL, *shape, "--verify", *picture)
    nnefx(folder, "check", MODEL)
    nnefx(folder, "info", MODEL)


def lower(folder: Path) -> None:
    """Write the C project and the blob, compile the project, and run it on every picture.

    The OpenVX that it is linked with is the small one of the tests, which has no hardware.
    """
    calibrate = ("--calibrate", "pictures.npz")
    nnefx(folder, "export", MODEL, "--to", "openvx", "-o", PLAN, *calibrate, "--simulate")
    nnefx(folder, "export", MODEL, "--to", "openvx-blob", "-o", BLOB, *calibrate)
    sources = [path.relative_to(folder) for path in sorted(Path(folder, PLAN).glob("*.c"))]
    strict = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-O2")
    shell(folder, "cc", *strict, "-I", OPENVX, *sources, OPENVX / "openvx.c", "-o", "cls", "-lm")


def run_c(folder: Path, name: str) -> None:
    """Run the compiled project on one picture; its output is float32, without a header."""
    (weights,) = (path.relative_to(folder) for path in Path(folder, PLAN).glob("*.nxvx"))
    shell(folder, "./cls", "-w", weights, "-i", f"{name}.npy", "-o", f"{name}.f32")


def nnefx(folder: Path, *words: str) -> None:
    """Run the command that stands beside this Python, as a user would in `folder`."""
    shell(folder, Path(sys.executable).with_name("nnefx"), *words)


def shell(folder: Path, program: str | Path, *words: str | Path) -> None:
    """Print a command and run it in `folder`; end this script where it fails."""
    shown = [os.path.relpath(word, folder) if Path(word).is_absolute() else word for word in words]
    name = Path(program).name if Path(program).is_absolute() else program
    print("$", name, *shown, flush=True)
    status = subprocess.run([program, *words], cwd=folder, check=False).returncode
    if status:
        raise SystemExit(f"{Path(program).name}: exit code {status}")


def summary(folder: Path, images: Arrays) -> Iterator[tuple[str, str]]:
    """Hold what was written to other engines, and say which picture is upside down."""
    model = folder / MODEL
    yield "Khronos parser", f"reads all {readers.operations(model)} operations"
    ours = {name: readers.by_nnefx(model, x) for name, x in images.items()}
    source = {name: readers.by_onnxruntime(folder / SOURCE, x) for name, x in images.items()}
    yield "onnxruntime", agree(ours, source)
    yield "tract", agree(ours, {name: readers.by_tract(model, x) for name, x in images.items()})
    simulated = readers.by_plan(model, images)
    for index, name in enumerate(images):
        (written,) = (np.load(path) for path in Path(folder, name).glob("*.npy"))
        compiled = np.fromfile(folder / f"{name}.f32", dtype=np.float32)
        answers = {"float": written, "Q7.8 simulated": simulated[name], "Q7.8 in C": compiled}
        if any(answer.argmax() != index for answer in answers.values()):
            raise SystemExit(f"{name}.png: wrong answer: {answers}")
        yield f"{name}.png", "; ".join(f"{how} {describe(what)}" for how, what in answers.items())


def agree(ours: Arrays, theirs: Arrays) -> str:
    """Say how far our outputs are from another engine's; end this script if that is too far."""
    error = max(readers.relative_error(ours[name], theirs[name]) for name in ours)
    if error > TOLERANCE:
        raise SystemExit(f"relative error is {error:.1e}, expected at most {TOLERANCE}")
    return f"agrees, relative error {error:.1e}"


def describe(probabilities: pictures.Array) -> str:
    """Say which way the picture is, and how sure the classifier is of it."""
    best = int(probabilities.argmax())
    return f"{ANSWERS[best]} ({probabilities.flat[best]:.4f})"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "out" / "direction")))
