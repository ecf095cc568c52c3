"""The evaluator of expressions: compile-time values are computed, tensors go to the Builder.

NNEF 1.0.5, section 3.3.3. A compile-time value is a Python int, float, bool, str, list (array) or
tuple; a tensor is a `Value`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from nnefx import types
from nnefx.diagnostics import Diagnostic, NnefError, Note
from nnefx.ir.arithmetic import ArithmeticFault, Poisoned, binary, builtin, index, slice_, unary
from nnefx.ir.binding import Generic, Mismatch, checker, type_of
from nnefx.ir.builder import Builder, Names
from nnefx.ir.graph import UNKNOWN, Graph, Input, Output, Value, flat_values
from nnefx.ir.scoped import first_name, lift_instance
from nnefx.ops import Op, Reject
from nnefx.source import Source, TextAt
from nnefx.syntax import ast
from nnefx.syntax.flatcall import FlatCall

MAX_DEPTH = 128  # of fragments that call fragments; add_n-like recursion over inputs fits well
MAX_ITEMS = 1 << 24  # of an array made by repetition
# What evaluating costs in the budget of a document (Builder.budget), in items of an array.
ITEM_COST = 16  # of a comprehension
INSTANCE_COST = 1 << 10  # of a fragment

BINARY = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "<": "lt", "<=": "le", ">": "gt",
    ">=": "ge", "==": "eq", "!=": "ne", "&&": "and", "||": "or",
}  # fmt: skip
UNARY = {"+": "copy", "-": "neg", "!": "not"}


class Exhausted(NnefError):
    """A limit is exceeded; nothing further is evaluated, as that might take for ever."""


class Evaluator:
    """Evaluates the statements of one body: the graph's, or one instance of a fragment's."""

    def __init__(
        self,
        builder: Builder,
        source: Source,
        env: dict[str, Any],
        generic: str | None = None,
    ) -> None:
        self.builder = builder
        self.source = source
        self.env = env
        self.generic = generic
        self.poisoned: set[str] = set()  # names whose values an earlier fault left unknown

    def assign(self, statement: ast.Assign) -> Any:
        """Evaluate the right side and bind its parts to the names on the left; return the value."""
        target = statement.target
        names = _names(target)
        self.builder.statement = first_name(names) or ""
        value = self.evaluate(statement.value, names)
        self.unpack(target, value)
        return value

    def evaluate(self, expr: ast.Expr, names: Names = None) -> Any:
        """Return the value of an expression; `names` are for the tensors that it makes last."""
        return _EVALUATE[type(expr)](self, expr, names)

    def at(self, pos: int) -> TextAt:
        """Return the place of an offset."""
        return TextAt(self.source, pos)

    def unpack(self, target: ast.Expr, value: Any) -> None:
        """Bind a value to a target of the same structure."""
        if isinstance(target, ast.Name):
            self.env[target.id] = value
            return
        assert isinstance(target, ast.ArrayExpr | ast.TupleExpr)  # the grammar has no others
        wanted = list if isinstance(target, ast.ArrayExpr) else tuple
        items = target.items
        if type(value) is not wanted:
            kind = "an array" if wanted is list else "a tuple"
            message = f"the left side is {kind}, the right side is {type_of(value)}"
            raise NnefError("NX208", message, self.at(target.pos))
        if len(items) != len(value):
            message = f"the left side has {len(items)} items, the right side {len(value)}"
            raise NnefError("NX208", message, self.at(target.pos))
        for item, part in zip(items, value):
            self.unpack(item, part)

    def _literal(self, expr: ast.Literal, _: Names) -> Any:
        return expr.value

    def _name(self, expr: ast.Name, _: Names) -> Any:
        try:
            return self.env[expr.id]
        except KeyError:
            if expr.id in self.poisoned:
                raise Poisoned from None
            message = f"'{expr.id}' is not defined before this use"
            raise NnefError("NX202", message, self.at(expr.pos)) from None

    def _array(self, expr: ast.ArrayExpr, names: Names) -> Any:
        items = self._items(expr.items, names)
        kinds = {type_of(item).removeprefix("tensor<").removesuffix(">") for item in items}
        if len(kinds - {"?"}) > 1 and not any("[" in kind or "(" in kind for kind in kinds):
            message = f"items of an array must agree in type: {', '.join(sorted(kinds))}"
            raise NnefError("NX206", message, self.at(expr.pos))
        return items

    def _tuple(self, expr: ast.TupleExpr, names: Names) -> Any:
        return tuple(self._items(expr.items, names))

    def _items(self, items: list[ast.Expr], names: Names) -> list[Any]:
        """Evaluate items, each for the name at its place on the left, if there is one."""
        if not isinstance(names, list) or len(names) != len(items):
            return [self.evaluate(item) for item in items]
        values = []
        for item, name in zip(items, names):
            self.builder.statement = first_name(name) or ""
            values.append(self.evaluate(item, name))
        return values

    def _call(self, expr: ast.Call, names: Names) -> Any:
        args, kwargs = self._arguments(expr)
        dtype = self._dtype(expr)
        at = TextAt(self.source, expr.pos)
        try:
            return self.builder.invoke(expr.op, args, kwargs, dtype, names, at)
        except Reject as reject:
            rejects = self.builder.rejections(expr.op, args, kwargs, dtype) or [reject]
            raise NnefError.of([self._rejected(expr, item) for item in rejects]) from None
        except NnefError as error:
            note = Note(f"in the call of '{expr.op}'", at)
            stacked = [replace(item, notes=(*item.notes, note)) for item in error.diagnostics]
            raise type(error).of(stacked) from None

    def _dtype(self, call: ast.Call) -> str | None:
        if call.dtype != types.GENERIC:
            return call.dtype
        if self.generic is None:
            message = f"{call.op}<?>: it stands in generic fragments only"
            raise NnefError("NX205", message, self.at(call.pos))
        return self.generic

    def _arguments(self, call: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        """Evaluate the arguments of a call; raise the faults of all of them together."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        faults: list[Diagnostic] = []
        poisoned = False
        for arg in call.args:
            try:
                if arg.name is None:
                    if kwargs:
                        message = f"{call.op}: a positional argument follows a named one"
                        raise NnefError("NX302", message, self.at(arg.pos))
                    args.append(self._argument(arg))
                elif arg.name in kwargs:
                    message = f"{call.op}: argument '{arg.name}' is given twice"
                    raise NnefError("NX302", message, self.at(arg.pos))
                else:
                    kwargs[arg.name] = self._argument(arg)
            except Exhausted:
                raise
            except NnefError as error:
                faults += error.diagnostics
            except Poisoned:
                poisoned = True
        if faults:
            raise NnefError.of(faults)
        if poisoned:
            raise Poisoned
        return args, kwargs

    def _argument(self, arg: ast.Arg) -> Any:
        value = self.evaluate(arg.value)
        if type(arg.value) is ast.Call and type(value) is not Value:
            message = f"{arg.value.op}: its result is {type_of(value)}, only a single tensor can"
            raise NnefError("NX208", f"{message} be an argument", self.at(arg.value.pos))
        return value

    def _rejected(self, call: ast.Call, reject: Reject) -> Diagnostic:
        place = self.at(self._position(call, reject.parameter))
        return Diagnostic(reject.code, reject.message, place)

    def _position(self, call: ast.Call, parameter: str | None) -> int:
        op = self.builder.ops.get(call.op)
        order = [param.name for param in op.signature.params] if op else []
        for arg in call.args:
            if arg.name is not None and arg.name == parameter:
                return arg.pos
        for name, arg in zip(order, call.args):
            if name == parameter and arg.name is None:
                return arg.pos
        return call.pos

    def _builtin(self, expr: ast.Builtin, _: Names) -> Any:
        value = self.evaluate(expr.operand)
        return self._guard(expr.pos, lambda: builtin(expr.function, value))

    def _unary(self, expr: ast.Unary, names: Names) -> Any:
        value = self.evaluate(expr.operand)
        if type(value) is Value:
            return self._operator(UNARY[expr.op], [value], names, expr.pos)
        return self._guard(expr.pos, lambda: unary(expr.op, value))

    def _binary(self, expr: ast.Binary, names: Names) -> Any:
        left, right = self.evaluate(expr.left), self.evaluate(expr.right)
        if (type(left) is Value or type(right) is Value) and expr.op in BINARY:
            return self._operator(BINARY[expr.op], [left, right], names, expr.pos)
        limit = min(MAX_ITEMS, self.builder.budget.items)
        value = self._guard(expr.pos, lambda: binary(expr.op, left, right, limit))
        if type(value) is list or type(value) is str:
            self._spend(len(value), expr.pos)
        return value

    def _spend(self, items: int, pos: int) -> None:
        self.builder.budget.items -= items
        if self.builder.budget.items < 0:
            message = "the arrays, strings and calls that the document expands to are too many"
            raise Exhausted("NX211", message, self.at(pos))

    def _operator(self, op: str, args: list[Any], names: Names, pos: int) -> Any:
        try:
            return self.builder.invoke(op, args, {}, None, names, self.at(pos))
        except Reject as reject:
            raise NnefError(reject.code, reject.message, self.at(pos)) from None

    def _if_else(self, expr: ast.IfElse, names: Names) -> Any:
        condition = self._logical(expr.condition)
        return self.evaluate(expr.then if condition else expr.orelse, names)

    def _logical(self, expr: ast.Expr) -> bool:
        condition = self.evaluate(expr)
        if type(condition) is not bool:
            message = f"a condition must be logical, not {type_of(condition)}"
            raise NnefError("NX206", message, self.at(expr.pos))
        return condition

    def _index(self, expr: ast.Index, _: Names) -> Any:
        base = self.evaluate(expr.base)
        if type(base) is tuple and type(expr.index) is not ast.Literal:
            message = "an item of a tuple is taken by an integer literal"
            raise NnefError("NX206", message, self.at(expr.index.pos))
        position = self.evaluate(expr.index)
        return self._guard(expr.pos, lambda: index(base, position))

    def _slice(self, expr: ast.Slice, _: Names) -> Any:
        base = self.evaluate(expr.base)
        start = self.evaluate(expr.start) if expr.start else None
        stop = self.evaluate(expr.stop) if expr.stop else None
        return self._guard(expr.pos, lambda: slice_(base, start, stop))

    def _comprehension(self, expr: ast.Comprehension, _: Names) -> Any:
        arrays = [self.evaluate(array) for _, array in expr.loops]
        for (_name, array_expr), array in zip(expr.loops, arrays):
            if type(array) not in (list, str):
                message = f"a loop runs over an array, not {type_of(array)}"
                raise NnefError("NX206", message, self.at(array_expr.pos))
        if len({len(array) for array in arrays}) > 1:
            lengths = ", ".join(str(len(array)) for array in arrays)
            message = f"arrays of one loop must have the same length: {lengths}"
            raise NnefError("NX209", message, self.at(expr.pos))
        outer = self.env
        self.env = dict(outer)
        try:
            return list(self._iterate(expr, arrays))
        finally:
            self.env = outer

    def _iterate(self, expr: ast.Comprehension, arrays: list[Any]) -> Iterator[Any]:
        for items in zip(*arrays):
            self._spend(ITEM_COST, expr.pos)
            for (name, _), item in zip(expr.loops, items):
                self.env[name.id] = item
            if expr.condition is None or self._logical(expr.condition):
                yield self.evaluate(expr.item)

    def _guard(self, pos: int, compute: Callable[[], Any]) -> Any:
        try:
            return compute()
        except ArithmeticFault as fault:
            raise NnefError(fault.code, str(fault), self.at(pos)) from None


_EVALUATE: dict[type, Callable[[Evaluator, Any, Names], Any]] = {
    ast.Literal: Evaluator._literal,
    ast.Name: Evaluator._name,
    ast.ArrayExpr: Evaluator._array,
    ast.TupleExpr: Evaluator._tuple,
    ast.Call: Evaluator._call,
    FlatCall: Evaluator._call,
    ast.Builtin: Evaluator._builtin,
    ast.Unary: Evaluator._unary,
    ast.Binary: Evaluator._binary,
    ast.IfElse: Evaluator._if_else,
    ast.Index: Evaluator._index,
    ast.Slice: Evaluator._slice,
    ast.Comprehension: Evaluator._comprehension,
}


def instantiate(
    caller: Builder, op: Op, inputs: dict[str, Input], attributes: dict[str, Any], dtype: str | None
) -> Graph:
    """Evaluate the body of a composite for these arguments; return it as a graph of its own.

    Its inputs are formal: one value per tensor argument, in order. Raises NnefError.
    """
    builder = Builder(op.name, parent=caller)
    at = TextAt(op.source, op.signature.pos) if op.source else None
    if builder.depth > MAX_DEPTH:
        message = f"fragment '{op.name}': calls are nested deeper than {MAX_DEPTH}"
        raise Exhausted("NX210", message, at)
    builder.budget.items -= INSTANCE_COST
    if builder.budget.items < 0:
        raise Exhausted("NX211", f"fragment '{op.name}': it is called too often", at)
    source = op.source or Source(op.name, "")
    builder.reserve(
        local.id for statement in op.signature.body or [] for local in names_of(statement)
    )
    env: dict[str, Any] = {param: _formal(param, item) for param, item in inputs.items()}
    formals = list(flat_values(env.values()))
    builder.reserve(value.name for value in formals)
    env.update(attributes)
    evaluator = Evaluator(builder, source, env, dtype)
    _run(evaluator, op.signature.body or [])
    results = tuple(_result(evaluator, op, result, dtype) for result in op.signature.results)
    outputs = tuple(flat_values(results))
    graph = builder.finish(outputs, formals, results)
    return lift_instance(caller, graph, op, dtype) if op.name in caller.scoped else graph


def _run(evaluator: Evaluator, body: list[ast.Assign]) -> None:
    """Evaluate all statements of a fragment; raise the faults of all of them together."""
    faults: list[Diagnostic] = []
    for statement in body:
        try:
            evaluator.assign(statement)
            continue
        except Exhausted:
            raise
        except NnefError as error:
            faults += error.diagnostics
        except Poisoned:
            pass
        evaluator.poisoned.update(name.id for name in names_of(statement))
    if faults:
        raise NnefError.of(faults)


def names_of(statement: ast.Assign) -> Iterator[ast.Name]:
    """Yield the names on the left of an assignment."""
    return _target_names(statement.target)


def _target_names(target: ast.Expr) -> Iterator[ast.Name]:
    if isinstance(target, ast.Name):
        yield target
    elif isinstance(target, ast.ArrayExpr | ast.TupleExpr):
        for item in target.items:
            yield from _target_names(item)


def _names(target: ast.Expr) -> Names:
    if type(target) is ast.Name:
        return target.id
    if isinstance(target, ast.ArrayExpr | ast.TupleExpr):
        return [_names(item) for item in target.items]
    return []


def _formal(name: str, item: Input) -> Any:
    if isinstance(item, Value):
        return Value(name, item.dtype, item.shape)
    if isinstance(item, tuple):
        return [_formal(f"{name}_{number + 1}", part) for number, part in enumerate(item)]
    return item


def _result(evaluator: Evaluator, op: Op, result: ast.Result, dtype: str | None) -> Output:
    if result.name not in evaluator.env:
        if result.name in evaluator.poisoned:
            raise Poisoned
        message = f"fragment '{op.name}': result '{result.name}' is not assigned"
        raise NnefError("NX204", message, evaluator.at(result.pos))
    value = evaluator.env[result.name]
    generic: Generic = [dtype]
    try:
        value = checker(result.type)(value, generic)
    except Mismatch as mismatch:
        message = f"fragment '{op.name}': result '{result.name}': {mismatch}"
        raise NnefError("NX206", message, evaluator.at(result.pos)) from None
    return _as_tensors(evaluator.builder, value)


def _as_tensors(builder: Builder, value: Any) -> Output:
    if isinstance(value, Value):
        return value
    if isinstance(value, tuple):
        return tuple(_as_tensors(builder, item) for item in value)  # type: ignore[misc]
    name = {bool: types.LOGICAL, int: types.INTEGER}.get(type(value), types.SCALAR)
    constant = builder.add("constant", shape=[1], value=[value], dtype=name)
    assert isinstance(constant, Value)
    return constant


__all__ = ["MAX_DEPTH", "UNKNOWN", "Evaluator", "Exhausted", "Poisoned", "instantiate", "names_of"]
