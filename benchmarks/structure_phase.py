"""A8: the phase detector on smooth targets and on such that jump.

Targets are drawn anew for every seed: waves, small tanh networks and additive sines, on uniform or
Gaussian rows of 2, 3, 5 and 8 columns, 3,000 of them, noise of a tenth of the target's standard
deviation; for a jump one more step, of at least one standard deviation, across a plane (tilted or
along a column), a curved surface or a sphere. The detector's borders were set by what
``--calibrate`` prints, on seeds from 500,000 on; the rows here use others.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm  # type: ignore[import-untyped]

from app.science.structure.noise import Estimate
from app.science.structure.smoothness_report import SmoothnessReport, measure
from benchmarks.data import table_path
from benchmarks.mimicry_tables import load
from benchmarks.structure_row import Row

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]

DIMENSIONS = (2, 3, 5, 8)
N_ROWS, NOISE = 3000, 0.1
FIRST_SEED, FIRST_CALIBRATION_SEED = 70_000, 500_000
SETS_EACH, QUICK_SETS_EACH = 5, 2
BAR = 0.9
TABLES = (
    "california", "protein", "kin40k", "pol", "pumadyn32nm", "house_8L", "bike_sharing", "abalone",
    "adult", "phoneme", "letter",
)  # fmt: skip


class Case(NamedTuple):
    """One synthetic set and its truth."""

    d: int
    jumps: bool
    seed: int


def waves(rng: Generator, d: int) -> Function:
    """Forty random cosines."""
    w = rng.standard_normal((d, 40)) * (2.0 * rng.uniform(0.5, 2.0) / np.sqrt(d))
    phase, height = rng.uniform(0.0, 2.0 * np.pi, 40), rng.standard_normal(40)
    return lambda x: np.asarray(np.cos(x @ w + phase) @ height)


def network(rng: Generator, d: int) -> Function:
    """Twelve tanh units."""
    w = rng.standard_normal((d, 12)) * (1.7 * rng.uniform(0.7, 2.0) / np.sqrt(d))
    offset, height = 0.5 * rng.standard_normal(12), rng.standard_normal(12)
    return lambda x: np.asarray(np.tanh(x @ w + offset) @ height)


def additive(rng: Generator, d: int) -> Function:
    """One sine a column."""
    w, phase = rng.uniform(1.0, 3.0, d), rng.uniform(0.0, 2.0 * np.pi, d)
    height = rng.standard_normal(d)
    return lambda x: np.asarray(np.sin(x * w + phase) @ height)


def surface(rng: Generator, d: int) -> Function:
    """A function whose middle level is the jump: tilted, along a column, curved or a sphere."""
    way = rng.standard_normal(d)
    way /= np.linalg.norm(way)
    phase, middle = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(-0.4, 0.4, d)
    return [
        lambda x: x @ way,
        lambda x: x[:, 0],
        lambda x: x @ way + 0.4 * np.sin(2.0 * x[:, 0] + phase) + 0.3 * x[:, -1] ** 2,
        lambda x: np.linalg.norm(x - middle, axis=1),
    ][rng.integers(4)]


def draw(case: Case) -> tuple[Floats, Floats]:
    """Rows (n, d) and targets (n,)."""
    rng = np.random.default_rng([case.seed, case.d, case.jumps])
    uniform = rng.random() < 0.5
    shape = (N_ROWS, case.d)
    x = rng.uniform(-1.0, 1.0, shape) if uniform else 0.6 * rng.standard_normal(shape)
    f = (waves, network, additive)[rng.integers(3)](rng, case.d)(x)
    f = f / f.std()
    if case.jumps:
        f = _with_jump(f, surface(rng, case.d)(x), rng)
    return x, f + NOISE * rng.standard_normal(N_ROWS)


def _with_jump(f: Floats, h: Floats, rng: Generator) -> Floats:
    """A step of at least one standard deviation of the sum, which is then rescaled to one."""
    upper = h > np.quantile(h, rng.uniform(0.35, 0.65))
    total = f * rng.uniform(0.3, 0.9) + rng.uniform(1.2, 2.0) * rng.choice([-1.0, 1.0]) * upper
    return np.asarray(total / total.std())


def detect(case: Case) -> SmoothnessReport:
    """Measure one set."""
    x, y = draw(case)
    return measure(x, y, "regression", dimension=Estimate(case.d, case.d, case.d))


def rows(quick: bool) -> list[Row]:
    """Shares of right decisions; what is said of real tables is for information."""
    each = QUICK_SETS_EACH if quick else SETS_EACH
    found = [_outcome(case) for case in tqdm(list(cases(FIRST_SEED, each)), desc="phase detector")]
    made = [_accuracy(found, jumps) for jumps in (False, True)]
    return made if quick else [*made, _real_tables()]


def cases(first_seed: int, each: int) -> Iterable[Case]:
    """``each`` smooth and jump sets for every dimension."""
    for d in DIMENSIONS:
        for jumps in (False, True):
            yield from (Case(d, jumps, first_seed + k) for k in range(each))


def _outcome(case: Case) -> dict[str, Any]:
    report = detect(case)
    index = report.structure.jump_index if report.structure else None
    return {
        **case._asdict(),
        "side": report.verdict.side,
        "says": {w.name: w.says for w in report.verdict.witnesses},
        "confidence": report.verdict.confidence,
        "jump_index": index.to_json() if index else None,
        "noise": report.noise.variance.to_json() if report.noise else None,
        "smoothness": report.smoothness.to_json(),
        "seconds": report.seconds,
    }


def _accuracy(found: list[dict[str, Any]], jumps: bool) -> Row:
    truth = "jump" if jumps else "smooth"
    mine = [outcome for outcome in found if outcome["jumps"] == jumps]
    right = sum(outcome["side"] == truth for outcome in mine)
    wrong = sum(outcome["side"] not in (truth, "undecided") for outcome in mine)
    return Row(
        f"A8 phase detector on {len(mine)} {truth} sets, d in 2, 3, 5, 8, n = 3,000",
        f"{right} right, {wrong} wrong, {len(mine) - right - wrong} undecided",
        ">= 90 % right",
        right >= BAR * len(mine),
        {"sets": mine},
    )


def _real_tables() -> Row:
    names = [name for name in TABLES if table_path(name).exists()]
    said = {name: _of_table(name) for name in tqdm(names, desc="phase of real tables")}
    sides = ", ".join(f"{name} {each['verdict']['side']}" for name, each in said.items())
    return Row("Side of real tables (no truth known)", sides, "", None, said)


def _of_table(name: str) -> dict[str, Any]:
    problem = load(name, 0)
    document = measure(problem.rest_x, problem.rest_y, problem.task).to_json()
    kept = ("verdict", "smoothness", "noise", "seconds", "metric")
    index = document["structure_function"] and document["structure_function"]["jump_index"]
    return {**{key: document[key] for key in kept}, "jump_index": index}


def calibrate(each: int) -> None:
    """Print quantiles of the jump index on either side, which the detector's borders rest on."""
    found = [
        _outcome(case) for case in tqdm(list(cases(FIRST_CALIBRATION_SEED, each)), desc="calibrate")
    ]
    for d in DIMENSIONS:
        for jumps in (False, True):
            mine = [o for o in found if o["d"] == d and o["jumps"] == jumps]
            index = sorted(o["jump_index"]["value"] for o in mine if o["jump_index"])
            said = [(o["says"]["jump_index"], o["says"]["contest"], o["side"]) for o in mine]
            print(
                json.dumps({"d": d, "jumps": jumps, "J": np.round(index, 2).tolist(), "says": said})
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calibrate", type=int, metavar="SETS")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.calibrate:
        calibrate(options.calibrate)
        sys.exit(0)
    for row in rows(options.quick):
        print(row.name, "|", row.measured, "|", row.bar, "|", row.passed)
