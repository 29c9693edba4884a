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


def estimate(**changes: object) -> Document:
    plain: Document = {
        "decision": "accept",
        "reason": "fits the limits",
        "seconds": {"p50": 12.0, "p90": 30.5},
        "memory_bytes": {"p50": 400 << 20, "p90": 2 << 30},
        "warnings": ["the estimate is extrapolated"],
        "size": {"rows": 1000, "columns": 5, "classes": 0},
        "what_if": [],
    }
    return plain | changes


def comparison(**changes: object) -> Document:
    costs = {"seconds": 2.0, "n_parameters": 1200, "latency_ms": 0.031}
    plain: Document = {
        "metric": "error_rate",
        "methods": {
            "ridge": {"name": "ridge", "metrics": {"error_rate": 0.3}, **costs},
            "network": {"name": "Motif Mimicry", "metrics": {"error_rate": 0.12}, **costs},
            "adam_mlp": {"name": "the Adam MLP", "metrics": {"error_rate": 0.1}, **costs},
            "teacher": {"name": "the teacher", "metrics": {"error_rate": 0.11}},
        },
        "differences": {
            "ridge": {"value": -0.18, "low": -0.2, "high": -0.1, "significant": True},
            "adam_mlp": {"value": 0.02, "low": -0.01, "high": 0.05, "significant": False},
        },
        "matched_quality": {
            "method": "adam_mlp",
            "reached": True,
            "seconds": 31.25,
            "best": 0.1,
        },
        "summary": "The difference is not significant",
    }
    return plain | changes
