"""Measure the intrinsic dimension of a table's rows and report everything about it.

One exact search gives the scale curve and the decision; beside it stand the views that
explain it: estimators, local values, classes, linear dimension and the covering curve.

Source: the modules named in the steps. Differs from them in nothing; this file only orders.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from app.science.errors import ScienceError, TooFewRows
from app.science.intrinsic_dimension import findings, report_json
from app.science.intrinsic_dimension.answer import MIN_ROWS, Answer, answer
from app.science.intrinsic_dimension.by_class import ClassDimension, dimension_by_class
from app.science.intrinsic_dimension.covering import CoveringCurve, covering_curve
from app.science.intrinsic_dimension.duplicates import first_occurrences
from app.science.intrinsic_dimension.estimator import ESTIMATORS, DimensionEstimate
from app.science.intrinsic_dimension.estimators.two_nn import two_nn_line
from app.science.intrinsic_dimension.inputs import as_tensor, ignore, labels_of, rising
from app.science.intrinsic_dimension.linear import LinearDimension, linear_dimension
from app.science.intrinsic_dimension.local import LocalDimension, LocalOfClass, local_dimension
from app.science.intrinsic_dimension.neighbors import Neighbors, Progress
from app.science.intrinsic_dimension.recommended import Recommended
from app.science.intrinsic_dimension.rounding import rounding_steps
from app.science.intrinsic_dimension.sample_curve import SampleSize, sample_curve
from app.science.intrinsic_dimension.sample_size import rows_for_ten_percent
from app.science.intrinsic_dimension.scale_curve import ScaleCurve

MAX_QUERIES = 10_000
_SEARCH_SHARE = 0.8  # of the progress, where there are no labels


@dataclass(frozen=True, slots=True)
class DimensionReport:
    """Everything one measurement says. Only ``recommended`` and the curve are calibrated.

    Parameters
    ----------
    n, n_used : rows given, and distinct rows searched
    ambient_dim : columns given
    n_queries : rows whose neighbors were searched
    backend : name, dtype, exact, recall and seconds of the search
    preprocess : what the caller and this measurement did to the points, plain JSON
    estimates : raw value of each plug-in at its default options
    by_class, local_by_class : empty without labels
    two_nn : log ratios and -log(1 - F) of the TwoNN line
    by_sample_size : what fewer rows would have shown
    flags, warnings : fixed words, and sentences for people
    rows_for_ten_percent : rows for a half width of 10 %, None where out of reach
    """

    n: int
    n_used: int
    ambient_dim: int
    n_queries: int
    seed: int
    backend: Mapping[str, Any]
    preprocess: Mapping[str, Any]
    recommended: Recommended
    estimates: Mapping[str, DimensionEstimate]
    curve: ScaleCurve
    local: LocalDimension
    local_by_class: tuple[LocalOfClass, ...]
    by_class: tuple[ClassDimension, ...]
    two_nn: tuple[list[float], list[float]]
    by_sample_size: tuple[SampleSize, ...]
    linear: LinearDimension
    covering: CoveringCurve
    flags: tuple[str, ...]
    warnings: tuple[str, ...]
    rows_for_ten_percent: int | None

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values under the schema ``id-report/1``."""
        return report_json.encode(self)

    def after(self, preprocess: Mapping[str, Any]) -> "DimensionReport":
        """The report with what ``prepare`` did before; duplicates of both count together."""
        before = int(preprocess.get("dropped_duplicates", 0))
        total = before + int(self.preprocess["dropped_duplicates"])
        heavy = total > findings.MANY_DUPLICATES * (self.n + before)
        new = ("duplicates_heavy",) if heavy and "duplicates_heavy" not in self.flags else ()
        merged = {**preprocess, **self.preprocess, "dropped_duplicates": total}
        return replace(self, preprocess=merged, flags=(*self.flags, *new))


def measure(
    points: NDArray[Any],
    *,
    labels: NDArray[Any] | None = None,
    max_queries: int = MAX_QUERIES,
    seed: int = 0,
    progress: Progress | None = None,
    device: str = "cpu",
) -> DimensionReport:
    """Measure how many numbers describe one row.

    Parameters
    ----------
    points : (n, p), finite, scaled as distances should weigh the columns
    labels : (n,), classes to measure one by one as well
    max_queries : rows whose neighbors are searched; every row stays a reference
    progress : called with the finished share, in [0, 1]

    Raises
    ------
    TooFewRows
        Fewer than 50 distinct rows.
    DegenerateDistances
        Points are not finite, or all distances tie.
    """
    began = time.perf_counter()
    tell = rising(progress or ignore)
    given = as_tensor(points, device)
    kept = first_occurrences(given)
    if len(kept) < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=len(kept))
    distinct = given if len(kept) == len(given) else given[kept]
    steps = rounding_steps(distinct, seed=seed)
    main = answer(
        distinct,
        steps,
        max_queries=max_queries,
        seed=seed,
        progress=lambda share: tell(_SEARCH_SHARE * share),
    )
    backend = _backend(main, time.perf_counter() - began)
    report = _views(main, n=len(given), max_queries=max_queries, seed=seed)
    if labels is not None:
        own = labels_of(labels, given, kept)
        classes = dimension_by_class(distinct, own, steps, seed=seed)
        report = replace(report, by_class=classes, local_by_class=report.local.by_class(own))
    tell(1.0)
    return replace(
        report,
        backend=backend,
        flags=(*report.flags, *(["discrete_columns"] if steps.n_discrete() else [])),
    )


def _views(main: Answer, *, n: int, max_queries: int, seed: int) -> DimensionReport:
    """Everything beside the search: estimators, local values, linear and covering views."""
    estimates, failures = _estimates(main.neighbors)
    local = local_dimension(main.neighbors)
    n_dropped = n - main.neighbors.n_references
    flags = findings.raised_flags(main, n_dropped / n, local)
    best = main.recommended
    if {"small_n", "duplicates_heavy"} & set(flags) and best.confidence == "high":
        best = replace(best, confidence="medium")
    return DimensionReport(
        n=n,
        n_used=main.neighbors.n_references,
        ambient_dim=main.points.shape[1],
        n_queries=len(main.neighbors.query_rows),
        seed=seed,
        backend={},
        preprocess={"dropped_duplicates": n_dropped, "jittered_columns": main.n_jittered},
        recommended=best,
        estimates=estimates,
        curve=main.curve,
        local=local,
        local_by_class=(),
        by_class=(),
        two_nn=two_nn_line(main.neighbors),
        by_sample_size=sample_curve(main.points, main.curve, seed=seed),
        linear=linear_dimension(main.points, seed=seed),
        covering=covering_curve(main.points, intrinsic_dim=best.value, seed=seed),
        flags=flags,
        warnings=(*findings.warning_sentences(main), *failures),
        rows_for_ten_percent=rows_for_ten_percent(best.value, max_queries=max_queries),
    )


def _estimates(neighbors: Neighbors) -> tuple[dict[str, DimensionEstimate], list[str]]:
    """Each plug-in's raw value, and a sentence for each that could not give one."""
    found, failures = {}, []
    for name in ESTIMATORS.names():
        try:
            found[name] = ESTIMATORS.get(name)().estimate(neighbors)
        except ScienceError as error:
            failures.append(f"estimator {name}: {error}")
    return found, failures


def _backend(main: Answer, seconds: float) -> dict[str, Any]:
    return {
        "name": f"torch-{main.points.device.type}",
        "dtype": "float32 candidates, float64 distances",
        "exact": True,
        "recall": 1.0,
        "seconds": seconds,
    }
