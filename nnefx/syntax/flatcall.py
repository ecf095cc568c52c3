"""The call of a flat statement, as the fast lane reads it: its arguments are made when asked for.

A model of 100,000 operations has few distinct lists of attributes. The lane reads each text once
and lets the calls share it, so that a call costs one object instead of twenty, and so that the
builder can tell by identity that two calls have the same attributes.
"""

from dataclasses import dataclass
from typing import Any

from nnefx.syntax import ast


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """Attributes that equal texts share.

    Each is a name, a literal, and the offsets of both from the start of the text.
    """

    args: tuple[tuple[str, Any, int, int], ...]


NO_TAIL = Tail(())


class FlatCall(ast.Call):
    """A call with names as tensors and literals as attributes; equal to a plain call of the same.

    Attributes:
        names: the identifiers that stand by position.
        tail: the attributes after them.
        label: one last attribute with a string, its name and value, or None. It is kept apart
            because the labels of variables make their texts differ.
    """

    __slots__ = ("_args", "_places", "label", "names", "tail")

    def __init__(
        self,
        op: str,
        dtype: str | None,
        pos: int,
        names: list[str],
        tail: Tail,
        label: tuple[str, str] | None,
        places: tuple[int, int, int, int],
    ) -> None:
        self.op = op
        self.dtype = dtype
        self.pos = pos
        self.names = names
        self.tail = tail
        self.label = label
        # where names, tail, and the label's name and value start
        self._places = places
        self._args: list[ast.Arg] | None = None

    @property
    def args(self) -> list[ast.Arg]:  # type: ignore[override]
        """The arguments with their places."""
        if self._args is None:
            self._args = self._made()
        return self._args

    def _made(self) -> list[ast.Arg]:
        at, tail, key, value = self._places
        args: list[ast.Arg] = []
        for name in self.names:
            args.append(ast.Arg(None, ast.Name(name, at), at))
            at += len(name) + 2  # the lane takes names apart by ", " only
        for name, literal, start, offset in self.tail.args:
            args.append(ast.Arg(name, ast.Literal(literal, tail + offset), tail + start))
        if self.label is not None:
            args.append(ast.Arg(self.label[0], ast.Literal(self.label[1], value), key))
        return args

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ast.Call):
            return NotImplemented
        return (self.op, self.dtype, self.args) == (other.op, other.dtype, other.args)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Call(op={self.op!r}, dtype={self.dtype!r}, args={self.args!r}, pos={self.pos!r})"
