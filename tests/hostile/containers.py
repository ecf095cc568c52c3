"""Archives and folders that try to harm, or are damaged, each with the code that it deserves."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

from hostile.tensors import tensor_file

GRAPH = b"version 1.0;\n\ngraph net(x) -> (y)\n{\n}\n"
TENSOR = tensor_file()

# A member: its name, its content, and fields of its header that are set by hand.
Entry = tuple[str, bytes, dict[str, object]]


def tar(*entries: Entry, form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar of `entries` as they are given, with none of the writer's scruples."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content, fields in entries:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content) if content else None)
    return out.getvalue()


def model(*more: Entry) -> bytes:
    """Return the tar of a small good model with `more` members."""
    return tar(("graph.nnef", GRAPH, {}), ("conv/filter.dat", TENSOR, {}), *more)


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> bytes:
    return model((name, b"", {"type": kind, "linkname": target}))


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def _chain(length: int) -> bytes:
    """Return a tar that starts with `length` long-name headers, each for the next."""
    return b"".join(
        tar(("x" * 150, b"", {}), form=tarfile.GNU_FORMAT)[:1024] for _ in range(length)
    )


def _huge_header() -> bytes:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 2 << 20
    return info.tobuf(tarfile.USTAR_FORMAT) + bytes(2 << 20) + model()


# What is wrong -> the bytes of the archive and the code.
ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty file": (lambda: b"", "NX003"),
    "text": (lambda: GRAPH * 100, "NX003"),
    "noise": (lambda: bytes(range(256)) * 40, "NX003"),
    "zeros": (lambda: bytes(10240), "NX003"),
    "zip": (lambda: b"PK\x03\x04" + bytes(1000), "NX003"),
    "zstd": (lambda: b"\x28\xb5\x2f\xfd" + bytes(1000), "NX003"),
    "gzip of text": (lambda: gzip.compress(GRAPH * 100), "NX003"),
    "gzip of nothing": (lambda: gzip.compress(b""), "NX003"),
    "gzip cut off": (lambda: gzip.compress(model())[:-20], "NX003"),
    "gzip with a wrong checksum": (lambda: _flipped(gzip.compress(model()), -6), "NX003"),
    "gzip with noise inside": (lambda: _flipped(gzip.compress(model()), 40), "NX003"),
    "xz cut off": (lambda: lzma.compress(model())[:-20], "NX003"),
    "bzip2 cut off": (lambda: bz2.compress(model())[:-20], "NX003"),
    "bzip2 with noise inside": (lambda: _flipped(bz2.compress(model()), 60), "NX003"),
    "tar cut off in a member": (lambda: model()[:1200], "NX003"),
    "tar cut off between members": (lambda: model()[:1024], "NX003"),
    "tar with a damaged second header": (lambda: _flipped(model(), 1024 + 10), "NX003"),
    "only folders": (lambda: tar(("conv", b"", {"type": tarfile.DIRTYPE})), "NX003"),
    "parent": (lambda: model(("../evil.dat", TENSOR, {})), "NX005"),
    "parent further down": (lambda: model(("conv/../../evil.dat", TENSOR, {})), "NX005"),
    "parent as a folder": (lambda: model(("../evil", b"", {"type": tarfile.DIRTYPE})), "NX005"),
    "parent by backslash": (lambda: model(("..\\evil.dat", TENSOR, {})), "NX005"),
    "absolute": (lambda: model(("/tmp/evil.dat", TENSOR, {})), "NX005"),
    "absolute by backslash": (lambda: model(("\\evil.dat", TENSOR, {})), "NX005"),
    "share": (lambda: model(("\\\\host\\evil.dat", TENSOR, {})), "NX005"),
    "drive": (lambda: model(("C:\\evil.dat", TENSOR, {})), "NX005"),
    "drive without a root": (lambda: model(("c:evil.dat", TENSOR, {})), "NX005"),
    "line end in a name": (lambda: model(("evil\n.dat", TENSOR, {})), "NX005"),
    "symbolic link": (lambda: _link("evil.dat", "/etc/passwd"), "NX006"),
    "symbolic link inside": (lambda: _link("other.dat", "conv/filter.dat"), "NX006"),
    "hard link": (lambda: _link("evil.dat", "conv/filter.dat", tarfile.LNKTYPE), "NX006"),
    "character device": (lambda: _link("evil.dat", "", tarfile.CHRTYPE), "NX006"),
    "block device": (lambda: _link("evil.dat", "", tarfile.BLKTYPE), "NX006"),
    "pipe": (lambda: _link("evil.dat", "", tarfile.FIFOTYPE), "NX006"),
    "member twice": (lambda: model(("conv/filter.dat", TENSOR, {})), "NX007"),
    "graph twice": (lambda: model(("./graph.nnef", GRAPH, {})), "NX007"),
    "labels equal without case": (lambda: model(("Conv/Filter.dat", TENSOR, {})), "NX007"),
    "backslash for a slash": (lambda: model(("conv\\filter.dat", TENSOR, {})), "NX007"),
    "header of 2 MiB": (_huge_header, "NX008"),
    "chain of 2000 headers": (lambda: _chain(2000) + model(), "NX003"),
}


def _link_out(folder: Path) -> str:
    secret = folder.parent / "secret.dat"
    secret.write_bytes(TENSOR)
    (folder / "evil.dat").symlink_to(secret)
    return "evil"


def _link_folder_out(folder: Path) -> str:
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "x.dat").write_bytes(TENSOR)
    (folder / "evil").symlink_to(folder.parent / "elsewhere")
    return "evil/x"


def _link_to_nothing(folder: Path) -> str:
    (folder / "evil.dat").symlink_to("nothing.dat")
    return "evil"


def _loop(folder: Path) -> str:
    (folder / "evil.dat").symlink_to("evil.dat")
    return "evil"


def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "evil.dat")
    return "evil"


def _no_file(_folder: Path) -> str:
    return "nothing"


def _parent(folder: Path) -> str:
    (folder.parent / "secret.dat").write_bytes(TENSOR)
    return "../secret"


def _parent_by_backslash(folder: Path) -> str:
    (folder.parent / "secret.dat").write_bytes(TENSOR)
    return "conv\\..\\..\\secret"


def _absolute(folder: Path) -> str:
    (folder.parent / "secret.dat").write_bytes(TENSOR)
    return str(folder.parent / "secret")


# What a label tries -> what is done to the folder (it returns the label) and the code.
FOLDERS: dict[str, tuple[Callable[[Path], str], str]] = {
    "link that leaves": (_link_out, "NX006"),
    "link to a folder outside": (_link_folder_out, "NX006"),
    "link to nothing": (_link_to_nothing, "NX006"),
    "link to itself": (_loop, "NX006"),
    "pipe": (_pipe, "NX006"),
    "no file": (_no_file, "NX004"),
    "parent": (_parent, "NX005"),
    "parent by backslash": (_parent_by_backslash, "NX005"),
    "absolute": (_absolute, "NX005"),
    "drive": (lambda _: "C:/x", "NX005"),
    "empty": (lambda _: "", "NX005"),
    "folder": (lambda _: "conv/", "NX005"),
    "dots": (lambda _: "..", "NX005"),
    "null": (lambda _: "a\0b", "NX005"),
}
