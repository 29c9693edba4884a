"""Parameters at equal error: ours against the smallest MLP that reaches our test loss.

The MLPs are the grid's models and a ladder of small ones, at seed 0. A table on which none of them
reaches our loss counts as a ratio of 0.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks import mimicry_mlp
from benchmarks.dimension_rows import Row
from benchmarks.mimicry_bars import smallest_reaching
from benchmarks.mimicry_result import Cache, Document
from benchmarks.mimicry_runs import OURS
from benchmarks.mimicry_tables import load

WHAT = "parameters at equal error: ours / smallest MLP of the ladder"
BAR = "median <= 1.0x"


def row(results: Sequence[Document], cache: Cache) -> Row:
    """The median over tables."""
    sizes = {
        result["table"]: _sizes(result, cache)
        for result in results
        if result["seed"] == 0 and result["competitor"] == OURS and result["status"] == "ran"
    }
    if not sizes:
        return Row(WHAT, "not measured: ours did not run", BAR)
    ratios = {table: ours / mlp if mlp is not None else 0.0 for table, (ours, mlp) in sizes.items()}
    middle = float(median(ratios.values()))
    unreached = sum(mlp is None for _, mlp in sizes.values())
    return Row(
        WHAT,
        f"median {middle:.2f}x; no MLP reaches our error on {unreached} of {len(sizes)}",
        BAR,
        middle <= 1.0,
        {table: _values(ratios[table], *pair) for table, pair in sizes.items()},
    )


def _sizes(ours: Document, cache: Cache) -> tuple[int, int | None]:
    problem = load(ours["table"], 0)
    runs = mimicry_mlp.grid_runs(problem, cache) + mimicry_mlp.ladder_runs(problem, cache)
    models = [(int(found["n_parameters"]), float(found["metrics"]["loss"])) for _, found in runs]
    return int(ours["n_parameters"]), smallest_reaching(models, float(ours["metrics"]["loss"]))


def _values(ratio: float, ours: int, mlp: int | None) -> Mapping[str, float | int | None]:
    return {"ratio": ratio, "ours": ours, "mlp": mlp}
