"""The published contract: the framework's own, with our problem body in place of its errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.api.problems import MEDIA_TYPE, Problem

REFERENCE = {"$ref": "#/components/schemas/Problem"}
ANY_ERROR = {
    "description": "Any error: a problem that says what went wrong and what to do",
    "content": {MEDIA_TYPE: {"schema": REFERENCE}},
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
    schemas = found["components"]["schemas"]
    for name in FRAMEWORK_ERRORS:
        schemas.pop(name, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem
    return found


def _as_3_1(response: dict[str, Any]) -> None:
    """Event streams are described by ``itemSchema``, which only OpenAPI 3.2 knows."""
    for content in response.get("content", {}).values():
        if "itemSchema" in content:
            content["schema"] = {"type": "string", "description": "Server-sent events"}
            del content["itemSchema"]
