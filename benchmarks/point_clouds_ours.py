"""Ours on point sets: fit, predict, permute, export, each with its figure."""

import hashlib
import resource
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

import app.science.point_sets
from app.science.export.golden import relative_difference
from app.science.point_sets import model, onnx_file
from app.science.point_sets.model import PointModel
from app.science.point_sets.sets import PointSets
from benchmarks.mimicry_result import Document
from benchmarks.point_clouds_data import CloudProblem

PERMUTED_SETS = 1000


def run(problem: CloudProblem) -> Document:
    """``seconds`` are CPU seconds of the fit, the choice of the head included."""
    start = time.process_time()
    found = model.fit(problem.rest, problem.rest_y, "multiclass", seed=problem.seed)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    start = time.process_time()
    scores = found.predict(problem.test)
    return {
        "accuracy": problem.accuracy(scores),
        "seconds": seconds,
        "predict_seconds": time.process_time() - start,
        "peak_bytes": peak,
        "plan": asdict(found.plan),
        "head": found.head_name,
        "validation_losses": dict(found.losses),
        "n_features": found.features.width,
        **_sameness(found, problem.test.take(np.arange(min(PERMUTED_SETS, len(problem.test))))),
    }


def _sameness(found: PointModel, sets: PointSets) -> Document:
    """What permuting changes, in logits over their range, and exporting, in probabilities."""
    rng = np.random.default_rng(0)
    logits, probabilities = found.raw(sets), found.predict(sets)
    order = np.argsort(rng.random(sets.points.shape[:2]), axis=1)
    permuted = PointSets(np.take_along_axis(sets.points, order[:, :, None], axis=1))
    content = onnx_file.build(found)
    served = _session(content).run(["probabilities"], {onnx_file.INPUT_NAME: sets.points})[0]
    spread = float(np.ptp(logits))
    return {
        "permutation_difference": float(np.abs(found.raw(permuted) - logits).max() / spread),
        "onnx_difference": relative_difference(np.asarray(served), probabilities),
        "onnx_bytes": len(content),
    }


def _session(content: bytes) -> Any:  # noqa: ANN401 - onnxruntime has no types
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options)


def code_digest() -> str:
    """Changes with the code that our result comes from."""
    found = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(Path(app.science.point_sets.__path__[0]).rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
