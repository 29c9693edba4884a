"""Routes under /v1/models."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from app.api import files
from app.api.deps import Database, ModelsReader, Predictor
from app.api.pagination import Cursor, Limit, Page, page, position
from app.api.problems import problems
from app.api.schemas.models import ModelOut, PredictIn, PredictOut, model_out
from app.db.session import transaction
from app.domain.errors import (
    FormatNotAvailable,
    IntervalNotAvailable,
    NotFound,
    PayloadTooLarge,
    RowsInvalid,
    ScopeMissing,
)
from app.services import audit, models
from app.settings import settings

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("", operation_id="models_list", responses=problems(ScopeMissing))
def list_models(
    caller: ModelsReader, db: Database, limit: Limit = 50, cursor: Cursor = None
) -> Page[ModelOut]:
    """All versions of all models, newest first."""
    rows = models.page(db, caller, position(cursor), limit + 1)
    return page(rows, limit, model_out)


@router.get("/{reference}", operation_id="models_get", responses=problems(NotFound))
def get_model(reference: str, caller: ModelsReader, db: Database) -> ModelOut:
    """A model's newest version, or `name@2`."""
    return model_out(models.get(db, caller, reference))


@router.get("/{name}/versions", operation_id="models_versions", responses=problems(NotFound))
def list_versions(name: str, caller: ModelsReader, db: Database) -> list[ModelOut]:
    """All versions of one model, newest first."""
    return [model_out(version) for version in models.versions(db, caller, name)]


@router.get(
    "/{name}/versions/{version}", operation_id="models_version", responses=problems(NotFound)
)
def get_version(name: str, version: int, caller: ModelsReader, db: Database) -> ModelOut:
    """One version of a model."""
    return model_out(models.get(db, caller, f"{name}@{version}"))


@router.get(
    "/{name}/versions/{version}/download",
    operation_id="models_download",
    responses=problems(NotFound, FormatNotAvailable),
)
@router.head("/{name}/versions/{version}/download", include_in_schema=False)
def download(
    name: str,
    version: int,
    request: Request,
    caller: ModelsReader,
    db: Database,
    format: Annotated[  # noqa: A002  (the query parameter's public name)
        Literal["package", "onnx", "safetensors"], Query()
    ] = "package",
) -> Response:
    """Download the package, the ONNX graph or the weights; byte ranges and ETags work."""
    found = models.file(models.get(db, caller, f"{name}@{version}"), format)
    suffix = found["filename"].partition(".")[2]
    answer = files.serve(request, found, f"{name}-{version}.{suffix}")
    if request.method == "GET" and answer.status_code != 304:
        audit.record(db, caller, "model.downloaded", request.url.path)
    return answer


@router.post(
    "/{name}/versions/{version}/predict",
    operation_id="models_predict",
    responses=problems(NotFound, RowsInvalid, IntervalNotAvailable, PayloadTooLarge),
    max_body_size=settings.max_json_bytes,
)
def predict(name: str, version: int, body: PredictIn, caller: Predictor) -> PredictOut:
    """Predict up to 10,000 rows at once; larger ones by a job of kind `predict`."""
    if len(body.rows) > settings.max_predict_rows:
        raise PayloadTooLarge(
            f"{len(body.rows)} rows are more than {settings.max_predict_rows}",
            remedy="upload the rows as a dataset and create a job of kind 'predict'",
        )
    with transaction() as db:
        found = models.get(db, caller, f"{name}@{version}")
    answer = models.predict(found, body.by_column(), body.interval)
    return PredictOut(model=f"{name}@{version}", **answer)
