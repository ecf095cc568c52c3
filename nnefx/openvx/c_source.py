"""Plan -> a C project: <net>.h, <net>.c, main.c, the weights, a Makefile and a CMakeLists.txt.

The C is C99 and meant to be read: tables of what is made, then one block for each node with the
NNEF statement above it. What is the same for every net stands in `runtime/*.c`.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from nnefx._version import __version__
from nnefx.diagnostics import NnefError
from nnefx.openvx.blob import Layout, write_blob
from nnefx.openvx.c_text import (
    BUILD_CMAKE,
    BUILD_MAKE,
    HEADER,
    comment,
    place,
    plain,
    renamed,
)
from nnefx.openvx.functions import DTYPES, FIXED, FUNCTIONS, HEADS, MEMBERS, Kind, Param
from nnefx.openvx.plan import (
    Arg,
    Call,
    Dims,
    Enum,
    Float,
    Int,
    Lut,
    Null,
    Plan,
    Ref,
    Role,
    Struct,
    Tensor,
    View,
)
from nnefx.source import FileAt

_C_WORDS = (
    "auto break case char const continue default do double else enum extern float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch typedef "
    "union unsigned void volatile while"
)
_OUR_WORDS = "main network tensor view payload source check graph status params start result"
# What a net may well be called and a header that the project includes declares already.
_LIBRARY_WORDS = (
    "NULL EOF FILE abort abs acos asin atan atexit atof atoi bsearch calloc ceil clock cos cosh "
    "difftime div erf errno exit exp expm1 fabs fclose fdim float_t floor fma fmax fmin fmod "
    "fopen fputs fread free frexp fwrite gamma getenv gets hypot index isnan j0 j1 jn labs ldexp "
    "log log1p logb malloc math memcpy memset mktime modf perror pow printf puts qsort raise rand "
    "random realloc remainder remove rename rewind rint round signal sin sinh size_t sqrt stderr "
    "stdin stdio stdlib stdout strcmp string strlen system tan tanh tgamma time trunc y0 y1 yn"
)
_KEYWORDS = frozenset(f"{_C_WORDS} {_OUR_WORDS} {_LIBRARY_WORDS}".split())
_ROLES = {role: f"IS_{role.upper()}" for role in Role}


def write_c(
    plan: Plan,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    embed: bool = False,
    debug_tensors: bool = False,
    force: bool = False,
) -> list[Path]:
    """Write the C project of `plan` and return its files.

    Args:
        plan: the plan.
        folder: where to; it is made, and must be empty unless `force`.
        name: prefix of the C names; the name of the graph unless C knows that word already.
        embed: put the weights into the program; else they are in a blob beside it.
        debug_tensors: make tensors between nodes real, so that they can be read.
        force: write into a folder that is not empty.

    All is written beside the folder first: a run that fails leaves the folder as it was.

    Raises:
        NnefError: NX670 where the folder is not empty, NX671 for a name that is no C identifier.
    """
    target = Path(folder)
    if target.exists() and not force and (not target.is_dir() or any(target.iterdir())):
        raise NnefError("NX670", "output folder is not empty", FileAt(str(target)))
    net = _net_name(name or plan.name, given=name is not None)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
        names = _write(plan, Path(beside), net, embed, debug_tensors)
        target.mkdir(exist_ok=True)
        for file in names:
            (Path(beside) / file).replace(target / file)
    return [target / file for file in names]


def _write(plan: Plan, target: Path, net: str, embed: bool, debug_tensors: bool) -> list[str]:
    """Write all files into an empty folder; return their names."""
    weights = f"{net}.nxvx"
    layout = write_blob(plan, target / weights)
    source = _Source(plan, net, layout, embed, debug_tensors)
    if embed:
        (target / weights).unlink()
    texts = {
        f"{net}.h": source.header(weights),
        f"{net}.c": source.text(),
        "main.c": renamed(_read("test_main.c"), net),
        "Makefile": BUILD_MAKE.replace("@net@", net),
        "CMakeLists.txt": BUILD_CMAKE.replace("@net@", net),
    }
    for file, text in texts.items():
        (target / file).write_text(text, encoding="utf-8")
    return [*texts] if embed else [*texts, weights]


def _net_name(name: str, given: bool) -> str:
    fits = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is not None
    if fits and name not in _KEYWORDS and not name.startswith("vx"):
        return name
    if given:
        raise NnefError("NX671", f"name '{name}' cannot be a prefix of C names")
    return "net"


def _read(name: str) -> str:
    return (files("nnefx.openvx") / "runtime" / name).read_text(encoding="utf-8")


class _Source:
    """Prints one plan."""

    def __init__(self, plan: Plan, net: str, layout: Layout, embed: bool, debug: bool) -> None:
        self.plan = plan
        self.net = net
        self.layout = layout
        self.embed = embed
        self.debug = debug
        self.tensor = {tensor.name: i for i, tensor in enumerate(plan.tensors)}
        self.lut = {lut.name: i for i, lut in enumerate(plan.luts)}

    def header(self, weights: str) -> str:
        """Return the text of <net>.h."""
        lines = [_port_comment("in", self.plan, self.plan.inputs)]
        lines.append(_port_comment("out", self.plan, self.plan.outputs))
        text = HEADER.replace("@ports@", "\n".join(lines))
        text = text.replace("@inputs@", str(len(self.plan.inputs)))
        text = text.replace("@outputs@", str(len(self.plan.outputs)))
        text = text.replace("@weights@", "" if self.embed else weights)
        return renamed(text, self.net)

    def text(self) -> str:
        """Return the text of <net>.c."""
        parts = [
            f"/* {plain(self.plan.name)}: made by nnefx {__version__} for OpenVX, profile "
            f"{self.plan.profile}. */",
            "#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n",
            f'#include "{self.net}.h"\n',
            *(["#define NETWORK_EMBEDDED 1\n"] if self.embed else []),
            *self._names(),
            _STRUCTS,
            *self._tables(),
            "static vx_status add_nodes(network *net);\n",
            _read("nnefx_target.h"),
            _read("network.c"),
            _read("dump.c"),
            *self._nodes(),
        ]
        return renamed("\n".join(parts) + "\n", self.net)

    # ---- Tables

    def _names(self) -> Iterator[str]:
        plan = self.plan
        groups = (
            ("TENSOR", [tensor.name for tensor in plan.tensors]),
            ("VIEW", [view.name for view in plan.views]),
            ("LUT", [lut.name for lut in plan.luts]),
            ("SCALAR", [scalar.name for scalar in plan.scalars]),
        )
        for kind, names in groups:
            start = " = TENSOR_COUNT" if kind == "VIEW" and names else ""
            items = [f"    at_{name}{start if i == 0 else ''}," for i, name in enumerate(names)]
            if items:
                yield "enum {\n" + "\n".join(items) + "\n};\n"
            yield f"#define {kind}_COUNT {len(names)}\n"
        yield f"#define PAYLOAD_COUNT {len(self._payloads())}\n"

    def _payloads(self) -> list[Tensor | Lut]:
        return [*(t for t in self.plan.tensors if t.payload is not None), *self.plan.luts]

    def _tables(self) -> Iterator[str]:
        plan = self.plan
        yield "static const struct tensor tensors[] = {"
        yield from (self._tensor(tensor) for tensor in plan.tensors)
        yield "};\n\nstatic const struct view views[] = {"
        yield from (self._view(view) for view in plan.views)
        yield from ([] if plan.views else ["    {0, {0}, {0}},"])
        yield "};\n\nstatic const vx_float32 scalars[] = {"
        yield from (f"    {_float(scalar.value)}, /* {scalar.name} */" for scalar in plan.scalars)
        yield from ([] if plan.scalars else ["    0.0f,"])
        yield "};\n"
        yield from self._data()
        yield "static const struct payload payloads[] = {"
        yield from (self._payload(item) for item in self._payloads())
        yield from ([] if self._payloads() else ["    {0, 0, 0, 0},"])
        yield "};\n"
        yield from self._ports()

    def _tensor(self, tensor: Tensor) -> str:
        role = tensor.role
        if self.debug and role is Role.VIRTUAL:
            role = Role.STATE
        return (
            f"    {{{_string(tensor.source or tensor.name)}, {_string(tensor.label)}, "
            f"{_ROLES[role]}, {DTYPES[tensor.dtype][1]}, {tensor.position}, "
            f"{len(tensor.dims)}, {_extents(tensor.dims)}, {tensor.fill}L, {tensor.scale!r}}},"
        )

    def _view(self, view: View) -> str:
        return f"    {{at_{view.parent}, {_extents(view.start)}, {_extents(view.end)}}},"

    def _payload(self, item: Tensor | Lut) -> str:
        payload = item.payload
        assert payload is not None
        is_lut = isinstance(item, Lut)
        index = self.lut[item.name] if isinstance(item, Lut) else self.tensor[item.name]
        where = f"data_{item.name}" if self.embed else f"{self.layout.offsets[item.name]}L"
        return f"    {{{int(is_lut)}, {index}, {where}, {payload.nbytes}u}}, /* {item.name} */"

    def _data(self) -> Iterator[str]:
        if not self.embed:
            octets = [f"0x{octet:02X}," for octet in self.layout.content_id]
            yield "static const unsigned char content_id[32] = {"
            yield from ("    " + " ".join(octets[begin : begin + 16]) for begin in (0, 16))
            yield "};\n"
            return
        for item in self._payloads():
            payload = item.payload
            assert payload is not None
            numbers = payload.read().reshape(-1).tolist()
            shown = [_float(n) if payload.dtype == "float32" else str(n) for n in numbers]
            yield f"static const {DTYPES[payload.dtype][2]} data_{item.name}[] = {{"
            for begin in range(0, len(shown), 16):
                yield "    " + ", ".join(shown[begin : begin + 16]) + ","
            yield "};\n"

    def _ports(self) -> Iterator[str]:
        plan = self.plan
        for kind, names in (("input", plan.inputs), ("output", plan.outputs)):
            yield f"const network_port network_{kind}s[] = {{"
            for name in names:
                tensor = plan.tensor(name)
                shape = tensor.shape or tensor.dims[::-1]
                extents = ", ".join(map(str, shape)) or "0"
                yield (
                    f"    {{{_string(tensor.source or name)}, {len(shape)}, {{{extents}}}, "
                    f"{tensor.volume}u}},"
                )
            yield "};\n"
            indices = ", ".join(f"at_{name}" for name in names)
            yield f"static const int {kind}_index[] = {{{indices}}};\n"
        created = [tensor.name for tensor in plan.tensors if tensor.role is Role.OUTPUT]
        order = ", ".join(str(plan.outputs.index(name)) for name in created)
        yield f"static const int output_order[] = {{{order}}};\n"

    # ---- Nodes

    def _nodes(self) -> Iterator[str]:
        yield "\n/* ---- The nodes ---- */\n\nstatic vx_status add_nodes(network *net)\n{"
        yield "    vx_graph graph = net->graph;\n    vx_status status;\n"
        for call in self.plan.calls:
            yield self._block(call)
        yield "    return VX_SUCCESS;\n}"

    def _block(self, call: Call) -> str:
        lines = [*comment((call.text or call.op) + place(call.at), "    "), "    {"]
        args = ["graph"]
        for param, arg in zip(FUNCTIONS[call.function].params, call.args, strict=True):
            if isinstance(arg, Struct):
                members = MEMBERS.get(arg.type, {})
                lines.append(f"        {arg.type} params;")
                lines.append("        memset(&params, 0, sizeof params);")
                lines += [
                    f"        params.{members.get(name, name)} = {self._value(param, value)};"
                    for name, value in arg.fields
                ]
                for name, text in FIXED.get(arg.type, {}).items():
                    lines.append(f"        params.{name} = {text};")
                head = HEADS.get(arg.type)
                args.append(f"&params.{head}" if head else "&params")
                if param.kind is Kind.SIZED_STRUCT:
                    args.append("sizeof params")
            else:
                args.append(self._value(param, arg))
        function = FUNCTIONS[call.function]
        lines.append(f"        status = add_node({function.c_name or function.name}(")
        lines += _wrapped(args)
        lines[-1] += "));"
        lines += ["        if (status != VX_SUCCESS)", "            return status;", "    }"]
        return "\n".join(lines)

    def _value(self, param: Param, arg: Arg) -> str:
        match arg:
            case Ref(name):
                array = {Kind.LUT: "lut", Kind.SCALAR: "scalar"}.get(param.kind, "tensor")
                return f"net->{array}[at_{name}]"
            case Enum(name):
                return name
            case Int(value):
                return str(value)
            case Float(value):
                return _float(value)
            case Null():
                return "NULL"
            case Struct():
                raise TypeError("structures are not nested")


_STRUCTS = """enum { IS_INPUT, IS_OUTPUT, IS_CONST, IS_VIRTUAL, IS_PREFILLED, IS_STATE };

/* A tensor: its NNEF name and label, and what it is made with;
 * stored = real * scale * 2^position. */
struct tensor {
    const char *source, *label;
    int role;
    vx_enum type;
    vx_int8 position;
    vx_size rank, dims[6];
    long fill;
    double scale;
};

struct view {
    int parent;
    vx_size start[6], end[6];
};

/* The stored numbers of a constant tensor or a table. */
struct payload {
    int is_lut, index;
#ifdef NETWORK_EMBEDDED
    const void *data;
#else
    long offset;
#endif
    size_t size;
};
"""


def _wrapped(args: list[str]) -> list[str]:
    lines = [f"            {args[0]}"]
    for arg in args[1:]:
        if len(lines[-1]) + len(arg) > 96:
            lines[-1] += ","
            lines.append(f"            {arg}")
        else:
            lines[-1] += f", {arg}"
    return lines


def _extents(dims: Dims) -> str:
    return "{" + ", ".join(map(str, dims)) + "}"


def _float(value: float) -> str:
    return f"{value!r}f" if "." in repr(value) or "e" in repr(value) else f"{value!r}.0f"


def _string(text: str) -> str:
    shown = "".join(
        c if 32 <= ord(c) < 127 and c not in '"\\?' else f"\\{ord(c) & 0xFF:03o}" for c in text
    )
    return f'"{shown}"'


def _port_comment(direction: str, plan: Plan, names: tuple[str, ...]) -> str:
    lines = []
    for number, name in enumerate(names):
        tensor = plan.tensor(name)
        extents = " x ".join(map(str, tensor.shape or tensor.dims[::-1]))
        lines.append(f" *   {direction} {number}: {tensor.source or name}, {extents}")
    return "\n".join(lines)
