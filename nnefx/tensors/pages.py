"""Pages of mapped files, given back once their bytes are written: weights may exceed the memory."""

import mmap
from typing import Any

import numpy as np

_KNOWN = hasattr(mmap, "MADV_DONTNEED")  # not on Windows


def release(data: Any) -> None:
    """Let the system take back the pages that `data` reads, where they are a mapped file's.

    What is read again later comes from the file again. Does nothing for other memory, and nothing
    for maps that can be written to, whose pages may hold what the file has not.

    Args:
        data: an array, or a view of its memory.
    """
    if not _KNOWN:
        return
    view = np.asarray(data)
    source = _map_of(view)
    if source is None or not view.size:
        return
    whole = np.frombuffer(source, np.uint8)
    if whole.flags.writeable:
        return
    reach = [stride * (extent - 1) for stride, extent in zip(view.strides, view.shape)]
    begin = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    first = begin + sum(min(step, 0) for step in reach)
    last = begin + view.itemsize + sum(max(step, 0) for step in reach)
    first -= first % mmap.PAGESIZE  # what others read of the same page comes from the file as well
    source.madvise(mmap.MADV_DONTNEED, first, last - first)


def _map_of(data: Any) -> mmap.mmap | None:
    """Return the map that an array is a view of, through all views between."""
    while data is not None and not isinstance(data, mmap.mmap):
        data = data.obj if isinstance(data, memoryview) else getattr(data, "base", None)
    return data
