"""Checking the tensor files of a model against each other and against its variables (5.1, 5.2)."""

from collections.abc import Iterator

from nnefx.checking.document import Checked
from nnefx.diagnostics import Diagnostic, NnefError, Note, Severity
from nnefx.ir.graph import UNKNOWN, Node
from nnefx.source import FileAt
from nnefx.syntax import ast
from nnefx.tensors.container import Container, Member
from nnefx.tensors.dat import check_tensor
from nnefx.tensors.header import Header, data_type_of, inspect_header
from nnefx.tensors.paths import tensor_name


def check_files(
    container: Container, checked: Checked, found: list[Diagnostic], *, data: bool
) -> dict[str, Header]:
    """Add what is wrong with the tensor files; return the headers by the names of the tensors.

    Args:
        container: the model.
        checked: its document.
        found: takes the diagnostics.
        data: look at the values too.
    """
    return fit_files(container, checked, read_files(container, found, data=data), found)


def read_files(container: Container, found: list[Diagnostic], *, data: bool) -> dict[str, Header]:
    """Add what is wrong with each tensor file by itself; return the headers by label, folded."""
    headers: dict[str, Header] = {}
    for label in container.labels:
        header = _check_file(container, label, found, data=data)
        if header is not None:
            headers[label.casefold()] = header
    return headers


def fit_files(
    container: Container, checked: Checked, headers: dict[str, Header], found: list[Diagnostic]
) -> dict[str, Header]:
    """Add where tensor files and variables differ; return the headers by names of tensors."""
    if checked.graph is None:
        return {}
    named: dict[str, Header] = {}
    present = {label.casefold() for label in container.labels}
    for node in checked.graph.variables:
        label = node.attributes["label"].replace("\\", "/")
        fault = _missing(container, node, present)
        if fault is not None:
            found.append(fault)
        elif (header := headers.get(_plain(label))) is not None:
            named[node.output.name] = header
            found += _misfits(node, header, container.member(tensor_name(label)))
    if checked.complete and _all_built(checked):
        found += _orphans(container, checked)
    found += _versions(container, headers)
    return named


def _plain(label: str) -> str:
    return tensor_name(label).removesuffix(".dat").casefold()


def _check_file(
    container: Container, label: str, found: list[Diagnostic], *, data: bool
) -> Header | None:
    """Check a file by itself; return its header where it can be read."""
    try:
        stored = container.stored(label)
        found += check_tensor(stored.data, stored.where, scan=data)
        return inspect_header(stored.data, stored.where)[0]
    except NnefError as error:
        found += error.diagnostics
        return None


def _missing(container: Container, node: Node, present: set[str]) -> Diagnostic | None:
    label = node.attributes["label"]
    try:
        if _plain(label) in present:
            return None
        container.member(tensor_name(label))
    except NnefError as error:
        first = error.diagnostics[0]
        if first.code == "NX004":
            message = f"variable '{node.output.name}': there is no file '{label}.dat'"
            return Diagnostic("NX432", message, node.at)
        message = f"variable '{node.output.name}': {first.message}"
        return Diagnostic(first.code, message, node.at)
    return None


def _misfits(node: Node, header: Header, member: Member) -> Iterator[Diagnostic]:
    name, at = node.output.name, FileAt(member.where)
    note = Note(f"variable '{name}' is declared here", node.at)
    if node.output.shape is not UNKNOWN and header.shape != node.output.shape:
        message = (
            f"variable '{name}' is declared {list(node.output.shape)}, its data is "
            f"{list(header.shape)}"
        )
        yield Diagnostic("NX430", message, at, notes=(note,))
    stored = data_type_of(header)
    if stored != node.output.dtype:
        message = f"variable '{name}' is {node.output.dtype}, its file holds {stored}"
        yield Diagnostic("NX431", message, at, notes=(note,))


def check_codes(
    checked: Checked, headers: dict[str, Header], entries: dict[str, ast.QuantEntry]
) -> Iterator[Diagnostic]:
    """Yield the variables that are stored as quantized integers and have no entry."""
    for node in checked.graph.variables if checked.graph else ():
        header = headers.get(node.output.name)
        if header is not None and header.quantized and node.output.name not in entries:
            message = (
                f"variable '{node.output.name}': its file holds quantized items, but graph.quant "
                "does not say how to read them"
            )
            yield Diagnostic("NX505", message, node.at)


def _all_built(checked: Checked) -> bool:
    """Tell whether the labels of all variables are known."""
    assert checked.document is not None
    assert checked.graph is not None
    body = checked.document.graph.body if checked.document.graph else []
    declared = sum(
        isinstance(item.value, ast.Call) and item.value.op == "variable" for item in body
    )
    return declared <= sum(1 for _ in checked.graph.variables)


def _orphans(container: Container, checked: Checked) -> Iterator[Diagnostic]:
    """Yield tensor files that belong to no variable.

    Files named after inputs and outputs of the graph hold samples of these, as the conformance
    tests of OpenVX have them.
    """
    assert checked.graph is not None
    graph = checked.graph
    used = {value.name.casefold() for value in (*graph.inputs, *graph.outputs)}
    for node in graph.variables:
        try:
            used.add(_plain(node.attributes["label"]))
        except NnefError:  # it leaves the model, which is reported
            continue
    for label in container.labels:
        if label.casefold() not in used:
            at = FileAt(container.member(f"{label}.dat").where)
            yield Diagnostic("NX433", "no variable has this label", at, Severity.WARNING)


def _versions(container: Container, headers: dict[str, Header]) -> Iterator[Diagnostic]:
    """Yield other versions of tensors, `label.dat.x`, that differ in shape or stand alone."""
    for name, member in container.extra.items():
        label, mark, _ = name.partition(".dat.")
        if not mark:
            continue
        at = FileAt(member.where)
        own = headers.get(label.casefold())
        if f"{label}.dat" not in container:
            message = f"there is no '{label}.dat' that this is another version of"
            yield Diagnostic("NX434", message, at, Severity.WARNING)
            continue
        header = inspect_header(member.data(), member.where)[0]
        if header is not None and own is not None and header.shape != own.shape:
            message = f"its shape is {list(header.shape)}, that of '{label}.dat' {list(own.shape)}"
            yield Diagnostic("NX434", message, at, Severity.WARNING)
