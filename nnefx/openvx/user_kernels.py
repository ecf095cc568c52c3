"""C stubs for operations that no standard node can do: user kernels that an engineer completes.

The names are those that OpenVX's import of NNEF gives to custom operations, `custom.nnef.<op>`, so
a kernel serves both; parameters are inputs, then outputs, in the order of NNEF.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from nnefx.ir.graph import Node, Value
from nnefx.openvx.statement import statement


def write_stubs(nodes: Sequence[Node], folder: str | os.PathLike[str]) -> list[Path]:
    """Write a C file for each operation among `nodes`, and return the files.

    An external gets none: no kernel can help with what it holds. A file that is there already
    stays as it is: it may be completed.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for op in dict.fromkeys(node.name for node in nodes if node.name != "external"):
        path = target / f"{_identifier(op)}.c"
        if not path.exists():
            uses = [node for node in nodes if node.name == op]
            path.write_text(stub(op, uses), encoding="utf-8")
            written.append(path)
    return written


def stub(op: str, uses: Sequence[Node]) -> str:
    """Return the C text of a user kernel for an operation, `uses` told in a comment."""
    first = uses[0]
    inputs = list(first.operands())
    outputs = list(first.values())
    lines = [f" *   {_safe(statement(node))}{_safe(_extents(node))}" for node in uses]
    name, count = _identifier(op), len(inputs) + len(outputs)
    parameters = [("VX_INPUT", value) for value in inputs]
    parameters += [("VX_OUTPUT", value) for value in outputs]
    added = "\n".join(_ADD.format(index=i, way=way) for i, (way, _) in enumerate(parameters))
    described = "\n".join(
        _META.format(index=i, note=_safe(str(list(value.shape))))
        for i, (way, value) in enumerate(parameters)
        if way == "VX_OUTPUT"
    )
    named = "\n".join(
        f" *   parameters[{i}] {'input ' if way == 'VX_INPUT' else 'output'} {_safe(value.name)}"
        for i, (way, value) in enumerate(parameters)
    )
    return _TEXT.format(
        op=op, name=name, count=count, uses="\n".join(lines), added=added,
        described=described, named=named,
    )  # fmt: skip


def _extents(node: Node) -> str:
    shown = ", ".join(f"{value.name} {list(value.shape)}" for value in _values(node))
    return f"   with {shown}"


def _values(node: Node) -> list[Value]:
    return [*node.operands(), *node.values()]


def _identifier(op: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in op)


def _safe(text: str) -> str:
    shown = "".join(c if 32 <= ord(c) < 127 and c not in "?\\" else "." for c in text)
    return shown.replace("*/", "* /").replace("/*", "/ *")


_ADD = """    if (status == VX_SUCCESS)
        status = vxAddParameterToKernel(kernel, {index}, {way}, VX_TYPE_TENSOR,
                                        VX_PARAMETER_STATE_REQUIRED);"""
_META = """    /* NNEF extents {note}; OpenVX counts them from the innermost */
    if (status == VX_SUCCESS)
        status = set_meta(parameters[{index}], metas[{index}]);"""
_TEXT = """/* A user kernel for the NNEF operation '{op}', which no standard node of OpenVX can do.
 * Complete {name}_run; register the kernel before a graph is made that needs it.
 *
 * Where it is needed:
{uses}
 *
 * Parameters, inputs before outputs as in NNEF:
{named}
 */
#include <VX/vx.h>

#ifndef CUSTOM_NNEF_LIBRARY
#define CUSTOM_NNEF_LIBRARY 1 /* a number of your own for this library of kernels */
#endif
#define CUSTOM_NNEF_COUNT {count}

static vx_status VX_CALLBACK {name}_run(vx_node node, const vx_reference *parameters,
                                        vx_uint32 count)
{{
    (void)node, (void)parameters;
    if (count != CUSTOM_NNEF_COUNT)
        return VX_ERROR_INVALID_PARAMETERS;
    /* Read the inputs with vxCopyTensorPatch, compute, and write the outputs the same way. */
    return VX_ERROR_NOT_IMPLEMENTED;
}}

/* An output has the extents, type and position of the tensor that the graph names for it. */
static vx_status set_meta(vx_reference parameter, vx_meta_format meta)
{{
    return vxSetMetaFormatFromReference(meta, parameter);
}}

static vx_status VX_CALLBACK {name}_validate(vx_node node, const vx_reference parameters[],
                                             vx_uint32 count, vx_meta_format metas[])
{{
    vx_status status = count == CUSTOM_NNEF_COUNT ? VX_SUCCESS : VX_ERROR_INVALID_PARAMETERS;
    (void)node;
{described}
    return status;
}}

vx_status custom_nnef_{name}_register(vx_context context)
{{
    static const vx_char name[VX_MAX_KERNEL_NAME] = "custom.nnef.{op}";
    vx_kernel kernel = vxAddUserKernel(context, name,
                                       VX_KERNEL_BASE(VX_ID_USER, CUSTOM_NNEF_LIBRARY) + 1,
                                       {name}_run, CUSTOM_NNEF_COUNT, {name}_validate, NULL, NULL);
    vx_status status = vxGetStatus((vx_reference)kernel);
{added}
    if (status == VX_SUCCESS)
        status = vxFinalizeKernel(kernel);
    return status;
}}
"""
