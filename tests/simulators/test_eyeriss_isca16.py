"""The study that named the row-stationary dataflow: energy by level, in multiplies (Fig. 10 of its paper)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from machine_cases import case, product

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.simulators.base import LayerCost
from joulescape.simulators.spatial.settings import SpatialSettings

ROOT = Path(__file__).resolve().parents[2]
STUDY = case("electronic/eyeriss_isca16")
CONV3 = Loops(B=16, K=384, C=256, OY=13, OX=13, FY=3, FX=3)


def in_multiplies(found: LayerCost, component: str) -> float:
    return sum(float(part.energy_pj) for part in found.energies if part.component.name.endswith(component)) / 2.0


def test_multiplies_are_exact_and_registers_are_read_and_written_four_times_each() -> None:
    (found,) = STUDY.cost(product(CONV3))
    assert in_multiplies(found, "mac_array") == CONV3.macs == pytest.approx(2.39e9, rel=2e-3)
    assert in_multiplies(found, "_pad") / CONV3.macs == pytest.approx(4, rel=0.1)


def test_a_register_beside_the_pads_saves_reads_of_one_input() -> None:
    (counted,) = STUDY.cost(product(CONV3))
    (kept,) = STUDY.at({"unit_registers": True}).cost(product(CONV3))
    saved = in_multiplies(counted, "_pad") - in_multiplies(kept, "_pad")
    assert 0.5 * CONV3.macs < saved < 1.1 * CONV3.macs


def test_fully_connected_layers_cost_what_their_weights_cost() -> None:
    """37.7 million words of 200 multiplies each: reuse cannot help a weight that is used once an image."""
    report = cost("alexnet_grouped", "electronic/eyeriss_isca16", {"batch": 16}, root=ROOT)
    moved = {m["operand"]: m["read_bytes"] + m["write_bytes"] for m in report.traffic
             if m["layer"] == "fc6" and m["memory"] == "off_chip_memory"}  # fmt: skip
    assert moved["weight"] == 2 * 4096 * 9216
    assert moved["weight"] > 0.95 * sum(moved.values())


def test_reuse_in_registers_is_what_saves() -> None:
    """Registers of 32 bytes hold no row and few sums: the buffer, six times as dear, is asked instead."""
    raw = STUDY.settings.model_dump()
    for pad, size in (("filter_pad", 16), ("input_pad", 8), ("sum_pad", 8)):
        raw["memories"][pad]["bytes"] = size
    small = replace(STUDY, settings=SpatialSettings.model_validate(raw))
    (rows,), (cut,) = STUDY.cost(product(CONV3)), small.cost(product(CONV3))
    assert in_multiplies(cut, "buffer") > 2 * in_multiplies(rows, "buffer")
    assert sum(float(p.energy_pj) for p in cut.energies) > 1.2 * sum(float(p.energy_pj) for p in rows.energies)
