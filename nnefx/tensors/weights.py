"""The weights of a model by label, mapped when they are asked for."""

from collections.abc import Iterator, Mapping
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.tensors.container import Container
from nnefx.tensors.dat import Header, StoredTensor
from nnefx.tensors.paths import tensor_name


class Weights(Mapping[str, NDArray[np.generic]]):
    """The tensor files of a container as read-only arrays.

    Labels are compared without case, as the specification wants; iteration gives them as the
    files spell them. An array is made anew unless the last one is still in use.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._labels = container.labels
        self._live: WeakValueDictionary[str, NDArray[np.generic]] = WeakValueDictionary()

    def __getitem__(self, label: str) -> NDArray[np.generic]:
        array = self._live.get(label)
        if array is None:
            try:
                array = self._container.tensor(label)
            except NnefError as error:
                if error.code == "NX004":  # what `Mapping` expects
                    raise KeyError(label) from error
                raise
            self._live[label] = array
        return array

    def __contains__(self, label: object) -> bool:
        if not isinstance(label, str):
            return False
        try:
            self._container.member(tensor_name(label))
        except NnefError as error:
            if error.code == "NX004":
                return False
            raise  # a link out of the model, say, is not the same as no file
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)

    def header(self, label: str) -> Header:
        """Return the header of a tensor; see `Container.header`."""
        return self._container.header(label)

    def stored(self, label: str) -> StoredTensor:
        """Return the file of a tensor as it stands; see `Container.stored`."""
        return self._container.stored(label)
