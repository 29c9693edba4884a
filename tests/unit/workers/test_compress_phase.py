"""The phase ``compress`` over files of earlier phases, with the limits of a job's body."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain.kinds.train import TrainSpec
from app.science.encoding.encoding import Encoding
from app.science.errors import UnreachableLimit
from app.science.export.latency import single_row_ms
from app.science.mimicry import target as targets
from app.science.mimicry.assembly import copied, network
from app.science.mimicry.teacher import TEACHERS
from tests.unit.science.export import models
from tests.unit.science.mimicry import samples
from workers.context import Context
from workers.messages import Kind
from workers.phases import compress
from workers.tabular import carried_teacher, encoded

ENCODING = Encoding(tuple(models.number(f"x{i}") for i in range(5)))


class Silent:
    """Nobody listens."""

    def say(self, kind: Kind, data: dict[str, Any]) -> None:
        """Take one message."""


def at_compress(root: Path, **architecture: float) -> Context:
    """A job whose phases before ``compress`` have run."""
    spec = TrainSpec.model_validate({"dataset": "d", "target": "y", "architecture": architecture})
    context = Context(root, spec, {"device": "cpu"}, Silent())
    rows, y = samples.smooth(n=700)
    parts = {"train": slice(0, 500), "validation": slice(500, 600), "calibration": slice(0, 0)}
    parts["test"] = slice(600, 700)
    context.begin("split")
    arrays = {f"{name}_x": rows[part] for name, part in parts.items()}
    arrays |= {f"{name}_y": y[part] for name, part in parts.items()}
    context.write_arrays("encoded.safetensors", arrays)
    context.write_arrays("encoding.safetensors", ENCODING.tensors())
    meta = {"task": "regression", "classes": [], "encoding": ENCODING.to_json()}
    context.write_json("meta.json", meta)
    context.begin("teacher")
    target = targets.make(y[:600], "regression")
    split = targets.holdout(target, 0)
    teacher = TEACHERS.get("nystrom_ridge")().fit(rows[:600], target, split, seed=0)
    context.write_arrays("teacher.safetensors", teacher.to_tensors())
    context.write_json("teacher.json", teacher.to_json())
    context.begin("compress")
    return context


def test_the_carried_teacher_and_its_document_agree(tmp_path: Path) -> None:
    context = at_compress(tmp_path)

    headline = compress.run(context)

    document = context.read_json("compress", "compress.json")
    assert (context.folder / "public" / "compress.json").exists()
    assert len(carried_teacher(context).centers) == headline["n_centers"] == document["n_centers"]
    assert document["limits"] == {"max_parameters": None, "max_latency_ms": None}


def test_the_callers_limits_are_obeyed(tmp_path: Path) -> None:
    context = at_compress(tmp_path, n_motifs=40, max_parameters=2300)

    compress.run(context)

    teacher = carried_teacher(context)
    rows = encoded(context).fit_x
    assert len(teacher.centers) <= 40
    assert network(teacher, copied(teacher, rows)).n_parameters <= 2300


def test_a_loose_latency_changes_nothing_and_a_tight_one_names_the_floor(tmp_path: Path) -> None:
    loose = at_compress(tmp_path / "loose", max_latency_ms=10_000.0)
    tight = at_compress(tmp_path / "tight", max_latency_ms=1e-6)

    compress.run(loose)
    with pytest.raises(UnreachableLimit, match="max_latency_ms") as refused:
        compress.run(tight)

    teacher = carried_teacher(loose)
    shipped = network(teacher, copied(teacher, encoded(loose).fit_x))
    assert 1e-6 < refused.value.smallest < 1e4
    assert np.isfinite(single_row_ms(shipped, ENCODING))
