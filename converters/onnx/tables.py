"""The tables that the families of this folder fill with their rules, one per domain."""

from nnefx.converters.rules import Rules

ONNX = Rules("onnx")
CONTRIB = Rules("onnx com.microsoft")
ML = Rules("onnx ai.onnx.ml")
