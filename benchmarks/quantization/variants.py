"""The ways to quantize a network that are held beside each other."""

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nnefx
from benchmarks.quantization import peers
from benchmarks.quantization.cases import Case
from benchmarks.quantization.loads import loads
from nnefx.execute.executor import Executor
from nnefx.execute.integer import IntegerExecutor
from nnefx.quantization import Options, quantize
from nnefx.tensors.model import Model

Array = NDArray[Any]

FLOAT = "float"
PER_CHANNEL = "int8 per channel"
BEST = f"{PER_CHANNEL}, mse"
OURS: Mapping[str, Options] = {
    "int8 per tensor": Options(),
    PER_CHANNEL: Options(per_channel=True),
    BEST: Options(per_channel=True, method="mse"),
    "int4 weights": Options(weight_bits=4, per_channel=True, method="mse"),
    "int4 corrected": Options(weight_bits=4, per_channel=True, method="mse", bias_correction=True),
}
FIXED = "Q7.8"
PEER = "onnxruntime int8 per tensor"
PEER_PER_CHANNEL = "onnxruntime int8 per channel"
INTEGERS = f"{BEST}, in integers"


@dataclass(frozen=True, slots=True)
class Found:
    """What one way gave: answers, bytes on disk, and seconds that quantizing took.

    `faults` says what each reader has against a model of ours, see `loads`.
    """

    answers: tuple[int | str, ...]
    size: int = 0
    seconds: float = 0.0
    faults: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Trial:
    """One network, quantized in every way; files lie in `folder`."""

    case: Case
    folder: Path
    say: Callable[[str], None]
    models: dict[str, Model] = field(default_factory=dict)

    @property
    def input(self) -> str:
        """The name of the only input."""
        return self.case.model.graph.inputs[0].name

    def output(self, outputs: Mapping[str, Array]) -> Array:
        """Return the output that the answer is in."""
        return list(outputs.values())[self.case.output]

    def samples(self) -> list[dict[str, Array]]:
        """The calibration data by the name of the input."""
        return [{self.input: x} for x in self.case.calibration]

    def answers(self, run: Callable[[Array], Array]) -> tuple[int | str, ...]:
        """Return what every input of the evaluation means to an engine."""
        return tuple(self.case.answer(run(x)) for x in self.case.evaluation)

    def by_executor(self, model: Model) -> tuple[int | str, ...]:
        """Run a model of ours with numpy; graph.quant is simulated."""
        executor = Executor(model)
        return self.answers(lambda x: self.output(executor({self.input: x})))

    def real(self) -> Found:
        """The network as it is."""
        size = self._size(self.case.model, FLOAT)
        faults = loads(self._folder(FLOAT))
        return Found(self.by_executor(self.case.model), size, faults=faults)

    def ours(self, name: str) -> Found:
        """Quantize with the options of that name."""
        start = perf_counter()
        made = quantize(self.case.model, self.samples(), OURS[name]).model
        size = self._size(made, name)
        seconds = perf_counter() - start
        loaded = nnefx.load(self._folder(name))
        self.models[name] = loaded
        return Found(self.by_executor(loaded), size, seconds, loads(self._folder(name)))

    def _folder(self, name: str) -> Path:
        """Return where a way's model is saved."""
        return self.folder / name.replace(" ", "_")

    def integers(self) -> Found:
        """Run what `BEST` gave with integers only, as a deployed engine would."""
        executor = IntegerExecutor(self.models[BEST])
        return Found(self.answers(lambda x: self.output(executor({self.input: x}))))

    def _size(self, model: Model, name: str) -> int:
        """Save a model as a folder; return the bytes of its files."""
        target = self._folder(name)
        nnefx.save(model, target)
        return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())

    def fixed(self) -> Found:
        """Lower to OpenVX, 16 bits with 8 behind the point, and simulate that exactly.

        There are no answers where an operation cannot be lowered.
        """
        start = perf_counter()
        try:
            plan = nnefx.openvx.lower(self.case.model, "khr16", calibration=self.samples())
        except nnefx.NnefError as error:
            self.say(f"{self.case.name}: {error.diagnostics[0].message}")
            return Found(())
        seconds = perf_counter() - start

        def run(x: Array) -> Array:
            return self.output(nnefx.openvx.simulate(plan, {self.input: x}))

        blob = self.folder / "plan.nxvx"
        nnefx.openvx.write_blob(plan, blob)
        return Found(self.answers(run), blob.stat().st_size, seconds)

    def peer(self, *, per_channel: bool) -> Found:
        """Quantize the ONNX file with onnxruntime, and run that."""
        source = self.onnx()
        target = self.folder / f"peer_{per_channel}.onnx"
        inputs: Sequence[Array] = self.case.calibration
        seconds = peers.quantized(source, target, inputs, per_channel=per_channel)
        engine = peers.working(target, inputs[0])
        name = engine.get_inputs()[0].name
        answers = self.answers(lambda x: np.asarray(engine.run(None, {name: x})[self.case.output]))
        return Found(answers, target.stat().st_size, seconds)

    def onnx(self) -> Path:
        """Return the network as an ONNX file with fixed shapes, written once."""
        from nnefx import converters

        path = self.folder / "float.onnx"
        if not path.exists():
            converters.write(self.case.model, path, format="onnx")
        return path

    def all(self, only: Collection[str] = ()) -> dict[str, Found]:
        """Return what every way gave, or only some, by its name."""
        ways: dict[str, Callable[[], Found]] = {
            FLOAT: self.real,
            **{name: partial(self.ours, name) for name in OURS},
            INTEGERS: self.integers,
            FIXED: self.fixed,
            PEER: lambda: self.peer(per_channel=False),
            PEER_PER_CHANNEL: lambda: self.peer(per_channel=True),
        }
        found = {}
        for name, way in ways.items():
            if only and name not in only:
                continue
            found[name] = way()
            self.say(f"{self.case.name}: {name}")
        return found


def trial(case: Case, say: Callable[[str], None], only: Collection[str] = ()) -> dict[str, Found]:
    """Quantize one network in every way, or only in some."""
    with tempfile.TemporaryDirectory() as folder:
        return Trial(case, Path(folder), say).all(only)
