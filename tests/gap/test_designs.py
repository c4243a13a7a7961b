"""Designs priced again and again: the same as in ordinary pricing, the best of all, and why there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bridge_questions import BASELINE, STATES, asked, billed, question
from gap_designs import ENERGY, ISAAC, LATENCY, MACHINES, MESH, STRIPES, SYSTOLIC, bills, design, mlp, pairs

from joulescape.gap.designs import COSTS, Design, with_constants
from joulescape.gap.levers import levers, moved
from joulescape.gap.rivals import SAFE_BITS, best, keeps_accuracy
from joulescape.gap.states import states
from joulescape.pricing import cost
from joulescape.resolve.settings import leaves
from joulescape.spec.sourced import CORNERS

TILES = [1, 2, 8]
SMALL = {"tiles": 1, "imas_per_tile": 1, "crossbars_per_ima": 1}


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("back_end", [SYSTOLIC, STRIPES])
def test_a_design_costs_what_the_price_list_says_at_every_corner(back_end: str, corner: str) -> None:
    (first, *_) = states(mlp(), pairs(mlp(), back_end)[0])
    found = Design(mlp(), first.candidates[0], {})
    report = cost("digits_mlp", back_end, {"node": 28}, corner=corner)  # type: ignore[arg-type]
    assert found.compression == "none"
    for metric in (ENERGY, LATENCY, "area_mm2", "gops_per_mm2"):
        assert found.at(metric, corner) == pytest.approx(report.totals[metric])  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", [ENERGY, LATENCY])
def test_the_best_is_the_least_of_all_variants_in_all_states_that_keep_accuracy(metric: str) -> None:
    found = []
    for tiles in TILES:
        for step in ({}, {f"compression.quantize.{kind}_bits": 8 for kind in ("weight", "activation")}):
            sets = {"node": 28, "hardware.tiles": tiles, "hardware.hypertransport.links": 0, **step}
            found.append(cost("digits_mlp", ISAAC, sets).totals[metric])
    assert design(ISAAC, metric).at(metric, "typical") == pytest.approx(min(one for one in found if one is not None))
    assert design(ISAAC, metric).variant["tiles"] in TILES


def test_four_bits_are_no_equal_accuracy_where_none_is_measured() -> None:
    names = {state.name: keeps_accuracy(state) for state in states(mlp(), pairs(mlp(), SYSTOLIC)[0])}
    assert names == {"none": True, "quantize 8/8": True, "fixed_point 4/4": False}
    assert design(SYSTOLIC).compression != "fixed_point 4/4"


@pytest.mark.parametrize(
    ("step", "is_kept"),
    [
        ({"quantize": {"weight_bits": SAFE_BITS, "activation_bits": SAFE_BITS}}, True),
        ({"quantize": {"weight_bits": SAFE_BITS - 1, "activation_bits": 16}}, False),
        ({"quantize": {"weight_bits": 16, "activation_bits": SAFE_BITS - 1}}, False),
    ],
)
def test_the_narrower_of_both_widths_decides(step: dict[str, dict[str, int]], is_kept: bool) -> None:
    space = question(networks=["digits_mlp"], back_ends=[BASELINE], hardware={}, compression=[step])
    (state,) = states(space, space.pairs[0])
    assert keeps_accuracy(state) is is_kept


def test_pruning_that_nobody_published_does_not_count_as_harmless() -> None:
    prune = {"prune": {"granularity": "element", "density": 0.1}}
    space = question(networks=["digits_mlp"], back_ends=[BASELINE], hardware={}, compression=[prune])
    (state,) = states(space, space.pairs[0])
    assert state.basis == "assumed"
    assert not keeps_accuracy(state)


def test_a_published_state_counts_with_its_published_loss() -> None:
    space = question(task="mnist", networks=["mnist_mlp"], back_ends=[BASELINE], hardware={},
                     compression=[{"choice": {"none": {}, "reported": {}}}])  # fmt: skip
    assert [keeps_accuracy(state) for state in states(space, space.pairs[0])] == [True, True]
    recalled = replace(states(space, space.pairs[0])[1], basis="assumed")
    assert keeps_accuracy(recalled), "figures that were recalled are of a published state all the same"


def test_a_network_that_no_variant_carries_has_the_reason_of_the_nearest() -> None:
    space = question(networks=["digits_lenet"], back_ends=[BASELINE, ISAAC], hardware={ISAAC: SMALL})
    found, reason = best(space, bills(space, ISAAC), ENERGY)
    assert found is None and reason is not None and "crossbars" in reason
    assert best(space, bills(space, BASELINE), ENERGY)[1] is None


def test_a_variant_that_does_not_fit_is_never_the_best_however_cheap() -> None:
    sizes = {**SMALL, "tiles": {"kind": "choice", "options": [1, 16]}, "hypertransport.links": 0}
    space = question(networks=["digits_lenet"], back_ends=[BASELINE, ISAAC], hardware={ISAAC: sizes})
    found, reason = best(space, bills(space, ISAAC), ENERGY)
    assert reason is None and found is not None and found.variant == {"tiles": 16}
    small = replace(found, variant={"tiles": 1})
    assert small.misfit(small.typical) is not None and found.misfit(found.typical) is None


def test_the_first_of_equal_designs_wins_whatever_their_order_of_pairs() -> None:
    some = [bill for bill in billed() if bill.state.network == "digits_mlp"]
    forth, back = (best(asked(), order, ENERGY)[0] for order in (some, some[::-1]))
    assert forth is not None and back is not None
    assert forth.at(ENERGY, "typical") == back.at(ENERGY, "typical")
    assert forth.candidate.back_end == back.candidate.back_end


def test_a_corner_at_which_a_link_does_not_close_is_told() -> None:
    own = design(MESH)
    assert own.refusal("typical") is None and own.refusal("optimistic") is None
    assert "the link asks for" in (own.refusal("pessimistic") or "")


@pytest.mark.parametrize("back_end", [ISAAC, MESH, SYSTOLIC])
def test_many_machines_at_once_cost_what_each_costs_alone(back_end: str) -> None:
    own = design(back_end)
    for lever in list(levers(own.typical).values())[::4]:
        reaches = np.array([1e-9, 0.5, 3.0])
        alone = [own.value(ENERGY, moved(own.typical, {lever.path: float(lever.at(one))}))[0] for one in reaches]
        assert own.costs({lever.path: lever.at(reaches)}, 3)[:, 0] == pytest.approx(alone, rel=1e-9), lever.path


@pytest.mark.parametrize("back_end", MACHINES)
def test_corners_stand_in_order(back_end: str) -> None:
    energies = [design(back_end).at(ENERGY, corner) for corner in ("optimistic", "typical", "pessimistic")]
    assert energies == sorted(energies) and energies[0] > 0


def test_a_metric_that_the_question_asks_no_phase_for_is_refused() -> None:
    own = design(SYSTOLIC)
    with pytest.raises(KeyError, match=f"training_energy_pj does not exist for digits_mlp@{SYSTOLIC}"):
        own.value("training_energy_pj", own.typical)


def test_constants_of_one_machine_alone_are_changed_in_the_question_too() -> None:
    path = next(path for path in leaves(mlp().back_ends[MESH].settings) if path == "laser.wall_plug_fraction")
    space = with_constants(mlp(), MESH, {path: 0.05})
    dim, today = (best(one, bills(one, MESH), ENERGY)[0] for one in (space, mlp()))
    assert dim is not None and today is not None
    assert dim.at(ENERGY, "typical") > today.at(ENERGY, "typical")
    same, before = (best(one, bills(one, STRIPES), ENERGY)[0] for one in (space, mlp()))
    assert same is not None and before is not None
    assert same.at(ENERGY, "typical") == before.at(ENERGY, "typical")
    assert leaves(mlp().back_ends[MESH].settings)[path].value != 0.05


def test_values_of_plain_numbers_and_of_arrays_agree() -> None:
    own = design(ISAAC)
    plain = own.costs({"cell.writing.energy_pj": np.array([1.0, 2.0])}, 2)
    memory = own.costs({"off_chip.read_pj_per_bit": np.full(2, own.typical.off_chip.read_pj_per_bit.value)}, 2)
    assert plain.shape == memory.shape == (2, len(COSTS))
    assert memory == pytest.approx(np.array([[own.at(metric, "typical") for metric in COSTS]] * 2))


def test_states_are_those_of_the_question() -> None:
    assert set(STATES) == {"none", "quantize", "fixed_point"}
    assert len(states(mlp(), pairs(mlp(), ISAAC)[0])) == len(STATES)
