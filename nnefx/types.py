"""The types of NNEF (1.0.5, section 3.3.1) and what converts to what."""

from dataclasses import dataclass

INTEGER = "integer"
SCALAR = "scalar"
LOGICAL = "logical"
STRING = "string"
GENERIC = "?"


@dataclass(frozen=True, slots=True)
class Primitive:
    """`integer`, `scalar`, `logical`, `string`, or the generic `?`."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Tensor:
    """`tensor<item>`; `item` is None for `tensor<>`, which accepts any tensor."""

    item: str | None

    def __str__(self) -> str:
        return f"tensor<{self.item or ''}>"


@dataclass(frozen=True, slots=True)
class Array:
    """`item[]`; `item` is None for the type of the empty array literal, which fits any array."""

    item: "Type | None"

    def __str__(self) -> str:
        return f"{self.item or ''}[]"


@dataclass(frozen=True, slots=True)
class Tuple:
    """`(item, item, ...)`."""

    items: "tuple[Type, ...]"

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


Type = Primitive | Tensor | Array | Tuple
