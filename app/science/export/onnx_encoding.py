"""The encoding as ONNX nodes: one input a column, double precision until the network begins.

A number or a time (epoch seconds) is a double (N, 1), NaN if missing. A level is a string
(N, 1), empty if missing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from app.science.encoding.encoding import CategoricalColumn, Encoding, NumericColumn
from app.science.export.onnx_builder import BOOL, DOUBLE, INT64, STRING, GraphBuilder, Value
from app.science.export.onnx_pieces import gathered, search, shaped_like


def input_names(encoding: Encoding, reserved: set[str]) -> dict[str, str]:
    """ONNX input by column: the column's own name, with ``_`` behind it where that is taken."""
    taken = {*reserved, ""}
    names: dict[str, str] = {}
    for column in encoding.columns:
        if column.name in names:
            continue
        name = column.name
        while name in taken or name.startswith("adaptnet/"):
            name = f"_{name}" if name.startswith("adaptnet/") else f"{name}_"
        taken.add(name)
        names[column.name] = name
    return names


def add_encoding(
    graph: GraphBuilder, encoding: Encoding, names: Mapping[str, str]
) -> tuple[Value, list[Any]]:
    """Nodes for the encoding; returns x, a double (N, p), and the graph's inputs."""
    types = {
        column.name: DOUBLE if isinstance(column, NumericColumn) else STRING
        for column in encoding.columns
    }
    inputs = [
        helper.make_tensor_value_info(names[column], dtype, ["N", 1])
        for column, dtype in types.items()
    ]
    values = {column: Value(names[column], dtype) for column, dtype in types.items()}
    numeric = [c for c in encoding.columns if isinstance(c, NumericColumn)]
    blocks = _numeric(graph, numeric, values) if numeric else []
    for column in encoding.columns:
        if isinstance(column, CategoricalColumn):
            blocks.append(_categorical(graph, column, values[column.name]))
    x = graph.add("Concat", blocks, axis=1) if len(blocks) > 1 else blocks[0]
    order = _order(encoding)
    if (order != np.arange(len(order))).any():
        x = graph.add("Gather", [x, graph.constant(order)], axis=1)
    return x, inputs


def _numeric(
    graph: GraphBuilder, columns: list[NumericColumn], values: Mapping[str, Value]
) -> list[Value]:
    """All numeric columns at once: their scaled values (N, k), then the missing flags."""
    parts = [values[column.name] for column in columns]
    x = graph.add("Concat", parts, axis=1) if len(parts) > 1 else parts[0]
    fill, center, scale, low, high = (
        graph.constant(np.array([getattr(column, name) for column in columns], dtype=np.float64))
        for name in ("fill", "center", "scale", "low", "high")
    )
    absent = graph.add("IsNaN", [x], BOOL)
    filled = graph.add("Where", [absent, fill, x], DOUBLE)
    z = graph.add("Div", [graph.add("Sub", [filled, center]), scale])
    z = graph.add("Min", [graph.add("Max", [z, low]), high])
    if any(column.knots for column in columns):
        z = _on_polygons(graph, columns, z)
    flagged = np.array([i for i, column in enumerate(columns) if column.missing_flag], np.int64)
    if not len(flagged):
        return [z]
    flags = graph.add("Gather", [graph.cast(absent, DOUBLE), graph.constant(flagged)], axis=1)
    return [z, flags]


def _on_polygons(graph: GraphBuilder, columns: list[NumericColumn], z: Value) -> Value:
    """Each column of z (N, k) on its own polygon, as ``apply.on_polygon`` computes it.

    The tables (k, pieces) hold where each piece starts, its first corner and its slope.
    """
    n_steps = max(1, max(len(column.knots) - 2 for column in columns).bit_length())
    tables = [_pieces(column, 1 << n_steps) for column in columns]
    starts, knots, values, slopes = (np.stack(table) for table in zip(*tables, strict=True))
    index, flat = search(graph, starts, z), graph.flat(z)
    knot, value, slope = (gathered(graph, table, index, z) for table in (knots, values, slopes))
    rise = graph.add("Mul", [slope, graph.add("Sub", [flat, knot])])
    return shaped_like(graph, graph.add("Add", [value, rise]), z)


def _pieces(column: NumericColumn, n_pieces: int) -> list[NDArray[np.float64]]:
    """Starts, first corners and slopes, each (n_pieces,), the last piece repeated."""
    x, y = (np.array(c or (0.0, 1.0)) for c in (column.knots, column.values))
    starts = np.concatenate([[-np.inf], x[1:-1], np.full(n_pieces - len(x) + 1, np.inf)])
    found = [x[:-1], y[:-1], np.diff(y) / np.diff(x)]
    return [starts, *(np.pad(part, (0, n_pieces - len(part)), mode="edge") for part in found)]


def _categorical(graph: GraphBuilder, column: CategoricalColumn, value: Value) -> Value:
    n_levels = len(column.levels)
    index = graph.add(
        "LabelEncoder",
        [value],
        INT64,
        domain="ai.onnx.ml",
        keys_strings=[*column.levels, ""],
        values_int64s=[*range(n_levels), n_levels + 1],
        default_int64=n_levels,
    )
    if column.width == 1:  # (N, 1) rows of a flat table are (N, 1) again
        return graph.add("Gather", [graph.constant(column.table[:, 0]), index], DOUBLE, axis=0)
    rows = graph.add("Squeeze", [index, graph.constant(np.array([1], np.int64))])
    return graph.add("Gather", [graph.constant(column.table), rows], DOUBLE, axis=0)


def _order(encoding: Encoding) -> NDArray[np.int64]:
    """Where each output of the encoding lies in [numbers | flags | tables]."""
    numeric = [c for c in encoding.columns if isinstance(c, NumericColumn)]
    next_number, next_flag = 0, len(numeric)
    next_table = sum(column.width for column in numeric)
    order: list[int] = []
    for column in encoding.columns:
        if isinstance(column, CategoricalColumn):
            order.extend(range(next_table, next_table + column.width))
            next_table += column.width
            continue
        order.append(next_number)
        next_number += 1
        if column.missing_flag:
            order.append(next_flag)
            next_flag += 1
    return np.array(order, dtype=np.int64)
