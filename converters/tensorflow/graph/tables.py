"""The rules of TensorFlow operators; the modules beside fill the table when they are imported."""

from nnefx.converters.rules import Rules

rules = Rules("tensorflow")

# The modules that fill the table.
FAMILIES = ("control", "elementwise", "layers", "moving", "random")
