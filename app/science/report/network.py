"""Sections about the network: which one and why, how it was made, what more rows would bring."""

from collections.abc import Iterator

from app.science.report.section import (
    Document,
    Section,
    Table,
    interval,
    number,
    sentences,
    words,
)


def architecture(report: Document) -> Section | None:
    """Every decision with its rule, its source and who made it."""
    found = report.get("architecture")
    if not found:
        return None
    rows = tuple(
        (
            f"{words(entry['decision'])}\n{number(entry['value'])}",
            "\n".join(_reasons(entry)),
            "\n".join(_alternatives(entry)),
            f"{entry['confidence']}\nby {entry['decided_by']}",
        )
        for entry in found["evidence"]
    )
    headings = ("decision", "why", "what else was possible", "confidence")
    said = [f"For comparison: {found['counterfactual']['text']}."] if _versus(found) else []
    return Section(
        "Which network follows from the data, and why?",
        (*said, *sentences(found)),
        (),
        (Table(headings, rows), *_what_if(found)),
    )


def double_descent(report: Document) -> Section | None:
    """Error over the width of the head."""
    found = report.get("double_descent")
    if not found:
        return None
    return Section(
        "Would a wider or narrower network be better?", sentences(found), ("double_descent",)
    )


def making(report: Document) -> Section | None:
    """From the teacher to the network, with the bound."""
    title = "How was it made without SGD?"
    if report.get("teacher"):  # its head is the network's, so nothing was carried over
        return Section(title, sentences(report["teacher"]))
    if not report.get("transfer"):
        return None
    carried, corrected = report["transfer"], report.get("correct") or {"verdicts": ()}
    said = [
        f"A convex model, the teacher, was fitted first and carried over by computation: "
        f"{carried['reason']}.",
        *_corrections(corrected),
        *_certificate(report.get("certify") or {}),
    ]
    return Section(title, tuple(said), ("loss_by_step",))


def loss_surface(report: Document) -> Section | None:
    """Ours and SGD's neighborhoods."""
    found = report.get("loss_surface")
    if not found:
        return None
    said = sentences(found)
    if found.get("caution"):
        said = (*said, str(found["caution"]))
    title = "How flat is the place it found?"
    return Section(title, said, ("loss_surface",), closer=("spectrum",))


def forecast(report: Document) -> Section | None:
    """The learning curve, beyond the data."""
    found = report.get("forecast")
    if not found:
        return None
    title = "What would more rows bring?"
    if found.get("unresolved"):
        return Section(title, sentences(found))
    metric = words(found["metric"])
    answers = (
        ("the error falls with the rows as n to the power of minus", "exponent"),
        ("theory, from the intrinsic dimension, says", "theoretical_exponent"),
        ("to halve the excess error, multiply the rows by", "rows_to_halve_excess"),
        (f"the {metric} that no number of rows improves on", "noise_floor"),
    )
    rows = tuple((text, interval(found[key])) for text, key in answers if found.get(key))
    level = found.get("level")
    note = f"Intervals at {level:.0%}." if isinstance(level, float) else ""
    reach = f" Nothing is said beyond {number(found['most_rows'])} rows."
    return Section(
        title,
        sentences(found),
        ("learning_curve",),
        (Table(("question", "answer"), rows, note + reach),),
    )


def _versus(found: Document) -> bool:
    return bool((found.get("counterfactual") or {}).get("text"))


def _reasons(entry: Document) -> list[str]:
    """Plain words first, then the formula and where it is from."""
    said = [entry.get("reason"), entry["rule"], entry["source"]]
    return [text for text in said if text]


def _alternatives(entry: Document) -> list[str]:
    return [
        f"{other['name']}: {number(other['value'])}{_consequence(other)}"
        if "name" in other and "value" in other
        else ", ".join(f"{words(key)} {number(value)}" for key, value in other.items())
        for other in entry["alternatives"]
    ]


def _consequence(other: Document) -> str:
    known = {
        "relative_size": "x the size",
        "relative_excess_error": "x the excess error",
    }
    parts = [f"{number(other[key], 2)}{text}" for key, text in known.items() if key in other]
    return f" ({', '.join(parts)})" if parts else ""


def _what_if(found: Document) -> Iterator[Table]:
    if found.get("what_if"):
        rows = tuple(
            (number(e["n_rows"]), number(e["n_motifs"]), number(e["n_parameters"]))
            for e in found["what_if"]
        )
        yield Table(("with so many rows", "motifs", "numbers"), rows)


def _corrections(corrected: Document) -> Iterator[str]:
    kept = [words(found["name"]) for found in corrected["verdicts"] if found["accepted"]]
    tried = [words(found["name"]) for found in corrected["verdicts"] if not found["accepted"]]
    if kept:
        yield f"Kept because they won on held-out rows: {', '.join(kept)}."
    if tried:
        yield f"Tried and left out: {', '.join(tried)}."


def _certificate(found: Document) -> Iterator[str]:
    if found.get("observed_max") is None:
        return
    bound = found.get("certified_sup")
    proved = f"at most {number(bound)}" if bound is not None else f"none ({found.get('reason')})"
    yield (
        "Before corrections, network and teacher differ by "
        f"{number(found['observed_rms'])} on average and {number(found['observed_max'])} at most "
        f"where it was looked for; proved bound: {proved}."
    )
