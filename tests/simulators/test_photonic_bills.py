"""Every photonic design's bill has each kind of part, and none is zero by omission."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from joulescape.pricing import cost
from joulescape.resolve.shelves import back_end_names

ROOT = Path(__file__).resolve().parents[2]
NAMES = [name for name in back_end_names(ROOT) if name.startswith("photonic/")]

KINDS: dict[str, set[str]] = {
    "laser": {"laser"},
    "tuning": {"phase_shifters", "ring_tuning", "routers"},
    "modulation": {"modulator", "modulator_lock", "modulator_bias", "weight_modulator", "input_modulator"},
    "detection": {"photodetector", "amplifier", "transimpedance"},
    "conversion": {"input_dac", "adc", "weight_dac", "phase_dac", "phase_writing", "weight_writing"},
    "memory": {"sram", "sram_leakage", "off_chip_memory"},
    "digital": {"accumulator", "host_logic", "host_logic_leakage", "host_memory_leakage"},
}
"""Names of parts by kind."""


@cache
def parts(
    name: str, boundary: str = "system", corner: Any = "typical", network: str = "digits_lenet"
) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in cost(network, name, boundary=boundary, corner=corner, root=ROOT).energy:
        found[row["component"]] = found.get(row["component"], 0.0) + float(row["energy_pj"])
    return found


def of_kind(kind: str, found: dict[str, float]) -> float:
    return sum(energy for part, energy in found.items() if part in KINDS[kind])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("network", ["digits_mlp", "digits_lenet"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_part_is_missing(name: str, network: str, kind: str) -> None:
    assert of_kind(kind, parts(name, network=network)) > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_part_that_is_named_is_of_a_known_kind_or_the_hosts(name: str) -> None:
    known = set().union(*KINDS.values()) | {"decomposer", "update_logic", "memristor_read", "memristor_hold",
                                            "optical_amplifier"}  # fmt: skip
    assert {part for part in parts(name) if not part.startswith("host_")} <= known


@pytest.mark.parametrize("name", NAMES)
def test_light_tuning_and_converters_are_inside_the_core(name: str) -> None:
    """The narrowest boundary still has what a multiply needs; memory comes with the chip and the system."""
    core = parts(name, "core")
    for kind in ("laser", "tuning", "modulation", "detection", "conversion"):
        assert of_kind(kind, core) > 0, kind
    assert of_kind("memory", core) == 0
    assert of_kind("memory", parts(name, "chip")) > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_optimistic_corner_leaves_no_kind_out(name: str) -> None:
    found = parts(name, corner="optimistic")
    for kind in KINDS:
        assert of_kind(kind, found) > 0, kind
    assert sum(found.values()) < sum(parts(name).values())
