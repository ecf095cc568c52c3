"""What the `onnx` package says about operators: types of outputs, and bodies of functions."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import TypeProto
from onnx.defs import OpSchema

from nnefx.converters.onnx.proto import DTYPES
from nnefx.converters.scope import Tensor
from nnefx.ops import Reject

_ELEMENTS = {dtype: elem_type for elem_type, dtype in DTYPES.items()}
_NAMES = {"float": "float32", "double": "float64"}


@cache
def schema_of(op_type: str, version: int, domain: str) -> OpSchema | None:
    """Return the schema of an operator in a version of its domain, or None."""
    try:
        return onnx.defs.get_schema(op_type, version, domain)
    except onnx.defs.SchemaError:
        return None


def check_attributes(schema: OpSchema, node: onnx.NodeProto) -> None:
    """Refuse attributes that hold another kind of value than their operator declares."""
    for item in node.attribute:
        formal = schema.attributes.get(item.name)
        wanted: Any = formal and formal.type
        if formal is None or item.type in (wanted.value, onnx.AttributeProto.UNDEFINED):
            continue
        found = onnx.AttributeProto.AttributeType.Name(item.type)
        text = f"attribute '{item.name}' is of type {found}, expected {wanted.name}"
        raise Reject(item.name, text, "NX703")


def output_types(
    schema: OpSchema, inputs: Sequence[Tensor | None], count: int
) -> list[np.dtype[Any] | None]:
    """Return the item types of a node's outputs as far as they follow from those of its inputs."""
    formals, results = _formals(schema)
    bound: dict[str, np.dtype[Any]] = {}
    for index, tensor in enumerate(inputs):
        if tensor is not None and formals:
            bound.setdefault(formals[min(index, len(formals) - 1)], tensor.dtype)
    wanted = [results[min(index, len(results) - 1)] for index in range(count)]
    return [bound.get(name) or _fixed(schema, name) for name in wanted]


@cache
def _formals(schema: OpSchema) -> tuple[list[str], list[str]]:
    return [item.type_str for item in schema.inputs], [item.type_str for item in schema.outputs]


def _fixed(schema: OpSchema, name: str) -> np.dtype[Any] | None:
    for constraint in schema.type_constraints:
        if constraint.type_param_str == name and len(constraint.allowed_type_strs) == 1:
            name = constraint.allowed_type_strs[0]
    if not name.startswith("tensor("):
        return None
    item = name.removeprefix("tensor(").removesuffix(")")
    if item in ("bfloat16", "string") or item.startswith(("float8", "float4", "int4", "uint4")):
        return None
    return np.dtype(_NAMES.get(item, item))


def function_of(
    schema: Any, node: onnx.NodeProto, version: int, inputs: Sequence[Tensor | None]
) -> onnx.FunctionProto | None:
    """Return the body that the standard gives for a node, or None where it is a primitive."""
    if schema.has_function:
        chosen = _newest(schema.function_opset_versions, version)
        return _parsed(schema.get_function_with_opset_version(chosen)) if chosen else None
    if schema.has_context_dependent_function:
        chosen = _newest(schema.context_dependent_function_opset_versions, version)
        if chosen is None:
            return None
        types = [_type(tensor).SerializeToString() for tensor in inputs]
        data = schema.get_context_dependent_function_with_opset_version(
            chosen, node.SerializeToString(), types
        )
        return _parsed(data)
    return None


def _parsed(data: bytes) -> onnx.FunctionProto:
    function = onnx.FunctionProto()
    function.ParseFromString(data)
    return function


def defaults_of(schema: OpSchema) -> list[onnx.AttributeProto]:
    """Return the attributes of an operator that have default values."""
    return [item.default_value for item in schema.attributes.values() if item.default_value.name]


def _newest(versions: Sequence[int], version: int) -> int | None:
    return max((item for item in versions if item <= version), default=None)


def _type(tensor: Tensor | None) -> TypeProto:
    proto = TypeProto()
    if tensor is not None:
        proto.tensor_type.elem_type = _ELEMENTS[tensor.dtype]
        proto.tensor_type.shape.SetInParent()
        for extent in tensor.shape:
            proto.tensor_type.shape.dim.add().dim_value = extent
    return proto
