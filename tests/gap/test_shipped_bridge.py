"""The two questions of the bridge as they are shipped: who is compared, in which states, on equal ground."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from joulescape.gap.states import silent_networks, states
from joulescape.resolve.design_space import DesignSpace, load_space

ROOT = Path(__file__).parents[2]
STATES = ("none", "reported", "quantize 8/8", "fixed_point 4/4")


@cache
def shipped(name: str) -> DesignSpace:
    return load_space(ROOT / "spaces" / f"{name}.yaml")


def test_six_networks_meet_every_machine_in_four_states() -> None:
    space = shipped("gap_imagenet")
    assert len(space.networks) == 6 and len(space.pairs) == 6 * len(space.back_ends) and not space.refused
    assert {back_end.family for back_end in space.back_ends.values()} == {"electronic", "memristive", "photonic"}
    for pair in space.pairs[:: len(space.back_ends)]:
        assert tuple(state.name for state in states(space, pair)) == STATES
    assert space.spec.budget.trials == len(space.pairs) * len(STATES)


def test_every_network_has_a_published_state_with_its_loss() -> None:
    space = shipped("gap_imagenet")
    assert silent_networks(space) == ()
    losses = {name: spec.reported and spec.reported.accuracy_loss_fraction for name, spec in space.networks.items()}
    assert all(loss is not None and -0.01 < loss < 0.01 for loss in losses.values())


def test_all_machines_that_need_a_host_have_the_same_one() -> None:
    hosts = set()
    for plan in shipped("gap_imagenet").hardware.values():
        if plan.back_end.spec.host is not None:
            hosts.add((plan.back_end.spec.host, plan.fixed["host.simd_lanes"], plan.fixed["host.memory_bytes"]))
    assert hosts == {("electronic/scalar_core", 128, 1 << 20)}


def test_both_questions_stand_on_the_same_ground_and_the_measured_one_knows_every_design() -> None:
    priced, measured = shipped("gap_imagenet").spec, shipped("gap_digits").spec
    assert (priced.boundary, priced.batch, priced.node) == (measured.boundary, measured.batch, measured.node)
    space = shipped("gap_digits")
    count = sum(len(state.candidates) for pair in space.pairs for state in states(space, pair))
    assert measured.needs_accuracy and not priced.needs_accuracy and measured.budget.trials == count
    assert {back_end.family for back_end in space.back_ends.values()} >= {"memristive", "photonic", "physical"}
