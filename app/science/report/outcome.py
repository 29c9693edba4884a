"""Sections about the result: in short, the comparison, how far to trust it, what it cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from app.science.report.section import (
    Document,
    Section,
    Table,
    Tile,
    capital,
    interval,
    number,
    seconds,
    words,
)

OURS = "network"
MEANINGS = {
    "rmse": "root mean squared error, in the target's unit",
    "mae": "mean absolute error, in the target's unit",
    "r2": "share of the target's variance that is explained",
    "rmse_standardised": "rmse in standard deviations of the target",
    "error_rate": "share of rows with the wrong class",
    "balanced_error_rate": "error rate averaged over the classes",
    "weighted_error_rate": "error rate, each row weighted by what its class costs",
    "log_loss": "surprise at the true class, in nats",
    "expected_calibration_error": "mean distance of a stated probability from the truth",
    "auc": "chance that a row of the second class gets the higher score",
}


def tiles(report: Document) -> Iterator[Tile]:
    """The numbers that everybody asks for first."""
    summary = report["summary"]
    if summary.get("test"):
        metric = words(summary["metric"])
        yield Tile(number(summary["test"][OURS]), f"{metric} on rows that were held out")
    if summary.get("dimension"):
        found = summary["dimension"]
        yield Tile(number(found["value"], 2), "intrinsic dimension of the data")
    if summary.get("n_parameters"):
        yield Tile(number(summary["n_parameters"]), "numbers in the network")
    if summary.get("seconds"):
        yield Tile(seconds(summary["seconds"][OURS]), "to measure, choose and train")
    elif summary.get("architecture"):
        yield Tile(number(summary["architecture"]["n_motifs"]), "motifs advised")
    yield Tile(number(summary["n_rows"]), "rows of data")


def in_short(report: Document) -> Section | None:
    """Verdict, forecast and warnings in a few sentences."""
    summary = report["summary"]
    said = [_about(summary), *_advice(report), *_verdict(report)]
    if report.get("forecast"):
        said.append(str(report["forecast"].get("sentence") or ""))
    return Section("In short", tuple(text for text in said if text))


def comparison(report: Document) -> Section | None:
    """Every method on the same test rows."""
    found = report.get("evaluate")
    if not found:
        return None
    metric = words(found["metric"])
    return Section(
        "How does it compare with what you would have trained instead?",
        (
            f"All methods learned from the same rows and were asked about the same "
            f"{number(found['n_test'])} test rows, which none of them had seen. "
            f"Lower {metric} is better.",
            *_time_to_quality(found),
        ),
        ("error_against_time",),
        (_methods(found),),
    )


def over_seeds(report: Document) -> Section | None:
    """The same over several seeds."""
    found = report.get("benchmark")
    if not found:
        return None
    metric = words(found["metric"])
    rows = tuple(
        (
            method["name"],
            f"{number(method['mean'])} \u00b1 {number(method['deviation'], 2)}",
            _difference(found["differences"].get(name)),
            seconds(method["seconds"]),
            number(method["n_parameters"]),
            _latency(method["latency_ms"]),
        )
        for name, method in _ordered(found["methods"], lambda m: m["mean"])
    )
    note = "Mean and standard deviation over the seeds. " + str(found["interval_note"])
    table = Table(_headings(metric), rows, note, _ours_among(rows))
    text = f"{found['n_seeds']} trainings, each with another seed and, unless the test rows are "
    text += "fixed, another split."
    return Section("How do the methods compare?", (text,), (), (table,))


def trust(report: Document) -> Section | None:
    """How far a single prediction may be off."""
    evaluation = report.get("evaluate")
    if not evaluation:
        return None
    metrics = evaluation["methods"][OURS]["metrics"]
    rows = tuple((words(name), number(v), MEANINGS.get(name, "")) for name, v in metrics.items())
    return Section(
        "How good are single predictions?",
        tuple(_coverage(evaluation["coverage"], report["summary"])),
        ("parity", "confusion"),
        (Table(("measure", "test rows", "meaning"), rows),),
    )


def cost(report: Document) -> Section | None:
    """Seconds by phase."""
    spent: Mapping[str, float] = report["seconds"]
    rows = tuple((words(phase), f"{value:.2f}") for phase, value in spent.items() if value >= 0.005)
    text = f"The phases so far took {seconds(sum(spent.values()))} in all."
    return Section("Where did the time go?", (text,), (), (Table(("phase", "seconds"), rows),))


def _about(summary: Document) -> str:
    rows = f"{number(summary['n_rows'])} rows"
    if not summary.get("target"):
        return f"The data have {rows}."
    task = {"regression": "a number", "binary": "one of two classes"}.get(
        summary["task"], f"one of {len(summary['classes'])} classes"
    )
    return f"The target is \u201c{summary['target']}\u201d, {task}; there are {rows}."


def _advice(report: Document) -> Iterator[str]:
    """Where nothing was trained, the network that should be."""
    chosen = report["summary"].get("architecture")
    if chosen and not report.get("evaluate"):
        yield (
            f"The network that follows from them has {number(chosen['n_motifs'])} motifs and "
            f"{number(chosen['n_parameters'])} numbers."
        )


def _verdict(report: Document) -> Iterator[str]:
    for name in ("evaluate", "benchmark"):
        if report.get(name):
            yield f"{report[name]['summary']}."


def _headings(metric: str) -> tuple[str, ...]:
    return ("method", metric, "difference from ours", "training", "numbers", "one row")


def _methods(found: Document) -> Table:
    metric = found["metric"]
    rows = tuple(
        (
            method["name"],
            number(method["metrics"][metric]),
            _difference(found["differences"].get(name)),
            seconds(method["seconds"]),
            number(method["n_parameters"]),
            _latency(method.get("latency_ms")),
        )
        for name, method in _ordered(found["methods"], lambda m: m["metrics"][metric])
        if name != "teacher"
    )
    note = (
        "Differences with their 95 % interval over test rows, by a paired bootstrap. "
        f"Training: {found['seconds_note']} One row: {found.get('latency_note', '')}."
    )
    return Table(_headings(words(metric)), rows, note, _ours_among(rows))


def _ordered(methods: Document, error: Callable[[Document], float]) -> list[tuple[str, Document]]:
    return sorted(methods.items(), key=lambda item: error(item[1]))


def _ours_among(rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    return tuple(index for index, row in enumerate(rows) if row[2] == "")


def _difference(found: Document | None) -> str:
    """Theirs minus ours: the table reads from our method's side."""
    if found is None:
        return ""
    low, high = -found["high"], -found["low"]
    verdict = "not significant"
    if found["significant"]:
        verdict = "better" if found["value"] > 0 else "worse"
    sign = "+" if found["value"] < 0 else ""
    return f"{sign}{number(-found['value'])} ({number(low)} to {number(high)}), {verdict}"


def _latency(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.2g} ms"


def _time_to_quality(found: Document) -> Iterator[str]:
    matched = found.get("matched_quality")
    if not matched:
        return
    name = found["methods"][matched["method"]]["name"]
    metric = words(found["metric"])
    if matched["reached"]:
        yield (
            f"To be as good as our network ({metric} {number(matched['error'])}), {name} needed "
            f"{seconds(matched['seconds'])} with its tuning and "
            f"{seconds(matched['seconds_without_tuning'])} without."
        )
    else:
        yield (
            f"{capital(name)} never became as good as our network ({metric} "
            f"{number(matched['error'])}): its best was {number(matched['best'])}."
        )


def _coverage(held: Document, summary: Document) -> Iterator[str]:
    kind = "sets of classes" if summary["classes"] else "intervals"
    if held.get("value") is None:
        yield f"There are no {kind} with a stated level: {held.get('reason')}."
        return
    yield (
        f"At the level {held['level']:.0%}, the model's {kind} held the truth in "
        f"{held['value']:.1%} of the test rows ({held['low']:.1%} to {held['high']:.1%}). Their "
        f"mean size is {number(held['mean_size'])}."
    )


def answer_of_dimension(found: Document) -> str:
    """The intrinsic dimension in a sentence."""
    level = found.get("level")
    says = f" at {level:.0%}" if isinstance(level, float) else ""
    return f"{interval(found, 2)}{says}"
