"""From pydantic's errors to one problem that names the field and the nearest valid name."""

import types
from collections.abc import Sequence
from typing import Any, Union, get_args, get_origin

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel

from app.domain.catalog import PUBLIC
from app.domain.errors import MalformedJson, ServiceError, SpecInvalid, nearest

MAX_ERRORS = 20


def describe(error: RequestValidationError) -> ServiceError:
    """The error as a member of our own family."""
    found = error.errors()
    if found and found[0]["type"] == "json_invalid":
        return MalformedJson(
            f"the body is not valid JSON: {found[0].get('ctx', {}).get('error', '')}",
            remedy="check the body with a JSON parser",
        )
    fields = [_field(entry) for entry in found[:MAX_ERRORS]]
    first = fields[0]
    return SpecInvalid(
        f"{first['pointer']}: {first['message']}", remedy=first.get("hint"), errors=fields
    )


def _field(entry: dict[str, Any]) -> dict[str, Any]:
    place, *path = entry["loc"] or ("body",)
    path = [part for part in path if part not in PUBLIC or place != "body"]
    pointer = "/" + "/".join(str(part) for part in path) if place == "body" else str(path[-1:])
    if place != "body":
        pointer = f"{place} parameter {path[-1] if path else ''}".strip()
    field = {"pointer": pointer, "message": entry["msg"]}
    hint = _hint(entry, path)
    return {**field, "hint": hint} if hint else field


def _hint(entry: dict[str, Any], path: Sequence[Any]) -> str | None:
    context = entry.get("ctx", {})
    match entry["type"]:
        case "extra_forbidden":
            return _nearest_or_all(str(path[-1]), _fields_at(entry["loc"]), "the fields are")
        case "union_tag_invalid":
            return _nearest_or_all(str(context.get("tag")), list(PUBLIC), "kind is one of")
        case other:
            return {
                "union_tag_not_found": f'add "kind", one of {", ".join(PUBLIC)}',
                "literal_error": f"choose {context.get('expected')}",
                "missing": "add this field",
            }.get(other)


def _nearest_or_all(word: str, known: Sequence[str], otherwise: str) -> str:
    near = nearest(word, known)
    return f"did you mean {near!r}?" if near else f"{otherwise} {', '.join(known)}"


def _fields_at(location: Sequence[Any]) -> list[str]:
    """The known fields of the object that holds the unknown one."""
    parts = [part for part in location[1:-1] if isinstance(part, str)]
    if not parts or parts[0] not in PUBLIC:
        return []
    model: type[BaseModel] | None = PUBLIC[parts[0]].spec
    for part in parts[1:]:
        if model is None or part not in model.model_fields:
            return []
        model = _model_in(model.model_fields[part].annotation)
    return [] if model is None else list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401  (any type form)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType):
        return next((m for a in get_args(annotation) if (m := _model_in(a))), None)
    return None
