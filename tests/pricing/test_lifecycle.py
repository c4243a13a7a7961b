"""Energy of training and a declared number of inferences: one objective for every family of machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joulescape.network.operators import Phase
from joulescape.pricing import CostReport, cost
from joulescape.resolve.design_space import resolve_space
from joulescape.spec.document import Document

ROOT = Path(__file__).parents[2]
TERNARY = {"compression.0": "ternary"}
MACHINES: dict[str, tuple[str, dict[str, str]]] = {
    "electronic/systolic_int8": ("digits_mlp", {}),
    "electronic/gpu_a100": ("digits_mlp", {}),
    "electronic/truenorth": ("digits_mlp", TERNARY),
    "memristive/isaac": ("digits_mlp", {}),
    "memristive/pipelayer": ("digits_mlp", {}),
    "photonic/mzi_mesh": ("digits_mlp", {}),
    "photonic/broadcast_weight": ("digits_mlp", {}),
    "physical/shg": ("shg_digits", {}),
    "physical/plate": ("physical_plate_digits", {}),
    "physical/circuit": ("physical_circuit_digits", {}),
    "physical/oscillators": ("physical_oscillators_digits", {}),
}
machines = pytest.mark.parametrize("machine", list(MACHINES))


def report(machine: str, inferences: float, **more: str) -> CostReport:
    network, sets = MACHINES[machine]
    life = {**sets, "lifecycle.inferences": f"{inferences:g}", **more}
    return cost(network, machine, life, phases=("inference", "training"), root=ROOT)


def total(found: CostReport, name: str) -> float:
    value = found.totals[f"{name}_energy_pj"]
    assert value is not None
    return value


@machines
def test_a_life_is_training_and_each_use(machine: str) -> None:
    """The first writing of cells, where there are any, is the same however long the life: it is no part of a use."""
    once, many = (report(machine, uses) for uses in (1.0, 1e6))
    written = [
        total(found, "lifecycle") - total(found, "training") - uses * total(found, "inference")
        for found, uses in ((once, 1.0), (many, 1e6))
    ]
    rounding = 1e-9 * total(many, "lifecycle")
    assert written[0] == pytest.approx(written[1], abs=rounding)
    writes_cells = machine in ("memristive/isaac", "memristive/pipelayer")
    assert (written[0] > 1e3) is writes_cells
    assert writes_cells or abs(written[0]) <= rounding


@machines
def test_a_life_pays_for_the_host_in_both_phases(machine: str) -> None:
    found = report(machine, 1e3)
    phases = {part["phase"] for part in found.energy if str(part["component"]).startswith("host_")}
    has_host = machine not in ("electronic/systolic_int8", "electronic/gpu_a100")
    assert phases == ({"inference", "training"} if has_host else set())


def test_a_longer_life_changes_which_training_pays() -> None:
    """In silico a slow bench is not used for training at all: what it saves is lost in a long life, not in a short."""
    pat, silico = (
        {life: total(report("physical/shg", life, **{"training.algorithm": name}), "lifecycle") for life in (1.0, 1e9)}
        for name in ("pat", "in_silico")
    )
    assert pat[1.0] > 2 * silico[1.0]
    assert pat[1e9] == pytest.approx(silico[1e9], rel=0.01)


def test_every_family_may_be_asked_for_its_life_as_an_objective() -> None:
    asked: dict[str, Any] = {
        "question": "Which machine needs least in its life?", "task": "digits",
        "networks": sorted({network for network, _ in MACHINES.values()}), "back_ends": list(MACHINES),
        "phases": ["inference", "training"], "lifecycle": {"inferences": 1e6},
        "compression": [{"choice": {"none": {}, "ternary": {}}}],
        "objectives": {"lifecycle_energy_pj": "minimize", "accuracy_fraction": "maximize"}, "budget": {"trials": 1},
    }  # fmt: skip
    space = resolve_space(Document("test", asked), ROOT, "test")
    assert {pair.back_end for pair in space.pairs} == set(MACHINES)
    assert space.spec.names_training and space.spec.rungs == ("full",)


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_a_life_is_shown_whatever_phase_was_asked(phase: Phase) -> None:
    """Its parts stand beside it; it was ignored in silence where one phase alone was asked."""
    found = cost("digits_mlp", "memristive/isaac", {"lifecycle.inferences": "1e9"}, phases=(phase,), root=ROOT)
    parts = total(found, "programming") + total(found, "training") + 1e9 * total(found, "inference")
    assert total(found, "lifecycle") == pytest.approx(parts)


def test_writing_is_a_line_of_its_own_where_a_machine_writes() -> None:
    assert total(cost("digits_mlp", "memristive/isaac", root=ROOT), "programming") > 1e3
    assert cost("digits_mlp", "electronic/systolic_int8", root=ROOT).totals["programming_energy_pj"] is None
