"""`nnefx targets`."""

import json

import click


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def targets(name: str | None, as_json: bool) -> None:
    """List the targets of `nnefx check --target`, or say what the profile NAME is about."""
    from nnefx.checking import load, names

    chosen = [load(name)] if name else [load(each) for each in names()]
    if as_json:
        entries = [
            {"name": target.name, "title": target.title, "note": target.note.strip()}
            for target in chosen
        ]
        click.echo(json.dumps({"format_version": 1, "targets": entries}, indent=2))
    elif name:
        click.echo(f"{chosen[0].name}: {chosen[0].title}\n\n{chosen[0].note.strip()}")
    else:
        width = max(len(target.name) for target in chosen)
        for target in chosen:
            click.echo(f"{target.name:<{width}}  {target.title}")
