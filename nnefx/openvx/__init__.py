"""OpenVX as a target: lowering to a Plan, and what is made of one."""

from importlib.resources import files
from pathlib import Path

from nnefx.openvx.blob import write_blob
from nnefx.openvx.blob_read import read_blob
from nnefx.openvx.c_source import write_c
from nnefx.openvx.legalise import legalisation
from nnefx.openvx.lower import lower, refused
from nnefx.openvx.plan import Plan
from nnefx.openvx.profiles import PROFILES
from nnefx.openvx.simulate import compare, simulate, snr
from nnefx.openvx.user_kernels import write_stubs

__all__ = [
    "PROFILES",
    "Plan",
    "compare",
    "legalisation",
    "lower",
    "read_blob",
    "refused",
    "runtime_dir",
    "simulate",
    "snr",
    "write_blob",
    "write_c",
    "write_stubs",
]


def runtime_dir() -> Path:
    """Return the folder of the C files that are shipped with the package."""
    return Path(str(files("nnefx.openvx") / "runtime"))
