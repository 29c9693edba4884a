"""Answers of the service, as short as the client allows."""

from typing import Any

Document = dict[str, Any]


def dataset(**changes: object) -> Document:
    plain: Document = {
        "reference": "churn@1",
        "name": "churn",
        "version": 1,
        "status": "ready",
        "n_rows": 100,
        "columns": [],
        "problems": [],
        "created_at": "2026-01-01T00:00:00Z",
    }
    return plain | changes


def job(**changes: object) -> Document:
    plain: Document = {
        "id": "job_1",
        "kind": "train",
        "status": "succeeded",
        "phase": None,
        "progress": {"fraction": 1.0, "phase_index": None, "phase_count": 12},
        "error": None,
        "result": {"register_as": "churn-net"},
        "model_version": "mv_1",
    }
    return plain | changes


def model(**changes: object) -> Document:
    plain: Document = {
        "id": "mv_1",
        "reference": "churn-net@1",
        "name": "churn-net",
        "version": 1,
        "job": "job_1",
        "summary": {"task": "binary"},
        "files": {},
        "created_at": "2026-01-01T00:00:00Z",
    }
    return plain | changes


def entry(seq: int, kind: str, **data: object) -> Document:
    return {"seq": seq, "type": kind, "created_at": "2026-01-01T00:00:00Z", "data": data}
