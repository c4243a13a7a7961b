"""What would have to be true, as laws: at what is needed both sides are equal, and verdicts agree with numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from joulescape.gap.bills import Bill
from joulescape.gap.crossing import Curves, Move, crossings
from joulescape.gap.designs import Design, with_constants
from joulescape.gap.levers import Lever, is_plain, levers, moved
from joulescape.gap.overtake import rows
from joulescape.gap.priced import bills_of
from joulescape.gap.rivals import best
from joulescape.gap.variation import Curve
from joulescape.resolve.design_space import DesignSpace, resolve_space
from joulescape.spec.document import Document
from joulescape.spec.sourced import Sourced
from joulescape.spec.study import OvertakeSpec, OvertakingSpec

ROOT = Path(__file__).resolve().parents[2]
ENERGY, LATENCY = "inference_energy_pj", "inference_latency_ns"
MACHINES = ("memristive/isaac", "photonic/lightning_transformer", "photonic/mzi_mesh")

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def space() -> DesignSpace:
    """A small network, priced: on one electronic machine and three others."""
    asked = {
        "question": "What would have to be true?", "task": "digits", "networks": ["digits_mlp"],
        "back_ends": ["electronic/systolic_int8", *MACHINES],
        "compression": [{"quantize": {"weight_bits": 8, "activation_bits": 8}}],
        "hardware": {"memristive/isaac": {"tiles": {"kind": "choice", "options": [1, 2]}, "hypertransport.links": 0}},
        "node": 28, "objectives": {ENERGY: "minimize"}, "budget": {"trials": 4},
    }  # fmt: skip
    return resolve_space(Document("overtake", asked), ROOT, "overtake")


def design(space: DesignSpace, back_end: str) -> Design:
    """The machine's best design."""
    found, _ = best(space, bills(space, back_end), ENERGY)
    assert found is not None
    return found


def bills(space: DesignSpace, back_end: str) -> list[Bill]:
    return [one for pair in space.pairs if pair.back_end == back_end for one in bills_of(space, pair)]


@pytest.fixture(scope="module")
def told(space: DesignSpace) -> list[Mapping[str, object]]:
    """Rows of all three machines."""
    entries = tuple(OvertakeSpec(back_end=name, parameters=("adc.table.power_mw",)) for name in MACHINES)
    asked = OvertakingSpec(metrics=(ENERGY, LATENCY), machines=entries)
    study = SimpleNamespace(
        spaces={"bridge": space}, networks=lambda: ("digits_mlp",), spec=SimpleNamespace(overtake=asked)
    )
    return rows(study)["overtake"]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MACHINES)
def test_at_what_is_needed_both_sides_are_equal(space: DesignSpace, name: str) -> None:
    own = design(space, name)
    every = list(levers(own.typical).values())
    value = own.at(ENERGY, "typical")
    curves = Curves(own, ENERGY, (Move(tuple(every)),))
    for rival in (0.6 * value, 0.9 * value, 1.2 * value):
        limit, found = crossings(curves, value, [rival])
        assert limit[0] < 0.6 * value
        at = {lever.path: float(lever.at(found[0, 0])) for lever in every}
        assert own.value(ENERGY, moved(own.typical, at))[0] == pytest.approx(rival, rel=1e-6)
        assert (found[0, 0] > 1) == (rival > value)


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_improved_never_costs_more(space: DesignSpace, name: str) -> None:
    own = design(space, name)
    moves = tuple(Move((lever,)) for lever in levers(own.typical).values())
    curves = Curves(own, ENERGY, moves)
    reaches = np.array([[1e-9], [0.3], [1.0], [2.0]])
    found = curves.values(reaches, np.arange(len(moves))[None, :])
    assert np.all(np.diff(found, axis=0) >= -1e-9 * found[1:])
    assert found[2] == pytest.approx(own.at(ENERGY, "typical"))


def test_scaling_both_sides_changes_nothing(space: DesignSpace) -> None:
    own = design(space, "memristive/isaac")
    value, lever = own.at(ENERGY, "typical"), levers(own.typical)["adc.energy_pj"]

    class Twice(Curves):
        def values(self, reaches: object, which: object) -> np.ndarray:  # type: ignore[type-arg]
            return 2 * super().values(reaches, which)

    rival = 0.999 * value
    once = crossings(Curves(own, ENERGY, (Move((lever,)),)), value, [rival])[1]
    twice = crossings(Twice(own, ENERGY, (Move((lever,)),)), 2 * value, [2 * rival])[1]
    assert twice == pytest.approx(once, rel=1e-6, nan_ok=True)


def test_many_machines_at_once_are_one_after_the_other(space: DesignSpace) -> None:
    for name in MACHINES:
        own = design(space, name)
        some = [lever for lever in levers(own.typical).values() if not is_plain(own.typical, lever.path)]
        together = Curves(own, ENERGY, tuple(Move((lever,)) for lever in some))
        found = together.values(np.full(len(some), 0.5), np.arange(len(some)))
        alone = [own.value(ENERGY, moved(own.typical, {one.path: float(one.at(0.5))}))[0] for one in some]
        assert found == pytest.approx(alone, rel=1e-12)


def test_verdicts_follow_from_the_numbers(told: list[Mapping[str, float]]) -> None:
    assert {row["back_end"] for row in told} == set(MACHINES)
    for row in told:
        if row["verdict"] == "absent" or row["quantity"] == "variation":
            assert row["reason"] and row.get("needed") is None
            continue
        own, rival, reach, factor = (
            row[key] for key in ("own_value", "rival_value", "best_reach", "improvement_needed")
        )
        match row["verdict"]:
            case "already":
                assert own <= rival and (factor is None or factor <= 1)
            case "never_alone":
                assert own > rival and reach > rival and row["needed"] is None and row["reason"]
            case "within_corner" | "beyond_corner":
                assert reach <= rival < own and factor >= 1
            case other:
                assert other == "infeasible" and row["reason"]


def test_a_corner_tells_what_is_within_reach(told: list[Mapping[str, float]]) -> None:
    singles = [
        row for row in told if row["moved"] == "one" and row.get("needed") is not None and row["low"] is not None
    ]
    assert singles
    for row in singles:
        if row["verdict"] in ("within_corner", "beyond_corner") and row["unit"] not in ("fraction", "A/W"):
            assert (row["verdict"] == "within_corner") == (row["needed"] >= row["low"])


def test_a_network_that_no_design_carries_is_said(space: DesignSpace) -> None:
    plan = space.hardware["memristive/isaac"]
    tiny = with_constants(space, "memristive/isaac", {"adc.energy_pj": 3.0})
    assert tiny.hardware["memristive/isaac"].back_end.settings != plan.back_end.settings
    assert best(space, [], ENERGY) == (None, "the question has no design of it")
    dearer, _ = best(tiny, bills(tiny, "memristive/isaac"), ENERGY)
    assert dearer is not None
    assert dearer.at(ENERGY, "typical") > design(space, "memristive/isaac").at(ENERGY, "typical")


def test_reaches_stop_at_what_physics_allows() -> None:
    constant = Sourced(value=0.2, low=0.05, high=0.3, basis="assumed", source="joulescape")
    efficiency = Lever("laser.wall_plug_fraction", "laser", constant, "fraction", 1.0)
    cost = Lever("adc.energy_pj", "converters", constant, "pJ", 0.0)
    assert efficiency.at(np.array([1.0, 0.5, 0.1, 1e-9])) == pytest.approx([0.2, 0.4, 1.0, 1.0])
    assert cost.at(np.array([1.0, 0.5, 0.0])) == pytest.approx([0.2, 0.1, 0.0])
    assert efficiency.at(efficiency.corner_reaches()[0]) == pytest.approx(0.3)
    assert cost.at(cost.corner_reaches()[0]) == pytest.approx(0.05)


def test_spread_is_read_between_measured_points() -> None:
    curve = Curve((0.01, 0.02, 0.04), (0.98, 0.96, 0.90))
    needed, low, high = curve.reaches(0.93) or (0.0, 0.0, 0.0)
    assert (low, high) == (0.02, 0.04)
    assert needed == pytest.approx(0.03)
    assert curve.reaches(0.99) is None
    assert curve.reaches(0.5) == (0.04, 0.04, 0.04)
