"""``adaptnet audit``: who did what in the project."""

from typing import Annotated

import typer

from app.cli.connection import connect
from app.cli.console import moment, show_rows

EXAMPLES = """
adaptnet audit
adaptnet audit --action key.created --action key.revoked --limit 100
adaptnet audit --key key_01k8...
"""

Actions = Annotated[
    list[str] | None,
    typer.Option("--action", help="Only these, such as job.submitted; repeatable"),
]
Key = Annotated[str | None, typer.Option("--key", help="Only what this key did")]
Limit = Annotated[int, typer.Option(min=1, help="How many, newest first")]


def audit(action: Actions = None, key: Key = None, limit: Limit = 20) -> None:
    """Show who did what: keys, uploads, jobs, downloads, webhooks. Needs the scope admin."""
    with connect() as client:
        found = client.audit.list(limit, action=action, key_id=key)
    show_rows(
        ("when", "action", "resource", "outcome", "key", "request"),
        [
            (moment(e.created_at), e.action, e.resource, e.outcome, e.key_id, e.request_id)
            for e in found
        ],
    )
