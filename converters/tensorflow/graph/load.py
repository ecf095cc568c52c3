"""Any of TensorFlow's files -> one frozen graph, by TensorFlow's own tools."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnefx.converters.tensorflow.graph.quiet import tf
from nnefx.diagnostics import Diagnostic, NnefError, Severity
from nnefx.source import FileAt

Shapes = Mapping[str, tuple[int | None, ...]]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A graph without variables, and what goes in and comes out of it.

    Attributes:
        graph: the GraphDef, with the functions that it calls.
        inputs: the placeholder behind each input, by the name that users know it by.
        outputs: the tensor behind each output, likewise.
        notes: what the user should know about how it was read.
    """

    graph: Any
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    notes: tuple[Diagnostic, ...] = field(default=())


def load(path: Path, signature: str | None = None, outputs: tuple[str, ...] = ()) -> Frozen:
    """Return the frozen graph of a SavedModel, Keras file, GraphDef or checkpoint.

    Raises:
        NnefError: NX710 where TensorFlow cannot read it, NX723 for unknown signatures, NX713 for
            unknown outputs.
    """
    with _refused(path):
        if path.is_dir():
            return _saved_model(path, signature)
        match path.suffix.lower():
            case ".keras" | ".h5" | ".hdf5":
                return _keras(path)
            case ".meta" | ".index":
                return _checkpoint(path, outputs)
            case _:
                return _graph_def(path, outputs)


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Turn what TensorFlow raises for files that it cannot read into an NnefError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, tf.errors.OpError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise NnefError(
            "NX710", f"TensorFlow cannot read it: {lines[0]}", FileAt(str(path))
        ) from None


def _saved_model(path: Path, signature: str | None) -> Frozen:
    if not (path / "saved_model.pb").exists() and not (path / "saved_model.pbtxt").exists():
        raise NnefError("NX710", "the folder holds no saved_model.pb", FileAt(str(path)))
    loaded = tf.saved_model.load(str(path))
    known = list(loaded.signatures)
    chosen = signature or ("serving_default" if "serving_default" in known else None)
    chosen = chosen or (known[0] if len(known) == 1 else None)
    if chosen is None or chosen not in known:
        names = ", ".join(f"'{name}'" for name in known) or "none"
        what = f"no signature '{signature}'" if signature else "no single signature to choose"
        raise NnefError("NX723", f"there is {what}, there is {names}", FileAt(str(path)))
    return frozen(loaded.signatures[chosen], loaded)


def frozen(function: Any, owner: Any = None, notes: tuple[Diagnostic, ...] = ()) -> Frozen:
    """Return the frozen graph of a concrete function; `owner` keeps its variables alive."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    result = convert_variables_to_constants_v2(function, lower_control_flow=False)
    inputs = {tensor.op.name: tensor.op.name for tensor in result.inputs}
    _, named = function.structured_input_signature
    for name, spec in (named or {}).items():
        for tensor in result.inputs:
            if tensor.op.name in (name, f"{name}_0", getattr(spec, "name", None)):
                inputs.pop(tensor.op.name, None)
                inputs[name] = tensor.op.name
    names = _output_names(function)
    outputs = {name: tensor.name for name, tensor in zip(names, result.outputs)}
    del owner
    return Frozen(result.graph.as_graph_def(), inputs, outputs, notes)


def _output_names(function: Any) -> list[str]:
    """Return a name for each output: the key where they are a dictionary."""
    structure = function.structured_outputs
    if isinstance(structure, Mapping):
        names: list[str] = []
        for key in sorted(structure):
            count = len(tf.nest.flatten(structure[key]))
            names += [str(key)] if count == 1 else [f"{key}_{i}" for i in range(count)]
        return names
    count = len(function.outputs)
    return ["output"] if count == 1 else [f"output_{i}" for i in range(count)]


def _keras(path: Path) -> Frozen:
    if path.suffix.lower() != ".keras":
        _check_h5(path)
    try:
        import keras

        model = keras.models.load_model(path, compile=False)
        return of_model(model)
    except (ValueError, TypeError, AttributeError, KeyError, ImportError) as error:
        if path.suffix.lower() == ".keras":
            raise
        first = str(error).strip().splitlines()[:1]
    try:
        import tf_keras
    except ModuleNotFoundError:
        message = f"Keras 3 cannot read it ({''.join(first)}); pip install tf_keras may help"
        raise NnefError("NX710", message, FileAt(str(path))) from None
    model = tf_keras.models.load_model(path, compile=False)
    text = "read with tf_keras: the version of Keras that is installed cannot"
    return of_model(model, (Diagnostic("NX734", text, FileAt(str(path)), Severity.INFO),))


def _check_h5(path: Path) -> None:
    """Refuse files without an architecture, and those that carry code."""
    import h5py

    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
    if config is None:
        message = "it holds weights only: build the model in Python and save it whole"
        raise NnefError("NX710", message, FileAt(str(path)))
    text = config.decode("utf-8") if isinstance(config, bytes) else str(config)
    if any(name == "Lambda" for name in _classes(json.loads(text))):
        message = "a Lambda layer carries Python code, which is not run; convert a SavedModel of it"
        raise NnefError("NX720", message, FileAt(str(path)))


def _classes(config: Any) -> Iterator[str]:
    pending = [config]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if isinstance(item.get("class_name"), str):
                yield item["class_name"]
            pending += item.values()
        elif isinstance(item, list):
            pending += item


def of_model(model: Any, notes: tuple[Diagnostic, ...] = ()) -> Frozen:
    """Return the frozen graph of a Keras model, in inference mode."""
    tensors = list(model.inputs)
    specs = [
        tf.TensorSpec(tuple(tensor.shape), tensor.dtype, _plain(tensor.name)) for tensor in tensors
    ]
    structure = model.input if isinstance(model.input, dict | list | tuple) else None

    def call(*args: Any) -> Any:
        given = args[0] if structure is None else _packed(structure, list(args))
        return model(given, training=False)

    function = tf.function(call, autograph=False).get_concrete_function(*specs)
    result = frozen(function, model, notes)
    names = _model_outputs(model, len(result.outputs))
    outputs = dict(zip(names, result.outputs.values())) if names else result.outputs
    inputs = dict(zip((spec.name for spec in specs), result.inputs.values()))
    return Frozen(result.graph, inputs, outputs, notes)


def _packed(structure: Any, items: list[Any]) -> Any:
    if isinstance(structure, dict):
        return {key: items.pop(0) for key in structure}
    return items


def _model_outputs(model: Any, count: int) -> list[str]:
    names = [str(name) for name in getattr(model, "output_names", None) or []]
    return names if len(names) == count and len(set(names)) == count else []


def _plain(name: str) -> str:
    return name.split(":", 1)[0]


def _graph_def(path: Path, outputs: tuple[str, ...]) -> Frozen:
    graph = tf.compat.v1.GraphDef()
    data = path.read_bytes()
    try:
        if path.suffix == ".pbtxt":
            from google.protobuf import text_format

            text_format.Parse(data.decode("utf-8"), graph)
        else:
            graph.ParseFromString(data)
    except Exception as error:  # protobuf's own class differs between its implementations
        if type(error).__name__ not in ("DecodeError", "ParseError"):
            raise
        raise NnefError("NX710", "it is no GraphDef", FileAt(str(path))) from None
    if not graph.node:
        raise NnefError("NX710", "it is no GraphDef: it holds no nodes", FileAt(str(path)))
    kinds = {node.op for node in graph.node}
    if kinds & {"VariableV2", "VarHandleOp", "Variable"}:
        message = "the graph is not frozen: its variables are missing; convert the checkpoint"
        raise NnefError("NX710", message, FileAt(str(path)))
    return of_graph(graph, outputs, str(path))


_SINKS = {"NoOp", "Assert", "Const", "Placeholder", "SaveV2", "RestoreV2", "MergeV2Checkpoints"}
_SUMMARIES = ("Summary", "Print", "Assert")


def of_graph(graph: Any, outputs: tuple[str, ...], path: str) -> Frozen:
    """Return a GraphDef with its placeholders, and its outputs: those named, or all loose ends."""
    nodes = {node.name: node for node in graph.node}
    inputs = [node.name for node in graph.node if node.op == "Placeholder"]
    if outputs:
        unknown = [name for name in outputs if _plain(name) not in nodes]
        if unknown:
            raise NnefError("NX713", f"there is no tensor '{unknown[0]}'", FileAt(path))
        return Frozen(graph, {name: name for name in inputs}, {name: name for name in outputs})
    used = {_plain(name.lstrip("^")) for node in graph.node for name in node.input}
    loose = [
        node.name
        for node in graph.node
        if node.name not in used
        and node.op not in _SINKS
        and not any(word in node.op for word in _SUMMARIES)
    ]
    if not loose:
        raise NnefError("NX710", "no outputs are found; name them with --output-name", FileAt(path))
    return Frozen(graph, {name: name for name in inputs}, {name: name for name in loose})


def _checkpoint(path: Path, outputs: tuple[str, ...]) -> Frozen:
    """Restore a TF1 checkpoint beside its .meta file, and freeze it."""
    base = path.with_suffix("")
    meta = base.with_suffix(".meta") if path.suffix != ".meta" else path
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        saver = v1.train.import_meta_graph(str(meta), clear_devices=True)
        if saver is None:
            raise NnefError("NX710", "the .meta file has no saver", FileAt(str(path)))
        saver.restore(session, str(base))
        graph = session.graph.as_graph_def()
        found = of_graph(_inference(graph), outputs, str(path))
        names = [_plain(name) for name in found.outputs.values()]
        constant = v1.graph_util.convert_variables_to_constants(session, graph, names)
    return Frozen(constant, found.inputs, found.outputs)


def _inference(graph: Any) -> Any:
    """Return the part of a graph that neither saves, restores nor initializes."""
    result = tf.compat.v1.GraphDef()
    for node in graph.node:
        name = node.name.split("/", 1)[0]
        if name != "save" and node.op not in (
            "Assign",
            "AssignVariableOp",
            "Variable",
            "VariableV2",
        ):
            result.node.add().CopyFrom(node)
    return result
