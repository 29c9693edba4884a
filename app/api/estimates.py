"""Routes under /v1/estimates: ask before paying."""

from typing import Annotated

from fastapi import APIRouter, Body, Query

from app.api.deps import Database, JobsReader
from app.api.problems import problems
from app.api.schemas.estimates import AccuracyOut, EstimateOut, estimate_out
from app.domain.catalog import PUBLIC, AnyJobSpec
from app.domain.errors import NotFound, ScopeMissing
from app.services import estimates
from app.settings import settings

router = APIRouter(prefix="/v1/estimates", tags=["estimates"])

EXAMPLES = {name: {"value": kind.example} for name, kind in PUBLIC.items()}
Rows = Annotated[int, Query(ge=1, le=1_000_000_000)]


@router.post(
    "",
    operation_id="estimates_create",
    responses=problems(ScopeMissing, NotFound),
    max_body_size=settings.max_json_bytes,
)
def create_estimate(
    spec: Annotated[AnyJobSpec, Body(openapi_examples=EXAMPLES)],
    caller: JobsReader,
    db: Database,
    rows: Annotated[
        list[Rows],
        Query(max_length=20, description="What would so many rows cost? May be given many times"),
    ] = [],  # noqa: B006  (FastAPI copies it)
) -> EstimateOut:
    """What a job's body would cost, and whether it can run. Takes the body of `POST /v1/jobs`.

    A body that does not fit its dataset is an answer here, `decision: reject` with the problem,
    not an error.
    """
    return estimate_out(estimates.judge(db, caller, spec, rows))


@router.get("/accuracy", operation_id="estimates_accuracy", responses=problems(ScopeMissing))
def get_accuracy(caller: JobsReader, db: Database) -> AccuracyOut:
    """How often this project's newest finished jobs stayed below their estimates."""
    return AccuracyOut.model_validate(estimates.accuracy(db, caller))
