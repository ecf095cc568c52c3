"""TensorFlow's names made shorter where nothing is lost by it."""

import re

_WRAPPERS = re.compile(r"^(StatefulPartitionedCall|PartitionedCall|serving_default)[/_](?=\w)")
_MODEL = re.compile(r"^(?:model|sequential|functional)(?:_\d+)*/(?=.)")
_SUFFIXES = re.compile(r"(/ReadVariableOp(_\d+)?(/resource)?|/read|:0)+$")


def readable(name: str) -> str:
    """Return the first of several names that were merged, without what says nothing.

    `readable("a/conv/Relu;a/conv/BiasAdd;a/conv/Conv2D") == "a/conv/Relu"`.
    """
    first = name.split(";", 1)[0]
    first = _MODEL.sub("", _WRAPPERS.sub("", _SUFFIXES.sub("", first)))
    return first or name
