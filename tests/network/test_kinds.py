"""Every kind of operator declares itself once; what files may name is what the engine knows."""

from __future__ import annotations

from typing import get_args

from joulescape.network.kinds import KINDS
from joulescape.network.operators import MATRIX_KINDS, PHYSICAL_KINDS
from joulescape.spec.network import FOREIGN, ForeignOperatorSpec, OperatorKind, OperatorSpec

PHYSICAL = "physical"
"""What a file writes for a system of another package; the engine knows the system itself."""


def test_the_kinds_of_a_file_are_the_kinds_of_the_engine() -> None:
    assert {*get_args(OperatorKind), FOREIGN} == {*KINDS, PHYSICAL}
    assert FOREIGN not in get_args(OperatorKind), "only the reader of ONNX files writes it"
    assert set(KINDS) >= MATRIX_KINDS | PHYSICAL_KINDS


def test_every_attribute_of_a_kind_can_be_written_and_the_reverse() -> None:
    written = {*OperatorSpec.model_fields, *ForeignOperatorSpec.model_fields} - {"name", "kind", "inputs"}
    numbers = set().union(*(KINDS[kind].attributes for kind in PHYSICAL_KINDS - {"shg"})) - written
    taken = set().union(*(kind.attributes for kind in KINDS.values()))
    assert written - {"system", "sizes"} == taken - numbers, "whatever has no field of its own stands under `sizes`"


def test_only_free_kinds_cost_nothing_on_the_way_back() -> None:
    silent = {name for name, kind in KINDS.items() if kind.backward_ops_per_element == 0.0}
    assert silent - MATRIX_KINDS - PHYSICAL_KINDS - {"spectral_sum"} == {n for n, k in KINDS.items() if k.is_free}
