"""`nnefx ops`."""

import click


@click.command()
@click.argument("name", required=False)
def ops(name: str | None) -> None:
    """List the operations of NNEF, or show one: its signature, meaning and body."""
    from nnefx.ops import standard_ops
    from nnefx.syntax.printer import print_fragment

    known = standard_ops()
    if name is None:
        for op in known.values():
            first = op.signature.doc.split("\n", 1)[0]
            click.echo(f"{op.name:30} {first}")
        return
    if name not in known:
        from nnefx.ir.builder import unknown_operation

        raise click.UsageError(unknown_operation(name, known))
    op = known[name]
    click.echo("\n".join(f"# {line}" for line in op.signature.doc.splitlines()))
    click.echo(print_fragment(op.signature))
