"""OpenVX as a target: lowering to a Plan, and what is made of one."""

from nnefx.openvx.lower import lower
from nnefx.openvx.simulate import compare, simulate, snr

__all__ = ["compare", "lower", "simulate", "snr"]
