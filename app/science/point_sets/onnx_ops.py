"""The features' operations as ONNX nodes.

Source: none; ``ops.py`` says what each means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from app.science.export.onnx_builder import BOOL, DOUBLE, FLOAT, INT64, PREFIX, GraphBuilder, Value


@dataclass(frozen=True)
class Symbol:
    """A float value of a graph that grows by arithmetic on it."""

    graph: GraphBuilder
    value: Value

    def __add__(self, other: "Symbol | float", /) -> "Symbol":
        return self._with("Add", other)

    def __sub__(self, other: "Symbol | float", /) -> "Symbol":
        return self._with("Sub", other)

    def __mul__(self, other: "Symbol | float", /) -> "Symbol":
        return self._with("Mul", other)

    def __truediv__(self, other: "Symbol | float", /) -> "Symbol":
        return self._with("Div", other)

    def __matmul__(self, other: "Symbol", /) -> "Symbol":
        return self._with("MatMul", other)

    def _with(self, op: str, other: "Symbol | float") -> "Symbol":
        right = other.value if isinstance(other, Symbol) else self.graph.scalar(other, self.value)
        return Symbol(self.graph, self.graph.add(op, [self.value, right]))


@dataclass(frozen=True)
class OnnxOps:
    """Writes nodes instead of computing."""

    graph: GraphBuilder

    def constant(self, array: NDArray[Any]) -> Symbol:
        """An initializer."""
        return Symbol(self.graph, self.graph.constant(np.asarray(array, np.float32)))

    def relu(self, x: Symbol) -> Symbol:
        """See ``Ops``."""
        return self._node("Relu", [x])

    def absolute(self, x: Symbol) -> Symbol:
        """See ``Ops``."""
        return self._node("Abs", [x])

    def sqrt(self, x: Symbol) -> Symbol:
        """See ``Ops``."""
        return self._node("Sqrt", [x])

    def step(self, x: Symbol) -> Symbol:
        """See ``Ops``."""
        zero = self.graph.scalar(0.0, x.value)
        above = self.graph.add("Greater", [x.value, zero], BOOL)
        return Symbol(self.graph, self.graph.cast(above, FLOAT))

    def transposed(self, x: Symbol) -> Symbol:
        """See ``Ops``; values have three axes."""
        return self._node("Transpose", [x], perm=[0, 2, 1])

    def total(self, x: Symbol, axis: int) -> Symbol:
        """See ``Ops``."""
        axes = self.graph.constant(np.array([axis], np.int64))
        return Symbol(self.graph, self.graph.add("ReduceSum", [x.value, axes], keepdims=1))

    def largest(self, x: Symbol, axis: int) -> Symbol:
        """See ``Ops``."""
        return self._node("ReduceMax", [x], axes=[axis], keepdims=1)

    def joined(self, parts: Sequence[Symbol]) -> Symbol:
        """See ``Ops``."""
        return parts[0] if len(parts) == 1 else self._node("Concat", parts, axis=-1)

    def columns(self, x: Symbol, start: int, stop: int) -> Symbol:
        """See ``Ops``."""
        limits = [self.graph.constant(np.array([at], np.int64)) for at in (start, stop, -1)]
        return Symbol(self.graph, self.graph.add("Slice", [x.value, *limits]))

    def known(self, x: Symbol) -> tuple[Symbol, Symbol]:
        """See ``Ops``."""
        graph, zero = self.graph, self.graph.scalar(0.0, x.value)
        unknown = graph.add("IsNaN", [x.value], BOOL)
        known = graph.cast(graph.add("Not", [unknown]), FLOAT)
        return Symbol(graph, known), Symbol(
            graph, graph.add("Where", [unknown, zero, x.value], x.value.dtype)
        )

    def sorted_by(self, x: Symbol, key: Symbol) -> Symbol:
        """See ``Ops``."""
        graph = self.graph
        one, two = (graph.constant(np.array([at], np.int64)) for at in (1, 2))
        length = graph.add("Slice", [graph.add("Shape", [key.value], INT64), one, two])
        name = f"{PREFIX}order_{len(graph.nodes)}"
        names = [key.value.name, length.name], [f"{name}_key", name]
        graph.nodes.append(helper.make_node("TopK", *names, axis=1, largest=0))
        return Symbol(graph, graph.add("GatherND", [x.value, Value(name, INT64)], batch_dims=1))

    def wide(self, x: Symbol) -> Symbol:
        """See ``Ops``."""
        return Symbol(self.graph, self.graph.cast(x.value, DOUBLE))

    def narrow(self, x: Symbol) -> Symbol:
        """See ``Ops``."""
        return Symbol(self.graph, self.graph.cast(x.value, FLOAT))

    def _node(self, op: str, inputs: Sequence[Symbol], **attributes: Any) -> Symbol:  # noqa: ANN401
        return Symbol(self.graph, self.graph.add(op, [i.value for i in inputs], **attributes))
