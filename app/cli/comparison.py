"""A job's comparison as a table: who was better, and what it cost."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from app.cli.console import out, show_rows
from app.client.watch import number

OURS, TEACHER = "network", "teacher"


def show_comparison(document: Mapping[str, Any]) -> None:
    """Print the table, best first, and the sentence below it."""
    metric = str(document["metric"]).replace("_", " ")
    headings = (
        "method",
        f"test {metric}",
        "difference from ours",
        "seconds",
        "numbers",
        "ms a row",
    )
    show_rows(headings, rows(document))
    out.print(escape(f"{document['summary']}."))
    matched = document.get("matched_quality")
    if matched:
        out.print(escape(_time_to_quality(matched, document["methods"])))


def rows(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """One row a method; a benchmark's are means over its seeds."""
    methods: Mapping[str, Mapping[str, Any]] = document["methods"]
    errors = {name: _error(document, found) for name, found in methods.items() if name != TEACHER}
    for name in sorted(errors, key=lambda method: errors[method]):
        found = methods[name]
        yield (
            found["name"],
            number(errors[name]),
            _difference(document["differences"].get(name)),
            number(found["seconds"]),
            number(found["n_parameters"]),
            f"{found['latency_ms']:.2g}",
        )


def _error(document: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    return float(found["mean"] if "mean" in found else found["metrics"][document["metric"]])


def _difference(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    verdict = "better" if found["value"] > 0 else "worse"
    ends = f"({number(-found['high'])} to {number(-found['low'])})"
    return f"{-found['value']:+.4g} {ends} {verdict if found['significant'] else 'not significant'}"


def _time_to_quality(matched: Mapping[str, Any], methods: Mapping[str, Any]) -> str:
    name = methods[matched["method"]]["name"]
    if not matched["reached"]:
        return f"Never as good as ours: {name}, whose best was {number(matched['best'])}."
    took = f"{number(matched['seconds'])} s with tuning"
    return f"As good as ours after {took}: {name}."
