"""How long one row takes in ONNX Runtime, preprocessing included, and what a limit on it allows.

The values of a network's numbers do not matter to its speed, only their count: a limit is
therefore turned into a size before anything is solved, by bisection over networks.
"""

import time
from collections.abc import Callable

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from app.science.encoding.encoding import CategoricalColumn, Encoding
from app.science.errors import UnreachableLimit
from app.science.export import (
    network_numpy,
    onnx_answer,
    onnx_encoding,
    onnx_graph,
    trained_model,
)
from app.science.export.self_test import onnx_input
from app.science.relu_network.network import Network

WARM_UP = 20
RUNS = 200
RESOLUTION = 0.05
"""Relative width at which the bisection stops: below it the clock's noise decides."""


def single_row_ms(network: Network, encoding: Encoding) -> float:
    """Median over repeated runs of one row, one thread, on this machine, in milliseconds."""
    graph = onnx_graph.build(
        network_numpy.stored(network, np.float32), trained_model.finite(encoding)
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    row = _row(encoding)
    seconds = []
    for _ in range(WARM_UP + RUNS):
        start = time.perf_counter()
        session.run(None, row)
        seconds.append(time.perf_counter() - start)
    return 1e3 * float(np.median(seconds[WARM_UP:]))


def broken_limit(
    network: Network,
    encoding: Encoding,
    *,
    max_parameters: int | None = None,
    max_latency_ms: float | None = None,
) -> str | None:
    """Name of the first limit that the finished network breaks; measures only where one is set."""
    if max_parameters is not None and network.n_parameters > max_parameters:
        return "max_parameters"
    if max_latency_ms is not None and single_row_ms(network, encoding) > max_latency_ms:
        return "max_latency_ms"
    return None


def _row(encoding: Encoding) -> dict[str, NDArray[np.generic]]:
    """One row of known levels and middle values, as the ONNX file wants it."""
    names = onnx_encoding.input_names(encoding, onnx_answer.RESERVED)
    cells: dict[str, NDArray[np.generic]] = {}
    for column in encoding.columns:
        if isinstance(column, CategoricalColumn):
            level = np.array([next(iter(column.levels), "")], dtype=object)
            cells[names[column.name]] = onnx_input(level)
        else:
            cells[names[column.name]] = onnx_input(np.array([column.center], dtype=np.float64))
    return cells


def most_within(limit_ms: float, most: int, measure: Callable[[int], float]) -> int:
    """The largest number of motifs up to ``most`` that keeps to the limit; 0 is a linear model.

    Parameters
    ----------
    measure : milliseconds of the network with so many motifs, growing with them but for noise

    Raises
    ------
    UnreachableLimit
        Not even the linear model is as fast.
    """
    if most and measure(most) <= limit_ms:
        return most
    floor = measure(0)
    if floor > limit_ms:
        raise UnreachableLimit(name="max_latency_ms", asked=limit_ms, smallest=floor)
    low, high = 0, most
    while high - low > max(1.0, RESOLUTION * high):
        middle = (low + high) // 2
        low, high = (middle, high) if measure(middle) <= limit_ms else (low, middle)
    return low
