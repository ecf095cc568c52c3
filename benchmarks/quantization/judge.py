"""How well answers agree, with the truth or with those of the network in real numbers."""

from collections.abc import Sequence

Answers = Sequence[int | str]


def agreement(found: Answers, wanted: Answers) -> float:
    """Return the share of answers that are the same, of those that are known."""
    pairs = list(zip(found, wanted))
    return sum(a == b for a, b in pairs) / len(pairs) if pairs else float("nan")


def letters(found: Answers, wanted: Answers) -> float:
    """Return the share of the letters of texts that are the same: 1 less the edits they need."""
    pairs = [(str(a), str(b)) for a, b in zip(found, wanted)]
    return 1 - sum(edits(a, b) for a, b in pairs) / sum(len(b) for _, b in pairs)


def edits(found: str, wanted: str) -> int:
    """Return how many letters must be put in, taken out or replaced."""
    row = list(range(len(wanted) + 1))
    for count, letter in enumerate(found, 1):
        last, row[0] = row[0], count
        for index, other in enumerate(wanted, 1):
            last, row[index] = (
                row[index],
                min(row[index] + 1, row[index - 1] + 1, last + (letter != other)),
            )
    return row[-1]
