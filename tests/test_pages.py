"""Pages of mapped files are given back when a model was written."""

import mmap
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from nnefx.tensors.pages import release
from nnefx.tensors.write import write_container

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SIZE = 1 << 23


def resident():
    """Bytes of mapped files that this process holds in memory."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssFile:\s+(\d+)", status)[1]) * 1024


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "items"
    path.write_bytes(np.arange(SIZE // 4, dtype=np.float32).tobytes())
    return path


def test_written_tensors_leave_no_pages_behind(file, tmp_path):
    items = np.memmap(file, np.float32, "r").reshape(2, -1)
    turned = np.memmap(file, np.float32, "r").reshape(1024, -1).T
    before = resident()
    write_container(tmp_path / "m", {"graph.nnef": "version 1.0;"}, [("a", items), ("b", turned)])
    assert resident() - before < SIZE // 4
    np.testing.assert_array_equal(items.ravel()[:3], [0, 1, 2])


def test_released_items_can_be_read_again(file):
    items = np.memmap(file, np.float32, "r")
    assert items.sum(dtype=np.float64) > 0
    held = resident()
    release(items[100:-100])
    assert held - resident() > SIZE // 2
    np.testing.assert_array_equal(items, np.arange(SIZE // 4, dtype=np.float32))


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_maps_that_were_written_to_keep_what_was_written(file, mode):
    items = np.memmap(file, np.float32, mode)
    items[:] = 7
    release(items)
    assert (items == 7).all()


def test_other_memory_is_left_alone():
    items = np.ones(1 << 20, np.float32)
    release(items)
    release(memoryview(items))
    release(b"bytes")
    release(np.frombuffer(mmap.mmap(-1, 4096), np.uint8))
    assert items.all()
