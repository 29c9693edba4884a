"""The network that a careful user would train on media: a short race of settings, then the winner.

Every setting is trained on a short annealed cycle, the one of least validation error again on the
full one in the time that is left. The best run of all on validation rows counts, since a short
cycle can beat the full one where the data are noisy or few.
"""

import math
import time

from app.science.baselines.annealed import Cycle, Data, Run, Tell, earlier, predict, prepared, train
from app.science.baselines.baseline import Checkpoint, Outcome
from app.science.baselines.media import FAMILIES, MediaProblem

RACE_STEPS, RACE_BUDGET = 1 / 8, 0.3
"""Of the full cycle's steps, each setting; of the time budget, all settings together."""
LEAST_SECONDS = 1e-3
PLANNED_STEPS, MIN_EPOCHS, MAX_EPOCHS = 6_000, 16, 150


def run(
    name: str,
    problem: MediaProblem,
    *,
    seed: int,
    budget_seconds: float,
    device: str = "cpu",
    tell: Tell = lambda _fraction, _note: None,
) -> Outcome:
    """Tune, train and predict; the same seed gives the same result unless time runs out.

    Parameters
    ----------
    name : of a family in ``networks``
    budget_seconds : for tuning and the final run together, kept to within one look at validation
        rows; predicting the test rows comes on top
    tell : hears how much of the budget is spent, and on what
    """
    start = time.perf_counter()
    family = FAMILIES.get(name)
    data = prepared(problem, family, seed=seed, device=device)
    candidates = family.candidates(problem)
    runs: list[Run] = []
    for index, candidate in enumerate(candidates):
        tell(RACE_BUDGET * index / len(candidates), f"{name}, setting {index + 1}")
        n_steps = math.ceil(RACE_STEPS * _n_steps(problem, candidate.batch_rows))
        short = Cycle(n_steps, RACE_BUDGET * budget_seconds / len(candidates), first_look=1.0)
        runs.append(train(data, candidate, short, seed=seed))
    winner = min(runs, key=_rank).candidate
    remaining = max(LEAST_SECONDS, budget_seconds - (time.perf_counter() - start))
    full = Cycle(_n_steps(problem, winner.batch_rows), remaining)
    runs.append(
        train(
            data,
            winner,
            full,
            seed=seed,
            tell=lambda part, _: tell(RACE_BUDGET + (1.0 - RACE_BUDGET) * part, name),
        )
    )
    best = min(runs, key=_rank)
    prediction = predict(data, best.model, problem.test)
    return Outcome(
        name=name,
        prediction_test=prediction,
        validation_metric=best.best.headline,
        seconds_total=time.perf_counter() - start,
        seconds_final=best.seconds,
        n_parameters=sum(parameter.numel() for parameter in best.model.parameters()),
        curve=best.curve,
        settings={**_settings(data, best, runs), "seed": seed, "budget_seconds": budget_seconds},
        checkpoints=(*earlier(data, best), Checkpoint(best.best.seconds, prediction)),
    )


def _rank(found: Run) -> tuple[float, float]:
    """Lower is better: validation headline, then validation loss."""
    return found.best.headline, found.best.loss


def _n_steps(problem: MediaProblem, batch_rows: int) -> int:
    """A small set takes more epochs for the same number of steps."""
    steps = max(1, len(problem.train) // batch_rows)
    return steps * min(max(round(PLANNED_STEPS / steps), MIN_EPOCHS), MAX_EPOCHS)


def _settings(data: Data, best: Run, runs: list[Run]) -> dict[str, object]:
    batch_rows, n_rows = best.candidate.batch_rows, len(data.problem.train)
    return {
        **best.candidate.facts,
        "learning_rate": best.candidate.rate,
        "batch_rows": batch_rows,
        "epochs_trained": round(best.n_steps * min(batch_rows, n_rows) / n_rows, 2),
        "runs": len(runs),
        "ended": runs[-1].ended,
        "validation_rows": len(data.validation),
        "device": data.device,
    }
