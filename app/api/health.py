"""Health, metrics and what this deployment can do."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from app.api import metrics
from app.api.deps import AnyCaller
from app.domain.callers import SCOPES
from app.domain.catalog import PUBLIC
from app.domain.errors import catalogue
from app.domain.jobs import JobStatus
from app.domain.webhooks import EVENT_TYPES, EVERY_EVENT
from app.services import health
from app.settings import settings

router = APIRouter(tags=["service"])


@router.get("/livez", operation_id="service_livez")
def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", operation_id="service_readyz")
def readyz() -> JSONResponse:
    """Database, migrations and store are usable. The broker is only a bell: it never blocks."""
    checks = health.checks()
    ready = all(check["ok"] for check in checks.values() if check["required"])
    body = {"status": "ready" if ready else "not_ready", "checks": checks}
    return JSONResponse(body, 200 if ready else 503)


@router.get("/metrics", include_in_schema=False)
def prometheus() -> Response:
    """Prometheus metrics; keep it off the public network."""
    return Response(metrics.render(), media_type=metrics.MEDIA_TYPE)


@router.get("/v1/capabilities", operation_id="service_capabilities")
def capabilities(caller: AnyCaller) -> dict[str, Any]:  # noqa: ARG001  (any valid key)
    """Job kinds with examples, formats, limits, states, error codes."""
    return {
        "job_kinds": {
            name: {"phases": kind.phases, "example": kind.example} for name, kind in PUBLIC.items()
        },
        "dataset_formats": health.dataset_formats(),
        "model_formats": ["package", "onnx", "safetensors"],
        "package_format": "mmpkg/1",
        "statuses": list(JobStatus),
        "webhook_events": [*EVENT_TYPES, EVERY_EVENT],
        "scopes": list(SCOPES),
        "limits": {
            "upload_bytes": settings.max_upload_bytes,
            "json_bytes": settings.max_json_bytes,
            "predict_rows": settings.max_predict_rows,
            "unfinished_jobs": settings.max_queued_jobs,
        },
        "errors": [
            {"code": e.code, "status": e.http_status, "owner": e.owner, "retryable": e.retryable}
            for e in catalogue()
        ],
    }


@router.get("/v1/status", operation_id="service_status")
def status(caller: AnyCaller) -> dict[str, Any]:  # noqa: ARG001  (any valid key)
    """Queue depth and workers by device class."""
    return health.status()
