"""`nnefx lsp`."""

import os

import click

from nnefx.diagnostics import NnefError


@click.command()
def lsp() -> None:
    """Serve editors over stdin and stdout with the Language Server Protocol."""
    try:
        from nnefx.lsp.server import make_server
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        message = "the language server needs packages: pip install 'nnefx[lsp]'"
        raise NnefError("NX012", message) from None
    # copies, as the server closes its streams, and words printed elsewhere need theirs
    with os.fdopen(os.dup(0), "rb") as reading, os.fdopen(os.dup(1), "wb") as writing:
        make_server().start_io(reading, writing)
