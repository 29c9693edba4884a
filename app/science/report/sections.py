"""The order in which a report is read. What a job did not measure is left out."""

from collections.abc import Callable

from app.science.report import data, network, outcome
from app.science.report.section import Document, Section

ORDER: tuple[Callable[[Document], Section | None], ...] = (
    outcome.in_short,
    outcome.comparison,
    outcome.over_seeds,
    outcome.trust,
    data.dimension,
    data.structure,
    data.invariance,
    network.architecture,
    network.double_descent,
    network.making,
    network.loss_surface,
    network.forecast,
    data.table,
    outcome.cost,
)


def sections(report: Document) -> tuple[Section, ...]:
    """Everything that the report has the documents for."""
    made = (build(report) for build in ORDER)
    return tuple(section for section in made if section is not None)


def title(report: Document) -> str:
    """What the report is about."""
    summary = report["summary"]
    name = summary.get("register_as") or summary.get("target")
    return f"adaptnet report: {name}" if name else "adaptnet report"
