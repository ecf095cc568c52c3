"""Forms that the specification still allows and advises against (NNEF 1.0.5, 8.)."""

from collections.abc import Callable, Iterator, Mapping

from nnefx.diagnostics import Diagnostic, Severity
from nnefx.ir.scoped import EXTENSION
from nnefx.ops import Op, standard_ops
from nnefx.source import Source, TextAt
from nnefx.syntax import ast
from nnefx.syntax.flatcall import FlatCall

_LEAVES = (ast.Literal, ast.Name)


def check_deprecated(
    document: ast.Document, source: Source, report: Callable[[Diagnostic], None]
) -> None:
    """Warn of tensors given by name, `shape_of`, `linear_quantize`, and `end = 0` of `slice`."""
    named = _tensor_parameters(document)
    scoped = any(EXTENSION in extension.words for extension in document.extensions)
    for code, message, pos in _findings(document, named):
        if code == "NX218" and scoped:
            continue  # shapes of scoped variables follow from those of arguments
        report(Diagnostic(code, message, TextAt(source, pos), Severity.WARNING))


def _tensor_parameters(document: ast.Document) -> Mapping[str, frozenset[str]]:
    """Return the names of the tensor parameters of each operation."""
    own = {fragment.name: Op(fragment) for fragment in document.fragments}
    return {
        name: frozenset(param.name for param in op.tensors)
        for name, op in {**own, **standard_ops()}.items()
    }


def _findings(
    document: ast.Document, named: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, str, int]]:
    bodies = [fragment.body or [] for fragment in document.fragments]
    if document.graph:
        bodies.append(document.graph.body)
    sound: set[tuple[str, int]] = set()  # operations with attributes that many calls share
    for body in bodies:
        for statement in body:
            call = statement.value
            if isinstance(call, FlatCall) and (call.op, id(call.tail)) in sound:
                continue
            found = list(_expression(call, named))
            if isinstance(call, FlatCall) and not found:
                sound.add((call.op, id(call.tail)))
            yield from found


def _call(call: ast.Call, named: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str, int]]:
    tensors = named.get(call.op, frozenset())
    for arg in call.args:
        if arg.name is not None and arg.name in tensors:
            message = f"{call.op}: tensor '{arg.name}' is given by name, which is deprecated"
            yield "NX308", message, arg.pos
        if type(arg.value) not in _LEAVES:
            yield from _expression(arg.value, named)
    if call.op == "linear_quantize":
        message = "linear_quantize: it is deprecated, use min_max_linear_quantize"
        yield "NX309", message, call.pos
    elif call.op == "slice":
        yield from _slice(call)


def _slice(call: ast.Call) -> Iterator[tuple[str, str, int]]:
    given = {arg.name: arg for arg in call.args}
    end, stride = given.get("end"), given.get("stride")
    if end is None or not isinstance(end.value, ast.Literal):
        return
    strides = stride.value.value if stride and isinstance(stride.value, ast.Literal) else []
    zero = isinstance(end.value.value, list) and 0 in end.value.value
    if zero and isinstance(strides, list) and set(map(str, strides)) <= {"1"}:
        yield "NX310", "slice: end 0 for 'up to the end' is deprecated, write the extent", end.pos


def _expression(
    expr: ast.Expr, named: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, str, int]]:
    if isinstance(expr, ast.Call):
        yield from _call(expr, named)
        return
    if isinstance(expr, ast.Builtin) and expr.function == "shape_of":
        yield "NX218", "shape_of: it is deprecated, pass the shape as an attribute", expr.pos
    for part in ast.parts(expr):
        yield from _expression(part, named)
