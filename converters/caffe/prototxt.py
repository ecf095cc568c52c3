"""The text of a net: parsed by protobuf, told as records."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format
from google.protobuf.message import Message

from nnefx.converters.caffe.net import Layer, Net, Shape
from nnefx.converters.caffe.schema import Fields, extended
from nnefx.converters.caffe.upgrade import from_v0, from_v1, without_padding
from nnefx.diagnostics import NnefError, Note
from nnefx.source import FileAt, Source, TextAt

_PLACE = re.compile(r"^\d+:\d+ : (?:'.*?': )?", re.DOTALL)
_PLUGIN = "layers of types that Caffe has not are added by plugins: --plugin FILE.py"
_WORDS = {
    f"{word} type": meant for word, meant in (("Message", "message"), ("Enum", "enumeration"))
}
_PACKAGE = re.compile(r'"nnefx_caffe\.(?:\w+Enum\.)?(\w+)"|nnefx_caffe\.(?:\w+Enum\.)?')


def read_net(path: Path, parameters: Mapping[str, Fields] | None = None) -> Net:
    """Return the net of a file.

    Args:
        path: the file.
        parameters: parameter messages of layers that plugins add; see `schema.extended`.

    Raises:
        NnefError: NX001 for a missing file, NX730 for errors of syntax and unknown fields and
            values, with line and column, NX703 for inputs whose dimensions do not add up.
    """
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise NnefError("NX001", f"{error.strerror}", FileAt(str(path))) from None
    return parse_net(text, str(path), parameters)


def parse_net(text: str, name: str, parameters: Mapping[str, Fields] | None = None) -> Net:
    """Return the net of a text; see `read_net`."""
    source = Source(name, text)
    message: Any = extended(parameters or {})["NetParameter"]()
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        told = _told(error)
        notes = (
            [Note(_PLUGIN)] if re.search(r"'LayerParameter' has no field .*_param'", told) else []
        )
        raise NnefError("NX730", told, _place(source, error), notes) from None
    return _net(message, name)


def _told(error: text_format.ParseError) -> str:
    said = _PLACE.sub("", str(error)).rstrip(".")
    said = _PACKAGE.sub(lambda match: f"'{match[1]}'" if match[1] else "", said)
    for spelled, meant in _WORDS.items():
        said = said.replace(spelled, meant)
    return said[:1].lower() + said[1:].replace('"', "'")


def _place(source: Source, error: text_format.ParseError) -> TextAt:
    line, column = error.GetLine() or 1, error.GetColumn() or 1
    lines = source.text.splitlines(keepends=True)
    pos = sum(map(len, lines[: line - 1])) + column - 1
    return TextAt(source, min(pos, len(source.text)))


def _net(message: Any, path: str) -> Net:
    inputs = _inputs(message, path)
    if message.layers and message.layer:
        text = "the net has layers of two versions, 'layer' and 'layers'"
        raise NnefError("NX730", text, FileAt(path))
    if any(layer.HasField("layer") for layer in message.layers):
        old = [_old_layer(layer) for layer in message.layers]
        layers = [from_v0(*item) for item in without_padding(old)]
    elif message.layers:
        layers = [_v1_layer(layer) for layer in message.layers]
    else:
        layers = [_layer(layer) for layer in message.layer]
    state = values(message.state) if message.HasField("state") else {}
    return Net(message.name, inputs, tuple(layers), state)


def _inputs(message: Any, path: str) -> tuple[tuple[str, Shape | None], ...]:
    names = list(message.input)
    shapes: list[Shape | None] = [tuple(shape.dim) for shape in message.input_shape]
    dims = list(message.input_dim)
    if dims and not shapes:
        shapes = [tuple(dims[start : start + 4]) for start in range(0, len(dims), 4)]
        if len(dims) != 4 * len(names):
            text = f"{len(dims)} input_dim for {len(names)} inputs, expected four for each"
            raise NnefError("NX703", text, FileAt(path))
    if shapes and len(shapes) != len(names):
        text = f"{len(shapes)} input_shape for {len(names)} inputs, expected one for each"
        raise NnefError("NX703", text, FileAt(path))
    return tuple(zip(names, shapes or [None] * len(names)))


def _layer(message: Any) -> Layer:
    return Layer(
        message.name,
        message.type,
        tuple(message.bottom),
        tuple(message.top),
        _parameters(message),
        tuple(item.name for item in message.param),
        tuple(map(values, message.include)),
        tuple(map(values, message.exclude)),
    )


def _v1_layer(message: Any) -> Layer:
    kind = _enum_name(message, "type") if message.HasField("type") else ""
    return from_v1(
        kind,
        Layer(
            message.name,
            kind,
            tuple(message.bottom),
            tuple(message.top),
            _parameters(message),
            tuple(message.param),
            tuple(map(values, message.include)),
            tuple(map(values, message.exclude)),
        ),
    )


def _old_layer(message: Any) -> tuple[tuple[str, ...], tuple[str, ...], Mapping[str, Any]]:
    return tuple(message.bottom), tuple(message.top), values(message.layer)


def _parameters(message: Message) -> dict[str, dict[str, Any]]:
    return {
        field.name: values(value)
        for field, value in message.ListFields()
        if field.name.endswith("_param")
    }


def values(message: Any) -> dict[str, Any]:
    """Return the fields of a message that are set: enumerations by name, shapes as lists."""
    return {
        field.name: _value(field, value)
        for field, value in message.ListFields()
        if field.name != "blobs"
    }


def _value(field: Any, value: Any) -> Any:
    if field.is_repeated:
        return [_item(field, item) for item in value]
    return _item(field, value)


def _item(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return list(value.dim) if field.message_type.name == "BlobShape" else values(value)
    if field.enum_type is not None:
        return field.enum_type.values_by_number[value].name
    # The shortest number that is this one in 32 bits: what the file spells.
    return float(str(np.float32(value))) if isinstance(value, float) else value


def _enum_name(message: Any, name: str) -> str:
    field = message.DESCRIPTOR.fields_by_name[name]
    return str(field.enum_type.values_by_number[getattr(message, name)].name)
