"""A model as a folder or an archive of files (NNEF 1.0.5, section 5.1): opened without reading."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.source import FileAt, Source
from nnefx.tensors.archive import Limits, open_archive
from nnefx.tensors.dat import Header, StoredTensor, open_tensor, read_header
from nnefx.tensors.files import map_file, os_errors
from nnefx.tensors.paths import GRAPH, QUANT, label_of, member_name, tensor_name, version_of

__all__ = ["Container", "Limits", "Member", "open_container"]


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A file of a container.

    `path` and `offset` say where its bytes are on disk; `path` is None where they are only in the
    decompressed form of an archive. `where` names it in messages.
    """

    name: str
    where: str
    path: str | None
    offset: int
    archive: memoryview | None
    size: int

    def data(self) -> memoryview:
        """Return the bytes, mapped."""
        if self.archive is not None:
            return self.archive[self.offset : self.offset + self.size]
        assert self.path is not None  # a member without a path is in an archive
        return map_file(self.path, self.where)


class Container:
    """The files of a model, read-only; see `open_container`.

    Arrays that were taken out stay valid after `close`.
    """

    def __init__(
        self, path: str, members: Mapping[str, Member], refused: Mapping[str, str], limits: Limits
    ) -> None:
        self.path = path
        self.refused = dict(refused)
        self._members = dict(members)
        self._folded = _folded(self._members, path)
        self._limits = limits

    def __enter__(self) -> "Container":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def close(self) -> None:
        """Forget the files; what was unpacked is removed once no array refers to it."""
        self._members.clear()
        self._folded.clear()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all files, sorted, with `/` between folders."""
        return tuple(sorted(self._members))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all tensor files, sorted."""
        return tuple(label for name in self.names if (label := label_of(name)) is not None)

    @property
    def extra(self) -> dict[str, Member]:
        """The files that are no text and no tensor of the model, other versions of tensors too."""
        known = (GRAPH, QUANT)
        return {
            name: self._members[name]
            for name in self.names
            if name not in known and label_of(name) is None
        }

    def versions(self, label: str) -> dict[str, Member]:
        """Return the other versions of a tensor by their extension: `x` for `label.dat.x`."""
        wanted = tensor_name(label).casefold()
        found: dict[str, Member] = {}
        for name in self.names:
            version = version_of(name)
            if version and tensor_name(version[0]).casefold() == wanted:
                found[version[1]] = self._members[name]
        return found

    def member(self, name: str) -> Member:
        """Return a file by its name.

        Raises:
            NnefError: NX004 where there is none, NX005, NX006 where it is a link to the outside.
        """
        name = member_name(name, FileAt(self.path))
        member = self._members.get(name)
        if member is None and label_of(name) is not None:  # labels are equal without case
            member = self._folded.get(name.casefold())
        if member is None:
            for refused, why in self.refused.items():
                if name == refused or name.startswith(f"{refused}/"):
                    raise NnefError("NX006", why, FileAt(self.path))
            raise NnefError("NX004", f"{name} is missing in the model", FileAt(self.path))
        return member

    def text(self, name: str = GRAPH) -> str:
        """Return the text of a file, which is UTF-8.

        Raises:
            NnefError: NX004, NX008 where it is beyond the limit, NX009 where it is not UTF-8.
        """
        member = self.member(name)
        if member.size > self._limits.max_text:
            message = f"text has {member.size} bytes, the limit is {self._limits.max_text}"
            raise NnefError("NX008", message, FileAt(member.where))
        return decode_text(bytes(member.data()), member.where)

    def source(self, name: str = GRAPH) -> Source:
        """Return the text of a file with the name that diagnostics show; see `text`."""
        return Source(self.member(name).where, self.text(name))

    def stored(self, label: str) -> StoredTensor:
        """Return the file of a variable as it stands, to be copied.

        Raises:
            NnefError: NX002, NX004 to NX006.
        """
        member = self._tensor_member(label)
        return StoredTensor(member.data(), member.where, member.path, member.offset)

    def header(self, label: str) -> Header:
        """Return the header of the file of a variable.

        Raises:
            NnefError: NX002, NX004 to NX006, NX401 to NX423.
        """
        member = self._tensor_member(label)
        return read_header(member.data(), member.where)

    def tensor(self, label: str) -> NDArray[np.generic]:
        """Return the data of a variable as a read-only array, mapped; see `open_tensor`.

        Raises:
            NnefError: NX002, NX004 to NX006, NX401 to NX423.
        """
        member = self._tensor_member(label)
        return open_tensor(member.data(), member.where)

    def _tensor_member(self, label: str) -> Member:
        return self.member(tensor_name(label, FileAt(self.path)))


def open_container(path: str | os.PathLike[str], limits: Limits | None = None) -> Container:
    """Open a model: a folder, or a tar archive, plain or compressed by gzip, bzip2 or xz.

    The kind is told by the content, not by the suffix. Nothing is read but the names; a
    compressed archive is decompressed once into a temporary file that vanishes with the last
    array that refers to it.

    Raises:
        NnefError: NX001 to NX003, NX005 to NX008.
    """
    where, limits = os.fspath(path), limits or Limits()
    if not os.path.isdir(where):
        return _open_file(where, limits)
    members: dict[str, Member] = {}
    refused: dict[str, str] = {}
    with os_errors(where):
        for entry, relative in _walk(where, where):
            _add_entry(entry, relative, where, members, refused)
            if len(members) > limits.max_files:
                message = f"folder has more than {limits.max_files} files"
                raise NnefError("NX008", message, FileAt(where))
    return Container(where, members, refused, limits)


def decode_text(data: bytes, where: str) -> str:
    """Return UTF-8 text; a byte order mark is dropped.

    Raises:
        NnefError: NX009, at the offending byte.
    """
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        message = f"byte 0x{data[error.start]:02x} is not UTF-8 text"
        raise NnefError("NX009", message, FileAt(where, error.start)) from error


def _open_file(path: str, limits: Limits) -> Container:
    tar, spans, plain = open_archive(path, limits)
    members = {
        name: Member(name, f"{path}/{name}", path if plain else None, span.offset, tar, span.size)
        for name, span in spans.items()
    }
    return Container(path, members, {}, limits)


def _walk(folder: str, root: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield files, links and the like below a folder; links to folders are not entered."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    yield entry, os.path.relpath(entry.path, root)


def _add_entry(
    entry: os.DirEntry[str],
    relative: str,
    root: str,
    members: dict[str, Member],
    refused: dict[str, str],
) -> None:
    """Add a file; a link that leaves the model is refused when it is asked for, not before."""
    try:
        name = member_name(relative)
    except NnefError as error:
        refused[relative] = error.diagnostics[0].message
        return
    if entry.is_symlink():
        target, base = os.path.realpath(entry.path), os.path.realpath(root)
        if os.path.commonpath([target, base]) != base:
            refused[name] = f"{name} is a link that leaves the model"
            return
    if not _is_file(entry):
        refused[name] = f"{name} is not a regular file"
        return
    if name in members:
        message = f"{name} is there twice, with / and with \\ in its name"
        raise NnefError("NX007", message, FileAt(root))
    size = entry.stat().st_size
    members[name] = Member(name, entry.path, entry.path, 0, None, size)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links that go round
        return False


def _folded(members: Mapping[str, Member], path: str) -> dict[str, Member]:
    """Return tensor files by their names without case; two of one name share one label."""
    folded: dict[str, Member] = {}
    for name, member in members.items():
        if label_of(name) is None:
            continue
        other = folded.setdefault(name.casefold(), member)
        if other is not member:
            first, second = sorted((other.name, name))
            message = f"{first} and {second} differ in case only, their labels are the same"
            raise NnefError("NX007", message, FileAt(path))
    return folded
