"""Ours, as a training job runs it: from encoded rows to a package with its ONNX file.

This is the one place that knows the pipeline's steps. Its held-out rows are the benchmark's
validation rows: both are drawn by ``target.holdout`` from the same rows with the same seed.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import app.science
from app.science.architecture.advice import ArchitectureAdvice, choose
from app.science.architecture.decision import Facts
from app.science.architecture.pilot import pilot_dof
from app.science.encoding.apply import origin
from app.science.errors import DegenerateDistances, TooFewRows
from app.science.export import archive, golden
from app.science.export.self_test import proved_package
from app.science.export.trained_model import TrainedModel
from app.science.intrinsic_dimension.first_look import first_look
from app.science.mimicry import teacher as teachers
from app.science.mimicry.certificate import certify
from app.science.mimicry.compress import compress
from app.science.mimicry.plan import TransferPlan
from app.science.mimicry.teacher import FittedTeacher
from app.science.mimicry.transfer import CorrectionReport, corrected, transfer
from app.science.relu_network.evaluate import predict_raw, softmax
from app.science.relu_network.network import Network
from app.science.structure.invariance.exploit import group_average
from app.science.structure.invariance.find import find_invariances
from app.science.structure.invariance.layout import Table
from benchmarks.mimicry_export import answer, feed, session
from benchmarks.mimicry_result import Outcome
from benchmarks.mimicry_tables import BenchmarkProblem, Floats

SOURCES = (
    "mimicry",
    "architecture",
    "encoding",
    "relu_network",
    "structure/invariance",
    "linalg.py",
)
"""The code whose change makes our cached results stale."""
N_GOLDEN = 256


@dataclass
class Stopwatch:
    """Seconds of named parts."""

    parts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add what the block takes."""
        began = time.perf_counter()
        yield
        self.parts[name] = self.parts.get(name, 0.0) + time.perf_counter() - began


def run(problem: BenchmarkProblem, seed: int) -> Outcome:
    """Learn, export and predict.

    ``seconds`` holds every part but the test rows' prediction and the certificate.
    """
    watch = Stopwatch()
    x, y = problem.rest_x, problem.rest_y
    plan = TransferPlan(n_motifs=_advice(problem, seed, watch).n_motifs)
    with watch.part("teacher"):
        teacher = teachers.fit(x, y, problem.task, classes=problem.classes, seed=seed)
    with watch.part("compression"):
        teacher, _ = compress(teacher, x, teacher.target(y), problem.fit, problem.held)
    with watch.part("transfer and corrections"):
        network, report = corrected(teacher, x, y, seed=seed, plan=plan)
    with watch.part("invariance"):
        network, report = _averaged(problem, teacher, network, report, seed)
    with watch.part("export"):
        package, proof = proved_package(_model(problem, network, seed))
        onnx = archive.read(package)["model.onnx"]
    student = _prediction(problem, network)
    served = answer(session(onnx, 1), feed(problem.encoding, problem.test_columns), problem.task)
    details = {
        "parts": watch.parts,
        "certificate": _certificate(problem, teacher, plan, seed),
        "teacher_loss": problem.loss(problem.test_y, teacher.predict(problem.test_x)),
        "onnx_difference": _difference(served, student),
        "precision": proof.precision,
        "package_bytes": len(package),
        "correction": report.to_json(),
    }
    return Outcome(
        prediction=served,
        validation_loss=_validation_loss(problem, report.validation_loss),
        seconds=sum(watch.parts.values()),
        settings={"n_motifs": plan.n_motifs, "kernel": teacher.kernel},
        n_parameters=network.n_parameters,
        details=details,
        network=network,
        onnx=onnx,
    )


def _advice(problem: BenchmarkProblem, seed: int, watch: Stopwatch) -> ArchitectureAdvice:
    """Pilot and dimension see the rows that a service would show them."""
    x, y = problem.rest_x[problem.fit], problem.rest_y[problem.fit]
    with watch.part("pilot"):
        pilot = pilot_dof(x, y, problem.task, seed=seed)
    with watch.part("dimension"):
        value, low, high = _dimension(x, seed)
    facts = Facts(
        n_rows=len(problem.rest_x),
        dimension_value=value,
        dimension_low=low,
        dimension_high=high,
        pilot_dof=pilot.effective_dof,
        pilot_rows=pilot.n_rows,
        n_outputs=max(1, len(problem.classes)),
        input_dim=x.shape[1],
    )
    return choose(facts)


def _dimension(x: Floats, seed: int) -> tuple[float, float, float]:
    try:
        found = first_look(x, seed=seed)
    except (TooFewRows, DegenerateDistances):
        return float(x.shape[1]), 0.0, float(x.shape[1])
    return found.value, found.low, found.high


def _averaged(
    problem: BenchmarkProblem,
    teacher: FittedTeacher,
    network: Network,
    report: CorrectionReport,
    seed: int,
) -> tuple[Network, CorrectionReport]:
    """Averaged over the target's invariances, as the phase ``correct`` does it."""
    x, y = problem.rest_x, problem.rest_y
    target = teacher.target(y)
    columns = y if problem.task == "regression" else target.columns()
    layout = Table(tuple(origin(problem.encoding).tolist()))
    found = find_invariances(x, columns, layout, fit=problem.fit, seed=seed)
    if not found.pays:
        return network, report
    used = group_average(network, teacher, found.group, x, target, problem.held)
    if used is None:
        return network, report
    averaged, verdict = used
    return averaged, report.then(verdict, averaged)


def _validation_loss(problem: BenchmarkProblem, loss: float) -> float:
    """In the benchmark's unit, from the mean squared error over the variance, or log loss."""
    return math.sqrt(loss) if problem.task == "regression" else loss


def _certificate(
    problem: BenchmarkProblem, teacher: FittedTeacher, plan: TransferPlan, seed: int
) -> dict[str, Any]:
    """Of the teacher's copy before corrections, which is what a certificate speaks of."""
    copy, _ = transfer(teacher, problem.rest_x, problem.rest_y, plan, seed=seed)
    return certify(teacher, copy, problem.rest_x, seed=seed).to_json()


def _model(problem: BenchmarkProblem, network: Network, seed: int) -> TrainedModel:
    n_rows = len(problem.test_y)
    picked = np.sort(np.random.default_rng(seed).permutation(n_rows)[:N_GOLDEN])
    return TrainedModel(
        network=network,
        encoding=problem.encoding,
        target_name="target",
        provenance={},
        evidence={},
        golden={name: values[picked] for name, values in problem.test_columns.items()},
    )


def _prediction(problem: BenchmarkProblem, network: Network) -> Floats:
    """The student itself: the network in float64."""
    raw = predict_raw(network, problem.test_x, dtype=torch.float64)
    return raw[:, 0] if problem.task == "regression" else softmax(raw)


def _difference(served: Floats, student: Floats) -> float:
    """Largest difference over the range of a real prediction, or in probability."""
    as_columns: Callable[[Floats], NDArray[Any]] = lambda a: a.reshape(len(a), -1)  # noqa: E731
    return float(golden.relative_difference(as_columns(served), as_columns(student)))


def code_digest() -> str:
    """Changes with the code of ``SOURCES``."""
    found = hashlib.sha256()
    root = Path(app.science.__path__[0])
    for name in SOURCES:
        top = root / name
        for path in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            found.update(path.read_bytes())
    return found.hexdigest()[:16]
