"""Answers about what a job will cost."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.services.estimates import Size, Verdict, summary


class Levels(BaseModel):
    """Half of all jobs like this stay below ``p50``, nine of ten below ``p90``."""

    p50: float
    p90: float


class RefusalOut(BaseModel):
    """The problem that ``POST /v1/jobs`` would answer."""

    code: str
    detail: str
    remedy: str | None
    errors: list[dict[str, Any]]


class WhatIf(BaseModel):
    """The same job over another number of rows."""

    rows: int
    decision: Literal["accept", "reject"]
    seconds: Levels
    memory_bytes: Levels


class SizeOut(BaseModel):
    """What the costs were computed from."""

    rows: int
    columns: int
    classes: int = Field(description="0 for a regression")


class EstimateOut(BaseModel):
    """Whether a job can run, and what it will cost. Nothing was stored."""

    decision: Literal["accept", "reject"]
    reason: str = Field(description="Why, in a sentence")
    refusal: RefusalOut | None = Field(description="Where the body does not fit the dataset")
    seconds: Levels | None
    memory_bytes: Levels | None
    seconds_by_phase: dict[str, float] = Field(description="At p50, of one run")
    warnings: list[str]
    size: SizeOut | None
    what_if: list[WhatIf]
    dataset_version: str
    spec: dict[str, Any] = Field(description="The body with every default filled in")
    links: dict[str, str]


class ShareOut(BaseModel):
    """Shares of finished jobs that stayed below their estimates; null where there are none."""

    p50: float | None
    p90: float | None


class AccuracyOut(BaseModel):
    """How estimates of this project's finished jobs have held: p90 should hold for nine of ten."""

    n_jobs: int
    seconds: ShareOut
    memory_bytes: ShareOut


def estimate_out(verdict: Verdict) -> EstimateOut:
    """A verdict as callers see it."""
    found, refusal, spec = verdict.found, verdict.refusal, verdict.spec
    numbers = {} if found is None else summary(spec, found)
    dataset = f"/v1/datasets/{verdict.dataset.name}@{verdict.dataset.version}"
    return EstimateOut(
        decision="accept" if verdict.accepted else "reject",
        reason=verdict.reason,
        refusal=None
        if refusal is None
        else RefusalOut(
            code=refusal.code, detail=str(refusal), remedy=refusal.remedy, errors=refusal.errors
        ),
        seconds=numbers.get("seconds"),
        memory_bytes=numbers.get("memory_bytes"),
        seconds_by_phase={} if found is None else dict(found.by_phase),
        warnings=[] if found is None else list(found.warnings),
        size=None if verdict.size is None else SizeOut(**_fields(verdict.size)),
        what_if=[
            WhatIf(
                rows=rows,
                decision="accept" if other.accepted else "reject",
                **summary(spec, other),
            )
            for rows, other in verdict.what_if
        ],
        dataset_version=verdict.dataset.id,
        spec=spec.model_dump(mode="json"),
        links={"submit": "/v1/jobs", "dataset": dataset, "accuracy": "/v1/estimates/accuracy"},
    )


def _fields(size: Size) -> dict[str, int]:
    return {"rows": size.rows, "columns": size.columns, "classes": size.classes}
