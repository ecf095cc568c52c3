"""TFLite files of one operator, written field by field."""

from typing import Any

import flatbuffers
import numpy as np

TYPES = {"float32": 0, "int32": 2, "int64": 4, "bool": 6}

# (name, shape, stored items or None, type), the last two being optional; a state is "variable"
Tensor = tuple[Any, ...]


def table(b: Any, count: int, fields: dict[int, Any]) -> Any:
    """Write a table: (kind, value) by the number of the field."""
    b.StartObject(count)
    for number, (kind, value) in fields.items():
        if kind == "offset":
            b.PrependUOffsetTRelativeSlot(number, value, 0)
        else:
            getattr(b, f"Prepend{kind}Slot")(number, value, None)
    return b.EndObject()


def ints(b: Any, values: list[int]) -> Any:
    """Write a vector of 32-bit integers."""
    return b.CreateNumpyVector(np.asarray(values, np.int32))


def vector(b: Any, offsets: list[Any]) -> Any:
    """Write a vector of tables."""
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return b.EndVector()


def lite_model(
    tensors: list[Tensor], kind: int | str, nodes: tuple[list[int], list[int]], *,
    custom: bytes = b"", sparsity: Any = None, options: tuple[int, dict[int, Any]] | None = None,
) -> bytes:  # fmt: skip
    """Return a file of one operator; sparsity is that of all stored tensors."""
    b = flatbuffers.Builder(1024)
    buffers = [table(b, 1, {})]
    inputs, outputs = nodes
    listed, given = [], []
    for index, tensor in enumerate(tensors):
        offset, stored = _tensor(b, tensor, buffers, sparsity)
        listed.append(offset)
        if not stored and index not in outputs and "variable" not in tensor[3:]:
            given.append(index)
    op = _operator(b, inputs, outputs, custom, options)
    graph = table(b, 5, {
        0: ("offset", vector(b, listed)), 1: ("offset", ints(b, given)),
        2: ("offset", ints(b, outputs)), 3: ("offset", vector(b, [op])),
    })  # fmt: skip
    model = table(b, 8, {
        0: ("Uint32", 3), 1: ("offset", vector(b, [_code(b, kind)])),
        2: ("offset", vector(b, [graph])), 4: ("offset", vector(b, buffers)),
    })  # fmt: skip
    b.Finish(model, b"TFL3")
    return bytes(b.Output())


def _tensor(b: Any, tensor: Tensor, buffers: list[Any], sparsity: Any) -> tuple[Any, bool]:
    name, shape, data = tensor[:3]
    dtype = next((word for word in tensor[3:] if word in TYPES), "float32")
    fields: dict[int, Any] = {0: ("offset", ints(b, list(shape))), 1: ("Int8", TYPES[dtype])}
    if data is not None:
        raw = b.CreateNumpyVector(np.frombuffer(np.asarray(data).tobytes(), np.uint8))
        buffers.append(table(b, 1, {0: ("offset", raw)}))
        fields[2] = ("Uint32", len(buffers) - 1)
        if sparsity is not None:
            fields[6] = ("offset", sparsity(b))
    if "variable" in tensor[3:]:
        fields[5] = ("Bool", True)
    fields[3] = ("offset", b.CreateString(name))
    return table(b, 10, fields), data is not None


def _operator(
    b: Any, inputs: list[int], outputs: list[int], custom: bytes,
    options: tuple[int, dict[int, Any]] | None,
) -> Any:  # fmt: skip
    fields: dict[int, Any] = {
        0: ("Uint32", 0), 1: ("offset", ints(b, inputs)), 2: ("offset", ints(b, outputs)),
    }  # fmt: skip
    if custom:
        fields[5] = ("offset", b.CreateByteVector(custom))
    if options is not None:
        fields[3] = ("Uint8", options[0])
        fields[4] = ("offset", table(b, 8, options[1]))
    return table(b, 9, fields)


def _code(b: Any, kind: int | str) -> Any:
    if isinstance(kind, str):
        word = b.CreateString(kind)
        return table(b, 4, {0: ("Int8", 32), 1: ("offset", word), 3: ("Int32", 32)})
    return table(b, 4, {0: ("Int8", min(kind, 127)), 2: ("Int32", 1), 3: ("Int32", kind)})
