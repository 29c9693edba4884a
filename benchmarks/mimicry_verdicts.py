"""The bars that the results of all runs decide: accuracy, time, equality, certificates."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median

from benchmarks import mimicry_bars as bars
from benchmarks.dimension_rows import Row
from benchmarks.mimicry_result import Document
from benchmarks.mimicry_runs import OURS

MLP, TREES = "adam_mlp", "lightgbm"

TableLosses = Mapping[str, Mapping[str, float]]


def table_losses(results: Sequence[Document]) -> dict[str, dict[str, float]]:
    """Mean test loss over seeds, by table and competitor; who did not run is absent."""
    found: dict[str, dict[str, list[float]]] = {}
    for result in results:
        of_table = found.setdefault(result["table"], {})
        if result["status"] == "ran":
            of_table.setdefault(result["competitor"], []).append(result["metrics"]["loss"])
    return {
        table: {name: fmean(losses) for name, losses in of_table.items()}
        for table, of_table in found.items()
    }


def time_ratios(results: Sequence[Document]) -> dict[str, float]:
    """Seconds of the MLP to our validation loss over our seconds: geometric mean over seeds."""
    timed = [r for r in results if r["status"] == "ran" and r["timed"]]
    ours = {(r["table"], r["seed"]): r for r in timed if r["competitor"] == OURS}
    mlps = {(r["table"], r["seed"]): r for r in timed if r["competitor"] == MLP}
    found: dict[str, list[float]] = {}
    for key in sorted(ours.keys() & mlps.keys()):
        loss = ours[key]["validation_loss"]
        reached = bars.seconds_to_reach(mlps[key]["curve"], loss, mlps[key]["seconds"])
        found.setdefault(key[0], []).append(reached / ours[key]["seconds"])
    return {table: bars.geometric_mean(ratios) for table, ratios in found.items()}


def rows(results: Sequence[Document]) -> Iterator[Row]:
    """Every bar that needs nothing but the results."""
    losses = {
        table: found
        for table, found in table_losses(results).items()
        if OURS in found and len(found) > 1
    }
    if losses:
        yield from _accuracy(losses)
    ratios = time_ratios(results)
    if ratios:
        yield from _time(ratios)
    ours = [r for r in results if r["competitor"] == OURS and r["status"] == "ran"]
    if ours:
        yield _equality(ours)
        yield _certificates(ours)
    if losses and all({MLP, TREES} <= found.keys() for found in losses.values()):
        yield _a17(losses)


def _accuracy(losses: TableLosses) -> Iterator[Row]:
    names = sorted({name for found in losses.values() for name in found})
    means = bars.mean_ranks(losses.values(), names)
    order = sorted(means, key=lambda name: means[name])
    yield Row(
        f"mean rank over {len(losses)} tables",
        ", ".join(f"{name} {means[name]:.2f}" for name in order),
        "ours is the least",
        means[OURS] == min(means.values()),
        means,
    )
    regrets = {table: bars.regret(found, OURS) for table, found in losses.items()}
    lost = {table: max(0.0, value) for table, value in regrets.items()}
    worst = max(regrets, key=lambda table: regrets[table])
    mean = fmean(lost.values())
    yield Row(
        "regret against the best competitor, mean (a win counts as 0)",
        f"{mean:.1%} (signed {fmean(regrets.values()):+.1%})",
        "<= 3 %",
        mean <= 0.03,
        regrets,
    )
    yield Row(
        "regret against the best competitor, worst",
        f"{regrets[worst]:+.1%} ({worst})",
        "<= 10 %",
        regrets[worst] <= 0.1,
    )


def _time(ratios: Mapping[str, float]) -> Iterator[Row]:
    mean, least = bars.geometric_mean(ratios.values()), min(ratios, key=lambda t: ratios[t])
    yield Row(
        f"MLP's time to our validation loss / our whole time, {len(ratios)} tables",
        f"geometric mean {mean:.2f}x",
        ">= 5x",
        mean >= 5.0,
        dict(ratios),
    )
    yield Row(
        "the same, least over tables",
        f"{ratios[least]:.2f}x ({least})",
        ">= 1x",
        ratios[least] >= 1.0,
    )
    middle = median(ratios.values())
    yield Row("the same, median (A16)", f"{middle:.2f}x", ">= 2x", middle >= 2.0)


def _equality(ours: Sequence[Document]) -> Row:
    worst = max(ours, key=lambda result: float(result["details"]["onnx_difference"]))
    difference = float(worst["details"]["onnx_difference"])
    return Row(
        "shipped network / student through ONNX Runtime, test rows",
        f"largest relative difference {difference:.1e} ({worst['table']})",
        "<= 1e-5",
        difference <= 1e-5,
    )


def _certificates(ours: Sequence[Document]) -> Row:
    pairs = [result["details"]["certificate"] for result in ours]
    given = [pair for pair in pairs if pair["certified_sup"] is not None]
    held = [bars.certificate_holds(p["certified_sup"], p["observed_max"]) for p in given]
    return Row(
        "certificate >= observed",
        f"{sum(held)} of {len(given)} certificates hold; {len(pairs) - len(given)} runs give none",
        "always",
        all(held) if held else None,
    )


def _a17(losses: TableLosses) -> Row:
    means = bars.mean_ranks(losses.values(), (OURS, MLP))
    pairs = [{name: found[name] for name in (OURS, MLP, TREES)} for found in losses.values()]
    lost = fmean(max(0.0, bars.regret(pair, OURS)) for pair in pairs)
    return Row(
        "against the MLP alone; against the better of MLP and LightGBM (A17)",
        f"rank {means[OURS]:.2f} / {means[MLP]:.2f}; mean regret {lost:.1%}",
        "rank <= MLP's, <= 2 %",
        means[OURS] <= means[MLP] and lost <= 0.02,
    )
