"""`nnefx explain`."""

import json

import click


@click.command()
@click.argument("codes", nargs=-1, metavar="CODE...")
@click.option("--all", "everything", is_flag=True, help="Explain every code.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def explain(codes: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Explain a diagnostic CODE such as NX304, or list all codes."""
    from nnefx.codes import CODES, FAMILIES, is_selected, markdown

    wanted = tuple(code.upper() for code in codes) or (("ALL",) if everything else ())
    for code in wanted:
        if not any(is_selected(name, (code,)) for name in CODES):
            raise click.BadParameter(f"'{code}' is no diagnostic code; `nnefx explain` lists them")
    chosen = [code for name, code in CODES.items() if is_selected(name, wanted)]
    if as_json:
        entries = [
            {"code": code.code, "title": code.title, "severity": str(code.severity),
             "default": code.on, "text": code.text, "bad": code.bad, "good": code.good,
             "fix": code.fix}
            for code in chosen or CODES.values()
        ]  # fmt: skip
        click.echo(json.dumps({"format_version": 1, "codes": entries}, indent=2))
    elif chosen:
        click.echo("\n".join(markdown(code, 1) for code in chosen), nl=False)
    else:
        for prefix, family in FAMILIES.items():
            listed = [entry for name, entry in CODES.items() if name.startswith(prefix)]
            if listed:
                click.echo(f"{prefix}xx  {family}")
                lines = [f"  {entry.code}  {entry.title}" for entry in listed]
                click.echo("\n".join(lines))
