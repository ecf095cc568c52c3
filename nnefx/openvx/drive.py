"""Run a blob on a real OpenVX library, through the C loader and ctypes.

The loader is compiled on the spot against the headers of that OpenVX, because vendors' headers
differ in sizes and numbers. The library runs in this process: a board's results are compared with
those of `nnefx run` by what calls this.
"""

import ctypes
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnefx.diagnostics import NnefError
from nnefx.openvx.plan import Plan
from nnefx.source import FileAt

READER = ("nnefx_blob.c", "nnefx_records.c", "nnefx_calls.c", "nnefx_file.c", "nnefx_crc.c")
SOURCES = (*READER, "nnefx_nodes.c", "nnefx_names.c", "nnefx_parameters.c",
           "nnefx_cache_head.c", "nnefx_cache.c", "nnefx_build.c", "nnefx_vx.c")  # fmt: skip
_FLOATS = ctypes.POINTER(ctypes.c_float)
ZERO_COPY, PARAMETERS = 2, 32  # flags of nnefx_vx.h

Arrays = Mapping[str, NDArray[Any]]


def drive(
    path: str | os.PathLike[str],
    plan: Plan,
    libraries: Sequence[str | os.PathLike[str]],
    inputs: Arrays,
    *,
    include: str | os.PathLike[str] | None = None,
    flags: int = 0,
    cache: str | os.PathLike[str] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Run the blob at `path` on an OpenVX library and return its outputs by NNEF name.

    Args:
        path: the blob.
        plan: what `read_blob` gives for it: the names and shapes of inputs and outputs.
        libraries: the shared libraries of OpenVX, in the order in which they are loaded.
        inputs: an array per input, by NNEF name.
        include: the folder that has `VX/vx.h`; looked for beside the first library if left out.
        flags: of the loader, such as `ZERO_COPY`.
        cache: a file for what the library exports of the net (vx_khr_ix), to start from next time.

    Raises:
        NnefError: NX651 where inputs do not fit, NX680 where the loader cannot be compiled or a
            library not be loaded, NX681 where the library refuses the net.
    """
    feeds = [_feed(plan, name, inputs) for name in plan.inputs]
    with tempfile.TemporaryDirectory(prefix="nnefx-") as folder:
        shared = compile_loader(Path(folder), _include(include, libraries))
        loader = _Loader([_open(library) for library in libraries], _open(shared))
        with loader.imported(os.fspath(path), flags, cache) as net:
            for index, feed in enumerate(feeds):
                loader.demand(loader.write(net, index, feed.ctypes.data_as(_FLOATS)), "write")
            loader.demand(loader.process(net), "run")
            return {
                name: loader.output(net, index, shape)
                for index, (name, shape) in enumerate(map(_port(plan), plan.outputs))
            }


def _port(plan: Plan) -> Any:
    def port(name: str) -> tuple[str, tuple[int, ...]]:
        tensor = plan.tensor(name)
        return tensor.source or name, tensor.shape or tensor.dims[::-1]

    return port


def _feed(plan: Plan, name: str, inputs: Arrays) -> NDArray[np.float32]:
    source, shape = _port(plan)(name)
    if source not in inputs:
        raise NnefError("NX651", f"input '{source}' is missing")
    array = np.ascontiguousarray(inputs[source], np.float32)
    if array.shape != shape:
        raise NnefError(
            "NX651", f"input '{source}' has shape {list(array.shape)}, expected {list(shape)}"
        )
    return array


def _include(
    given: str | os.PathLike[str] | None, libraries: Sequence[str | os.PathLike[str]]
) -> Path:
    """Return the folder of `VX/vx.h`: as given, or at the usual places beside the library."""
    if given is not None:
        places = [Path(given)]
    else:
        folder = Path(libraries[0]).resolve().parent
        places = [folder / "include", folder.parent / "include", folder, folder.parent.parent]
    for place in places:
        if (place / "VX" / "vx.h").is_file():
            return place
    raise NnefError("NX680", "headers of OpenVX (VX/vx.h) are not found beside the library")


def compile_loader(folder: Path, include: Path) -> Path:
    """Compile the loader as a shared library in `folder`, and return it; NX680 if that fails."""
    from nnefx.openvx import runtime_dir

    target = folder / "libnnefx_vx.so"
    compiler = shlex.split(os.environ.get("CC", "cc"))
    sources = [str(runtime_dir() / name) for name in SOURCES]
    options = ["-std=c99", "-O2", "-shared", "-fPIC", "-DNNEFX_VX_WEAK"]
    command = [*compiler, *options, f"-I{include}", *sources]
    try:
        result = subprocess.run(
            [*command, "-lm", "-o", str(target)], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise NnefError("NX680", f"C compiler '{compiler[0]}' cannot be run: {error}") from None
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if "error" in line] or ["no message"]
        raise NnefError("NX680", f"loader cannot be compiled: {lines[0]}")
    return target


def _open(library: str | os.PathLike[str]) -> ctypes.CDLL:
    """Load a shared library so that those loaded after it find its functions."""
    name = os.fspath(library)
    try:
        return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise NnefError("NX680", f"library cannot be loaded: {error}", FileAt(name)) from None


class _Cache(ctypes.Structure):
    """nnefx_vx_cache of the loader."""

    _fields_ = (
        ("path", ctypes.c_char_p),
        ("load", ctypes.c_void_p),
        ("store", ctypes.c_void_p),
        ("user", ctypes.c_void_p),
        ("build", ctypes.c_char_p),
        ("functions", ctypes.c_void_p),
    )


class _Options(ctypes.Structure):
    """nnefx_vx_options of the loader."""

    _fields_ = (
        ("graph", ctypes.c_void_p),
        ("inputs", ctypes.c_void_p),
        ("outputs", ctypes.c_void_p),
        ("on_error", ctypes.c_void_p),
        ("user", ctypes.c_void_p),
        ("cache", ctypes.POINTER(_Cache)),
    )


class _Loader:
    """The functions of the loader and of OpenVX that a run needs."""

    def __init__(self, libraries: list[ctypes.CDLL], shared: ctypes.CDLL) -> None:
        pointer, number = ctypes.c_void_p, ctypes.c_uint32
        vx = next((library for library in libraries if hasattr(library, "vxCreateContext")), None)
        if vx is None:
            raise NnefError("NX680", "library has no function vxCreateContext")
        self.vx = vx
        vx.vxCreateContext.restype = pointer
        vx.vxGetStatus.argtypes = [pointer]
        vx.vxReleaseContext.argtypes = [ctypes.POINTER(pointer)]
        self._open = shared.nnefxVxImportBinaryFile
        self._open.restype = pointer
        self._open.argtypes = [pointer, ctypes.c_char_p, number, pointer]
        self._error = shared.nnefxVxImportError
        self._error.restype = ctypes.c_char_p
        self._error.argtypes = [pointer]
        self._status = shared.nnefxVxImportStatus
        self._status.argtypes = [pointer]
        self._release = shared.nnefxVxReleaseImport
        self._release.argtypes = [ctypes.POINTER(pointer)]
        self.write = shared.nnefxVxWriteInput
        self.write.argtypes = [pointer, number, _FLOATS]
        self.read = shared.nnefxVxReadOutput
        self.read.argtypes = [pointer, number, _FLOATS]
        self.process = shared.nnefxVxProcess
        self.process.argtypes = [pointer]

    @contextmanager
    def imported(
        self, path: str, flags: int, cache: str | os.PathLike[str] | None
    ) -> Iterator[ctypes.c_void_p]:
        """Import a blob into a context of its own, and release both."""
        options = _Options()
        if cache is not None:
            options.cache = ctypes.pointer(_Cache(path=os.fsencode(cache)))
        context = ctypes.c_void_p(self.vx.vxCreateContext())
        if not context or self.vx.vxGetStatus(context):
            raise NnefError("NX681", "library gives no context")
        net = ctypes.c_void_p(self._open(context, os.fsencode(path), flags, ctypes.byref(options)))
        try:
            if not net or self._status(net):
                said = self._error(net).decode(errors="replace")
                raise NnefError("NX681", f"library refuses the net: {said}", FileAt(path))
            yield net
        finally:
            self._release(ctypes.byref(net))
            self.vx.vxReleaseContext(ctypes.byref(context))

    def output(
        self, net: ctypes.c_void_p, index: int, shape: tuple[int, ...]
    ) -> NDArray[np.float32]:
        """Return an output after a run."""
        array = np.empty(shape, np.float32)
        self.demand(self.read(net, index, array.ctypes.data_as(_FLOATS)), "read")
        return array

    def demand(self, status: int, what: str) -> None:
        """Refuse a status that is not success."""
        if status:
            raise NnefError("NX681", f"library cannot {what} the net: status {status}")
