"""The law of photonic bills on random machines and layers: no kind of part is zero by omission, memory is always paid.

`test_photonic_bills` holds whole networks on the shelf's entries to it; here settings and layers are drawn.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ring_bank_cases import work
from test_photonic_bills import KINDS, NAMES

from joulescape.network.operators import Loops
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.simulators.base import Context
from joulescape.testing.simulators import at_paths

ROOT = Path(__file__).resolve().parents[2]
EDGE = frozenset({"fc"})
COMMON = {"adc.bits": st.integers(2, 8), "dac.bits": st.integers(2, 8), "clock_ghz": st.floats(0.5, 12.0),
          "buffer.kib": st.integers(1, 4096)}  # fmt: skip
DRAWN: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "mzi_mesh": {
        "mesh.size": st.integers(2, 24), "mesh.count": st.integers(1, 64), "mesh.scheme": st.sampled_from(["clements",
        "reck"]), "shifter.kind": st.sampled_from(["thermo_optic", "mems", "ito", "carrier"]),
        "mesh.is_bidirectional": st.booleans(), "link.rule": st.sampled_from(["matched", "given"]),
        "link.received_dbm": st.floats(-35, -5),
    },
    "ring_bank": {
        "bank.channels": st.integers(2, 58), "bank.rows": st.integers(1, 32), "bank.count": st.integers(113, 400),
        "bank.is_calibrated": st.booleans(), "link.rule": st.sampled_from(["matched", "given"]),
        "link.received_dbm": st.floats(-22, -5),
    },
    "tensor_core": {
        "array.tiles": st.integers(1, 12), "array.cores": st.integers(1, 6),
        "array.integration_cycles": st.integers(1, 16), "light.rule.rule": st.sampled_from(["matched", "given"]),
        "light.rule.received_dbm": st.floats(-15, 0),
    },
}  # fmt: skip
layers = st.builds(
    Loops, B=st.integers(1, 64), G=st.integers(1, 2), K=st.integers(1, 64), C=st.integers(1, 64),
    OY=st.integers(1, 6), OX=st.integers(1, 6), FY=st.sampled_from([1, 3, 5]), FX=st.sampled_from([1, 3, 5]),
)  # fmt: skip


@cache
def shipped(name: str) -> BackEnd:
    return load_back_end(ROOT, name, {})


def drawn(name: str, data: st.DataObject) -> Any:
    """Random settings of an entry that break no limit."""
    base = shipped(name)
    paths = DRAWN[base.spec.simulator] | COMMON
    made = at_paths(base.settings, {path: data.draw(strategy, path) for path, strategy in paths.items()})
    found = base.simulator.limits([], made, context(name))
    assume(all(float(np.max(limit.overshoot)) <= 0 for limit in found))
    return made


def context(name: str, resident_bytes: float = 0.0) -> Context:
    return Context(1, shipped(name).off_chip.at("typical"), True, first=EDGE, last=EDGE, resident_bytes=resident_bytes)


def bill(name: str, made: Any, loops: Loops, resident_bytes: float = 0.0) -> dict[str, float]:
    """pJ by part, static power charged for the layer's time."""
    simulator = shipped(name).simulator
    cost = simulator.cost([work(loops)], made, context(name, resident_bytes))[0]
    found: dict[str, float] = {}
    for part in cost.energies:
        found[part.component.name] = found.get(part.component.name, 0.0) + float(part.energy_pj)
    for power in simulator.static_power(made):
        name_ = power.component.name
        found[name_] = found.get(name_, 0.0) + float(power.power_mw) * float(cost.latency_ns)
    return found


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), loops=layers)
@settings(deadline=None, max_examples=25)
def test_no_kind_of_part_is_zero_on_any_machine_that_can_be(name: str, data: st.DataObject, loops: Loops) -> None:
    made = drawn(name, data)
    parts = bill(name, made, loops)
    assert all(energy >= 0 for energy in parts.values())
    for kind in ("laser", "modulation", "detection", "conversion", "memory"):
        assert sum(parts.get(part, 0.0) for part in KINDS[kind]) > 0, kind
    held = sum(parts.get(part, 0.0) for part in KINDS["tuning"])
    micromechanical = getattr(getattr(made, "shifter", None), "kind", None) == "mems"
    assert held > 0 or (micromechanical and "phase_shifters" in parts), "held for nothing, by its source"
    assert "accumulator" in parts


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data(), loops=layers)
@settings(deadline=None, max_examples=15)
def test_every_level_of_memory_is_paid(name: str, data: st.DataObject, loops: Loops) -> None:
    """SRAM by what it moves and leaks; off-chip memory at least by the layer's own inputs and outputs."""
    made = drawn(name, data)
    parts = bill(name, made, loops)
    assert parts["sram"] > 0
    assert parts["sram_leakage"] > 0
    memory = shipped(name).off_chip.at("typical")
    moved = work(loops).input.elements + work(loops).output.elements
    least = 8 * moved * min(memory.read_pj_per_bit.value, memory.write_pj_per_bit.value)
    assert parts["off_chip_memory"] >= least * (1 - 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_reduction_beyond_the_optics_is_added_by_logic(name: str) -> None:
    assert bill(name, shipped(name).settings, Loops(B=4, K=8, C=4096))["accumulator"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_weights_that_do_not_fit_come_from_outside(name: str) -> None:
    loops = Loops(B=2, K=1024, C=8192)
    small = at_paths(shipped(name).settings, {"buffer.kib": 64})
    if name == "photonic/bplight_cnn":
        small = at_paths(small, {"weights.capacity": 1})
    found, memory = bill(name, small, loops, resident_bytes=float(1024 * 8192)), shipped(name).off_chip.at("typical")
    bits = getattr(getattr(small, "weights", None), "bits", 8)
    assert found["off_chip_memory"] > 0.9 * min(bits, 8) * 1024 * 8192 * memory.read_pj_per_bit.value


PLAIN = ("photonic/albireo", "photonic/mzi_mesh")
CONVERTERS = ("dac_", "adc_", "weight_dac_")
"""What a figure of a part on the shelf begins with: it says nothing of the machine that it stands in."""


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_held_to_a_prediction_or_says_that_it_is_not_validated(name: str) -> None:
    """Of Albireo every readable figure is a sum of its own table; of a mesh none but its counts could be read."""
    rows = shipped(name).spec.published
    text = (ROOT / "hwlib" / f"{name}.yaml").read_text(encoding="utf-8")
    is_predicted = any(row.role == "prediction" and not row.what.startswith(CONVERTERS) for row in rows)
    assert is_predicted or "not validated" in text.replace("\n# ", " ")
    assert is_predicted is (name not in PLAIN)
