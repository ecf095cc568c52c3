"""Where a node of an exported graph comes from: its module, its Python line, its name."""

import re
from collections import Counter

from torch import fx

from nnefx.source import At, ModelAt

_LINE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+), in [^\n]*\n\s*(?P<text>[^\n]*)')
_WRAPPER = re.compile(r"^L\['self'\]\.?|^L__self___?\.?|^_modules\.")

Stack = tuple[tuple[str, str], ...]


def place(node: fx.Node, path: str) -> At:
    """Return the place of a node: the Python line that called its operator."""
    label = f"node '{node.name}' ({node.target})"
    line = user_line(node.meta.get("stack_trace") or "")
    return ModelAt(path, f"{label}, {line}" if line else label)


def user_line(stack: str) -> str:
    """Return the innermost line of a stack trace that is not PyTorch's own, `file:line: text`."""
    found = list(_LINE.finditer(stack))
    users = [item for item in found if not _is_torch(item["file"])] or found
    if not users:
        return ""
    last = users[-1]
    return f"{last['file']}:{last['line']}: {last['text'].strip()}"


def _is_torch(file: str) -> bool:
    return "/torch/" in file.replace("\\", "/")


class Names:
    """Names for the results of nodes, after the modules that they belong to."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()

    def count(self, graph: fx.Graph) -> None:
        """Note how many operators each module call consists of."""
        for node in graph.nodes:
            if node.op == "call_function":
                self._calls[_path(node, calls=True)] += 1

    def stack(self, node: fx.Node) -> Stack:
        """Return the modules around a node, outermost first: path of the call, and class."""
        stack = node.meta.get("nn_module_stack") or {}
        found = []
        for key, (name, kind) in stack.items():
            call = key[key.rindex("@") :] if "@" in key else ""
            found.append((f"{name}{call}", str(getattr(kind, "__name__", kind)).split(".")[-1]))
        return tuple(found[1:])

    def hint(self, node: fx.Node) -> str:
        """Return what names of inner values of a node begin with."""
        return _path(node) or str(node.name)

    def result(self, node: fx.Node) -> str:
        """Return the name of a node's result: that of its module where it is the only one."""
        path = _path(node)
        if not path:
            return str(node.name)
        if self._calls[_path(node, calls=True)] == 1:
            return path
        operation = str(node.target).split(".")[1] if "." in str(node.target) else node.name
        return f"{path}_{operation}"


def _path(node: fx.Node, *, calls: bool = False) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    if not stack:
        return ""
    key, (name, _) = list(stack.items())[-1]
    name = _WRAPPER.sub("", name)
    return name + (key[key.rindex("@") :] if calls and "@" in key else "")
