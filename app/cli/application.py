"""All commands in one place, and the one place where errors become sentences."""

import sys
from collections.abc import Callable

import typer

from app.cli import (
    audit,
    check,
    datasets,
    estimate,
    jobs,
    keys,
    models,
    offline,
    packages,
    service,
    train,
    webhooks,
)
from app.cli.console import err, examples
from app.cli.failures import EXTRAS, known_errors, missing_extra

HELP = """Measure a table's intrinsic dimension, get the network that follows from it, trained
without SGD.

The first three steps: `adaptnet up --demo`, `adaptnet check data.csv`,
`adaptnet train data.csv --target y`. The address and the key come from ADAPTNET_URL and
ADAPTNET_KEY, or from the local service of `adaptnet up`.
"""

COMMANDS: tuple[tuple[Callable[..., None], str], ...] = (
    (check.check, check.EXAMPLES),
    (estimate.estimate, estimate.EXAMPLES),
    (train.train, train.EXAMPLES),
    (packages.verify, packages.VERIFY_EXAMPLES),
    (packages.predict, packages.PREDICT_EXAMPLES),
    (offline.run, offline.EXAMPLES),
    (audit.audit, audit.EXAMPLES),
    (service.up, service.UP_EXAMPLES),
    (service.down, service.DOWN_EXAMPLES),
    (service.status, service.STATUS_EXAMPLES),
    (service.doctor, service.DOCTOR_EXAMPLES),
)
GROUPS: tuple[tuple[str, typer.Typer], ...] = (
    ("jobs", jobs.group),
    ("datasets", datasets.group),
    ("models", models.group),
    ("webhooks", webhooks.group),
    ("key", keys.group),
)


def build() -> typer.Typer:
    """The command with all its parts."""
    cli = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )
    for function, lines in COMMANDS:
        cli.command(epilog=examples(lines))(function)
    for name, group in GROUPS:
        cli.add_typer(group, name=name)
    return cli


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. A known error is one sentence on stderr and exit status 1."""
    try:
        build()(args=arguments, prog_name="adaptnet")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRAS:
            raise
        _fail(missing_extra(error))
    except known_errors() as error:
        _fail(str(error))


def _fail(sentence: str) -> None:
    err.print(sentence, style="red", markup=False, soft_wrap=True)
    sys.exit(1)
