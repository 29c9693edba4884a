"""``adaptnet jobs``: list, look at, follow, pause, cancel."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.connection import connect
from app.cli.console import examples, moment, out, show_json, show_rows

group = typer.Typer(help="List, watch, pause and cancel jobs.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="JOB", help="An id such as job_01k8...")]
Statuses = Annotated[list[str] | None, typer.Option("--status", help="Only these; repeatable")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only these; repeatable")]
Limit = Annotated[int, typer.Option(min=1, help="How many, newest first")]
ReportFile = Annotated[Path, typer.Option("--out", help="Where to save it")]
Whole = Annotated[bool, typer.Option("--json", help="The whole answer of the service")]


@group.command("ls", epilog=examples("adaptnet jobs ls --status running --kind train"))
def list_jobs(status: Statuses = None, kind: Kinds = None, limit: Limit = 20) -> None:
    """List jobs, newest first."""
    with connect() as client:
        found = client.jobs.list(status=status, kind=kind, limit=limit)
    show_rows(
        ("job", "kind", "dataset", "status", "phase", "done", "created"),
        [
            (
                *(job.id, job.kind, job.document["spec"].get("dataset"), job.status, job.phase),
                *(f"{job.fraction:.0%}", moment(job.document["timestamps"]["created"])),
            )
            for job in found
        ],
    )


@group.command(
    epilog=examples("adaptnet jobs show job_01k8...\nadaptnet jobs show job_01k8... --json")
)
def show(job: Id, whole: Whole = False) -> None:
    """Show where a job stands, its error or its result."""
    from app.cli.outcome import show_outcome  # noqa: PLC0415  (httpx and numpy)

    with connect() as client:
        found = client.jobs.get(job)
        if whole:
            show_json(found.document)
            return
        document = found.document
        out.print(f"{found.kind} {found.id}: [bold]{found.status}[/]", end="")
        out.print(f", {found.fraction:.0%}" + (f", {found.phase}" if found.phase else ""))
        if document["waiting_reason"]:
            out.print(escape(document["waiting_reason"]))
        if found.error:
            out.print(f"[red]{escape(str(found.error.get('message')))}[/]")
            out.print(escape(f"-> {found.error.get('hint')}"))
            typer.echo(found.error.get("log_excerpt") or "")
        if found.kind == "train" and found.result:
            show_outcome(found)
        elif found.result:
            show_json(found.result)


@group.command(epilog=examples("adaptnet jobs logs job_01k8...\nadaptnet jobs logs job_01k8... -f"))
def logs(
    job: Id,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on to the job's end")] = False,
) -> None:
    """Print the history of a job: what happened when, with numbers."""
    from app.client.watch import headline_of  # noqa: PLC0415  (httpx and numpy)

    with connect() as client:
        found = client.jobs.get(job)
        for event in found.stream() if follow else found.events():
            if event.seq is not None:
                when = (event.created_at or "")[11:23]
                typer.echo(f"{event.seq:>4} {when} {event.type:<22} {headline_of(event.data, 3)}")


@group.command(epilog=examples("adaptnet jobs watch job_01k8..."))
def watch(job: Id) -> None:
    """Watch a job to its end; Ctrl-C leaves it running. Exit status 1 unless it succeeds."""
    from app.cli.outcome import show_outcome  # noqa: PLC0415  (httpx and numpy)

    with connect() as client:
        ended = client.jobs.get(job).watch()
        if ended.kind == "train" and ended.result:
            show_outcome(ended)
    if ended.ended and ended.status != "succeeded":
        raise typer.Exit(1)


@group.command(epilog=examples("adaptnet jobs compare job_01k8..."))
def compare(job: Id, whole: Whole = False) -> None:
    """Show our network beside the Adam MLP, LightGBM and ridge: error, time, size, latency."""
    from app.cli.comparison import show_comparison  # noqa: PLC0415  (httpx and numpy)

    with connect() as client:
        document = client.jobs.get(job).comparison()
    if whole:
        show_json(document)
    else:
        show_comparison(document)


@group.command(
    epilog=examples(
        "adaptnet jobs report job_01k8...\nadaptnet jobs report job_01k8... --out bikes.md"
    )
)
def report(job: Id, target: ReportFile = Path("report.html")) -> None:
    """Save the report: a page for .html, Markdown for .md, JSON for anything else."""
    with connect() as client:
        out.print(escape(f"saved {client.jobs.get(job).save_report(target)}"))


@group.command(epilog=examples("adaptnet jobs cancel job_01k8..."))
def cancel(job: Id) -> None:
    """Ask for a job's end; it may still succeed if it is done first."""
    with connect() as client:
        out.print(f"{job} is {client.jobs.cancel(job).status}")


@group.command(epilog=examples("adaptnet jobs pause job_01k8..."))
def pause(job: Id) -> None:
    """Hold a job back until it is resumed; one that runs finishes its phase first."""
    with connect() as client:
        paused = client.jobs.pause(job)
    out.print(f"{job} is paused" + ("" if paused.status == "queued" else " after its phase"))
    out.print(f"-> adaptnet jobs resume {job}")


@group.command(epilog=examples("adaptnet jobs resume job_01k8..."))
def resume(job: Id) -> None:
    """Let a paused job go on behind its last finished phase."""
    with connect() as client:
        out.print(f"{job} is {client.jobs.resume(job).status}")
