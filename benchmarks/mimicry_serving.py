"""How fast the shipped file answers, against the MLP's: both hold the same encoding.

The two models take turns on the same rows, so that a change of the machine's pace meets both.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from benchmarks.dimension_rows import Row
from benchmarks.mimicry_bars import geometric_mean
from benchmarks.mimicry_export import Feed, feed, session
from benchmarks.mimicry_result import Document
from benchmarks.mimicry_runs import OURS, onnx_of
from benchmarks.mimicry_tables import load

MLP = "adam_mlp"
BATCH_ROWS = 4096
REPEATS, SINGLE_ROWS = 7, 300

Ratios = Mapping[str, Mapping[str, float]]


def rows(results: Sequence[Document]) -> Iterator[Row]:
    """Throughput and latency at seed 0."""
    ratios = _ratios(results)
    for key, what in (("batch", "predict, rows a second"), ("single", "predict, one row")):
        yield _row(f"{what}: ours / MLP through ONNX Runtime", ratios, key)


def _row(what: str, ratios: Ratios, key: str) -> Row:
    if not ratios:
        return Row(what, "not measured: no ONNX files of both", ">= 1x")
    found = {table: ratio[key] for table, ratio in ratios.items()}
    mean, worst = geometric_mean(found.values()), min(found, key=lambda table: found[table])
    return Row(
        what,
        f"geometric mean {mean:.2f}x, least {found[worst]:.2f}x ({worst})",
        ">= 1x",
        mean >= 1.0,
        found,
    )


def _ratios(results: Sequence[Document]) -> Ratios:
    found: dict[str, dict[str, bytes]] = {}
    for result in results:
        if result["seed"] == 0 and result["competitor"] in (OURS, MLP):
            onnx = onnx_of(result)
            if onnx is not None:
                found.setdefault(result["table"], {})[result["competitor"]] = onnx
    return {table: _ratio(table, files) for table, files in found.items() if len(files) == 2}


def _ratio(table: str, files: Mapping[str, bytes]) -> Mapping[str, float]:
    """How many times faster ours is, in a batch and for one row."""
    problem = load(table, 0)
    n_rows = min(BATCH_ROWS, len(problem.test_y))
    seconds = {}
    for key, size, repeats in (("batch", n_rows, REPEATS), ("single", 1, SINGLE_ROWS)):
        inputs = feed(problem.encoding, problem.test_columns, slice(0, size))
        seconds[key] = _in_turns({n: _call(onnx, inputs) for n, onnx in files.items()}, repeats)
    return {key: medians[MLP] / medians[OURS] for key, medians in seconds.items()}


def _call(onnx: bytes, inputs: Feed) -> Callable[[], object]:
    model = session(onnx, torch.get_num_threads())
    return lambda: model.run(None, inputs)


def _in_turns(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each; the first round warms up and does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}
