"""The protobuf schema of Caffe nets: the messages and fields that matter for running a net.

Names, numbers and types of fields are those that files use. A line is a message and its fields,
`name:number:type`, where `*` marks repeated ones. Fields of forks stand beside those of Caffe;
their numbers, on which forks disagree, only matter in binary files, and those are read for names
and weights alone.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from nnefx.converters.caffe.layers import ENUMS, LAYER_FIELDS, MESSAGES, V1_FIELDS, V1_TYPES

_FIELD = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "nnefx_caffe"
_SCALARS = {
    "int32": _FIELD.TYPE_INT32,
    "uint32": _FIELD.TYPE_UINT32,
    "int64": _FIELD.TYPE_INT64,
    "float": _FIELD.TYPE_FLOAT,
    "bool": _FIELD.TYPE_BOOL,
    "string": _FIELD.TYPE_STRING,
}
_PYTHON_TYPES = {bool: "bool", int: "int32", float: "float", str: "string"}
_FIRST_PLUGIN_FIELD = 20000

Fields = Mapping[str, type]


@cache
def standard() -> Mapping[str, type[Message]]:
    """Return the message classes by name."""
    return _classes({})


def extended(parameters: Mapping[str, Fields]) -> Mapping[str, type[Message]]:
    """Return the message classes with further parameter messages of layers.

    Args:
        parameters: by the name of the field of a layer, the fields of its message: their names
            and Python types (bool, int, float, str); lists of them as `list[int]`.
    """
    return _classes(parameters) if parameters else standard()


def _classes(parameters: Mapping[str, Fields]) -> Mapping[str, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name="nnefx/caffe.proto", package=_PACKAGE, syntax="proto2"
    )
    for name, values in ENUMS.items():
        _enum(file, name, values)
    _enum(file, "V1Type", V1_TYPES)
    for line in filter(None, map(str.split, MESSAGES.splitlines())):
        _message(file, line[0], line[1:])
    _message(file, "LayerParameter", LAYER_FIELDS.split())
    _message(file, "V1LayerParameter", V1_FIELDS.split())
    for number, (field, fields) in enumerate(parameters.items(), _FIRST_PLUGIN_FIELD):
        _plugin_message(file, field, fields, number)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        message.name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{message.name}")
        )
        for message in file.message_type
    }


def _enum(file: descriptor_pb2.FileDescriptorProto, name: str, values: Mapping[str, int]) -> None:
    # Values of an enumeration live in the scope around it, hence a message around each.
    holder = file.message_type.add(name=f"{name}Enum").enum_type.add(name=name)
    for label, number in values.items():
        holder.value.add(name=label, number=number)


def _message(file: descriptor_pb2.FileDescriptorProto, name: str, fields: list[str]) -> None:
    message = file.message_type.add(name=name)
    for text in fields:
        field, number, kind = text.split(":")
        _field(message, field, int(number), kind)


def _field(message: Any, name: str, number: int, kind: str) -> None:
    repeated = kind.endswith("*")
    kind = kind.rstrip("*")
    field = message.field.add(
        name=name, number=number, label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    )
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind in ENUMS or kind == "V1Type":
        field.type = _FIELD.TYPE_ENUM
        field.type_name = f".{_PACKAGE}.{kind}Enum.{kind}"
    else:
        field.type = _FIELD.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"


def _plugin_message(
    file: descriptor_pb2.FileDescriptorProto, name: str, fields: Fields, number: int
) -> None:
    layer = next(item for item in file.message_type if item.name == "LayerParameter")
    known = {field.name: field.type_name.rpartition(".")[2] for field in layer.field}
    kind = known.get(name, f"Plugin_{name}")
    if name not in known:
        file.message_type.add(name=kind)
        _field(layer, name, number, kind)
    message = next(item for item in file.message_type if item.name == kind)
    taken = {field.name for field in message.field}
    for index, (field, python) in enumerate(fields.items(), _FIRST_PLUGIN_FIELD):
        if field not in taken:
            _field(message, field, index, _kind(python))


def _kind(python: Any) -> str:
    items = getattr(python, "__args__", ())
    return f"{_PYTHON_TYPES[items[0]]}*" if items else _PYTHON_TYPES[python]
