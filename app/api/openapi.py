"""The published contract: the framework's own, with our problem body in place of its errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import MEDIA_TYPE, Problem
from app.domain.catalog import PUBLIC

REFERENCE = {"$ref": "#/components/schemas/Problem"}
ANY_ERROR = {
    "description": "Any error: a problem that says what went wrong and what to do",
    "content": {MEDIA_TYPE: {"schema": REFERENCE}},
}
# What can be asked next of what was just made: generated clients and tests follow these.
JOB = {"job_id": "$response.body#/id"}
VERSION = {"reference": "$response.body#/reference"}
DATASET = {"name": "$response.body#/name"}
LINKS: dict[str, dict[str, dict[str, str]]] = {
    "datasets_create": {"datasets_get": VERSION, "datasets_versions": DATASET},
    "datasets_put": {
        "datasets_get": VERSION,
        "datasets_profile": VERSION,
        "datasets_validation": VERSION,
        "datasets_correct": VERSION,
        "datasets_delete": {"reference": "$response.body#/name"},
    },
    "datasets_correct": {"datasets_get": VERSION},
    "jobs_create": {
        "jobs_get": JOB,
        "jobs_cancel": JOB,
        "jobs_events": JOB,
        "jobs_artifacts": JOB,
        "jobs_report": JOB,
    },
    "jobs_cancel": {"jobs_get": JOB, "jobs_stream": JOB},
    "keys_create": {"keys_revoke": {"key_id": "$response.body#/id"}},
}
FRAMEWORK_ERRORS = ("HTTPValidationError", "ValidationError")


def install(app: FastAPI) -> None:
    """Publish the corrected document at /openapi.json."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    # FastAPI documents this assignment as the way to extend the document.
    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found: dict[str, Any] = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    for operations in found["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            responses["default"] = ANY_ERROR
            if MEDIA_TYPE not in responses.get("422", {}).get("content", {MEDIA_TYPE: None}):
                responses["422"] = {**ANY_ERROR, "description": "spec_invalid"}
            for response in responses.values():
                _as_3_1(response)
            _link(operation)
    schemas = found["components"]["schemas"]
    for name in FRAMEWORK_ERRORS:
        schemas.pop(name, None)
    for kind in PUBLIC.values():  # a default, but also what tells the bodies of jobs apart
        body = schemas[kind.spec.__name__]
        body["required"] = sorted({"kind", *body.get("required", ())})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem
    return found


def _link(operation: dict[str, Any]) -> None:
    good = next(status for status in operation["responses"] if status.startswith("2"))
    for target, parameters in LINKS.get(operation["operationId"], {}).items():
        link = {"operationId": target, "parameters": parameters}
        operation["responses"][good].setdefault("links", {})[target] = link


def _as_3_1(response: dict[str, Any]) -> None:
    """Event streams are described by ``itemSchema``, which only OpenAPI 3.2 knows."""
    for content in response.get("content", {}).values():
        if content.pop("itemSchema", None):
            response["description"] = "Server-sent events: `data` is JSON, `id` the event's `seq`"
