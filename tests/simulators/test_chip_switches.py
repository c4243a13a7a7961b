"""Each chip's own mechanism as a switch: it moves what its paper says, in that direction, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from chip_cases import CASES, CHIPS, NAMES, TRAINED, moved, said
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, Case

UP, DOWN = True, False
FEW = settings(max_examples=3, deadline=None)
ROOM = {"mlp_engine": {"stored_activities": 1 << 16}, "sram_in_memory": {"buffer.kib": 4096}}
DOUBLED = {"energy", "energy of control"}
SEQUENCED = {"energy of activity_sram", "bytes of activity_sram", "energy of control", "latency", "energy"}
FORMED = {"energy of registers", "energy of weight_sram", "bytes of weight_sram", "energy of lanes", "energy"}
CODED = {"energy of buffer", "bytes of buffer", "bytes of off_chip_memory", "energy of off_chip_memory"}
SKIPPED = {
    "bytes of weight_register", "energy of weight_register", "bytes of sum_register", "energy of sum_register",
    "latency",
}  # fmt: skip
EVERY_INPUT = {
    "energy of broadcast", "energy of registers", "bytes of matrix_sram", "energy of pointer_sram", "latency", "energy",
    "energy of activation_sram", "energy of matrix_sram", "energy of multipliers",
}  # fmt: skip

SWITCHES: list[tuple[str, dict[str, Any], dict[bool, set[str]]]] = [
    ("dadiannao", {"synapses.is_refreshed": False}, {DOWN: {"power of synapse_refresh"}}),
    ("dadiannao", {"neurons.is_refreshed": False}, {DOWN: {"power of neuron_refresh"}}),
    ("eie", {"element.skips_zero_inputs": False}, {UP: EVERY_INPUT}),
    ("minerva", {"skipping": "off"}, {UP: FORMED}),
    ("minerva", {"supply.masking": "none"}, {DOWN: {"energy of weight_sram", "energy"}}),
    ("minerva", {"supply.v": 0.9}, {UP: {"energy of weight_sram", "power of weight_sram_leakage", "energy"}}),
    ("whatmough2017", {"skipping": "predicated"}, {UP: SEQUENCED}),
    ("jia2020", {"analog.activity": "constant"}, {UP: {"energy of cells", "energy"}}),
    ("sinangil2021", {"analog.activity": "constant"}, {UP: {"energy of cells", "energy of row_drivers", "energy"}}),
    ("sram_c2c", {"analog.is_joined": False}, {
        UP: {"energy of adc", "energy of near_memory", "area of adc", "energy"},
    }),
    ("sram_c2c", {"array.weight_sets": 1}, {
        UP: {
            "bytes of off_chip_memory", "energy of off_chip_memory", "energy of weight_writing", "bytes of sram",
            "energy of sram", "latency", "energy",
        },
    }),
    ("redeye", {"raw_readout": True}, {UP: {"energy of converters", "energy"}}),
    ("zhang2015", {"buffer.is_double": False}, {UP: {"latency"}}),
    ("wei2017", {"broadcast.is_on": True}, {UP: {"latency"}}),
    ("wei2017", {"hands_on": False}, {UP: {"energy of buffer", "bytes of buffer", "energy"}, DOWN: {"latency"}}),
    ("qiu2016", {"packs_weights": False}, {UP: CODED | {"latency", "energy"}}),
    ("gpu_titan_x", {"sparse": None}, {UP: {"latency", "energy of board", "energy of processor", "energy"}}),
    ("gpu_titan_x", {"tile": None}, {DOWN: {"latency", "energy of board", "energy of processor", "energy"}}),
    ("lnpu", {"zeros.is_balanced": False}, {UP: {"latency"}}),
    ("lnpu", {"zeros.is_coded": False}, {UP: CODED | DOUBLED}),
    ("lnpu", {"zeros.is_on": False}, {UP: CODED | DOUBLED | SKIPPED | {"energy of mac_array"}}),
    ("lnpu", {"transpose.is_transposable": True}, {DOWN: {"energy of buffer", "latency"} | DOUBLED}),
    ("lnpu", {"weights_stay": False}, {UP: CODED | DOUBLED | {"latency"}}),
    ("ganpu", {"zeros.is_coded": False}, {UP: CODED | DOUBLED | SKIPPED}),
]  # fmt: skip


def label(case: tuple[str, dict[str, Any], dict[bool, set[str]]]) -> str:
    name, change, _ = case
    return f"{name}-{next(iter(change))}"


def test_every_chip_of_these_simulators_is_here() -> None:
    """A new entry of one of them meets the laws of this file too."""
    shelf = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "hwlib/electronic").glob("*.yaml")}
    named = {name: re.search(r"^simulator: (\w+)$", text, re.MULTILINE) for name, text in shelf.items()}
    assert {name for name, found in named.items() if found is not None and found[1] in CHIPS} == set(NAMES)


@pytest.mark.parametrize("switch", SWITCHES, ids=label)
def test_a_switch_moves_what_it_says_and_nothing_else(switch: tuple[str, dict[str, Any], dict[bool, set[str]]]) -> None:
    name, change, expected = switch
    found = moved(said(CASES[name]), said(CASES[name].at(change)))
    assert {key for key, ratio in found.items() if ratio > 1} == expected.get(UP, set())
    assert {key for key, ratio in found.items() if ratio < 1} == expected.get(DOWN, set())


@pytest.mark.parametrize("name", ["stripes", "cnvlutin"])
def test_another_way_of_taking_inputs_is_another_unit_and_leaves_memories_as_large(name: str) -> None:
    """Area and leakage of units and the wires beside them; memories keep size and refresh."""
    found = moved(said(CASES[name]), said(CASES[name].at({"inputs": "parallel"})))
    standing = {key for key in found if key.startswith(("area", "power"))}
    assert standing == {"area of functional_units", "area of wires", "power of unit_leakage"}
    assert all(found[key] < 1 for key in standing), "plain units are the smaller ones"
    assert found["latency"] > 1 and found["energy of synapse_edram"] > 1


def test_filling_entries_are_multiplied_like_any_other() -> None:
    """Without them all that is paid by the entry falls by one share; what is paid by the column stays."""
    found = moved(said(CASES["eie"]), said(CASES["eie"].at({"code.has_filling": False})))
    shares = [found[f"energy of {part}"] for part in ("registers", "multipliers")] + [found["bytes of matrix_sram"]]
    assert shares == pytest.approx([shares[0]] * 3)
    assert 0.8 < shares[0] < 0.83, "a tenth of the weights: 1 - 0.9^16 of the entries are real"
    assert not {"energy of pointer_sram", "energy of broadcast", "energy of activation_sram"} & found.keys()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CHIPS["sram_in_memory"]])
def test_a_faster_clock_moves_time_and_clocked_power_alone(name: str) -> None:
    machine = CASES[name]
    clock = machine.settings.clock_ghz  # type: ignore[attr-defined]
    found = moved(said(machine), said(machine.at({"clock_ghz": 2 * clock})))
    timed = {"latency", "power of clock_tree", "energy of control", "energy", "energy of board", "energy of processor"}
    assert found.keys() <= timed
    assert 0.49 < found.get("latency", 1.0) <= 1.0
    if name not in TRAINED:
        assert found.get("energy", 1.0) <= 1.0, "power of a controller or a board flows for a shorter time"
    assert found.get("power of clock_tree", 2.0) == pytest.approx(2.0)


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(low=st.floats(0.02, 1.0), high=st.floats(0.02, 1.0))
def test_more_weights_that_are_not_zero_never_cost_less(name: str, low: float, high: float) -> None:
    few, many = (said(CASES[name], weights=density) for density in sorted((low, high)))
    for key in few:
        assert few[key] <= many[key] * (1 + 1e-9) or key.startswith("bytes"), key


@pytest.mark.parametrize("name", [name for name in NAMES if name != "eie" and name not in CHIPS["roofline"]])
def test_only_who_skips_weights_saves_by_their_zeros(name: str) -> None:
    found = moved(said(CASES[name], weights=1.0), said(CASES[name], weights=0.1))
    skips = name in TRAINED and "weight" in CASES[name].settings.zeros.forward  # type: ignore[attr-defined]
    assert bool(found) is skips


def roomy(name: str) -> Case:
    """The chip with a memory that a batch's activations do not overflow."""
    return CASES[name].at(ROOM.get(CASES[name].simulator.name, {}))


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_never_dearer_than_its_halves_by_themselves(name: str) -> None:
    """Weights are fetched once a batch: energy, time and bytes are at most twice those of half of it."""
    machine = roomy(name)
    half, whole = said(machine, 4), said(machine, 8)
    standing = {key for key in half if key.startswith(("area", "power"))}
    assert all(whole[key] == half[key] for key in standing)
    # A weight gradient sums over the batch: partial sums may go out and in again, which all together pays for.
    sums = {key for key in half if name in TRAINED and key.endswith("sum_register")}
    for key in half.keys() - standing - sums:
        assert half[key] * (1 - 1e-9) <= whole[key] <= 2 * half[key] * (1 + 1e-9), key


@pytest.mark.parametrize("name", ["redeye", "eie", "minerva", "jia2020", "dadiannao"])
def test_where_weights_lie_on_the_chip_samples_add_up(name: str) -> None:
    half, whole = said(roomy(name), 4), said(roomy(name), 8)
    assert whole["energy"] == pytest.approx(2 * half["energy"])
    assert whole["latency"] == pytest.approx(2 * half["latency"])
