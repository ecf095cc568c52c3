"""The tables that the families of this folder fill with their rules, one per domain."""

from nnefx.converters.rules import Rules

rules = Rules("onnx")
contrib = Rules("onnx com.microsoft")
ml = Rules("onnx ai.onnx.ml")
