"""``adaptnet up``, ``down``, ``status`` and ``doctor``: the whole service on this machine."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from app.cli.console import err, out

if TYPE_CHECKING:
    from app.embedded.service import Running

UP_EXAMPLES = """
adaptnet up
adaptnet up --demo
adaptnet up --demo --exit --home /tmp/try
adaptnet up --host 0.0.0.0 --port 8080
"""
DOWN_EXAMPLES = """
adaptnet down
adaptnet down --home /tmp/try
"""
STATUS_EXAMPLES = """
adaptnet status
"""
DOCTOR_EXAMPLES = """
adaptnet doctor
"""

Home = Annotated[
    Path | None,
    typer.Option(help="State folder [default: ADAPTNET_HOME or ./.adaptnet]"),
]
Host = Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets others in")]
Port = Annotated[int, typer.Option(min=1, max=65535)]
Demo = Annotated[bool, typer.Option("--demo", help="Train on an example table and show the result")]
Exit = Annotated[bool, typer.Option("--exit", help="Stop everything after the demo")]


def up(
    home: Home = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    demo: Demo = False,
    leave: Exit = False,
) -> None:
    """Start the whole service on this machine: database, broker, API and a worker.

    Needs no Docker and no root. Everything lies in one state folder; Ctrl-C stops it, the next
    `up` goes on with the same data. For production see docker-compose.yml.
    """
    if leave and not demo:
        raise typer.BadParameter("--exit only makes sense with --demo", param_hint="--exit")
    from app.cli.demo import Demonstration  # noqa: PLC0415  (httpx and numpy)
    from app.embedded import service  # noqa: PLC0415  (the extra "embedded")

    demonstration = Demonstration(leave=leave)

    def ready(running: "Running") -> None:
        if demo:
            demonstration.start(running)
        else:
            announce(running)

    err.print(f"starting in {escape(str(home or os.environ.get('ADAPTNET_HOME') or '.adaptnet'))}")
    service.run(home, host=host, port=port, ready=ready)
    if demonstration.failed:
        raise typer.Exit(1)


def announce(running: "Running") -> None:
    """Where the service is and how to talk to it."""
    key_file = escape(str(running.home / "api-key"))
    out.print(f"[green]✓[/] Serving at [bold]{running.url}[/] (API: {running.url}/docs), ", end="")
    out.print(f"key in {key_file}, Ctrl-C stops", soft_wrap=True)
    out.print(f"  export ADAPTNET_URL={running.url} ADAPTNET_KEY=$(cat {key_file})", soft_wrap=True)


def down(home: Home = None) -> None:
    """Stop the service of a state folder; its data stays."""
    from app.embedded import service  # noqa: PLC0415  (the extra "embedded")

    stopped = service.down(home)
    out.print(f"stopped {stopped.url}" if stopped else "nothing is running there")


def status(home: Home = None) -> None:
    """Say whether the service runs, where, and what waits. Exit status 1 if it does not."""
    from app.client import Client  # noqa: PLC0415  (httpx and numpy)
    from app.embedded import service  # noqa: PLC0415  (the extra "embedded")

    running = service.status(home)
    if running is None:
        out.print("nothing is running here; start it with: adaptnet up")
        raise typer.Exit(1)
    out.print(f"{running.url}, process {running.pid}, since {running.started}, ", end="")
    out.print("[green]ready[/]" if running.is_ready() else "[yellow]not ready[/]")
    if running.api_key:
        with Client(running.url, running.api_key) as client:
            found = client.status()
        for name in ("queued", "workers"):
            counts = ", ".join(f"{count} on {queue}" for queue, count in found[name].items())
            out.print(f"{name}: {counts or 'none'}")


def doctor(home: Home = None, port: Port = 8000) -> None:
    """Check this machine and, where it runs, the service. Exit status 1 if something is wrong."""
    from app.embedded.doctor import examine  # noqa: PLC0415  (the extra "embedded")

    checks = examine(home, port=port)
    for check in checks:
        mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
        out.print(f"{mark} {check.name:<13} {escape(check.detail)}", soft_wrap=True)
        if check.remedy:
            out.print(f"  -> {escape(check.remedy)}", soft_wrap=True)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
