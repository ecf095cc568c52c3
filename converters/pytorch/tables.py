"""The table of ATen rules, filled by the families of this package."""

from nnefx.converters.rules import Rules

rules = Rules("pytorch")
