"""The encoding as ONNX nodes: one input a column, double precision until the network begins.

A number or a time (epoch seconds) is a double (N, 1), NaN if missing. A level is a string
(N, 1), empty if missing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from app.science.encoding.encoding import CategoricalColumn, Encoding, NumericColumn
from app.science.export.onnx_builder import BOOL, DOUBLE, INT64, STRING, GraphBuilder, Value


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

    The tables (k, 2 ** n_steps) hold where each piece starts, its first corner and its slope; a
    row of them is searched by halving steps.
    """
    n_steps = max(len(column.knots) - 2 for column in columns).bit_length()
    tables = [_pieces(column, 1 << n_steps) for column in columns]
    starts, knots, values, slopes = (np.stack(table) for table in zip(*tables, strict=True))
    row = np.arange(len(columns), dtype=np.int64) << n_steps
    zero = numpy_helper.from_array(np.zeros(1, dtype=np.int64))
    piece = graph.add("ConstantOfShape", [graph.add("Shape", [z], INT64)], INT64, value=zero)
    piece = graph.add("Add", [piece, graph.constant(row)])
    for power in reversed(range(n_steps)):
        further = graph.add("Add", [piece, graph.constant(np.array(1 << power, dtype=np.int64))])
        reached = graph.add("GreaterOrEqual", [z, _gather(graph, starts, further)], BOOL)
        piece = graph.add("Where", [reached, further, piece], INT64)
    knot, value, slope = (_gather(graph, table, piece) for table in (knots, values, slopes))
    return graph.add("Add", [value, graph.add("Mul", [slope, graph.add("Sub", [z, knot])])])


def _gather(graph: GraphBuilder, table: NDArray[np.float64], index: Value) -> Value:
    return graph.add("Gather", [graph.constant(table.ravel()), index], DOUBLE)


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
