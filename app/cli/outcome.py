"""A training's result as a panel: what was measured, what was chosen and why, how it compares."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from app.cli.console import n_bytes, out
from app.client import ApiError, Job
from app.client.watch import number

NAMES = {
    "network": "Motif Mimicry (ours)",
    "sgd": "SGD baseline",
    "trees": "LightGBM",
    "ridge": "ridge",
    "teacher": "teacher (not delivered)",
}


def show_outcome(job: Job, package: Path | None = None, console: Console = out) -> None:
    """Print the panel of a succeeded job; ``package`` is where its model was put."""
    try:
        advice = job.advice()
    except ApiError:
        advice = {}
    console.print(panel(job.result or {}, advice, package))


def panel(result: Mapping[str, Any], advice: Mapping[str, Any], package: Path | None) -> Panel:
    """The panel from the job's result and its advice; what they lack is left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    rows = (
        *_about(result),
        *_dimension(result.get("dimension") or {}),
        *_network(result),
        *_reasons(advice.get("evidence") or []),
        *_errors(result),
        *_trust(result),
        *_model(result, package),
    )
    for name, text in rows:
        grid.add_row(name, escape(text))
    title = f"[bold]{escape(str(result.get('register_as') or 'result'))}[/]"
    return Panel(grid, title=title, border_style="green", expand=False)


def _about(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if result.get("target"):
        rows = f", {result['n_rows']:,} rows" if result.get("n_rows") else ""
        yield "predicts", f"{result['target']} ({result.get('task', '?')}{rows})"


def _dimension(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if found.get("value") is None:
        return
    text = number(found["value"])
    if found.get("low") is not None and found.get("high") is not None:
        text += f"  ({number(found['low'])} to {number(found['high'])}{_level(found.get('level'))})"
    yield "intrinsic dimension", text


def _level(level: object) -> str:
    if isinstance(level, int | float) and 0 < level < 1:
        return f", {level:.0%} interval"
    return f", {level}" if level else ""


def _network(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    chosen = result.get("architecture") or {}
    parts = [
        f"{number(chosen[key])} {words}" if before else f"{words} {number(chosen[key])}"
        for key, words, before in (
            ("n_motifs", "motifs", True),
            ("depth", "depth", False),
            ("width", "width", False),
        )
        if chosen.get(key) is not None
    ]
    n_parameters = result.get("n_parameters") or chosen.get("n_parameters")
    if n_parameters is not None:
        parts.append(f"{number(n_parameters)} parameters")
    if parts:
        yield "network", ", ".join(parts)


def _reasons(evidence: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """One line an entry: the decision, its value, the rule that made it, who says so."""
    for index, entry in enumerate(evidence):
        rule = f": {entry['rule']}" if entry.get("rule") else ""
        by = entry.get("decided_by") or entry.get("source")
        value = entry.get("value")
        says = "" if value is None else f" = {number(value)}"
        text = f"{entry.get('decision', '?')}{says}{rule}" + (f" [{by}]" if by else "")
        yield "because" if index == 0 else "", text


def _errors(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    test, seconds = result.get("test") or {}, result.get("seconds") or {}
    metric = str(result.get("metric") or "error").replace("_", " ")
    width = max((len(NAMES.get(name, name)) for name in test), default=0)
    order = [name for name in NAMES if name in test]
    for index, name in enumerate([*order, *(name for name in test if name not in NAMES)]):
        took = f"   {number(seconds[name])} s" if seconds.get(name) is not None else ""
        text = f"{NAMES.get(name, name):<{width}}  {number(test[name]):>9}{took}"
        yield f"test {metric}" if index == 0 else "", text
    if result.get("sentence"):
        yield "", str(result["sentence"])


def _trust(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """How far a single prediction can be trusted, and for classes how far its probability."""
    found = result.get("uncertainty") or {}
    held = found.get("coverage") or {}
    if held.get("value") is not None:
        kind = "sets" if result.get("classes") else "intervals"
        share = f"{held['value']:.1%} ({held['low']:.1%} to {held['high']:.1%})"
        yield f"{held['level']:.0%} {kind}", f"hold {share} of the test rows"
    elif found.get("reason"):
        yield "intervals", f"none: {found['reason']}"
    metrics = result.get("test_metrics") or {}
    for key in ("balanced_error_rate", "expected_calibration_error"):
        if metrics.get(key) is not None:
            yield key.replace("_", " "), number(metrics[key])


def _model(result: Mapping[str, Any], package: Path | None) -> Iterator[tuple[str, str]]:
    size = result.get("package_bytes") or (package.stat().st_size if package else None)
    if size is not None:
        yield "package", n_bytes(size)
    if package is not None:
        yield "model", f"{package} (hashes and self-test verified)"
