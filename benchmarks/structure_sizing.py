"""A21: the number of motifs by the rule, against the best of a grid on the table's test rows.

The metric, kernel and bandwidth are searched once a table; only the number of centers varies. The
oracle is the size of least test risk, which no rule can see.
"""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from tqdm import tqdm  # type: ignore[import-untyped]

from app.science.architecture.advice import choose
from app.science.architecture.decision import Facts
from app.science.architecture.pilot import pilot_dof
from app.science.linalg import gram_sums, ridge_path, variances
from app.science.mimicry import scores
from app.science.mimicry import target as targets
from app.science.mimicry.kernels import kernel_matrix
from app.science.mimicry.search import Candidate, Search
from app.science.mimicry.target import Ints, Target
from benchmarks.data import CORE, QUICK
from benchmarks.mimicry_tables import BenchmarkProblem, Floats, load
from benchmarks.structure_forecast import dimension_of
from benchmarks.structure_row import Row

GRID = (32, 64, 128, 256, 512, 1024, 1536, 2048, 3000)
MAX_ROWS = 6000
MAX_TEST = 5000
SEED = 5
PENALTIES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
MOST_RISK, MOST_MOTIFS = 1.1, 2.0


@dataclass(frozen=True)
class Sized:
    """The rule's size and risk beside the oracle's; risks over the variance, or in nats."""

    table: str
    rows: int
    rule: int
    oracle: int
    risk: float
    oracle_risk: float
    grid: Mapping[int, float]

    @property
    def passed(self) -> bool:
        """Within both factors."""
        return self.risk_ratio() <= MOST_RISK and self.motif_ratio() <= MOST_MOTIFS

    def risk_ratio(self) -> float:
        """The rule's risk over the oracle's."""
        return self.risk / self.oracle_risk

    def motif_ratio(self) -> float:
        """The rule's motifs over the oracle's."""
        return self.rule / self.oracle


def rows(quick: bool) -> list[Row]:
    """Size every core table; ``quick`` takes four."""
    names = QUICK if quick else CORE
    found = [sized(name) for name in tqdm(names, desc="sizing", file=sys.stderr)]
    good = sum(each.passed for each in found)
    risk, motifs = ([f(each) for each in found] for f in (Sized.risk_ratio, Sized.motif_ratio))
    typical = (float(np.median(risk)), float(np.median(motifs)))
    return [
        Row(
            "A21 size by the rule over a grid oracle: median risk and motifs",
            f"{typical[0]:.3f}x risk (most {max(risk):.2f}x), {typical[1]:.2f}x motifs "
            f"(most {max(motifs):.1f}x)",
            "<= 1.1x with <= 2x",
            typical[0] <= MOST_RISK and typical[1] <= MOST_MOTIFS,
            {"tables": [{**asdict(each), "passed": each.passed} for each in found]},
        ),
        Row(
            "A21 tables within both factors",
            f"{good} of {len(found)}; risk alone "
            f"{sum(ratio <= MOST_RISK for ratio in risk)} of {len(found)}",
            "all",
            good == len(found),
        ),
    ]


def sized(name: str) -> Sized:
    """One table on at most ``MAX_ROWS`` rows."""
    problem = load(name, 0)
    chosen = np.random.default_rng(SEED).permutation(len(problem.rest_x))[:MAX_ROWS]
    x, y = problem.rest_x[chosen], problem.rest_y[chosen]
    target = targets.make(y, problem.task, problem.classes)
    fit, held = targets.holdout(target, 0)
    choice = Search(x, target.columns(), (fit, held), np.random.default_rng(0)).run()[-1]
    work = _Work(problem, x, target, fit, held, choice)
    rule = _rule(problem, x[fit], y[fit])
    sizes = sorted({rule, *(size for size in GRID if size <= 0.6 * len(fit))})
    risks = {size: work.risk(size) for size in sizes}
    grid = {size: risk for size, risk in risks.items() if size in GRID}
    oracle = min(grid, key=lambda size: grid[size])
    return Sized(name, len(fit), rule, oracle, risks[rule], grid[oracle], grid)


def _rule(problem: BenchmarkProblem, x: Floats, y: Floats) -> int:
    pilot = pilot_dof(x, y, problem.task)
    dimension = dimension_of(x, 0)
    facts = Facts(
        n_rows=len(x),
        dimension_value=dimension.value,
        dimension_low=dimension.low,
        dimension_high=dimension.high,
        pilot_dof=pilot.effective_dof,
        pilot_rows=pilot.n_rows,
        n_outputs=max(1, len(problem.classes)),
        input_dim=x.shape[1],
    )
    return choose(facts).n_motifs


@dataclass(frozen=True)
class _Work:
    problem: BenchmarkProblem
    x: Floats
    target: Target
    fit: Ints
    held: Ints
    choice: Candidate

    def risk(self, n_centers: int) -> float:
        """Test risk of a kernel ridge with a linear part, its penalty by held-out rows."""
        centers = self.x[self.fit[:n_centers]] @ self.choice.metric.matrix
        columns = self.target.columns()
        sums = gram_sums([(self._features(self.x[self.fit], centers), columns[self.fit])])
        at_held = self._features(self.x[self.held], centers)
        best, chosen = np.inf, None
        for ridge in ridge_path(sums, self._penalty(centers, variances(sums)), penalties=PENALTIES):
            outputs = at_held @ ridge.weights + ridge.intercept
            loss = float(((outputs - columns[self.held]) ** 2).sum(axis=1).mean())
            if loss < best:
                best, chosen = loss, ridge
        if chosen is None:
            return float("inf")
        test = self.problem.test_x[:MAX_TEST]
        outputs = self._features(test, centers) @ chosen.weights + chosen.intercept
        if self.target.task != "regression":
            seen = at_held @ chosen.weights + chosen.intercept
            outputs = scores.fit(seen, self.target.raw[self.held]).apply(outputs)
        return self._test_target().loss(outputs, np.arange(len(outputs)))

    def _features(self, rows: Floats, centers: Floats) -> Floats:
        expansion, matrix = self.choice.expansion, self.choice.metric.matrix
        width = expansion.squared_bandwidth
        kernel = kernel_matrix(expansion.kernel, rows @ matrix, centers, width)
        return np.concatenate([rows, kernel], axis=1)

    def _penalty(self, centers: Floats, spread: Floats) -> Floats:
        expansion, p = self.choice.expansion, self.x.shape[1]
        square = kernel_matrix(expansion.kernel, centers, centers, expansion.squared_bandwidth)
        found = np.zeros((p + len(centers), p + len(centers)))
        found[:p, :p] = np.diag(1e-3 * spread[:p] + 1e-12)
        found[p:, p:] = square + 1e-5 * np.eye(len(centers))
        return found

    def _test_target(self) -> Target:
        unit = (self.target.center, self.target.scale)
        y = self.problem.test_y[:MAX_TEST]
        known = unit if self.target.task == "regression" else None
        return targets.make(y, self.target.task, self.target.classes, known)


if __name__ == "__main__":
    for row in rows("--quick" in sys.argv):
        print(f"{row.name}: {row.measured} ({row.bar}) {row.passed}")
