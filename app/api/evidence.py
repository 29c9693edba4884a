"""Routes to the documents of a job: what was measured, advised, compared and forecast."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.api import files
from app.api.deps import Database, JobsReader
from app.api.negotiation import chosen
from app.api.problems import problems
from app.api.schemas.evidence import EXAMPLES
from app.domain.errors import (
    BeyondForecast,
    DocumentNotMade,
    FormatNotAvailable,
    NotFound,
    PhaseNotReached,
    ScopeMissing,
    StateConflict,
)
from app.services import blobs, forecasts, results

router = APIRouter(prefix="/v1/jobs", tags=["evidence"])

Format = Literal["json", "html", "markdown"]
SUFFIXES: dict[str, str] = {"json": "json", "html": "html", "markdown": "md"}
MEDIA_TYPES = {"json": "application/json", "html": "text/html", "markdown": "text/markdown"}
REFUSALS = problems(ScopeMissing, NotFound, DocumentNotMade, PhaseNotReached, StateConflict)
# The page brings its own style and pictures, and may load or run nothing.
SAFE_PAGE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-downloads"


def _document_route(name: str) -> None:
    @router.get(
        f"/{{job_id}}/{name}",
        operation_id=f"jobs_{name.replace('-', '_')}",
        summary=f"The {name.replace('-', ' ')} of a job",
        responses={
            200: {"content": {"application/json": {"example": EXAMPLES[name]}}},
            **REFUSALS,
        },
    )
    def get_document(job_id: str, caller: JobsReader, db: Database) -> dict[str, Any]:
        """The document; readable as soon as its phase is done, while the job still runs."""
        return results.document(db, caller, job_id, name)


for _name in results.DOCUMENTS:
    if _name not in ("forecast", "report"):
        _document_route(_name)


@router.get(
    "/{job_id}/forecast",
    operation_id="jobs_forecast",
    summary="The forecast of a job",
    responses={
        200: {"content": {"application/json": {"example": EXAMPLES["forecast"]}}},
        **REFUSALS,
        **problems(BeyondForecast),
    },
)
def get_forecast(
    job_id: str,
    caller: JobsReader,
    db: Database,
    rows: Annotated[int | None, Query(ge=1, description="The error after so many rows?")] = None,
    target: Annotated[
        float | None, Query(description="How many rows for this error?", allow_inf_nan=False)
    ] = None,
) -> dict[str, Any]:
    """What more rows would bring. `answers` replies to `rows` and `target`, with the band."""
    document = results.document(db, caller, job_id, "forecast")
    answers: dict[str, Any] = {}
    if rows is not None:
        answers["at"] = forecasts.at(document, rows)
    if target is not None:
        answers["rows_for"] = {"target": target, "rows": forecasts.rows_for(document, target)}
    return {**document, "answers": answers}


@router.get(
    "/{job_id}/report",
    operation_id="jobs_report",
    responses={
        200: {
            "content": {
                "application/json": {"example": EXAMPLES["report"]},
                "text/html": {"schema": {"type": "string"}},
                "text/markdown": {"schema": {"type": "string"}},
            }
        },
        **REFUSALS,
        **problems(FormatNotAvailable),
    },
    response_class=Response,
)
def get_report(
    job_id: str,
    request: Request,
    caller: JobsReader,
    db: Database,
    format: Annotated[Format | None, Query()] = None,  # noqa: A002  (its public name)
) -> Response:
    """Everything that was measured: JSON, one self-contained page, or Markdown, by `Accept`."""
    wanted = format or chosen(request.headers.get("accept", ""), MEDIA_TYPES)
    suffix = SUFFIXES[wanted]
    file = results.document_file(db, caller, job_id, "report", suffix)
    headers = {
        "ETag": f'"{file["sha256"]}"',
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SAFE_PAGE,
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(file["size"])
    body = blobs.stream(file, 0, file["size"])
    return StreamingResponse(body, headers=headers, media_type=files.MEDIA_TYPES[suffix])
