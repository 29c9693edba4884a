"""Phase ``benchmark``: whole trainings with their baselines, one a seed, and what they agree on.

Every training runs the very phases of a ``train`` job in a folder of its own, which goes when it
is done: only its evaluation is kept.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any

from app.domain.catalog import KINDS
from app.domain.kinds.benchmark import BenchmarkSpec
from app.domain.kinds.train import TrainSpec
from app.science.evaluation.comparison import Difference
from app.science.evaluation.repeated import LEVEL, repeated
from workers import comparison
from workers.child import run_phases
from workers.context import Context
from workers.effort import IN_WORDS
from workers.messages import Kind
from workers.phase import Phase

OURS, TEACHER = "network", "teacher"
OF_TRAINING_ONLY = {"kind", "seed", "name", "labels", "seeds"}
SHORT = {OURS: OURS, "ridge": "ridge", "adam_mlp": "sgd", "lightgbm": "trees"}

RANDOM_SPLITS = (
    f"Differences with a {LEVEL:.0%} interval by the corrected resampled t-test, which allows for "
    "the rows that the splits share."
)
FIXED_SPLIT = (
    f"Differences with a {LEVEL:.0%} t interval. The test rows are the same for every seed, so it "
    "covers the randomness of training, not the choice of test rows."
)


@dataclass(frozen=True)
class _Run:
    """One training: its evaluation, and the test rows for each row that was learned from."""

    seed: int
    evaluation: Mapping[str, Any]
    test_share: float

    def error(self, method: str) -> float:
        return float(self.evaluation["methods"][method]["metrics"][self.evaluation["metric"]])


class _Steps:
    """The voice of one training inside: its finished phases move the whole job's progress."""

    def __init__(self, context: Context, index: int, n_runs: int, n_phases: int) -> None:
        self._context, self._index = context, index
        self._n_runs, self._n_phases, self._done = n_runs, n_phases, 0

    def say(self, kind: Kind, data: dict[str, Any]) -> None:
        """Hear one message."""
        if kind == "phase_completed":
            self._done += 1
            fraction = (self._index + self._done / self._n_phases) / self._n_runs
            self._context.progress(fraction, f"training {self._index + 1}: {data['phase']}")


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/benchmark.json``: every method's errors, the differences, one sentence."""
    spec = context.spec
    assert isinstance(spec, BenchmarkSpec)  # noqa: S101  (only this kind has this phase)
    runs = [_train(context, spec, index) for index in range(spec.seeds)]
    document = _document(runs, fixed=spec.split.column is not None)
    context.write_json("benchmark.json", document, public=True)
    methods = document["methods"]
    present = {short: methods[name] for name, short in SHORT.items() if name in methods}
    return {
        "metric": document["metric"],
        "n_seeds": document["n_seeds"],
        "test": {short: found["mean"] for short, found in present.items()},
        "seconds": {short: found["seconds"] for short, found in present.items()},
        "n_parameters": methods[OURS]["n_parameters"],
        "sentence": document["summary"],
    }


def _train(context: Context, spec: BenchmarkSpec, index: int) -> _Run:
    """One training in a folder beside the phases, so that nothing of it is carried off."""
    seed = spec.seed + index
    fields = spec.model_dump(exclude=OF_TRAINING_ONLY)
    inner = TrainSpec(**fields, seed=seed)
    phases = list(KINDS[spec.kind].inner_phases)
    root = context.root / "trainings" / str(seed)
    root.mkdir(parents=True)
    (root / "inputs").symlink_to(context.inputs)
    job = {**context.job, "phases": phases, "spec": inner.model_dump(mode="json")}
    try:
        one = Context(root, inner, job, _Steps(context, index, spec.seeds, len(phases)))
        run_phases(one, phases, set())
        rows = one.headline("split")
        evaluation = one.read_json("evaluate", "evaluate.json")
    finally:
        shutil.rmtree(root)
    learned = rows["n_train"] + rows["n_validation"] + rows["n_calibration"]
    context.event("seed_finished", {"seed": seed, "summary": evaluation["summary"]})
    return _Run(seed, evaluation, rows["n_test"] / learned)


def _document(runs: Sequence[_Run], *, fixed: bool) -> dict[str, Any]:
    first = runs[0].evaluation
    names = [name for name in first["methods"] if name != TEACHER]
    ours = [one.error(OURS) for one in runs]
    share = 0.0 if fixed else fmean(one.test_share for one in runs)
    differences = {
        name: repeated(first["metric"], ours, [one.error(name) for one in runs], test_share=share)
        for name in names
        if name != OURS
    }
    methods = {name: _method(runs, name) for name in names}
    return {
        "metric": first["metric"],
        "n_test": first["n_test"],
        "n_seeds": len(runs),
        "seeds": [one.seed for one in runs],
        "methods": methods,
        "differences": {name: _difference(found) for name, found in differences.items()},
        "interval_note": FIXED_SPLIT if fixed else RANDOM_SPLITS,
        "seconds_note": first["seconds_note"],
        "latency_note": first["latency_note"],
        "summary": comparison.summary(differences, methods),
        "runs": [{"seed": one.seed, "summary": one.evaluation["summary"]} for one in runs],
    }


def _method(runs: Sequence[_Run], name: str) -> dict[str, Any]:
    """What one method did over the seeds."""
    errors = [one.error(name) for one in runs]
    found = [one.evaluation["methods"][name] for one in runs]
    return {
        "name": IN_WORDS[name],
        "mean": fmean(errors),
        "deviation": stdev(errors),
        "errors": errors,
        "seconds": fmean(method["seconds"] for method in found),
        "n_parameters": round(median(method["n_parameters"] for method in found)),
        "latency_ms": fmean(method["latency_ms"] for method in found),
    }


def _difference(found: Difference) -> dict[str, Any]:
    ends = {"value": found.value, "low": found.low, "high": found.high}
    return {**ends, "level": LEVEL, "significant": found.significant}


PLUGIN: Phase = run
