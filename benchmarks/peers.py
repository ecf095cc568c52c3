"""`python -m benchmarks.peers`: install the converters that nnefx is measured beside.

They go into a folder of their own, without what they depend on: nothing else here needs them, and
their own lists of dependencies would replace half of the environment.
"""

import os
import subprocess
import sys
from pathlib import Path

PINNED = ("nnef-tools==1.0.11", "onnxsim==0.4.36", "torch-to-nnef==0.24.12", "mako==1.4.3")


def folder() -> Path:
    """Return where they are: NNEFX_PEERS, or a folder of the cache."""
    cache = os.environ.get("NNEFX_CACHE") or Path.home() / ".cache" / "nnefx"
    return Path(os.environ.get("NNEFX_PEERS") or Path(cache) / "peers")


def path(package: str) -> str | None:
    """Return the PYTHONPATH that a package is found with, None where it is not installed."""
    return str(folder()) if (folder() / package).is_dir() else None


def main() -> None:
    """Install all."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    subprocess.run([*command, "--upgrade", "--target", str(folder()), *PINNED], check=True)


if __name__ == "__main__":
    main()
