"""Types of expressions without their values (NNEF 1.0.5, 3.3.1 and 3.3.3).

For the bodies of fragments that nothing calls. A type that is not known, because of a fault that
is reported elsewhere or because it is generic, is None, and fits everywhere.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from nnefx import types
from nnefx.ir.evaluate import BINARY, UNARY
from nnefx.ops import Op
from nnefx.ops.registry import is_tensor
from nnefx.syntax import ast
from nnefx.types import Array, Primitive, Tensor, Tuple, Type

Known = Type | None
Env = dict[str, Known]
Tell = Callable[[str, str, int], None]
Expression = TypeVar("Expression")

_LITERALS = {
    bool: types.LOGICAL,
    int: types.INTEGER,
    float: types.SCALAR,
    str: types.STRING,
}
_COMPARISONS = {"<", "<=", ">", ">=", "==", "!=", "in"}
_LOGICAL, _INTEGER = Primitive(types.LOGICAL), Primitive(types.INTEGER)
_STRING = Primitive(types.STRING)


class Inference:
    """Infers types in one body; `tell` takes the code, message and offset of each fault."""

    def __init__(self, ops: Mapping[str, Op], env: Env, tell: Tell) -> None:
        self.ops = ops
        self.env = env
        self.tell = tell

    def infer(self, expr: ast.Expr) -> Known:
        """Return the type of an expression."""
        match expr:
            case ast.Literal(value):
                return type_of_literal(value)
            case ast.Name():
                return self.env.get(expr.id)
            case ast.ArrayExpr(items):
                return Array(self._common([self.infer(item) for item in items], expr.pos))
            case ast.TupleExpr(items):
                return _tuple([self.infer(item) for item in items])
            case ast.Call():
                return self._call(expr)
            case ast.Builtin():
                return self._builtin(expr)
            case ast.Unary():
                return self._unary(expr)
            case ast.Binary():
                return self._binary(expr)
            case ast.IfElse():
                self._require(expr.condition, _LOGICAL, "a condition")
                return self._common([self.infer(expr.then), self.infer(expr.orelse)], expr.pos)
            case ast.Index():
                return self._index(expr)
            case ast.Slice():
                return self._slice(expr)
            case ast.Comprehension():
                return self._comprehension(expr)

    def _require(self, expr: ast.Expr, wanted: Type, what: str) -> None:
        found = self.infer(expr)
        if not fits(found, wanted):
            self.tell("NX206", f"{what} must be {wanted}, not {found}", expr.pos)

    def _common(self, found: Sequence[Known], pos: int) -> Known:
        """Return the type that all of `found` can be cast to."""
        result: Known = None
        for type_ in found:
            if result is None or fits(result, type_):
                result = type_
            elif not fits(type_, result):
                self.tell("NX206", f"types {result} and {type_} do not agree", pos)
                return None
        return result

    def _call(self, call: ast.Call) -> Known:
        given = [self.infer(arg.value) for arg in call.args]
        op = self.ops.get(call.op)
        if op is None:
            return None
        for arg, found in zip(call.args, given):
            if isinstance(arg.value, ast.Call) and isinstance(found, Array | Tuple):
                message = f"{arg.value.op}: its result is {found}, only a single tensor can be"
                self.tell("NX208", f"{message} an argument", arg.value.pos)
        names = [param.name for param in op.signature.params]
        bound: dict[str, tuple[Known, int]] = {}
        for number, (arg, found) in enumerate(zip(call.args, given)):
            name = arg.name or (names[number] if number < len(names) else None)
            if name is None:
                message = f"{op.name}: {len(call.args)} arguments, it takes {len(names)}"
                self.tell("NX301", message, call.pos)
                return self._results(op, None)
            if arg.name is None and not is_tensor(op.params[name].type):
                message = f"{op.name}: attribute '{name}' must be given by name"
                self.tell("NX302", message, arg.pos)
            bound[name] = (found, arg.pos)
        return self._results(op, self._bind(op, call, bound))

    def _bind(self, op: Op, call: ast.Call, bound: Mapping[str, tuple[Known, int]]) -> str | None:
        """Check the arguments; return the generic data-type, None where it is not known."""
        generic = call.dtype or op.signature.generic_default
        generic = None if generic == types.GENERIC else generic
        for param in op.signature.params:
            if param.name not in bound:
                if param.default is None:
                    kind = "argument" if is_tensor(param.type) else "attribute"
                    self.tell("NX301", f"{op.name}: {kind} '{param.name}' is missing", call.pos)
                continue
            found, pos = bound[param.name]
            if generic is None:
                generic = _deduced(found, param.type)
            wanted = _bound(param.type, generic)
            if not fits(found, wanted):
                message = f"{op.name}: '{param.name}': {wanted} is expected, not {found}"
                self.tell("NX206", message, pos)
        return generic

    def _results(self, op: Op, generic: str | None) -> Known:
        found = [_bound(result.type, generic) for result in op.signature.results]
        return found[0] if len(found) == 1 else Tuple(tuple(found))

    def _builtin(self, expr: ast.Builtin) -> Known:
        found = self.infer(expr.operand)
        match expr.function:
            case "shape_of":
                return Array(_INTEGER)
            case "length_of" | "range_of":
                if not (found is None or found == _STRING or isinstance(found, Array)):
                    message = f"{expr.function} takes an array or a string, not {found}"
                    self.tell("NX206", message, expr.pos)
                return _INTEGER if expr.function == "length_of" else Array(_INTEGER)
            case name:
                if not (found is None or isinstance(found, Primitive)):
                    message = f"{name}() takes a primitive value, not {found}"
                    self.tell("NX206", message, expr.pos)
                return Primitive(name)

    def _unary(self, expr: ast.Unary) -> Known:
        found = self.infer(expr.operand)
        if found is None or found == Primitive(types.GENERIC):
            return found
        if isinstance(found, Tensor):
            return self._operator(UNARY[expr.op], [found], expr)
        allowed = (types.LOGICAL,) if expr.op == "!" else (types.INTEGER, types.SCALAR)
        if not isinstance(found, Primitive) or found.name not in allowed:
            self.tell("NX206", f"'{expr.op}' does not apply to {found}", expr.pos)
            return None
        return found

    def _operator(self, name: str, found: Sequence[Known], expr: ast.Expr) -> Known:
        op = self.ops[name]
        bound = {param.name: (item, expr.pos) for param, item in zip(op.signature.params, found)}
        return self._results(op, self._bind(op, ast.Call(name, None, [], expr.pos), bound))

    def _binary(self, expr: ast.Binary) -> Known:
        left, right = self.infer(expr.left), self.infer(expr.right)
        if expr.op == "in":
            if not (right is None or isinstance(right, Array)):
                self.tell("NX206", f"'in' looks into an array, not {right}", expr.pos)
            return _LOGICAL
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            return self._operator(BINARY[expr.op], [left, right], expr)
        if left is None or right is None or "?" in f"{left}{right}":
            return _LOGICAL if expr.op in _COMPARISONS or expr.op in ("&&", "||") else None
        if not _applies(expr.op, left, right):
            self.tell("NX206", f"'{expr.op}' does not apply to {left} and {right}", expr.pos)
            return None
        return _LOGICAL if expr.op in _COMPARISONS else left

    def _index(self, expr: ast.Index) -> Known:
        base = self.infer(expr.base)
        self._require(expr.index, _INTEGER, "a subscript")
        match base:
            case None:
                return None
            case Array(item):
                return item
            case Tuple(items):
                return self._tuple_item(expr, items)
            case Primitive(types.STRING):
                return base
        self.tell("NX206", f"{base} has no items to subscript", expr.pos)
        return None

    def _tuple_item(self, expr: ast.Index, items: Sequence[Type]) -> Known:
        index = expr.index.value if isinstance(expr.index, ast.Literal) else None
        if not isinstance(index, int):
            message = "an item of a tuple is taken by an integer literal"
            self.tell("NX206", message, expr.index.pos)
            return None
        if not 0 <= index < len(items):
            self.tell("NX209", f"subscript {index} is outside 0..{len(items) - 1}", expr.pos)
            return None
        return items[index]

    def _slice(self, expr: ast.Slice) -> Known:
        base = self.infer(expr.base)
        for bound in (expr.start, expr.stop):
            if bound is not None:
                self._require(bound, _INTEGER, "a subscript")
        if isinstance(base, Tuple):
            self.tell("NX206", "a tuple has no ranges", expr.pos)
            return None
        if base is not None and base != _STRING and not isinstance(base, Array):
            self.tell("NX206", f"{base} has no items to subscript", expr.pos)
            return None
        return base

    def _comprehension(self, expr: ast.Comprehension) -> Known:
        outer, inner = self.env, dict(self.env)
        for name, array in expr.loops:
            found = self.infer(array)
            if not (found is None or found == _STRING or isinstance(found, Array)):
                self.tell("NX206", f"a loop runs over an array, not {found}", array.pos)
            inner[name.id] = found.item if isinstance(found, Array) else found
        self.env = inner
        if expr.condition is not None:
            self._require(expr.condition, _LOGICAL, "a condition")
        item = self.infer(expr.item)
        self.env = outer
        return Array(item)


def type_of_literal(value: ast.LiteralValue) -> Known:
    """Return the type of a literal."""
    if isinstance(value, list):
        return Array(type_of_literal(value[0]) if value else None)
    if isinstance(value, tuple):
        return _tuple([type_of_literal(item) for item in value])
    return Primitive(_LITERALS[type(value)])


def fits(found: Known, wanted: Known) -> bool:
    """Tell whether `found` is `wanted` or can be cast to it; what is not known fits."""
    match found, wanted:
        case (None, _) | (_, None):
            return True
        case Primitive(name), Primitive(other):
            return name == other or types.GENERIC in (name, other)
        case (Primitive(), Tensor(None)) | (Tensor(), Tensor(None)):
            return True
        case Primitive(name), Tensor(item):
            return name == item or types.GENERIC in (name, item)
        case Tensor(name), Tensor(item):
            return name is not None and (name == item or types.GENERIC in (name, item))
        case Array(item), Array(other):
            return fits(item, other)
        case Tuple(items), Tuple(others):
            return len(items) == len(others) and all(map(fits, items, others))
        case _:
            return False


def _tuple(found: Sequence[Known]) -> Known:
    items = [item for item in found if item is not None]
    return Tuple(tuple(items)) if len(items) == len(found) else None


def _bound(type_: Type, generic: str | None) -> Type:
    """Return `type_` with the generic data-type put in where it is known."""
    if generic is None:
        return type_
    match type_:
        case Primitive(types.GENERIC):
            return Primitive(generic)
        case Tensor(types.GENERIC):
            return Tensor(generic)
        case Array(item) if item is not None:
            return Array(_bound(item, generic))
        case Tuple(items):
            return Tuple(tuple(_bound(item, generic) for item in items))
        case _:
            return type_


def _deduced(found: Known, declared: Type) -> str | None:
    match declared, found:
        case ((Primitive(types.GENERIC) | Tensor(types.GENERIC)), Primitive(name)):
            return None if name == types.GENERIC else name
        case Tensor(types.GENERIC), Tensor(item):
            return None if item == types.GENERIC else item
        case Array(item), Array(other) if item is not None:
            return _deduced(other, item)
        case _:
            return None


def _applies(op: str, left: Type, right: Type) -> bool:
    if isinstance(left, Array) or left == _STRING:
        if op == "*":
            return right == _INTEGER
        return op in ("+", "==", "!=") and (fits(left, right) or fits(right, left))
    if op in ("==", "!="):
        return fits(left, right)
    if left != right or not isinstance(left, Primitive):
        return False
    if op in ("&&", "||"):
        return left == _LOGICAL
    return left.name in (types.INTEGER, types.SCALAR)
