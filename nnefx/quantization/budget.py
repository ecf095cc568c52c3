"""Bit widths under a budget: the layers that hurt the result least give up bits first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nnefx.diagnostics import NnefError
from nnefx.tensors.model import Model

HEADER = 128  # bytes of a tensor file before its items (NNEF 1.0.5, section 5.2)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the weights of one label cost by their width.

    Attributes:
        label: of the variable.
        volume: its items.
        noise: at the outputs of the network, as a part of their signal, by number of bits.
    """

    label: str
    volume: int
    noise: Mapping[int, float]


def file_bytes(volume: int, bits: int) -> int:
    """Return the size of a tensor file."""
    return HEADER + (volume * bits + 7) // 8


def file_sizes(model: Model) -> dict[str, int]:
    """Return the bytes of each tensor file that a model has, or will have, by label."""
    found: dict[str, int] = {}
    for node in model.graph.variables:
        array = model.weight(node)
        entry = model.quantization.get(node.output.name)
        bits = array.itemsize * 8
        if entry is not None and array.dtype.kind in "iu":
            bits = min(bits, int(entry.attributes["bits"]))
        found[node.attributes["label"]] = file_bytes(array.size, bits)
    return found


def choose(choices: Sequence[Choice], fixed: int, budget: int) -> dict[str, int]:
    """Return the bits for each label, so that all files fit.

    From the most bits on, the one step down is taken that adds the least noise for the bytes that
    it saves, until the budget is met; noises of layers are taken to add up.

    Args:
        choices: the weights that can be quantized.
        fixed: bytes of all other files.
        budget: bytes that all files together may have.

    Raises:
        NnefError: NX511 where the fewest bits are still too many.
    """
    bits = {choice.label: max(choice.noise) for choice in choices}
    total = fixed + sum(file_bytes(c.volume, bits[c.label]) for c in choices)
    least = fixed + sum(file_bytes(c.volume, min(c.noise)) for c in choices)
    if least > budget:
        message = f"budget is {budget:,} bytes, the fewest bits need {least:,}"
        raise NnefError("NX511", message)
    price = _price(bits)
    while total > budget:
        open_ = [choice for choice in choices if bits[choice.label] > min(choice.noise)]
        cheapest = min(open_, key=price)
        now = bits[cheapest.label]
        bits[cheapest.label] = now - 1
        total -= file_bytes(cheapest.volume, now) - file_bytes(cheapest.volume, now - 1)
    return bits


def _price(bits: Mapping[str, int]) -> Callable[[Choice], float]:
    """Return what tells the noise that one bit less adds for each byte that it saves."""

    def price(choice: Choice) -> float:
        now = bits[choice.label]
        saved = file_bytes(choice.volume, now) - file_bytes(choice.volume, now - 1)
        return (choice.noise[now - 1] - choice.noise[now]) / max(saved, 1)

    return price
