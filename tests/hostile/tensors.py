"""Tensor files with one fault each (NNEF 1.0.5, section 5.2)."""

import struct
from collections.abc import Callable

GOOD_DATA = bytes(range(24))


def tensor_file(
    *,
    magic: bytes = b"\x4e\xef",
    version: tuple[int, int] = (1, 0),
    length: int | None = None,
    rank: int | None = None,
    extents: tuple[int, ...] = (2, 3),
    bits: int = 32,
    item_type: int = 1,
    parameters: bytes = b"",
    reserved: bytes = b"",
    data: bytes = GOOD_DATA,
) -> bytes:
    """Return a tensor file of which every field can be set; by default it is a good one."""
    head = magic + bytes(version)
    head += struct.pack(
        "<2I", len(data) if length is None else length, len(extents[:8]) if rank is None else rank
    )
    head += struct.pack("<8I", *(extents + (0,) * 8)[:8])
    head += struct.pack("<2I", bits, item_type)
    return head + parameters.ljust(32, b"\0") + reserved.ljust(44, b"\0") + data


def _float(*values: float) -> bytes:
    data = struct.pack(f"<{len(values)}f", *values)
    return tensor_file(extents=(len(values),), item_type=0, data=data)


# What is wrong -> the file and the codes that a check reports, in order.
BROKEN: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "empty": (lambda: b"", ["NX401"]),
    "half a header": (lambda: tensor_file()[:64], ["NX401"]),
    "one byte short of a header": (lambda: tensor_file()[:127], ["NX401"]),
    "text": (lambda: b"version 1.0;\n" * 20, ["NX402"]),
    "magic in the wrong order": (lambda: tensor_file(magic=b"\xef\x4e"), ["NX402"]),
    "version 2.0": (lambda: tensor_file(version=(2, 0)), ["NX403"]),
    "version 1.1": (lambda: tensor_file(version=(1, 1)), ["NX403"]),
    "version 0.0": (lambda: tensor_file(version=(0, 0)), ["NX403"]),
    "rank 9": (lambda: tensor_file(rank=9), ["NX404"]),
    "rank 2**32 - 1": (lambda: tensor_file(rank=2**32 - 1), ["NX404"]),
    "extent beyond the rank": (lambda: tensor_file(rank=2, extents=(2, 3, 1)), ["NX418"]),
    "extent 0": (lambda: tensor_file(extents=(0, 3), data=b""), ["NX419"]),
    "bits 0": (lambda: tensor_file(bits=0), ["NX407"]),
    "bits 65": (lambda: tensor_file(bits=65), ["NX407"]),
    "item type 6": (lambda: tensor_file(item_type=6), ["NX423"]),
    "item type of a vendor": (lambda: tensor_file(item_type=0x54520000), ["NX423"]),
    "float of 8 bits": (lambda: tensor_file(item_type=0, bits=8, data=bytes(6)), ["NX409"]),
    "float of 24 bits": (lambda: tensor_file(item_type=0, bits=24, data=bytes(18)), ["NX409"]),
    "bool of 2 bits": (lambda: tensor_file(item_type=5, bits=2, data=bytes(2)), ["NX409"]),
    "length too small": (lambda: tensor_file(length=20), ["NX410", "NX412"]),
    "length too large": (lambda: tensor_file(length=28), ["NX410", "NX411"]),
    "length of other extents": (lambda: tensor_file(extents=(2, 4)), ["NX410"]),
    "extents that overflow 32 bits": (
        lambda: tensor_file(extents=(65536, 65537), length=65536 * 4 & 0xFFFFFFFF),
        ["NX410", "NX411"],
    ),
    "extents that overflow 64 bits": (
        lambda: tensor_file(extents=(2**31,) * 8, length=24),
        ["NX410"],
    ),
    "4 GiB declared, 24 bytes there": (
        lambda: tensor_file(extents=(2**30 - 1,), length=2**32 - 4),
        ["NX411"],
    ),
    "no data": (lambda: tensor_file()[:128], ["NX411"]),
    "last byte missing": (lambda: tensor_file()[:-1], ["NX411"]),
    "one byte too many": (lambda: tensor_file() + b"\0", ["NX412"]),
    "4 bytes too many": (lambda: tensor_file(data=b"\1" * 24) + bytes(4), ["NX412"]),
    "4 extra header bytes": (
        lambda: tensor_file(data=bytes(4) + GOOD_DATA, length=24),
        ["NX413"],
    ),
    "reserved byte": (lambda: tensor_file(reserved=b"\0\1"), ["NX414"]),
    "last reserved byte": (lambda: tensor_file(reserved=bytes(43) + b"\1"), ["NX414"]),
    "deprecated sign": (lambda: tensor_file(parameters=b"\1"), ["NX415"]),
    "deprecated range": (
        lambda: tensor_file(item_type=2, parameters=struct.pack("<2f", -1.0, 1.0)),
        ["NX415"],
    ),
    "padding of 3 x 3 bits": (
        lambda: tensor_file(extents=(3,), bits=3, data=b"\0\1"),
        ["NX416"],
    ),
    "padding of bool": (
        lambda: tensor_file(extents=(9,), bits=1, item_type=5, data=b"\xff\xc0"),
        ["NX416"],
    ),
    "NaN": (lambda: _float(1.0, float("nan"), 2.0), ["NX417"]),
    "infinity": (lambda: _float(float("-inf"), 2.0), ["NX417"]),
    "NaN and infinity": (lambda: _float(float("nan"), float("inf")), ["NX417", "NX417"]),
    "everything": (
        lambda: tensor_file(
            version=(3, 1), rank=1, bits=99, item_type=77, reserved=b"\1", parameters=b"\1"
        ),
        ["NX403", "NX418", "NX407", "NX423", "NX415", "NX414"],
    ),
}

# Faults that leave the data beyond doubt: such files are read all the same.
READABLE = {"NX413", "NX414", "NX415", "NX416", "NX417", "NX418"}
