"""Which text a phase runs: that of tables, that of images and point sets, or none.

This is the only place where a job is asked what it reads. Kinds and their phases are the same for
all data; a phase that has no meaning for these data leaves a document that says so.
"""

from typing import Any

from app.domain.features import media_columns
from app.domain.kinds.predict import PredictSpec
from app.science.export import runtime
from app.science.registry import FolderRegistry
from workers.context import Context
from workers.phase import PHASES, Phase

MEDIA_PHASES: FolderRegistry[Phase] = FolderRegistry("workers.media.phases")

SHARED = ("ingest", "profile")
"""Phases that ask for nothing that media lack."""

OF_TABLES = "this is measured on the columns of tables, not on images or point sets"


def implementation(context: Context, phase: str) -> Phase:
    """The function to call for a phase of this job."""
    if phase in SHARED or not _reads_media(context):
        return PHASES.get(phase)
    return MEDIA_PHASES.get(phase) if phase in MEDIA_PHASES.names() else _skipped(phase)


def _reads_media(context: Context) -> bool:
    if isinstance(context.spec, PredictSpec):
        return runtime.is_media(context.inputs / "model.mmpkg")
    return bool(media_columns(context.spec, context.job["dataset"]["columns"]))


def _skipped(phase: str) -> Phase:
    def run(context: Context) -> dict[str, Any]:
        from workers.measured import unresolved  # noqa: PLC0415  (loads much, and is seldom asked)

        context.write_json(f"{phase}.json", unresolved(OF_TABLES), public=True)
        return {"unresolved": True, "skipped": True}

    return run
