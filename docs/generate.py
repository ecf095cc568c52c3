"""Write the pages of docs/ that follow from the code: `python docs/generate.py`, or `make docs`.

A test compares the pages with what this script would write (tests/test_docs.py).
"""

import re
from collections.abc import Mapping
from pathlib import Path

import click

from nnefx.cli import VERBS, cli
from nnefx.codes import CODES, FAMILIES, markdown
from nnefx.ops import Op, standard_ops, stdlib_source
from nnefx.syntax.ast import Fragment

DOCS = Path(__file__).parent

NOTICE = "<!-- Written by `make docs`: change {source} instead. -->\n"
SECTION = re.compile(r"^# ---- (?P<title>\d.*?) -*$", re.MULTILINE)


def pages() -> Mapping[str, str]:
    """Return the generated pages by file name."""
    return {
        "caffe.md": with_layers((DOCS / "caffe.md").read_text(encoding="utf-8")),
        "cli.md": commands(),
        "custom-operations.md": custom_operations(),
        "diagnostics.md": diagnostics(),
        "tensorflow.md": with_operators((DOCS / "tensorflow.md").read_text(encoding="utf-8")),
        "operations.md": operations(stdlib_source().text, standard_ops()),
    }


def commands() -> str:
    """Return the reference of the command line: the help of every verb."""
    lines = [
        "# Command line",
        "",
        NOTICE.format(source="`nnefx/cli/`"),
        "Data goes to stdout, words and progress to stderr. The exit code is 0 where nothing is",
        "wrong, 1 where the model has problems, 2 for wrong use (a bad option, a missing file or",
        "package), 70 for a bug of nnefx, 130 when interrupted, 143 when terminated.",
        "",
    ]
    root = click.Context(cli, info_name="nnefx", terminal_width=92, **cli.context_settings)
    for verb in VERBS:
        command = cli.get_command(root, verb)
        assert command is not None
        context = click.Context(command, info_name=verb, parent=root)
        lines += [f"## {verb}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


def with_layers(page: str) -> str:
    """Return the page about Caffe with the table of layers renewed."""
    head, _, rest = page.partition(" from converters/caffe and tests/ -->\n")
    end = rest[rest.index("<!-- end of layers -->") :]
    return f"{head} from converters/caffe and tests/ -->\n{layers()}{end}"


def layers() -> str:
    """Return the table of the layers that are imported, and what tests hold each to."""
    from nnefx.converters.caffe.read import load_rules

    rules = load_rules()
    tests = {
        name: "".join(
            (DOCS.parent / "tests" / f"test_caffe_{file}.py").read_text(encoding="utf-8")
            for file in files
        )
        for name, files in (("OpenCV", ["layers"]), ("formula", ["formulas", "coverage"]))
    }
    lines = ["| layer | fields | compared with |", "|---|---|---|"]
    for kind in rules.names():
        rule = rules.find(kind, 1)
        assert rule is not None
        fields = ", ".join(f"`{name}`" for name in sorted(rule.attributes))
        held = ", ".join(name for name, text in tests.items() if f'"{kind}"' in text)
        lines.append(f"| {kind} | {fields} | {held} |")
    return "\n".join(lines) + "\n"


def with_operators(page: str) -> str:
    """Return the page about TensorFlow with the lists of operators renewed."""
    head, _, rest = page.partition("<!-- from converters/tensorflow -->\n")
    end = rest[rest.index("<!-- end of operators -->") :]
    return f"{head}<!-- from converters/tensorflow -->\n{operators()}{end}"


def operators() -> str:
    """Return the operators that have a rule; TensorFlow itself is not imported for that."""
    from importlib import import_module

    lines = []
    for title, package in (("TFLite", "lite"), ("TensorFlow", "graph")):
        base = f"nnefx.converters.tensorflow.{package}"
        for family in import_module(f"{base}.tables").FAMILIES:
            import_module(f"{base}.{family}")
        names = import_module(f"{base}.tables").rules.names()
        listed = ", ".join(f"`{name}`" for name in names)
        lines += [f"**{title}**, {len(names)} operators: {listed}.", ""]
    return "\n".join(lines)


def diagnostics() -> str:
    """Return the reference of the codes that findings have."""
    lines = [
        "# Diagnostics",
        "",
        NOTICE.format(source="`nnefx/codes/`"),
        "What each code means, an example, and what to do. `nnefx explain CODE` prints the same.",
        "",
    ]
    for prefix, title in FAMILIES.items():
        found = [markdown(code) for name, code in sorted(CODES.items()) if name.startswith(prefix)]
        lines += [f"## {prefix}xx: {title}", "", *found] if found else []
    return "\n".join(lines)


def operations(text: str, ops: Mapping[str, Op]) -> str:
    """Return the reference of the standard operations, in the order of the specification."""
    lines = [
        "# Operations",
        "",
        NOTICE.format(source="`grammar/stdlib.nnef`"),
        f"The {len(ops)} operations of NNEF 1.0.5, with their signatures. *Kernel*: nnefx computes",
        "it directly. *Body*: its meaning is written in NNEF, and where a target lacks the",
        "operation, it is replaced by that. `nnefx ops NAME` prints the same.",
        "",
    ]
    headings = [(match.start(), match["title"]) for match in SECTION.finditer(text)]
    for op in ops.values():
        while headings and headings[0][0] < op.signature.pos:
            lines += [f"## {headings.pop(0)[1]}", ""]
        lines += _operation(text, op)
    return "\n".join(lines)


def _operation(text: str, op: Op) -> list[str]:
    start = op.signature.pos
    end = re.compile(r"\s*[;{]").search(text, start)
    assert end, "a declaration ends"
    body = op.signature.body is not None
    means = {
        (True, True): "Kernel and body",
        (True, False): "Kernel",
        (False, True): "Body",
        (False, False): "Given by the caller or the file",
    }
    return [
        f"### {op.name}",
        "",
        op.signature.doc.strip(),
        "",
        "```",
        text[start : end.start()],
        "```",
        "",
        f"*{means[op.run is not None, body]}.*",
        "",
    ]


def custom_operations() -> str:
    """Return the reference of the operations that importers add, by the files that declare them."""
    from nnefx.converters.fragments import library
    from nnefx.converters.fragments.shapes import SHAPES

    found = library()
    lines = [
        "# Custom operations",
        "",
        NOTICE.format(source="`converters/fragments/`"),
        f"What frameworks compute and NNEF 1.0.5 has no operation for: {len(found)} fragments that",
        "importers declare in the models that need them, with the extension",
        "`KHR_enable_fragment_definitions`. Those with a *body* are plain NNEF: any consumer of",
        "compositional syntax runs them, and `nnefx flatten` replaces them by standard operations.",
        "Those without are *custom* operations, which a consumer has to know: nnefx has a shape",
        "rule and a kernel for each, and `nnefx check --target` names those that a target lacks.",
        "",
    ]
    head = ""
    for name, (fragment, source) in found.items():
        if source.name != head:
            head = source.name
            lines += [f"## {_comment(source.text)}", ""]
        lines += _custom(name, fragment, source.text, SHAPES.get(name))
    return "\n".join(lines)


def _comment(text: str) -> str:
    """Return the sentence at the top of a file of fragments, as a heading."""
    first = text.split("\n\n")[0].replace("\n# ", " ").removeprefix("# ")
    return re.split(r"[.:](?: |$)", first)[0]


def _custom(name: str, fragment: Fragment, text: str, shape: str | None) -> list[str]:
    rest = text[fragment.pos :]
    end = rest.index("\n}") + 2 if fragment.body is not None else rest.index(";") + 1
    means = f"*Custom.* Shape: {shape}." if shape else "*Body.* The shape follows from it."
    doc = fragment.doc.strip().replace("\n", " ").removesuffix(".")
    return [f"### {name}", "", f"{doc}.", "", "```", rest[:end], "```", "", means, ""]


if __name__ == "__main__":
    for name, page in pages().items():
        (DOCS / name).write_text(page, encoding="utf-8")
