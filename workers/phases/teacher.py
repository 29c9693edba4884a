"""Phase ``teacher``: fit the convex model that the network will mimic."""

from typing import Any

from app.domain.tabular import TabularSpec
from app.science.mimicry import teacher as teachers
from workers.context import Context
from workers.phase import Phase
from workers.tabular import encoded, write_teacher


def run(context: Context) -> dict[str, Any]:
    """Leave the teacher. It sees training and validation rows; the latter only choose.

    It takes as many centers as its out-of-fold loss pays for, up to what the body allows: the
    rule's number of motifs comes from a pilot and is advice.
    """
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
    data = encoded(context)
    teacher = teachers.fit(
        data.fit_x,
        data.fit_y,
        data.task,
        classes=data.classes,
        seed=context.seed,
        max_centers=context.spec.architecture.n_motifs,
        progress=context.progress,
    )
    write_teacher(context, teacher)
    return {
        "name": teacher.name,
        "kernel": teacher.kernel,
        "n_centers": len(teacher.centers),
        "rank": int(teacher.metric.shape[1]),
        "validation_loss": teacher.validation_loss,
        "ridge_validation_loss": teacher.ridge_validation_loss,
    }


PLUGIN: Phase = run
