"""Routes under /v1/datasets."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Query, Request, Response, UploadFile
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from app.api import uploads
from app.api.deps import (
    Database,
    DatasetsDeleter,
    DatasetsReader,
    DatasetsWriter,
    IdempotencyKey,
)
from app.api.pagination import Cursor, Limit, Page, page, position
from app.api.problems import problems
from app.api.schemas.datasets import (
    ColumnType,
    CorrectionsIn,
    DatasetOut,
    DeletionOut,
    ValidationOut,
    dataset_out,
)
from app.api.waiting import Wait, wait_for_job
from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.datasets import DatasetStatus, DatasetVersion
from app.domain.errors import (
    IdempotencyKeyReused,
    InUse,
    NotFound,
    PayloadTooLarge,
    ScopeMissing,
    SpecInvalid,
)
from app.domain.kind import Name
from app.services import datasets
from app.settings import settings

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

Columns = Annotated[
    str | None,
    Form(description='JSON: types of columns to set, such as {"zip": "categorical"}'),
]


@router.post(
    "",
    status_code=202,
    operation_id="datasets_create",
    responses=problems(ScopeMissing, IdempotencyKeyReused, PayloadTooLarge),
    max_body_size=settings.max_upload_bytes,
)
def create_dataset(
    caller: DatasetsWriter,
    response: Response,
    name: Annotated[Name, Form(description="Letters, digits, dot, dash, underscore")],
    file: Annotated[
        UploadFile, File(description="CSV, TSV, JSONL, Parquet, NPZ, NPY or ZIP of images")
    ],
    columns: Columns = None,
    idempotency_key: IdempotencyKey = None,
) -> DatasetOut:
    """Upload a file as the next version of a dataset. It is parsed in the background."""
    corrections = _corrections(columns)
    with uploads.scratch() as path:
        received = uploads.receive_part(file, path)
        stored = datasets.store_upload(
            caller, received.path, file.filename or name, received.sha256
        )
    return _add(response, caller, name, stored, corrections, idempotency_key)


@router.put(
    "/{name}/content",
    status_code=202,
    operation_id="datasets_put",
    responses=problems(ScopeMissing, IdempotencyKeyReused, PayloadTooLarge),
    openapi_extra={
        "requestBody": {
            "required": False,  # nothing is the content of an empty file, which is reported as such
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
    max_body_size=settings.max_upload_bytes,
)
async def put_dataset(
    name: Name,
    request: Request,
    caller: DatasetsWriter,
    response: Response,
    filename: Annotated[str | None, Query(max_length=200)] = None,
    idempotency_key: IdempotencyKey = None,
) -> DatasetOut:
    """Upload the raw bytes of a file as the next version: faster than multipart."""
    with uploads.scratch() as path:
        received = await uploads.receive_raw(request, path)
        stored = await run_in_threadpool(
            datasets.store_upload, caller, received.path, filename or name, received.sha256
        )
    return await run_in_threadpool(_add, response, caller, name, stored, {}, idempotency_key)


@router.get("", operation_id="datasets_list", responses=problems(ScopeMissing))
def list_datasets(
    caller: DatasetsReader, db: Database, limit: Limit = 50, cursor: Cursor = None
) -> Page[DatasetOut]:
    """All versions of all datasets, newest first."""
    rows = datasets.page(db, caller, position(cursor), limit + 1)
    return page(rows, limit, dataset_out)


@router.get("/{reference}", operation_id="datasets_get", responses=problems(NotFound))
async def get_dataset(
    reference: str, request: Request, caller: DatasetsReader, wait: Wait = 0
) -> DatasetOut:
    """One version. With `wait` the answer comes when it is parsed, or after so many seconds."""

    def read() -> DatasetVersion:
        with transaction() as db:
            return datasets.get(db, caller, reference)

    version = await run_in_threadpool(read)
    if wait and version.status is DatasetStatus.PARSING:
        await wait_for_job(request, caller, version.job_id, wait)
        version = await run_in_threadpool(read)
    return dataset_out(version)


@router.get("/{name}/versions", operation_id="datasets_versions", responses=problems(NotFound))
def list_versions(name: str, caller: DatasetsReader, db: Database) -> list[DatasetOut]:
    """All versions of one dataset, newest first."""
    datasets.get(db, caller, name)
    return [dataset_out(version) for version in datasets.versions(db, caller, name)]


@router.get("/{reference}/profile", operation_id="datasets_profile", responses=problems(NotFound))
def get_profile(reference: str, caller: DatasetsReader, db: Database) -> dict[str, Any]:
    """Counts, ranges, quantiles, levels and histograms, column by column."""
    return datasets.get(db, caller, reference).profile


@router.get(
    "/{reference}/validation", operation_id="datasets_validation", responses=problems(NotFound)
)
def get_validation(reference: str, caller: DatasetsReader, db: Database) -> ValidationOut:
    """What was wrong with the file: row, column and what to do."""
    version = datasets.get(db, caller, reference)
    return ValidationOut(status=version.status, problems=version.problems)


@router.patch(
    "/{reference}",
    status_code=202,
    operation_id="datasets_correct",
    responses=problems(ScopeMissing, NotFound),
)
def correct_dataset(
    reference: str, body: CorrectionsIn, caller: DatasetsWriter, db: Database, response: Response
) -> DatasetOut:
    """Set types of columns that were guessed wrongly: a new version over the same bytes."""
    version = datasets.correct(db, caller, reference, dict(body.columns))
    answer = dataset_out(version)
    response.headers["Location"] = answer.links["self"]
    return answer


@router.delete("/{reference}", operation_id="datasets_delete", responses=problems(NotFound, InUse))
def delete_dataset(
    reference: Annotated[str, Path(description="The name: all versions go")],
    caller: DatasetsDeleter,
) -> DeletionOut:
    """Delete a dataset: all versions, their rows and their bytes."""
    with transaction() as db:
        removed = datasets.remove(db, caller, reference)
    return DeletionOut(name=reference, versions=len(removed), bytes_freed=datasets.free(removed))


def _add(
    response: Response,
    caller: Caller,
    name: str,
    upload: datasets.Upload,
    corrections: dict[str, str],
    idempotency_key: str | None,
) -> DatasetOut:
    with transaction() as db:
        version, replayed = datasets.add_version(
            db, caller, name, upload, corrections=corrections, idempotency_key=idempotency_key
        )
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    answer = dataset_out(version)
    response.headers["Location"] = answer.links["self"]
    return answer


def _corrections(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    try:
        return dict(TypeAdapter(dict[str, ColumnType]).validate_python(json.loads(text)))
    except (ValueError, ValidationError) as error:
        raise SpecInvalid(
            f"columns is not a JSON object of column types: {error}",
            remedy='send for example {"zip": "categorical"}',
            errors=[{"pointer": "/columns", "message": "not a JSON object of column types"}],
        ) from error
