"""Our side: one timed fit with its test accuracy, memory and ONNX difference."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch

from app.science.images import fit, onnx_graph, select
from app.science.images.network import ImageNetwork
from benchmarks.images_data import Images, ImageSet

ONNX_ROWS = 256
Document = dict[str, Any]


def run(problem: ImageSet, *, memory_bytes: int) -> Document:
    """Plan and fit; the seconds count both and leave out decoding and testing."""
    _forget_peak()
    start = time.perf_counter()
    plan = select.by_size(problem.train, mirrored=problem.mirrored, memory_bytes=memory_bytes)
    fitted = fit.fit(problem.train, problem.train_codes, "multiclass", problem.classes, plan)
    seconds = time.perf_counter() - start
    peak = _peak_bytes()
    network = fitted.network
    start = time.perf_counter()
    logits = network.logits(problem.test)
    test_seconds = time.perf_counter() - start
    return {
        "accuracy": float((logits.argmax(axis=1) == problem.test_codes).mean()),
        "validation_losses": dict(fitted.losses),
        "seconds": seconds,
        "images_per_second": len(problem.test) / test_seconds,
        "peak_bytes": peak,
        "n_features": network.body.width,
        "head": fitted.head,
        "plan": asdict(plan),
        "onnx_difference": _onnx_difference(network, problem.test[:ONNX_ROWS]),
    }


def _forget_peak() -> None:
    """Start the process's peak of resident memory anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    """The highest resident memory since then, images and libraries counted."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def _onnx_difference(network: ImageNetwork, images: Images) -> float:
    """Largest difference of probabilities between ONNX Runtime and torch."""
    session = ort.InferenceSession(onnx_graph.build(network), providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {onnx_graph.INPUT: images})
    expected = torch.from_numpy(network.logits(images)).softmax(dim=1).numpy()
    return float(np.abs(probabilities - expected).max())
