"""A compressed network as an ONNX model: whole-number weights and inputs as QuantizeLinear and DequantizeLinear pairs.

Weights that are whole multiples of a scale stand as integers of 4, 8 or 16 bits; all others as the float32 values that
they have. Every tensor is for a batch of any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from joulescape.compression.base import Described
from joulescape.interchange.onnx_file import Array
from joulescape.interchange.onnx_grids import ActivationGrid, quantised_input, quantised_weight, weight_note
from joulescape.interchange.onnx_operators import write_operator
from joulescape.interchange.onnx_sheet import Sheet
from joulescape.network.build import DATA
from joulescape.network.operators import Operator

OPSET = 21
"""The first whose QuantizeLinear and DequantizeLinear know 4 and 16 bits."""

OUTPUT = "output"

Grids = tuple[ActivationGrid, ...]


@dataclass(frozen=True)
class Written:
    """An ONNX file's bytes, and what it could not hold as the design has it: one line a layer."""

    data: bytes
    notes: tuple[str, ...]


def write_onnx(network: Described, arrays: Mapping[str, Array], grids: Mapping[str, Grids]) -> Written:
    """The network with these weights, and with the grids of its inputs by operator, one an input.

    OnnxError where an operator is a physical system, which no ONNX operator describes.
    """
    sheet, named = Sheet(), {DATA: DATA}
    for operator in network.graph.operators:
        inputs = [named[name] for name in operator.inputs]
        if operator.name in grids:
            pairs = zip(inputs, grids[operator.name], strict=True)
            inputs = [quantised_input(sheet, f"{operator.name}.in{i}", *pair) for i, pair in enumerate(pairs)]
        tensors = _constants(sheet, operator, network, arrays)
        last = operator is network.graph.output
        named[operator.name] = write_operator(sheet, operator, inputs, tensors, OUTPUT if last else operator.name)
    return Written(_model(network, sheet).SerializeToString(), tuple(sheet.notes))


def _constants(sheet: Sheet, operator: Operator, network: Described, arrays: Mapping[str, Array]) -> dict[str, str]:
    """Names of the operator's constants by short name; weights of products on their grid where they have one."""
    short = {name.rpartition(".")[2]: np.asarray(a) for name, a in arrays.items() if _owner(name) == operator.name}
    kept = {"weight", "bias", "mean", "variance", "scale", "offset"}
    found = {}
    for name, value in short.items():
        if name == "weight" and operator.is_matrix:
            form = network.formats[operator.name]
            found[name] = quantised_weight(sheet, f"{operator.name}.weight", value, form)
            sheet.notes += weight_note(operator.name, value, form)
        elif name in kept:
            found[name] = sheet.constant(f"{operator.name}.{name}", value.astype(np.float32))
    return found


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _model(network: Described, sheet: Sheet) -> Any:
    import onnx

    floats, graph = onnx.TensorProto.FLOAT, network.graph
    into = onnx.helper.make_tensor_value_info(DATA, floats, ["batch", *graph.input_shape])
    out = onnx.helper.make_tensor_value_info(OUTPUT, floats, ["batch", *graph.output.out_shape])
    whole = onnx.helper.make_graph(sheet.nodes, graph.name, [into], [out], sheet.constants)
    model = onnx.helper.make_model(whole, opset_imports=[onnx.helper.make_opsetid("", OPSET)])
    model.producer_name, model.ir_version = "joulescape", 10
    onnx.checker.check_model(model, full_check=True)
    return model
