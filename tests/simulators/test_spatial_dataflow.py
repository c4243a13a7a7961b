"""A dataflow that an array cannot do is refused with what is missing and what would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_spatial_totals import chip, memory

from joulescape.errors import Infeasible
from joulescape.pricing import cost
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.shelves import back_end_names
from joulescape.simulators.spatial.dataflow import STILL, dataflow_limit
from joulescape.simulators.spatial.settings import SpatialSettings

ROOT = Path(__file__).parents[2]
PADS = {"weight": memory(64, ["weight"], 0.1, 8), "input": memory(64, ["input"], 0.1, 8)}


def with_pads(*operands: str, **more: Any) -> SpatialSettings:
    """The small chip with pads for these operands in every unit, and the memories that serve others."""
    plain = chip().model_dump()
    outer = {name: one for name, one in plain["memories"].items() if one["serves"]}
    pads = {f"{one}_pad": PADS[one] for one in operands}
    return chip(memories={**pads, **outer}, **more)


@pytest.mark.parametrize("operands", [(), ("weight",), ("input",), ("weight", "input")])
def test_rows_need_a_pad_for_filters_and_for_inputs(operands: tuple[str, ...]) -> None:
    found = dataflow_limit(with_pads(*operands, dataflow="row_stationary"))
    assert found.overshoot == 2 - len(operands)
    assert all((f"{one}s" in found.reason.partition(";")[0]) == (one not in operands) for one in ("weight", "input"))


@pytest.mark.parametrize(("dataflow", "operand"), [("weight_stationary", "weight"), ("input_stationary", "input")])
def test_one_value_needs_a_register_or_a_pad(dataflow: str, operand: str) -> None:
    assert dataflow_limit(with_pads(dataflow=dataflow)).overshoot == 0
    assert dataflow_limit(with_pads(dataflow=dataflow, unit_registers=False)).overshoot == 1
    assert dataflow_limit(with_pads(operand, dataflow=dataflow, unit_registers=False)).overshoot == 0


def test_a_pad_that_is_gone_past_keeps_nothing() -> None:
    settings = with_pads("weight", "input", dataflow="row_stationary", bypass=("input_pad",))
    assert dataflow_limit(settings).overshoot == 1


@pytest.mark.parametrize("dataflow", ["output_stationary", "output_map", "adder_tree", "free"])
def test_others_keep_nothing_still_in_a_unit(dataflow: str) -> None:
    assert dataflow not in STILL
    assert dataflow_limit(with_pads(dataflow=dataflow, unit_registers=False)).overshoot == 0


def test_every_shipped_array_can_do_its_dataflow() -> None:
    arrays = [load_back_end(ROOT, name) for name in back_end_names(ROOT)]
    found = [one.settings for one in arrays if isinstance(one.settings, SpatialSettings)]
    assert len(found) >= 10
    assert all(dataflow_limit(one).overshoot == 0 for one in found)


def test_a_user_is_told() -> None:
    with pytest.raises(Infeasible, match="row_stationary: no memory of each unit holds"):
        cost("digits_mlp", "electronic/neurocube", {"hardware.dataflow": "row_stationary"}, root=ROOT)
