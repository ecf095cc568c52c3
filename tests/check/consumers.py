"""What other consumers of NNEF say of documents; they crash, so each answer is a process's.

Run as a script it reads a JSON object of documents by name from stdin, and writes one of verdicts:
whether the consumer that is named as the argument accepts each. It imports the consumer once and
forks for every document, with limits of time and memory.
"""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

SECONDS, BYTES = 5, 3 << 30


def verdicts(consumer: str, documents: Mapping[str, str]) -> dict[str, bool]:
    """Ask a consumer about all documents in one run of this file."""
    done = subprocess.run(
        [sys.executable, __file__, consumer],
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def accepts_khronos(text: str, folder: Path) -> None:
    """Parse and infer shapes; fragments with a body are lowered."""
    import nnef

    bodies = re.findall(r"^\s*fragment\s+(\w+)[^;{]*\{", text, re.MULTILINE)
    graph = nnef.parse_string(text, "", stdlib="", lowered=bodies)
    nnef.infer_shapes(graph)


def accepts_tract(text: str, folder: Path) -> None:
    """Load the model from a folder, with weights of ones."""
    import numpy as np
    import tract

    from nnefx.diagnostics import NnefError
    from nnefx.tensors.dat import write_tensor
    from nnefx.tensors.model import loads

    types = {"scalar": np.float32, "integer": np.int64, "logical": np.bool_}
    (folder / "graph.nnef").write_text(text, encoding="utf-8")
    try:
        variables = list(loads(text).graph.variables)
    except NnefError:
        variables = []
    for node in variables:
        path = folder / f"{node.attributes['label']}.dat"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tensor(path, np.ones(node.output.shape, types[node.output.dtype]))
    tract.nnef().load(str(folder))


CONSUMERS: dict[str, Callable[[str, Path], None]] = {
    "khronos": accepts_khronos,
    "tract": accepts_tract,
}


def ask(accepts: Callable[[str, Path], None], text: str) -> bool:
    """Return whether a child that reads the document ends well."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        with tempfile.TemporaryDirectory() as folder:
            accepts(text, Path(folder))
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    os.environ["RUST_BACKTRACE"] = "0"
    import nnef  # noqa: F401  imported here, so that the children need not
    import tract  # noqa: F401

    accepts = CONSUMERS[sys.argv[1]]
    print(json.dumps({name: ask(accepts, text) for name, text in json.load(sys.stdin).items()}))
