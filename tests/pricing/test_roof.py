"""No layer runs faster than its roof, and the bytes of layers are those of the traffic."""

from __future__ import annotations

from typing import Any

import pytest

from joulescape.pricing.design import CostReport, cost

PRUNED = {"compression.prune.density": 0.3}
NARROW = {"compression.quantize.weight_bits": 4, "compression.quantize.activation_bits": 4}
MACHINES = (
    ("electronic/systolic_int8", {}), ("electronic/eyeriss_v2", PRUNED), ("electronic/cpu_i7_5930k", {}),
    ("electronic/tetris", {}), ("electronic/stripes", NARROW), ("electronic/ganpu", {}),
    ("electronic/envision", NARROW),
    ("memristive/isaac", NARROW), ("memristive/neurram", {}), ("memristive/analog_chain", {}),
    ("photonic/mzi_mesh", {}), ("photonic/tempo", NARROW),
)  # fmt: skip


def priced(back_end: str, sets: Any = None, **more: Any) -> CostReport:
    network = "digits_mlp" if back_end.endswith("analog_chain") else "digits_lenet"
    phases = ("inference",) if back_end.endswith("analog_chain") else ("inference", "training")
    return cost(network, back_end, sets, **{"phases": phases, **more})


@pytest.mark.parametrize(("back_end", "sets"), MACHINES)
def test_no_layer_is_above_its_roof(back_end: str, sets: Any) -> None:
    layers = priced(back_end, sets).layers
    assert any(row["peak_gops"] for row in layers if row["station"] == back_end)
    for row in layers:
        assert (row["peak_gops"] is None) <= (not row["macs"])
        if row["macs"] and row["batch_latency_ns"]:
            rate = 2 * row["macs"] / row["batch_latency_ns"]
            assert rate <= row["peak_gops"] * (1 + 1e-9), row
        if row["off_chip_bytes"]:
            assert 8 * row["off_chip_bytes"] <= row["off_chip_gbps"] * row["batch_latency_ns"] * (1 + 1e-9), row


@pytest.mark.parametrize(("back_end", "sets"), MACHINES[:4])
def test_bytes_of_layers_are_those_of_the_traffic(back_end: str, sets: Any) -> None:
    found = priced(back_end, sets)
    for phase in ("inference", "training"):
        moved = [
            row["read_bytes"] + row["write_bytes"]
            for row in found.traffic
            if row["memory"] == "off_chip_memory" and row["phase"] == phase
        ]
        counted = [row["off_chip_bytes"] for row in found.layers if row["phase"] == phase]
        assert sum(moved) > 0
        assert sum(value or 0.0 for value in counted) == pytest.approx(sum(moved))


def test_what_is_not_counted_is_null() -> None:
    physical = [row for row in cost("shg_digits", "physical/shg").layers if row["station"] == "physical/shg"]
    assert physical
    assert all(row["off_chip_bytes"] is None and row["off_chip_gbps"] is None for row in physical)
    assert all(row["peak_gops"] is None for row in physical)
    inside = priced("electronic/systolic_int8", boundary="chip").layers
    assert all(row["off_chip_gbps"] is None for row in inside)
    assert any(row["off_chip_bytes"] for row in inside)


def test_a_stated_peak_stands_for_layers_of_full_width() -> None:
    rows = [row for row in priced("electronic/systolic_int8").layers if row["macs"] and row["phase"] == "inference"]
    assert {row["peak_gops"] for row in rows} == {2 * 32 * 32 * 0.5}
    stacked = {row["off_chip_gbps"] for row in priced("electronic/tetris").layers if row["station"].endswith("tetris")}
    assert stacked == {16 * 64.0}
