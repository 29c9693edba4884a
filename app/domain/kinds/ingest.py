"""``ingest``: read an uploaded file into a typed table. Made by an upload, never asked for."""

from typing import Literal

from app.domain.kind import JobKind, JobSpec


class IngestSpec(JobSpec):
    """Body of an ``ingest`` job."""

    kind: Literal["ingest"] = "ingest"


PLUGIN = JobKind(spec=IngestSpec, phases=("ingest",), example={}, public=False, quick=True)
