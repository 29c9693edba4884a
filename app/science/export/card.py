"""The model card: what the model is for, how well it does and where it ends.

``document`` picks the known keys of the evidence, ``markdown`` puts the document into words. What
was not measured is said to be not measured. Keys of the evidence that the card reads::

    data                 {n_rows, n_train, n_test, n_columns}
    intrinsic_dimension  {estimate, low, high, ambient_dim, method}
    architecture         {reasons: [sentence]}
    test                 {metric, value, low, high, n_rows, baselines: [{name, value}]}
    coverage             {level, value, low, high, mean_size, n_rows, n_calibration}, {reason}
    certificate          {error_bound, observed_error}
    limits               [sentence]
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.science.encoding.encoding import CategoricalColumn
from app.science.evaluation.decision import ClassWeights
from app.science.export.trained_model import CardText, TrainedModel
from app.science.relu_network.network import Task

FORMAT = "adaptnet-card/1"
UNKNOWN = "not measured"

_SECTIONS = ("data", "intrinsic_dimension", "architecture", "test", "coverage", "certificate")
_OF_TABLES = (
    "Rows unlike the training data get a prediction too: numbers are clipped to the range seen "
    "in training, unknown levels share one code."
)
_ALWAYS = "A test error describes rows drawn like the test rows, not other places or later times."


@dataclass(frozen=True)
class About:
    """What a model is. ``inputs`` : name and kind of each; ``limit`` : of its kind of inputs."""

    task: Task
    target_name: str
    classes: tuple[str, ...]
    class_weights: ClassWeights
    inputs: tuple[tuple[str, str], ...]
    n_parameters: int
    depth: int
    limit: str


def about(model: TrainedModel) -> About:
    """A model of a table."""
    network = model.network
    return About(
        task=network.task,
        target_name=model.target_name,
        classes=network.classes,
        class_weights=network.class_weights,
        inputs=tuple(
            (column.name, "level" if isinstance(column, CategoricalColumn) else column.source)
            for column in model.encoding.columns
        ),
        n_parameters=network.n_parameters,
        depth=network.depth,
        limit=_OF_TABLES,
    )


def document(model: About, text: CardText, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """The card as data."""
    own_limits = evidence.get("limits")
    limits = [*text.limits, *(own_limits if isinstance(own_limits, list | tuple) else ())]
    return {
        "format": FORMAT,
        "title": text.title or f"Model of {model.target_name}",
        "purpose": text.purpose,
        "dataset": text.dataset,
        "task": model.task,
        "target": model.target_name,
        "classes": list(model.classes),
        "class_weights": list(model.class_weights),
        "inputs": [{"name": name, "kind": kind} for name, kind in model.inputs],
        "size": {"n_parameters": model.n_parameters, "depth": model.depth},
        **{name: _mapping(evidence.get(name)) for name in _SECTIONS},
        "limits": [*limits, model.limit, _ALWAYS],
    }


def markdown(card: Mapping[str, Any]) -> str:
    """The card in words."""
    classes = f" with {len(card['classes'])} classes" if card["classes"] else ""
    blocks = [
        f"# {_text(card['title'])}",
        "## What it is for",
        _text(card["purpose"] or "Nobody stated a purpose."),
        f"It predicts {_text(card['target'])}: {card['task']}{classes}, from "
        f"{len(card['inputs'])} inputs.{_decision(card)}",
        "## Data",
        _data(card),
        "## Intrinsic dimension",
        _dimension(card["intrinsic_dimension"]),
        "## Architecture and why",
        _architecture(card),
        "## Test error against baselines",
        _test(card["test"]),
        _certificate(card["certificate"]),
        "## Uncertainty of a prediction",
        _coverage(card["coverage"], card["task"]),
        "## Limits",
        _list(card["limits"]),
    ]
    return "\n\n".join(blocks) + "\n"


def _decision(card: Mapping[str, Any]) -> str:
    """How it chooses a class where mistakes cost unequally."""
    if not card["class_weights"]:
        return ""
    pairs = zip(card["classes"], card["class_weights"], strict=True)
    costs = ", ".join(f"{_text(name)} {_number(cost)}" for name, cost in pairs)
    return (
        " It names the class of least expected cost, where a mistake on a true class costs: "
        f"{costs}. Its probabilities are not weighted."
    )


def _data(card: Mapping[str, Any]) -> str:
    data = card["data"]
    counts = ", ".join(
        f"{words} {_number(data.get(key))}"
        for key, words in (
            ("n_rows", "rows"),
            ("n_train", "for training"),
            ("n_test", "for testing"),
            ("n_columns", "columns"),
        )
    )
    return f"{_text(card['dataset'] or 'Unnamed data')}: {counts}."


def _dimension(found: Mapping[str, Any]) -> str:
    ambient, method = _number(found.get("ambient_dim")), found.get("method")
    by = f", by {_text(method)}" if method else ""
    return f"{_with_interval(found, 'estimate')} of {ambient} ambient dimensions{by}."


def _architecture(card: Mapping[str, Any]) -> str:
    size, reasons = card["size"], card["architecture"].get("reasons")
    line = f"ReLU network, depth {size['depth']}, {size['n_parameters']} parameters."
    return f"{line}\n\n{_list(reasons)}" if isinstance(reasons, list | tuple) and reasons else line


def _test(found: Mapping[str, Any]) -> str:
    metric = _text(found.get("metric") or "error")
    rows = [("this model", _with_interval(found, "value"))]
    baselines = found.get("baselines")
    for baseline in baselines if isinstance(baselines, list | tuple) else ():
        entry = _mapping(baseline)
        rows.append((_text(entry.get("name") or "baseline"), _with_interval(entry, "value")))
    lines = [f"| model | {metric} |", "|---|---|", *(f"| {name} | {cell} |" for name, cell in rows)]
    return "\n".join(lines) + f"\n\nTest rows: {_number(found.get('n_rows'))}."


def _coverage(found: Mapping[str, Any], task: str) -> str:
    kind, size = ("intervals", "width") if task == "regression" else ("sets", "number of classes")
    if found.get("value") is None:
        return f"No {kind}: {_text(found.get('reason') or UNKNOWN)}."
    return (
        f"Conformal {kind} from {_number(found.get('n_calibration'))} calibration rows. At level "
        f"{_number(found.get('level'))} they hold the truth of this share of "
        f"{_number(found.get('n_rows'))} test rows: {_with_interval(found, 'value')}; mean {size} "
        f"{_number(found.get('mean_size'))}. The level holds on average over rows drawn like the "
        "calibration rows, not for every kind of rows."
    )


def _certificate(found: Mapping[str, Any]) -> str:
    bound, observed = _number(found.get("error_bound")), _number(found.get("observed_error"))
    return f"Distance of the network from its teacher: proved bound {bound}, observed {observed}."


def _with_interval(found: Mapping[str, Any], key: str) -> str:
    value, low, high = (_number(found.get(name)) for name in (key, "low", "high"))
    return value if UNKNOWN in (low, high) else f"{value} ({low} to {high})"


def _number(value: object) -> str:
    """Four digits of a number, so that the card does not claim more than was measured."""
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        return UNKNOWN
    number = float(value)
    if not math.isfinite(number):
        return UNKNOWN
    whole = number.is_integer() and abs(number) < 1e15
    return str(int(number)) if whole else f"{number:.4g}"


def _list(items: object) -> str:
    return (
        "\n".join(f"- {_text(item)}" for item in items) if isinstance(items, list | tuple) else ""
    )


def _text(value: object) -> str:
    """One line that neither Markdown nor HTML takes for markup."""
    line = " ".join(str(value).split())
    for mark in "\\`*_[]|#":
        line = line.replace(mark, f"\\{mark}")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
