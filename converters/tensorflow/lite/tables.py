"""The rules of TFLite operators; the modules beside fill the table when they are imported."""

from nnefx.converters.rules import Rules

rules = Rules("tflite")

# The modules that fill the table.
FAMILIES = ("elementwise", "layers", "moving", "recurrent")
