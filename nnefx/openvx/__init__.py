"""OpenVX as a target: lowering to a Plan, and what is made of one."""

from importlib.resources import files
from pathlib import Path

from nnefx.openvx.blob import write_blob
from nnefx.openvx.blob_read import read_blob
from nnefx.openvx.c_source import write_c
from nnefx.openvx.lower import lower
from nnefx.openvx.plan import Plan
from nnefx.openvx.profiles import PROFILES
from nnefx.openvx.simulate import compare, simulate, snr

__all__ = [
    "PROFILES",
    "Plan",
    "compare",
    "lower",
    "read_blob",
    "runtime_dir",
    "simulate",
    "snr",
    "write_blob",
    "write_c",
]


def runtime_dir() -> Path:
    """Return the folder of the C files that are shipped with the package."""
    return Path(str(files("nnefx.openvx") / "runtime"))
