"""Phase ``compress``: fewer centers and directions, within the error's budget and the limits."""

from dataclasses import replace
from typing import Any

from app.domain.tabular import TabularSpec
from app.science.export.latency import most_within, single_row_ms
from app.science.mimicry import target as targets
from app.science.mimicry.assembly import copied, network
from app.science.mimicry.compress import compress
from app.science.mimicry.teacher import FittedTeacher
from app.science.mimicry.trial import Budget
from workers.context import Context
from workers.phase import Phase
from workers.tabular import Floats, encoded, fitted_encoding, fitted_teacher, write_teacher


def run(context: Context) -> dict[str, Any]:
    """Leave the teacher that is carried over, and ``public/compress.json``."""
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
    data, asked = encoded(context), context.spec.architecture
    teacher = fitted_teacher(context)
    target = teacher.target(data.fit_y)
    fit, held = targets.holdout(target, teacher.seed)
    n_motifs = min(asked.n_motifs or len(teacher.centers), len(teacher.centers))
    if asked.max_latency_ms is not None:
        context.progress(0.05, "latency of one row")
        n_motifs = _most_within(context, teacher, data.fit_x, n_motifs, asked.max_latency_ms)
    budget = Budget(max_centers=n_motifs, max_parameters=asked.max_parameters)
    context.progress(0.3, "fewer centers and directions")
    small, report = compress(teacher, data.fit_x, target, fit, held, budget)
    write_teacher(context, small)
    document = {
        **report.to_json(),
        "limits": {"max_parameters": asked.max_parameters, "max_latency_ms": asked.max_latency_ms},
    }
    context.write_json("compress.json", document, public=True)
    names = ("n_centers_before", "n_centers", "rank_before", "rank", "loss_before", "loss")
    return {name: document[name] for name in names}


def _most_within(
    context: Context, teacher: FittedTeacher, rows: Floats, most: int, limit_ms: float
) -> int:
    """The number of centers whose network, carried over as it will be, keeps to the limit."""
    encoding = fitted_encoding(context)

    def measure(n_centers: int) -> float:
        fewer = replace(
            teacher, centers=teacher.centers[:n_centers], weights=teacher.weights[:n_centers]
        )
        return single_row_ms(network(fewer, copied(fewer, rows)), encoding)

    return most_within(limit_ms, most, measure)


PLUGIN: Phase = run
