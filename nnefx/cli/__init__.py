"""The command line; see `docs/cli.md`. Commands are loaded when they are called."""

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from typing import Any, NoReturn

import click

from nnefx._version import __version__
from nnefx.diagnostics import NnefError

# Verb, module that holds the command of the same name, and what `nnefx --help` says of it: kept
# here so that help costs no import.
VERBS = {
    "convert": ("convert", "Convert a model of another framework, or another container."),
    "check": ("check", "Tell everything that is wrong with models."),
    "run": ("run", "Run a model on given or random inputs."),
    "verify": ("verify", "Compare a model with what it was converted from, tensor by tensor."),
    "info": ("info", "Tell a model's inputs, outputs, operations, parameters and cost."),
    "quantize": ("quantize", "Make integers of a model's weights, and ranges of its activations."),
    "export": ("export", "Lower a model to OpenVX: a C project or a blob."),
    "fmt": ("fmt", "Format texts, comments kept."),
    "flatten": ("flatten", "Replace the fragments that a model declares by their bodies."),
    "init": ("init", "Make tensor files with initial values for a model that has none."),
    "show": ("show", "Draw a model: SVG, a page, or text."),
    "diff": ("diff", "Tell how two models differ, in structure and weights."),
    "new": ("new", "Begin a model from a template."),
    "pack": ("pack", "Put the folder of a model into an archive."),
    "unpack": ("pack", "Put the archive of a model into a folder."),
    "lsp": ("lsp", "Serve editors: the language server."),
    "ops": ("ops", "List the operations of NNEF, or document one."),
    "explain": ("explain", "Explain a diagnostic code."),
    "targets": ("targets", "List the consumers that `check --target` knows."),
}

EXIT_PROBLEM, EXIT_USAGE, EXIT_BUG, EXIT_INTERRUPT = 1, 2, 70, 130
EXIT_SIGNAL = 128  # and the number of the signal
# Of an error that lies in the call, not in the model: no such file, output exists, extra missing.
USAGE_CODES = {"NX001", "NX002", "NX010", "NX011", "NX012", "NX016", "NX017", "NX018", "NX601"}
USAGE_CODES |= {"NX307", "NX509", "NX510", "NX511"}  # NX307: arrays that are given to run


class Verbs(click.Group):
    """The group of commands, each imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of their table."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"nnefx.cli.{VERBS[cmd_name][0]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; click itself would leave with 1 where the reader of stdout is gone."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return result

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="nnefx")
def cli() -> None:
    """Compiler for the Khronos Neural Network Exchange Format (NNEF 1.0.5)."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # The server writes no files, and has threads that wait for its input.
    with nullcontext() if arguments[:1] == ["lsp"] else _ending_in_order():
        result = _run(arguments)
    sys.exit(result if isinstance(result, int) else 0)


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Let a request to end pass as an exception, so that half-written outputs are removed."""
    before: dict[int, Any] = {}
    try:
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            # `nohup` ignores it
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                with suppress(ValueError):  # not the main thread: who has that one decides
                    before[number] = signal.signal(number, _leave)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _frame: object) -> NoReturn:
    sys.exit(EXIT_SIGNAL + number)


def _run(arguments: Sequence[str]) -> Any:
    try:
        return cli.main(arguments, prog_name="nnefx", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except NnefError as error:
        click.echo(str(error), err=True)
        return EXIT_USAGE if error.code in USAGE_CODES else EXIT_PROBLEM
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return EXIT_INTERRUPT
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            return _report_refusal(error, arguments)
        return _report_bug(error, arguments)


def _report_refusal(error: OSError, arguments: Sequence[str]) -> int:
    """Say what the operating system refused: a path that cannot be used, a disk that is full."""
    if "-v" in arguments or "--verbose" in arguments:
        click.echo("".join(traceback.format_exception(error)), err=True)
    code = "NX001" if isinstance(error, FileNotFoundError) else "NX002"
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    click.echo(f"{where}error[{code}]: {(error.strerror or str(error)).lower()}", err=True)
    return EXIT_USAGE


def _report_bug(error: Exception, arguments: Sequence[str]) -> int:
    details = "".join(traceback.format_exception(error))
    if "-v" in arguments or "--verbose" in arguments:
        click.echo(details, err=True)
    with tempfile.NamedTemporaryFile("w", prefix="nnefx-", suffix=".log", delete=False) as log:
        log.write(f"nnefx {__version__}, Python {sys.version}\n{arguments}\n\n{details}")
    message = f"nnefx: internal error: {type(error).__name__}: {error}"
    click.echo(f"{message}\nthis is a bug of nnefx; its details are in {log.name}", err=True)
    return EXIT_BUG
