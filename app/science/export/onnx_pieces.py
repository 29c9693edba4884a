"""Piecewise linear functions as ONNX nodes: find the piece of each value, then follow its line.

The piece comes from the place of the value where knots are regular, else from a search by halves.
Lines are looked up by GatherElements over one flat list: onnxruntime copies element by element
there, 1 ns each, while its Gather calls for each element a copy of bytes, 8 ns.

Source: none; ``pieces.py`` says what a place in single precision is good for.
"""

import numpy as np
from numpy.typing import NDArray

from app.science.export.onnx_builder import BOOL, DOUBLE, FLOAT, INT32, INT64, GraphBuilder, Value
from app.science.relu_network.pieces import Pieces, Spacing, spacing


def add_pieces(graph: GraphBuilder, pieces: Pieces, x: Value) -> Value:
    """The function of every element of x, in the type of x.

    It is computed in that type too, but in double precision where offsets and slopes cancel, as
    those of a wave do.
    """
    work = graph.cast(x, DOUBLE) if pieces.cancels else x
    if not len(pieces.knots):
        slope, offset = (graph.scalar(float(t[0]), x) for t in (pieces.slopes, pieces.offsets))
        return graph.add("Add", [graph.add("Mul", [x, slope]), offset])
    flat, law = graph.flat(work), spacing(pieces.knots)
    if law is None:
        index = search(graph, _starts(pieces.knots)[None, :], flat)
    elif flat.dtype == FLOAT:
        index = _whole_place(graph, law, law.shift, len(pieces.knots), flat)
    else:
        index = _exact(graph, law, pieces.knots, flat)
    slope, offset = (gathered(graph, t, index, flat) for t in (pieces.slopes, pieces.offsets))
    total = graph.add("Add", [graph.add("Mul", [slope, flat]), offset])
    return graph.cast(shaped_like(graph, total, x), x.dtype)


def search(graph: GraphBuilder, starts: NDArray[np.float64], x: Value) -> Value:
    """Where each value's piece stands in the table ``starts``, read row by row.

    Each step doubles the index and adds one where the value lies in the right half, which leaves
    the row number in the leading digits.

    Parameters
    ----------
    starts : (k, 2^s), s > 0, ascending from minus infinity, one row a column of x
    x : (N, k), or any shape if k = 1

    Returns
    -------
    int32 (N k,)
    """
    n_rows, n_pieces = starts.shape
    right = _at_or_above(graph, x, graph.constant(_as_type(starts[:, n_pieces // 2], x)))
    first = graph.constant(2 * np.arange(n_rows, dtype=np.int32))
    index, flat = graph.flat(graph.add("Add", [right, first])), graph.flat(x)
    for step in range(1, n_pieces.bit_length() - 1):
        middles = starts[:, n_pieces >> (step + 1) :: n_pieces >> step]  # (k, 2^step)
        right = _at_or_above(graph, flat, gathered(graph, middles, index, x))
        index = graph.add("Add", [graph.add("Add", [index, index]), right])
    return index


def gathered(graph: GraphBuilder, table: NDArray[np.float64], index: Value, like: Value) -> Value:
    """The table's elements at the index (m,), in the type of ``like``."""
    flat = graph.constant(_as_type(table.ravel(), like))
    return graph.add("GatherElements", [flat, index], axis=0)


def shaped_like(graph: GraphBuilder, flat: Value, x: Value) -> Value:
    """The flat value in the shape of x."""
    return graph.add("Reshape", [flat, graph.add("Shape", [x], INT64)])


def _exact(graph: GraphBuilder, law: Spacing, knots: NDArray[np.float64], x: Value) -> Value:
    """Place in single precision, which is twice as fast, and one comparison in double."""
    single = graph.cast(x, FLOAT)
    below = _whole_place(graph, law, law.shift - 0.5, len(knots) - 1, single)
    return graph.add("Add", [below, _at_or_above(graph, x, gathered(graph, knots, below, x))])


def _whole_place(graph: GraphBuilder, law: Spacing, shift: float, last: int, x: Value) -> Value:
    inside = graph.add("Clip", [x, graph.scalar(law.low, x), graph.scalar(law.high, x)])
    place = graph.add("Sub", [inside, graph.scalar(law.origin, x)])
    if law.geometric:
        place = graph.add("Log", [place])
    place = graph.add("Mul", [place, graph.scalar(law.scale, x)])
    place = graph.add("Add", [place, graph.scalar(shift, x)])
    whole = graph.add("Cast", [place], INT32, to=INT32)
    # NaN becomes any whole number; any piece gives NaN again, but the index must exist.
    return graph.add("Clip", [whole, graph.scalar(0, whole), graph.scalar(last, whole)])


def _starts(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each piece starts, up to a power of two."""
    n_pieces = 1 << len(knots).bit_length()
    return np.concatenate([[-np.inf], knots, np.full(n_pieces - 1 - len(knots), np.inf)])


def _at_or_above(graph: GraphBuilder, x: Value, start: Value) -> Value:
    return graph.cast(graph.add("GreaterOrEqual", [x, start], BOOL), INT32)


def _as_type(table: NDArray[np.float64], like: Value) -> NDArray[np.generic]:
    return np.asarray(table if like.dtype == DOUBLE else table.astype(np.float32))
