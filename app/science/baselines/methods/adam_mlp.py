"""Adam MLP: a fully connected ReLU network trained by stochastic gradients, tuned fairly.

Learning rate and widths are chosen by successive halving on validation rows: every candidate
trains for a short, fully annealed schedule, the better half for a three times longer one, and
the winner for the full one. Where the data are noisy a short schedule can beat the full one, so
the best run of all on validation rows counts. Half of the time budget is for tuning.

Source: Kingma and Ba 2015, arXiv:1412.6980; Loshchilov and Hutter 2019, arXiv:1711.05101
(decoupled decay, cosine); Jamieson and Talwalkar 2016, arXiv:1502.07943. Differs from the last:
survivors start again, because an annealed schedule cannot be continued.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

from app.science.baselines.baseline import Baseline, BaselineResult, Problem
from app.science.baselines.training import (
    Rows,
    Setting,
    Trained,
    as_network,
    checkpoints,
    predict,
    standardized,
    train,
)

LEARNING_RATES = (1e-3, 3e-3)
WIDTHS = ((128, 128), (256, 256, 256))
MIN_EPOCHS, MAX_EPOCHS, PLANNED_STEPS = 24, 150, 6000
MIN_BATCH_ROWS, MAX_BATCH_ROWS, BATCHES_PER_EPOCH = 32, 256, 32

ROUND_EPOCHS = (1 / 12, 1 / 4)  # of the final run's epochs
ROUND_BUDGET = (0.05, 0.15)  # of the time budget, each candidate


@dataclass(frozen=True, slots=True)
class AdamMlp:
    """The MLP a careful user would train.

    Parameters
    ----------
    learning_rates, widths : candidates are all their pairs
    """

    learning_rates: tuple[float, ...] = LEARNING_RATES
    widths: tuple[tuple[int, ...], ...] = WIDTHS

    def run(
        self, problem: Problem, *, seed: int, budget_seconds: float, device: str = "cpu"
    ) -> BaselineResult:
        """Tune, train and predict; the same seed gives the same result unless time runs out.

        Parameters
        ----------
        budget_seconds : for tuning and the final run together, kept to within one epoch
        """
        start = time.perf_counter()
        rows = standardized(problem, device)
        n_epochs = _n_epochs(len(problem.train_x))
        runs, winner = self._tune(rows, n_epochs, seed, budget_seconds)
        remaining = budget_seconds - (time.perf_counter() - start)
        runs.append(train(rows, winner, n_epochs=n_epochs, max_seconds=remaining, seed=seed))
        best = min(runs, key=_rank)
        prediction = predict(rows, best.model, rows.test_x)
        seconds = time.perf_counter() - start
        return BaselineResult(
            name="adam_mlp",
            prediction_test=prediction,
            validation_metric=best.best.headline,
            seconds_total=seconds,
            seconds_final=best.seconds,
            n_parameters=best.n_parameters,
            curve=best.curve,
            settings=_settings(best, len(runs), device),
            network=as_network(rows, best.model),
            checkpoints=checkpoints(rows, best),
        )

    def _tune(
        self, rows: Rows, n_epochs: int, seed: int, budget: float
    ) -> tuple[list[Trained], Setting]:
        """All runs, and the setting that won the last round."""
        batch_rows = _batch_rows(len(rows.train_x))
        candidates = [
            Setting(rate, widths, batch_rows)
            for widths in self.widths
            for rate in self.learning_rates
        ]
        runs: list[Trained] = []
        for of_epochs, of_budget in zip(ROUND_EPOCHS, ROUND_BUDGET, strict=True):
            epochs, seconds = max(2, round(of_epochs * n_epochs)), of_budget * budget
            trained = [
                train(rows, candidate, n_epochs=epochs, max_seconds=seconds, seed=seed)
                for candidate in candidates
            ]
            runs += trained
            survivors = sorted(trained, key=_rank)[: math.ceil(len(trained) / 2)]
            candidates = [run.setting for run in survivors]
        return runs, candidates[0]


def _rank(run: Trained) -> tuple[float, float]:
    """Lower is better: validation headline, then validation loss."""
    return run.best.headline, run.best.loss


def _settings(run: Trained, n_runs: int, device: str) -> dict[str, Any]:
    return {
        "learning_rate": run.setting.learning_rate,
        "widths": list(run.setting.widths),
        "batch_rows": run.setting.batch_rows,
        "weight_decay": run.setting.weight_decay,
        "epochs_planned": run.n_epochs,
        "epochs_trained": len(run.curve),
        "best_epoch": run.curve.index(run.best) + 1,
        "runs": n_runs,
        "device": device,
    }


def _batch_rows(n_rows: int) -> int:
    wanted: int = 1 << round(math.log2(max(1, n_rows / BATCHES_PER_EPOCH)))
    return min(max(wanted, MIN_BATCH_ROWS), MAX_BATCH_ROWS)


def _n_epochs(n_rows: int) -> int:
    steps = math.ceil(n_rows / _batch_rows(n_rows))
    return min(max(round(PLANNED_STEPS / steps), MIN_EPOCHS), MAX_EPOCHS)


PLUGIN: type[Baseline] = AdamMlp
