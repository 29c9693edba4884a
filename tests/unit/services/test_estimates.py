"""The size of a job, read off a dataset's profile as the job itself will read the table."""

from typing import Any

import pytest

from app.domain.catalog import read_spec
from app.domain.datasets import DatasetStatus, DatasetVersion
from app.science.architecture.cost import Estimate
from app.services.estimates import Size, size_of, summary, within


def column(name: str, kind: str = "number", **changes: object) -> dict[str, Any]:
    values = {"min": 0.0, "max": 9.5, "quantiles": {"0.5": 3.0}} if kind == "number" else {}
    return {"name": name, "type": kind, "n_missing": 0, "n_distinct": 50, **values, **changes}


def dataset(*columns: dict[str, Any]) -> DatasetVersion:
    fields: dict[str, Any] = dict.fromkeys(DatasetVersion.__dataclass_fields__)
    known = {"status": DatasetStatus.READY, "n_rows": 1000, "columns": list(columns)}
    return DatasetVersion(**{**fields, **known, "profile": {"columns": list(columns)}})


def size(body: dict[str, Any], *columns: dict[str, Any]) -> Size:
    kind = body.setdefault("kind", "train")
    return size_of(read_spec(kind, {"dataset": "d", **body}), dataset(*columns))


TABLE = (column("a"), column("b", "categorical"), column("note", "text"), column("flag", "boolean"))


def test_counts_what_the_job_reads() -> None:
    target = column("y", n_missing=100)

    assert size({"target": "y"}, *TABLE, target) == Size(900, 3, 0)
    assert size({"target": "y", "features": {"exclude": ["a"]}}, *TABLE, target).columns == 2
    assert (
        size({"target": "y", "features": {"include": ["a", "note"]}}, *TABLE, target).columns == 2
    )
    assert size({"target": "y", "split": {"column": "flag"}}, *TABLE, target).columns == 2
    assert size({"kind": "analyze", "label": "b"}, *TABLE) == Size(1000, 2, 0)
    assert size({"kind": "predict", "model": "m"}, *TABLE) == Size(1000, 3, 0)


@pytest.mark.parametrize(
    ("target", "task", "classes"),
    [
        (column("y"), "auto", 0),
        (column("y", n_distinct=2), "auto", 2),
        (column("y", n_distinct=2), "regression", 0),
        (column("y", "categorical", n_distinct=7), "auto", 7),
        (column("y", n_distinct=10, max=9.0), "auto", 10),
        (column("y", n_distinct=30, max=9.0), "auto", 0),
        (column("y", n_distinct=30, max=9.0), "multiclass", 30),
    ],
)
def test_classes_follow_the_rule_of_the_job(
    target: dict[str, Any], task: str, classes: int
) -> None:
    assert size({"target": {"column": "y", "task": task}}, *TABLE, target).classes == classes


def test_a_benchmark_takes_the_seconds_of_all_its_trainings_but_the_memory_of_one() -> None:
    found = Estimate(10.0, 20.0, 100, 200, {}, (), accepted=True, reason="")
    body = {"kind": "benchmark", "dataset": "d", "target": "y", "seeds": 4}
    once, often = (
        summary(read_spec(kind, {**body, "kind": kind} if kind == "benchmark" else
                          {"dataset": "d", "target": "y"}), found)
        for kind in ("train", "benchmark")
    )  # fmt: skip

    assert once["seconds"] == {"p50": 10.0, "p90": 20.0}
    assert often["seconds"] == {"p50": 40.0, "p90": 80.0}
    assert often["memory_bytes"] == once["memory_bytes"] == {"p50": 100, "p90": 200}


def test_within_compares_what_is_known() -> None:
    expected = {"seconds": {"p90": 5.0}, "memory_bytes": {"p90": 100}}

    assert within(expected, {"seconds": 5.0, "memory_bytes": 101}, "p90") == {
        "seconds": True,
        "memory_bytes": False,
    }
    assert within(expected, {"seconds": 9.0, "memory_bytes": None}, "p90") == {"seconds": False}
    assert within(None, {"seconds": 1.0, "memory_bytes": 1}, "p90") == {}
