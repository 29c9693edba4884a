"""``adaptnet key``: make API keys."""

from typing import Annotated

import typer

from app.cli.connection import connect
from app.cli.console import err, examples

group = typer.Typer(help="Make API keys.", no_args_is_help=True)

Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help="What it may do; repeatable [default: all but admin]"),
]
CREATE_EXAMPLES = """
adaptnet key create notebook
adaptnet key create dashboard --scope models:read --scope predict
"""


@group.callback()
def key() -> None:
    """Make API keys."""


@group.command(epilog=examples(CREATE_EXAMPLES))
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it")], scope: Scopes = None
) -> None:
    """Make an API key; needs a key with the scope admin. The secret is printed once, alone."""
    with connect() as client:
        made = client.create_key(name, scope)
    err.print(f"{made['id']} may: {', '.join(made['scopes'])}")
    typer.echo(made["secret"])
