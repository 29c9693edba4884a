"""``adaptnet webhooks``: have the service call an address of yours."""

from typing import Annotated

import typer
from rich.markup import escape

from app.cli.connection import connect
from app.cli.console import err, examples, moment, out, show_json, show_rows

group = typer.Typer(
    help="Have events sent to an address, and see how it went.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="An id such as whk_01k8...")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY", help="An id such as dlv_5f0c...")]
Url = Annotated[str, typer.Argument(help="A public address that begins with https://")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", help="Such as job.failed, or job.*; repeatable [default: job ends]"),
]
Limit = Annotated[int, typer.Option(min=1, help="How many, newest first")]
Statuses = Annotated[
    list[str] | None,
    typer.Option("--status", help="pending, delivered or failed; repeatable"),
]
Whole = Annotated[bool, typer.Option("--json", help="The whole answer of the service")]
NewUrl = Annotated[str | None, typer.Option("--url", help="Another address")]
Enabled = Annotated[bool | None, typer.Option("--enable/--disable", help="Send, or do not")]
Overlap = Annotated[float, typer.Option(min=0, max=168, help="Hours that the old one signs along")]
Description = Annotated[str | None, typer.Option("--description", help="For people")]

ADD_EXAMPLES = """
adaptnet webhooks add https://example.com/hooks
adaptnet webhooks add https://example.com/hooks --event job.failed --event job.expired
"""
SET_EXAMPLES = """
adaptnet webhooks set whk_01k8... --enable
adaptnet webhooks set whk_01k8... --url https://example.com/other --event 'job.*'
"""
DELIVERIES_EXAMPLES = """
adaptnet webhooks deliveries whk_01k8... --status failed
"""


@group.command("ls", epilog=examples("adaptnet webhooks ls"))
def list_webhooks(limit: Limit = 20) -> None:
    """List webhooks, newest first, and how their receivers do."""
    with connect() as client:
        found = client.webhooks.list(limit)
    show_rows(
        ("webhook", "url", "events", "enabled", "failing since", "delivered", "failed"),
        [
            (
                *(hook.id, hook.url, " ".join(hook.events), "yes" if hook.enabled else "no"),
                moment(hook.document["failing_since"]),
                *(hook.document["delivered"], hook.document["failed"]),
            )
            for hook in found
        ],
    )


@group.command(epilog=examples(ADD_EXAMPLES))
def add(url: Url, event: Events = None, description: Description = None) -> None:
    """Have events sent to an address. The signing secret is printed once, alone."""
    with connect() as client:
        made = client.webhooks.create(url, event, description)
    err.print(f"{made.id} listens to: {', '.join(made.events)}", markup=False)
    typer.echo(made.secret)


@group.command("set", epilog=examples(SET_EXAMPLES))
def change(
    webhook: Id,
    url: NewUrl = None,
    event: Events = None,
    enabled: Enabled = None,
    description: Description = None,
) -> None:
    """Change address, events or description; disable and enable. The rest stays as it is."""
    given = {"url": url, "events": event, "enabled": enabled, "description": description}
    changes = {name: value for name, value in given.items() if value is not None}
    with connect() as client:
        changed = client.webhooks.get(webhook).update(**changes)
    show_json(changed.document)


@group.command(epilog=examples("adaptnet webhooks rm whk_01k8... --yes"))
def rm(
    webhook: Id, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False
) -> None:
    """Delete a webhook with the record of its deliveries."""
    with connect() as client:
        found = client.webhooks.get(webhook)
        if not yes:
            typer.confirm(f"Delete {webhook} ({found.url})?", abort=True)
        found.delete()
    out.print(f"deleted {escape(webhook)}")


@group.command(epilog=examples("adaptnet webhooks test whk_01k8..."))
def test(webhook: Id) -> None:
    """Have a test event sent; `deliveries` shows how it went."""
    with connect() as client:
        sent = client.webhooks.get(webhook).test()
    out.print(f"{sent.id} is on its way: adaptnet webhooks deliveries {escape(webhook)}")


@group.command(epilog=examples(DELIVERIES_EXAMPLES))
def deliveries(
    webhook: Id, status: Statuses = None, limit: Limit = 20, whole: Whole = False
) -> None:
    """List what was sent and how it went, newest first; kept for 30 days."""
    with connect() as client:
        found = client.webhooks.get(webhook).deliveries(limit, status=status)
    if whole:
        show_json([delivery.document for delivery in found])
        return
    show_rows(
        ("delivery", "event", "status", "tries", "answer", "error", "created"),
        [
            (
                d.id,
                d.event_type,
                d.status,
                d.tries,
                d.response_status,
                d.error,
                moment(d.created_at),
            )
            for d in found
        ],
    )


@group.command(epilog=examples("adaptnet webhooks replay whk_01k8... dlv_5f0c..."))
def replay(webhook: Id, delivery: DeliveryId) -> None:
    """Send a delivery again at once, with the same webhook-id."""
    with connect() as client:
        again = client.webhooks.get(webhook).delivery(delivery).replay()
    out.print(f"{again.id} is {again.status}")


@group.command(epilog=examples("adaptnet webhooks rotate whk_01k8... --overlap 48"))
def rotate(webhook: Id, overlap: Overlap = 24.0) -> None:
    """Make a new secret; it is printed once, alone. For some hours the old one signs along."""
    with connect() as client:
        rotated = client.webhooks.get(webhook).rotate_secret(overlap)
    until = moment(rotated.document["old_secret_until"])
    err.print(f"{webhook}: the old secret signs along until {until} UTC", markup=False)
    typer.echo(rotated.secret)
