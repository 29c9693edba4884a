"""Watching a job in a terminal: a line for each finished phase, a bar for the rest.

Where the output is no terminal there is no bar, only lines.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from app.client.errors import reason
from app.client.events import Event

if TYPE_CHECKING:
    from app.client.jobs import Job

QUIET = frozenset({"job.progress", "job.created", "job.starting", "job.running", "job.finalizing"})


def watch(job: "Job", console: Console | None = None) -> "Job":
    """Follow a job to its end and return it as it is then. Ctrl-C leaves it running."""
    console = console or Console()
    console.print(f"[bold]{job.kind}[/] {job.id}", highlight=False)
    try:
        with _bar(console) as bar:
            task = bar.add_task(job.status, total=1.0, completed=0)
            for event in job.stream():
                _advance(bar, task, event)
                if line := describe(event):
                    bar.console.print(line, highlight=False, soft_wrap=not console.is_terminal)
    except KeyboardInterrupt:
        console.print(f"stopped watching, {job.id} goes on; adaptnet jobs watch|cancel {job.id}")
        return job.refresh()
    ended = job.refresh()
    mark = "[green]✓[/]" if ended.status == "succeeded" else "[red]✗[/]"
    console.print(f"{mark} {ended.status}{escape(reason(ended.error))}", highlight=False)
    return ended


def describe(event: Event) -> str | None:
    """An event as one line of markup, or None for those that only move the bar."""
    data, name = dict(event.data), event.type.removeprefix("job.")
    if event.type in QUIET or name.endswith(("started", "succeeded", "failed")):
        return None
    if name == "queued":  # the first time without a reason
        return f"[yellow]· queued again[/]  {escape(data['reason'])}" if "reason" in data else None
    phase = data.pop("phase", "")
    if name == "phase_completed":
        took = f"{float(data.get('seconds') or 0):7.1f} s"
        return f"[green]✓[/] {phase:<13}{took}  {escape(headline_of(data.get('headline') or {}))}"
    return f"[dim]· {name}[/]  {escape(headline_of(data))}".rstrip()


def headline_of(values: Mapping[str, Any], depth: int = 2) -> str:
    """Numbers and short texts as ``name value``; lists are counted, objects looked into."""
    shown = {name: _short(value, depth) for name, value in values.items()}
    return ", ".join(f"{name} {text}" for name, text in shown.items() if text)


def number(value: object) -> str:
    """Four digits of a fraction, whole numbers with separators, text as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _short(value: object, depth: int) -> str:
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, Mapping) and depth > 1:
        return f"({headline_of(value, depth - 1)})"
    return f"[{len(value)}]" if isinstance(value, list | Mapping) else number(value)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<13}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _advance(bar: Progress, task: TaskID, event: Event) -> None:
    data = event.data
    if event.type == "job.progress":
        word = data.get("phase") or data.get("status") or ""
        bar.update(task, completed=data.get("fraction") or 0.0, description=word)
    elif event.type == "job.phase_started":
        bar.update(task, description=str(data.get("phase") or ""))
