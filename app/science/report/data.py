"""Sections about the data: what was read, and what structure it has."""

from collections.abc import Iterator

from app.science.report.outcome import answer_of_dimension
from app.science.report.section import (
    Document,
    Section,
    Table,
    capital,
    interval,
    number,
    sentences,
    words,
)

MAX_COLUMNS = 40
FLAGS = {
    "curvature_suspected": "the data look curved at this scale",
    "no_plateau": "the estimate depends on the scale at which one looks",
    "discrete_columns": "some columns take a few values only",
    "imputed": "missing cells were filled, which lowers the estimate",
    "unresolved": "the data do not allow an estimate; the number of columns stands in for it",
}


def table(report: Document) -> Section | None:
    """Columns and what was left out."""
    found = report.get("profile")
    if not found:
        return None
    shown = found["columns"][:MAX_COLUMNS]
    rows = tuple(
        (c["name"], c["type"], number(c["n_distinct"]), number(c["n_missing"]), _middle(c))
        for c in shown
    )
    more = len(found["columns"]) - len(shown)
    note = f"and {more} more columns" if more else ""
    return Section(
        "What are the data?",
        tuple(_data_sentences(found)),
        (),
        (Table(("column", "type", "distinct", "missing", "range or most frequent"), rows, note),),
    )


def dimension(report: Document) -> Section | None:
    """How many numbers describe a row."""
    found = report.get("dimension")
    if not found:
        return None
    best = found["recommended"]
    flags = [FLAGS.get(flag, words(flag)) for flag in found["flags"]]
    said = [
        f"Each row has {number(found['ambient_dim'])} numbers, but about "
        f"{answer_of_dimension(best)} would describe it: that is the data's intrinsic dimension. "
        "The lower it is, the fewer rows and the smaller a network a good model needs.",
        *(f"Careful: {flag}." for flag in flags),
        *(f"Careful: {warning}." for warning in found.get("warnings") or ()),
    ]
    return Section(
        "How many numbers describe a row?",
        tuple(said),
        ("scale_curve", "dimension_by_rows", "extremes"),
        closer=(
            "estimator_forest",
            "local_dimension",
            "local_by_class",
            "two_nn_line",
            "covering_curve",
        ),
    )


def structure(report: Document) -> Section | None:
    """Smooth, or with jumps."""
    found = report.get("structure")
    if not found:
        return None
    title = "Is the target smooth, or does it jump?"
    return Section(title, tuple(_structure_sentences(found)), ("phase_diagram",))


def invariance(report: Document) -> Section | None:
    """Symmetries of the target."""
    found = report.get("invariance")
    if not found:
        return None
    return Section(
        "Does the target stay the same when a row is changed?", sentences(found), ("invariance",)
    )


def _structure_sentences(found: Document) -> Iterator[str]:
    yield from sentences(found)
    verdict = found.get("verdict")
    if not verdict:
        return
    sides = {
        "smooth": "The target is smooth over the columns.",
        "jump": "The target jumps: along some borders it changes at once.",
    }
    answer = sides.get(verdict["side"], "Whether the target is smooth or jumps is not clear.")
    yield f"{answer} Confidence: {verdict['confidence']}."
    yield from (f"{capital(witness['because'])}." for witness in verdict["witnesses"])
    yield f"What is best on this side: {found['phase']['best_family']}."
    smoothness, noise = found["smoothness"], found.get("noise")
    yield f"Smoothness of the pieces: {interval(smoothness, 2)}."
    if noise:
        share = f"{noise['value']:.0%} ({noise['low']:.0%} to {noise['high']:.0%})"
        yield f"Noise: {share} of the target's variance, which no model can explain."
    yield from (f"Careful: {note}." for note in found.get("notes") or ())


def _data_sentences(found: Document) -> Iterator[str]:
    yield (
        f"{number(found['n_rows'])} rows and {len(found['columns'])} columns were read; "
        f"{number(found['n_duplicate_rows'])} rows are repeats of others."
    )
    if found["dropped"]:
        left_out = ", ".join(f"{entry['name']} ({entry['reason']})" for entry in found["dropped"])
        yield f"Left out: {left_out}."


def _middle(column: Document) -> str:
    if column.get("min") is not None:
        return f"{number(column['min'])} to {number(column['max'])}"
    return ", ".join(str(entry["level"]) for entry in (column.get("top") or [])[:3])
