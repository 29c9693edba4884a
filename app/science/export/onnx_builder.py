"""Collect the nodes of an ONNX graph while knowing the type of every value."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from app.science.errors import ScienceError

OPSET = 17
ML_OPSET = 3
IR_VERSION = 8
PREFIX = "adaptnet/"
MAX_BYTES = 1_900_000_000  # one protobuf message holds less than 2 GiB

DOUBLE, FLOAT = TensorProto.DOUBLE, TensorProto.FLOAT
INT32, INT64, STRING = TensorProto.INT32, TensorProto.INT64, TensorProto.STRING
BOOL = TensorProto.BOOL


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the graph: its name and element type."""

    name: str
    dtype: int


@dataclass
class GraphBuilder:
    """Grows a graph; names of inner values start with ``adaptnet/``, so no column can hit one.

    opset, ir_version : later ones only where nodes of another file need them
    """

    opset: int = OPSET
    ir_version: int = IR_VERSION
    nodes: list[Any] = field(default_factory=list)
    initializers: dict[str, Any] = field(default_factory=dict)
    n_bytes: int = 0
    _constants: dict[tuple[str, bytes], Value] = field(default_factory=dict)
    _casts: dict[tuple[str, int], Value] = field(default_factory=dict)
    _flat: dict[str, Value] = field(default_factory=dict)

    def add(
        self,
        op: str,
        inputs: Sequence[Value],
        dtype: int | None = None,
        *,
        name: str = "",
        domain: str = "",
        **attributes: Any,  # noqa: ANN401 - what the operator's schema asks for
    ) -> Value:
        """Append one node; its output has the type of its first input unless given."""
        output = name or f"{PREFIX}{op}_{len(self.nodes)}"
        node = helper.make_node(
            op, [value.name for value in inputs], [output], output, domain=domain, **attributes
        )
        self.nodes.append(node)
        return Value(output, inputs[0].dtype if dtype is None else dtype)

    def constant(self, array: NDArray[Any]) -> Value:
        """A tensor of the graph; equal tensors are stored once."""
        key = (f"{array.dtype}{array.shape}", array.tobytes())
        if key not in self._constants:
            name = f"{PREFIX}constant_{len(self._constants)}"
            self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
            self.n_bytes += array.nbytes
            if self.n_bytes > MAX_BYTES:
                raise ScienceError(f"the ONNX file would pass {MAX_BYTES} bytes")
            dtype = helper.np_dtype_to_tensor_dtype(array.dtype)
            self._constants[key] = Value(name, int(dtype))
        return self._constants[key]

    def cast(self, value: Value, dtype: int) -> Value:
        """The value in another type; at most one cast of each kind."""
        if value.dtype == dtype:
            return value
        key = (value.name, dtype)
        if key not in self._casts:
            self._casts[key] = self.add("Cast", [value], dtype, to=dtype)
        return self._casts[key]

    def flat(self, value: Value) -> Value:
        """The value's elements in one dimension; at most one reshape of each."""
        if value.name not in self._flat:
            line = self.constant(np.array([-1], dtype=np.int64))
            made = self.add("Reshape", [value, line])
            self._flat[value.name] = self._flat[made.name] = made
        return self._flat[value.name]

    def scalar(self, number: float, like: Value) -> Value:
        """A number in the type of a value."""
        with np.errstate(over="ignore"):
            return self.constant(
                np.array(number, dtype=helper.tensor_dtype_to_np_dtype(like.dtype))
            )

    def model(
        self, inputs: Sequence[Any], outputs: Sequence[Any], properties: dict[str, str]
    ) -> onnx.ModelProto:
        """The finished model."""
        graph = helper.make_graph(
            self.nodes, "adaptnet", inputs, outputs, list(self.initializers.values())
        )
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=self.ir_version, producer_name="adaptnet"
        )
        helper.set_model_props(model, properties)
        return model
