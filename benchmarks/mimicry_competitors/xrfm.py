"""xRFM: recursive feature machines over a tree of subsets, by its authors' package, on the CPU.

A few settings around the package's advice are tried in turn until half of the wall limit is gone;
the best on validation rows counts. Leaves are small, because a full solve of 30,000 rows would
take minutes on one core. Its probabilities come from least squares; their
temperature is set on validation rows, since log loss decides here and nobody else is so far off.

Source: Beaglehole, Holzmueller, Radhakrishnan and Belkin 2025, arXiv:2508.10053.
"""

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from app.science.baselines.baseline import Problem
from benchmarks.mimicry_calibration import tempered
from benchmarks.mimicry_result import Cache, Competitor, NotRun, Outcome
from benchmarks.mimicry_tables import BenchmarkProblem

WALL_SECONDS = 600.0
LEAF_ROWS = 8_000
ITERATIONS = 3
SETTINGS = (
    {"bandwidth": 10.0, "reg": 1e-3, "diag": False},
    {"bandwidth": 5.0, "reg": 1e-2, "diag": False},
    {"bandwidth": 10.0, "reg": 1e-2, "diag": True},
    {"bandwidth": 20.0, "reg": 1e-4, "diag": False},
)


class Xrfm:
    """See the module."""

    needs_time: ClassVar[bool] = False

    def configuration(self) -> Mapping[str, Any]:
        """The candidates and the limits."""
        limits = {
            "wall": WALL_SECONDS,
            "leaf": LEAF_ROWS,
            "iterations": ITERATIONS,
            "tempered": True,
        }
        return {"settings": SETTINGS, **limits}

    def run(self, problem: BenchmarkProblem, cache: Cache) -> Outcome:  # noqa: ARG002 (nothing kept)
        """The candidate of least validation loss among those that the limit leaves time for."""
        start = time.perf_counter()
        outcomes: list[Outcome] = []
        for setting in SETTINGS:
            spent = time.perf_counter() - start
            if outcomes and spent > WALL_SECONDS / 2:
                break
            outcomes.append(_fit(problem, setting, WALL_SECONDS - spent))
        return min(outcomes, key=lambda outcome: outcome.validation_loss)


def _fit(problem: BenchmarkProblem, setting: Mapping[str, Any], max_seconds: float) -> Outcome:
    start = time.perf_counter()
    try:
        from xrfm import xRFM  # noqa: PLC0415 - the one competitor that is often not installed
    except ImportError as error:
        raise NotRun(f"xrfm is not installed: {error}") from None
    rows = problem.baseline()
    train, held, test = _inputs(problem, rows)
    real = problem.task == "regression"
    center, scale = (rows.train_y.mean(), rows.train_y.std()) if real else (0.0, 1.0)
    dtype = torch.float32 if real else torch.int64
    targets = [
        torch.as_tensor((y - center) / scale, dtype=dtype)
        for y in (rows.train_y, rows.validation_y)
    ]
    if real:
        targets = [y[:, None] for y in targets]
    model = xRFM(
        rfm_params=_parameters(setting),
        max_leaf_size=LEAF_ROWS,
        device=torch.device("cpu"),
        tuning_metric="mse" if real else "logloss",
        time_limit_s=max_seconds,
        random_state=problem.seed,
        verbose=False,
    )
    model.fit(train, targets[0], held, targets[1])
    predict = model.predict if real else model.predict_proba
    held_found, test_found = (
        np.asarray(predict(x), dtype=np.float64) * scale + center for x in (held, test)
    )
    if real:
        held_found, test_found = held_found.ravel(), test_found.ravel()
    else:
        held_found, test_found = tempered(problem, np.log(held_found), np.log(test_found))
    return Outcome(
        prediction=test_found,
        validation_loss=problem.loss(rows.validation_y, held_found),
        seconds=time.perf_counter() - start,
        settings=dict(setting),
    )


def _parameters(setting: Mapping[str, Any]) -> dict[str, Any]:
    model = {"kernel": "l2", "exponent": 1.0, "bandwidth_mode": "constant"}
    model |= {"bandwidth": setting["bandwidth"], "diag": setting["diag"]}
    fit = {"reg": setting["reg"], "iters": ITERATIONS, "verbose": False, "early_stop_rfm": True}
    return {"model": model, "fit": fit}


def _inputs(problem: BenchmarkProblem, rows: Problem) -> tuple[torch.Tensor, ...]:
    """Numbers standardized; what stands for a category stays as encoded, as its authors advise."""
    parts = [np.full(c.width, problem.roles[c.name] == "number") for c in problem.encoding.columns]
    numeric = np.concatenate(parts)
    center = np.where(numeric, rows.train_x.mean(axis=0), 0.0)
    scale = np.where(numeric, rows.train_x.std(axis=0), 1.0)
    scale[scale == 0.0] = 1.0
    return tuple(
        torch.as_tensor((x - center) / scale, dtype=torch.float32)
        for x in (rows.train_x, rows.validation_x, rows.test_x)
    )


PLUGIN: type[Competitor] = Xrfm
