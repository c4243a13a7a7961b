"""Operations of compressed layers: a work's are its batch times a sample's, and Fourier blocks are counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import Written, graph_of, networks

from joulescape.network.arithmetic import layer_rows, operations, operations_of
from joulescape.network.lower import lower
from joulescape.network.operators import Loops
from joulescape.network.work import LayerStatistics, MatrixWork, Operand, OperandFormat

ARITHMETIC: Any = st.sampled_from(["multiply", "shift", "add", "xnor", "circulant"])


@settings(max_examples=50, deadline=None)
@given(networks(), ARITHMETIC, st.integers(1, 5), st.integers(1, 16))
def test_a_works_operations_are_those_of_its_samples(
    written: tuple[list[int], list[Written]], arithmetic: Any, batch: int, block: int
) -> None:
    graph = graph_of(*written)
    form = OperandFormat(arithmetic=arithmetic, block=block, weight_density=0.5)
    formats = {operator.name: form for operator in graph.matrix_operators}
    for work in lower(graph, formats, "inference", batch, {}).works:
        if not isinstance(work, MatrixWork) or not work.is_weight_stored or work.loops.G > 1:
            continue
        one, whole = operations(graph.operator(work.layer), form), operations_of(work)
        assert whole.macs == batch * one.macs == work.macs
        for kind in ("multiplications", "additions", "shifts", "gates"):
            assert getattr(whole, kind) == pytest.approx(batch * getattr(one, kind))


def work(arithmetic: Any, **more: Any) -> MatrixWork:
    """A dense layer of 8 inputs and 16 outputs, batch 2."""
    form = OperandFormat(arithmetic=arithmetic, **more)
    weight = Operand(128, 8.0, density=form.weight_density)
    return MatrixWork("fc", "forward", Loops(B=2, K=16, C=8), weight, Operand(16, 8.0), Operand(32, 8.0), format=form)


def test_kinds_of_arithmetic_by_hand() -> None:
    multiply = operations_of(work("multiply", weight_density=0.25))
    assert (multiply.macs, multiply.multiplications, multiply.additions) == (256, 64, 64)
    shift = operations_of(work("shift", weight_density=0.5))
    assert (shift.shifts, shift.multiplications, shift.additions) == (128, 32, 128)
    assert operations_of(work("add")).multiplications == 32
    assert operations_of(work("xnor")).gates == 256


def test_circulant_blocks_by_hand() -> None:
    """Blocks of 8: per sample one block in, two out; transforms 3 / 2 * (4 * 3) and products 2 * 5 complex each."""
    found = operations_of(work("circulant", block=8))
    complex_products = 2 * (1.5 * 4 * 3 + 2 * 5)
    assert found.multiplications == 4 * complex_products
    assert found.additions == 2 * complex_products + 2 * 2 * (1.5 * 8 * 3 + 2 * 5)
    assert operations_of(work("circulant", block=1)).multiplications == 4 * 2 * 128 * 1.5


def test_measured_density_stands_in_for_the_announced() -> None:
    shape = [8]
    graph = graph_of(shape, [{"name": "fc", "kind": "dense", "out_features": 4}])
    formats = {"fc": OperandFormat(weight_density=0.5)}
    seen = {"fc": LayerStatistics(weight_density=0.25)}
    nominal, measured = (lower(graph, formats, "inference", 1, s).works[0] for s in ({}, seen))
    assert isinstance(nominal, MatrixWork) and isinstance(measured, MatrixWork)
    assert operations_of(nominal).multiplications == 16 and operations_of(measured).multiplications == 8


def test_training_works_tell_their_format_forward_only() -> None:
    graph = graph_of(
        [8], [{"name": "a", "kind": "dense", "out_features": 4}, {"name": "b", "kind": "dense", "out_features": 3}]
    )
    formats = {name: OperandFormat(arithmetic="shift") for name in ("a", "b")}
    for one in lower(graph, formats, "training", 1, {}).works:
        if isinstance(one, MatrixWork):
            assert (one.format.arithmetic == "shift") == (one.role == "forward")


def test_rows_say_what_each_layer_computes_and_stores() -> None:
    operators = [{"name": "a", "kind": "dense", "out_features": 4}, {"name": "r", "kind": "relu"}]
    graph = graph_of([8], [*operators, {"name": "b", "kind": "dense", "out_features": 3}])
    formats = {
        "a": OperandFormat(activation_bits=4.0, weight_density=0.5, weight_bytes=40.0, index_bytes=10.0),
        "b": OperandFormat(arithmetic="shift", weight_bytes=6.0),
    }
    first, second = layer_rows(graph, formats, {})
    assert first == {
        "layer": "a", "macs": 32, "multiplications": 16, "additions": 16, "shifts": 0, "gates": 0,
            "transformed_weights": 0,
        "weight_bytes": 40, "index_bytes": 10, "activation_bytes": 4,
    }  # fmt: skip
    assert (second["shifts"], second["multiplications"], second["activation_bytes"]) == (12, 3, 16)
    seen = {"a": LayerStatistics(weight_density=0.25, weight_bytes=33.0, index_bytes=7.0)}
    measured, unmeasured = layer_rows(graph, formats, seen)
    assert (measured["multiplications"], measured["weight_bytes"], measured["index_bytes"]) == (8, 33, 7)
    assert unmeasured == second
