"""What a resolved space draws, sweeps, notes and refuses."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from stand_in_project import FILES, SPACE

from joulescape.errors import SpecError
from joulescape.resolve.candidate import Pair
from joulescape.resolve.design_space import load_space
from joulescape.spec.domain import ChoiceDomain, IntDomain

FULL = """\
question: Which?
task: digits
networks: [mlp, optical]
back_ends: [electronic/grid, physical/lens]
compression:
  - choice:
      none: {}
      shrink: {bits: {kind: int, low: 2, high: 8, per: layer}, density: 0.5}
      spectral: {bits: 4}
  - shrink: {bits: {kind: int, low: 3, high: 4}}
hardware:
  electronic/grid:
    adc.bits: {kind: int, low: 4, high: 8}
    array.columns: 64
    dataflow: {kind: choice, options: [weight_stationary, output_stationary]}
    array.rows: {kind: int, low: 8, high: 16, points: 3}
    host.lanes: {kind: choice, options: [1, 2]}
training: {batch: {kind: int, low: 8, high: 16}, target: {accuracy_fraction: 0.9}}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 10}
"""
GRID = Pair("mlp", "electronic/grid")
LENS = Pair("optical", "physical/lens")
VALUES = {
    "pair": "mlp@electronic/grid",
    "compression.0": "shrink",
    "compression.0.shrink.bits.mlp.fc1": 3,
    "compression.0.shrink.bits.mlp.fc2": 5,
    "compression.1.shrink.bits": 4,
    "hardware.electronic/grid.adc.bits": 6,
}


@pytest.fixture
def space(ask):
    return ask(FULL)


def test_pairs_that_meet_and_those_that_do_not(space):
    assert space.pairs == (GRID, LENS)
    assert {refused.pair.name: refused.reason for refused in space.refused} == {
        "mlp@physical/lens": "physical/lens is its own network, and mlp holds none of its physical operators",
        "optical@electronic/grid": "nothing in electronic/grid takes operator 'shg1' (shg) in role forward",
    }
    assert space.pair_parameter().domain.values() == ("mlp@electronic/grid", "optical@physical/lens")


def test_a_method_that_takes_nothing_is_dropped_and_said(space):
    assert space.notes == (
        "compression.0.spectral acts on no operator of mlp and is dropped there",
        "compression.0.shrink acts on no operator of optical and is dropped there",
        "compression.0.spectral acts on no operator of optical and is dropped there",
        "compression.1.shrink acts on no operator of optical and is dropped there",
    )


def test_drawn_parameters_and_their_conditions(space):
    found = {p.name: (p.parent, p.option) for p in space.parameters(GRID)}
    assert found == {
        "compression.0": (None, None),
        "compression.0.shrink.bits.mlp.fc1": ("compression.0", "shrink"),
        "compression.0.shrink.bits.mlp.fc2": ("compression.0", "shrink"),
        "compression.1.shrink.bits": (None, None),
        "hardware.electronic/grid.adc.bits": (None, None),
    }


def test_a_dropped_option_is_none(space):
    choice = next(p for p in space.parameters(GRID) if p.name == "compression.0")
    assert choice.domain == ChoiceDomain(kind="choice", options=("none", "shrink"))


def test_training_is_drawn_where_the_machine_is_the_network(space):
    (only,) = space.parameters(LENS)
    assert only.name == "training.batch"
    assert only.domain == IntDomain(kind="int", low=8, high=16)


def test_training_is_drawn_for_all_where_it_is_asked(ask):
    space = ask(FULL.replace("hardware:", "phases: [inference, training]\nhardware:"))
    assert "training.batch" in {p.name for p in space.parameters(GRID)}


def test_parents_come_before_their_children(space):
    for pair in space.pairs:
        names = [p.name for p in space.parameters(pair)]
        for p in space.parameters(pair):
            assert p.parent is None or names.index(p.parent) < names.index(p.name)


def test_a_candidate_is_what_was_drawn(space):
    candidate = space.candidate(VALUES)
    first, second = candidate.compression
    assert (first.method, first.settings) == ("shrink", {"density": 0.5})
    assert first.at("fc1") == {"density": 0.5, "bits": 3}
    assert first.at("fc2") == {"density": 0.5, "bits": 5}
    assert second.at("fc1") == {"bits": 4}
    assert candidate.hardware == {"array.columns": 64, "adc.bits": 6}
    assert candidate.training == {}
    assert candidate.pair == GRID


def test_the_empty_option_gives_no_step(space):
    candidate = space.candidate({**VALUES, "compression.0": "none"})
    assert [step.method for step in candidate.compression] == ["shrink"]


def test_candidate_id_follows_the_values(space):
    same, other = space.candidate(dict(VALUES)), space.candidate({**VALUES, "hardware.electronic/grid.adc.bits": 7})
    assert same.candidate_id == space.candidate(VALUES).candidate_id != other.candidate_id


def test_the_machine_holds_drawn_fixed_and_swept_values(space):
    machine = space.machine(space.candidate(VALUES))
    grid, core = machine.stations
    assert grid.settings.adc.bits == 6
    assert grid.settings.array.columns == 64
    assert len(machine.variants) == 3 * 2 * 2
    rows = [variant["array.rows"] for variant in machine.variants]
    np.testing.assert_array_equal(grid.settings.array.rows, rows)
    np.testing.assert_array_equal(grid.settings.dataflow, [v["dataflow"] for v in machine.variants])
    np.testing.assert_array_equal(core.settings.lanes, [v["host.lanes"] for v in machine.variants])
    assert rows == sorted(rows), "the product runs in path order, the first path slowest"
    assert not grid.is_host
    assert core.is_host


def test_every_variant_is_another(space):
    variants = space.machine(space.candidate(VALUES)).variants
    assert len({tuple(sorted(variant.items())) for variant in variants}) == len(variants)


@pytest.mark.parametrize(
    "domain", ["kind: choice, options: [99]", "kind: int, low: 99, high: 99", "kind: int, low: 99, high: 101, step: 4"]
)
def test_a_domain_of_one_value_is_put_in_as_it_is_and_noted(ask, domain):
    space = ask(SPACE + f"hardware: {{electronic/grid: {{array.rows: {{{domain}}}}}}}\n")
    candidate = space.candidate({"pair": GRID.name})
    machine = space.machine(candidate)
    assert machine.variants == ({},)
    assert candidate.hardware["array.rows"] == machine.own.settings.array.rows == 99
    assert space.notes == ("hardware.electronic/grid.array.rows has one value only, 99, and is fixed",)


def test_a_drawn_domain_of_one_value_is_no_parameter(ask):
    space = ask(SPACE + "compression: [{shrink: {bits: 4, density: {kind: float, low: 0.5, high: 0.5}}}]\n")
    assert space.parameters(space.pairs[0]) == ()
    assert space.candidate({"pair": GRID.name}).compression[0].settings == {"bits": 4, "density": 0.5}
    assert space.notes[0] == "compression.0.shrink.density has one value only, 0.5, and is fixed"


def test_a_domain_of_one_value_a_layer_keeps_its_layers(ask):
    space = ask(SPACE + "compression: [{shrink: {bits: {kind: choice, options: [4], per: layer}}}]\n")
    assert {parameter.domain.values() for parameter in space.parameters(space.pairs[0])} == {(4,)}
    assert not any("one value" in note for note in space.notes)


def test_corners_move_costs_and_memory_together(space):
    machines = {c: space.machine(space.candidate(VALUES), c) for c in ("optimistic", "typical", "pessimistic")}
    assert [m.own.settings.adc.energy_pj.value for m in machines.values()] == [1.0, 2.0, 4.0]
    assert [m.off_chip.read_pj_per_bit.value for m in machines.values()] == [3.0, 4.0, 6.0]
    assert [m.off_chip.bandwidth_gbps.value for m in machines.values()] == [200.0, 100.0, 50.0]
    assert all(m.own.settings.array.columns == 64 for m in machines.values())


def test_off_chip_memory_is_assumed_only_where_none_is_named(space):
    grid = space.back_ends["electronic/grid"]
    assert grid.off_chip.spec.read_pj_per_bit.basis == "assumed"
    assert grid.host is not None
    assert grid.host.off_chip.spec.read_pj_per_bit.basis == "derived"


def test_the_recipe_is_plain(space):
    recipe = space.recipe(space.candidate({"pair": LENS.name, "training.batch": 9}))
    assert (recipe.task, recipe.equivalence) == ("digits", "own")
    assert recipe.training["batch"] == 9
    assert recipe.training["algorithm"] == "pat"
    assert recipe.training["target"] == {"accuracy_fraction": 0.9}
    assert recipe.reference["epochs"] == 2
    assert recipe.fine_tune["epochs"] == 2


def test_a_domain_that_is_not_drawn_leaves_its_default(space):
    assert space.recipe(space.candidate(VALUES)).training["batch"] == 32


def test_the_digest_follows_every_file(space, project):
    file = project / "spaces" / "s.yaml"
    before = space.digest()
    assert load_space(file).digest() == before
    for name, old, new in (
        ("hwlib/electronic/core.yaml", "value: 1.0", "value: 1.5"),
        ("hwlib/electronic/grid.yaml", "bits: 8", "bits: 7"),
        ("hwlib/components/lpddr4.yaml", "value: 4.0", "value: 4.1"),
        ("models/mlp.yaml", "out_features: 16", "out_features: 17"),
    ):
        (project / name).write_text(FILES[name].replace(old, new))
        assert load_space(file).digest() != before, name
        (project / name).write_text(FILES[name])
    file.write_text(FULL.replace("trials: 10", "trials: 11"))
    assert load_space(file).digest() != before


def test_a_space_travels_to_a_worker(space):
    copy = pickle.loads(pickle.dumps(space))
    assert copy.digest() == space.digest()
    assert copy.candidate(VALUES).candidate_id == space.candidate(VALUES).candidate_id


CNN = """\
about: with a convolution
task: digits
input: [1, 8, 8]
operators:
  - {name: conv1, kind: conv, out_channels: 2, kernel: 3}
  - {name: flatten, kind: flatten}
  - {name: fc, kind: dense, out_features: 10}
training: {epochs: 2}
"""


def test_a_whole_method_refuses_the_networks_that_it_cannot_take(ask, project):
    (project / "models" / "cnn.yaml").write_text(CNN)
    whole = "compression: [{whole: {bits: 4}}]\n"
    space = ask(SPACE.replace("[mlp]", "[cnn]") + whole)
    assert space.pairs == (Pair("cnn", "electronic/grid"),)
    assert space.notes == ()
    with pytest.raises(SpecError) as caught:
        ask(SPACE.replace("[mlp]", "[mlp, cnn]") + whole)
    (fault,) = caught.value.faults
    assert (fault.path, fault.value) == ("networks.0", "'mlp'")
