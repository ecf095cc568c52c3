"""Mutations of texts, tensor files, archives and quantization files."""

import io
import random
import tarfile
from pathlib import Path

from check.cases import read
from check.models import GRAPH

CASES = Path(__file__).parents[1] / "check"
# What is put into a text: words of the language, and things that are near its edges.
_WORDS = """version extension graph fragment tensor integer scalar logical string shape_of length_of
range_of for in yield if else true false external variable constant update conv deconv max_pool
reshape slice split concat stack unstack transpose softmax pad tile gather cast copy_n add_n matmul
select relu batch_normalization -> <?> <integer> <scalar> <> ? ( ) [ ] { } , ; : = == + - * / ^ !
&& || < > <= >= 0 1 -1 2 0.0 1.0 1e308 1e-400 3000000000 99999999999999999999 2147483647 [] [[]]
(1,2) '' 'a' "b" 'constant' 'ignore' 'reflect' # x y z w shape axes axis size padding stride
dilation groups label ratios begin end bits factor output_shape repeats [1]*1000000000 \\ \x00 \f é
([1]*99999) 10^10^10 x[0:] x[-1] (((( [[[[ ))))"""
WORDS = _WORDS.split()


def texts() -> list[str]:
    """Valid and invalid documents to begin with."""
    return [GRAPH, *(case.text for path in sorted(CASES.glob("*.txt")) for case in read(path))]


def mutated_text(chance: random.Random, seeds: list[str]) -> str:
    """Return a document with a few random changes."""
    text = chance.choice(seeds)
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(text))
        to = min(len(text), at + chance.randint(0, 12))
        match chance.randint(0, 5):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = f"{text[:at]} {chance.choice(WORDS)} {text[at:]}"
            case 2:
                text = text[:at] + chance.choice(WORDS) + text[to:]
            case 3:  # a piece of another document
                other = chance.choice(seeds)
                begin = chance.randint(0, len(other))
                text = text[:at] + other[begin : begin + chance.randint(1, 80)] + text[at:]
            case 4:  # a piece of this one again
                begin = chance.randint(0, len(text))
                text = text[:at] + text[begin : begin + chance.randint(1, 40)] + text[at:]
            case _:
                text = text[:at] + chr(chance.choice((0, 9, 10, 12, 34, 39, 92, 127, 233, 0x1F600)))
                text += text[at:] if len(text) < 10_000 else ""
    return text[:20_000]


def mutated_bytes(chance: random.Random, data: bytes) -> bytes:
    """Return a file with a few random changes, most of them in its first bytes."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        span = min(len(found), 160) if chance.random() < 0.8 else len(found)
        at = chance.randrange(span + 1)
        match chance.randint(0, 4):
            case 0:
                found[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                found[at : at + 4] = chance.choice((0, 1, 2**31, 2**32 - 1)).to_bytes(4, "little")
            case 2:
                del found[at : at + chance.randint(1, 16)]
            case 3:
                found[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
            case _:
                del found[at:]
    return bytes(found)


def archive(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    """Return a tar of files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()
