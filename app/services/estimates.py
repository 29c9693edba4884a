"""What a job will cost, before it runs, and how often such estimates were right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from app.db.queries import jobs
from app.domain.callers import Caller
from app.domain.catalog import KINDS
from app.domain.datasets import DatasetVersion
from app.domain.errors import UserError
from app.domain.features import MEDIA, media_columns
from app.domain.kind import JobSpec
from app.domain.kinds.analyze import AnalyzeSpec
from app.domain.kinds.predict import PredictSpec
from app.domain.tabular import Features, TabularSpec, TrainingSpec
from app.science.architecture import cost
from app.services import datasets, specs
from app.settings import settings

UNREAD = ("text", "empty", "constant", "identifier", *MEDIA)
MAX_INTEGER_CLASSES = 20
"""As where a target's task is read off its values."""
MAX_COUNTED_JOBS = 1000
TREES_SECONDS = 30
"""LightGBM alone seldom takes longer."""

UNMEASURED = "jobs over images and point sets were not measured, so no cost is known"

Level = Literal["p50", "p90"]


@dataclass(frozen=True, slots=True)
class Size:
    """What costs grow with: rows, feature columns, and classes (0 for a regression)."""

    rows: int
    columns: int
    classes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one body. ``refusal`` is the problem that ``POST /v1/jobs`` would answer.

    ``found`` is None where there is a refusal, or where nothing is known of such jobs.
    """

    dataset: DatasetVersion
    spec: JobSpec
    size: Size | None
    found: cost.Estimate | None
    refusal: UserError | None
    what_if: tuple[tuple[int, cost.Estimate], ...] = ()

    @property
    def accepted(self) -> bool:
        """Nothing says that the job cannot run."""
        return self.refusal is None and (self.found is None or self.found.accepted)

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        if self.found is not None:
            return self.found.reason
        return UNMEASURED if self.refusal is None else str(self.refusal)


def judge(db: Connection, caller: Caller, spec: JobSpec, rows: Sequence[int] = ()) -> Verdict:
    """Estimate a job of the caller's project; ``rows`` asks what other sizes would cost.

    Raises ``NotFound`` for an unknown dataset. Every other reason not to run the job is part of
    the answer.
    """
    dataset = datasets.get(db, caller, spec.dataset)
    try:
        specs.check(spec, dataset)
    except UserError as refusal:
        return Verdict(dataset, spec, None, None, refusal)
    if _is_unmeasured(spec, dataset):
        return Verdict(dataset, spec, None, None, None)
    size = size_of(spec, dataset)
    what_if = tuple((n, estimate(spec, Size(n, size.columns, size.classes))) for n in rows)
    return Verdict(dataset, spec, size, estimate(spec, size), None, what_if)


def estimate(spec: JobSpec, size: Size) -> cost.Estimate:
    """Seconds and memory of a job over data of this size, on this service's workers."""
    training = spec if isinstance(spec, TrainingSpec) else None
    runs = spec.runs()
    options = cost.CostOptions(
        phases=_counted(spec.kind),
        fine_tune=training is not None and training.fine_tune,
        baseline_seconds=None if training is None else _baseline_seconds(training),
        memory_bytes=settings.child_memory_bytes,
        max_seconds=spec.compute.max_wall_seconds / runs,
    )
    return cost.estimate(size.rows, size.columns, size.classes, options)


def _counted(name: str) -> tuple[str, ...]:
    """A kind's phases; the one that runs others goes by its kind's name and is counted as them."""
    kind = KINDS[name]
    if not kind.inner_phases:
        return kind.phases
    return (*(phase for phase in kind.phases if phase != name), *kind.inner_phases)


def of_job(spec: JobSpec, dataset: DatasetVersion) -> dict[str, Any] | None:
    """What is kept with a job and compared with what it took; None where nothing is known."""
    if _is_unmeasured(spec, dataset):
        return None
    return summary(spec, estimate(spec, size_of(spec, dataset)))


def _is_unmeasured(spec: JobSpec, dataset: DatasetVersion) -> bool:
    """Of jobs over images and point sets no cost is known: better none than a wrong one."""
    held = any(column["type"] in MEDIA for column in dataset.columns)
    return bool(media_columns(spec, dataset.columns)) or (isinstance(spec, PredictSpec) and held)


def summary(spec: JobSpec, found: cost.Estimate) -> dict[str, Any]:
    """Seconds and memory of all runs of a body."""
    runs = spec.runs()
    return {
        "seconds": {"p50": runs * found.seconds_p50, "p90": runs * found.seconds_p90},
        "memory_bytes": {"p50": found.memory_p50, "p90": found.memory_p90},
    }


def within(
    expected: Mapping[str, Any] | None, used: Mapping[str, Any], level: Level
) -> dict[str, bool]:
    """For seconds and memory, where both are known: whether a job stayed below a level."""
    return {
        name: used[name] <= expected[name][level]
        for name in ("seconds", "memory_bytes")
        if expected is not None and used.get(name) is not None
    }


def accuracy(db: Connection, caller: Caller) -> dict[str, Any]:
    """How often the project's newest finished jobs stayed below their estimates."""
    finished = jobs.estimated(db, caller.project_id, MAX_COUNTED_JOBS)
    document: dict[str, Any] = {"n_jobs": len(finished)}
    levels: tuple[Level, ...] = ("p50", "p90")
    for name in ("seconds", "memory_bytes"):
        held = {
            level: [
                kept[name]
                for job in finished
                if name in (kept := within(job.estimate, job.usage or {}, level))
            ]
            for level in levels
        }
        document[name] = {
            level: sum(found) / len(found) if found else None for level, found in held.items()
        }
    return document


def size_of(spec: JobSpec, dataset: DatasetVersion) -> Size:
    """Read the size off the dataset's profile: nothing is loaded."""
    types = {column["name"]: column["type"] for column in dataset.columns}
    asked = spec.features if isinstance(spec, AnalyzeSpec | TabularSpec) else Features()
    apart = {*asked.exclude, *_not_features(spec)}
    wanted = [name for name in (asked.include or types) if name not in apart]
    read = [name for name in wanted if types[name] not in UNREAD or name in asked.include]
    rows = dataset.n_rows or 0
    if not isinstance(spec, TabularSpec):
        return Size(rows, len(read), 0)
    target = next(c for c in dataset.profile["columns"] if c["name"] == spec.target.column)
    return Size(rows - target["n_missing"], len(read), _classes(spec, target))


def _not_features(spec: JobSpec) -> set[str | None]:
    if isinstance(spec, TabularSpec):
        return {spec.target.column, spec.split.column}
    return {spec.label} if isinstance(spec, AnalyzeSpec) else set()


def _classes(spec: TabularSpec, target: Mapping[str, Any]) -> int:
    """Classes of a target, by the rule that the job itself will apply to its values."""
    task, distinct = spec.target.task, int(target["n_distinct"])
    if task == "regression":
        return 0
    if task != "auto" or distinct == 2 or "quantiles" not in target:
        return distinct
    values = (target["min"], target["max"], *target["quantiles"].values())
    whole = all(value is not None and float(value).is_integer() for value in values)
    return distinct if whole and distinct <= MAX_INTEGER_CLASSES else 0


def _baseline_seconds(spec: TrainingSpec) -> float:
    """A limit on all baselines together; ridge takes none to speak of."""
    asked = spec.baselines
    trees = asked.trees * min(asked.max_wall_seconds, TREES_SECONDS)
    return float(2 * asked.max_wall_seconds * asked.sgd + trees)
