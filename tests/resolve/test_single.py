"""One design without a space file."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulescape.errors import SpecError
from joulescape.resolve.single import single


@pytest.fixture
def one(project):
    return lambda sets, **more: single("mlp", "electronic/grid", project, sets, **more)


def said(caught: pytest.ExceptionInfo[SpecError]) -> list[str]:
    return [str(fault) for fault in caught.value.faults]


def test_values_reach_the_machine_and_the_candidate(one):
    space, candidate = one(
        {"hardware.array.rows": "64", "compression.shrink.bits": "4", "batch": "3", "training.batch": "16",
         "hardware.electronic/grid.adc.bits": "5", "hardware.host.lanes": "9", "hardware.is_fast": "true"},
        phases=("training",), boundary="chip",
    )  # fmt: skip
    machine = space.machine(candidate)
    assert (machine.own.settings.array.rows, machine.own.settings.adc.bits) == (64, 5)
    assert machine.own.settings.is_fast is True
    assert machine.stations[1].settings.lanes == 9
    assert (space.spec.batch, space.spec.boundary, space.spec.phases) == (3, "chip", ("training",))
    assert candidate.training["batch"] == 16
    assert [(s.method, s.settings) for s in candidate.compression] == [("shrink", {"bits": 4})]
    assert machine.variants == ({},)


def test_without_sets_it_is_the_entry_itself(one):
    space, candidate = one({})
    assert space.machine(candidate).own.settings.array.rows == 16
    assert candidate.compression == ()


def test_steps_follow_their_index_and_else_the_order_of_naming(one):
    named = {"compression.1.shrink.bits": "4", "compression.0.shrink.bits": "8"}
    assert [s.settings["bits"] for s in one(named)[1].compression] == [8, 4]
    spelt = {"compression.shrink.mode": "channel", "compression.shrink.bits": "3"}
    (step,) = one(spelt)[1].compression
    assert step.settings == {"mode": "channel", "bits": 3}


def test_single_layers_under_their_optuna_names(one):
    _, candidate = one({"compression.0.shrink.bits.mlp.fc1": "3", "compression.0.shrink.bits.mlp.fc2": "5"})
    assert candidate.compression[0].per_layer == {"fc1": {"bits": 3}, "fc2": {"bits": 5}}


def test_a_drawn_choice_may_be_named(one):
    _, candidate = one({"compression.0": "shrink", "compression.0.shrink.bits": "3", "compression.1": "none"})
    assert [s.method for s in candidate.compression] == ["shrink"]


def test_a_host_alone_can_be_costed(project):
    space, candidate = single("mlp", "electronic/core", project, {})
    assert space.machine(candidate).name == "electronic/core"


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ({"hardware.array.row": "64"},
         ["command line: at 'hardware.electronic/grid.array.row' found unknown path 'array.row', expected one of"
          " array.columns, array.rows, adc.bits, dataflow, is_fast, adc.energy_pj, efficiency;"
          " `joulescape list --paths electronic/grid` shows every path, and which may be searched;"
          " did you mean 'array.rows'?"]),
        ({"batch": "x"}, ["command line: at 'batch' found 'x', expected a whole number"]),
        ({"bach": "2"},
         ["command line: at 'bach' found unknown name 'bach', expected one of batch, boundary, node, normalise_to_nm,"
          " scaling_rule, hardware.<...>, compression.<...>, training.<...>, lifecycle.<...>; did you mean 'batch'?"]),
        ({"compression.shrnk.bits": "2"},
         ["command line: at 'compression.shrnk.bits' found 'shrnk', expected one of shrink, spectral, whole;"
          " did you mean 'shrink'?"]),
        ({"compression.shrink": "2"},
         ["command line: at 'compression.shrink' found no field, expected compression.shrink.<field>=VALUE"]),
        ({"compression.0.shrink.bits.mlp.fc1": "3"},
         ["command line: at 'compression.0.shrink.bits.mlp.fc2' found nothing, expected a value for this layer too"]),
        ({"hardware.adc.energy_pj": "-2"},
         ["command line: at 'hardware.electronic/grid.adc.energy_pj' found -2.0, expected a value >= 0 for energy_pj"]),
        ({"training.bach": "2", "boundary": "chips"},
         ["command line: at 'boundary' found 'chips', expected 'core', 'chip' or 'system'; did you mean 'chip'?",
          "command line: at 'training.bach' found unknown key 'bach', expected one of algorithm, rounding, feedback,"
          " batch, epochs, learning_rate, target; did you mean 'batch'?"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_bad_sets_are_faults(one, sets, expected):
    with pytest.raises(SpecError) as caught:
        one(sets)
    assert said(caught) == expected


def test_both_names_are_looked_up_at_once(project):
    with pytest.raises(SpecError) as caught:
        single("mpl", "grid", project, {})
    assert [fault.nearest for fault in caught.value.faults] == ["mlp", "electronic/grid"]


def test_a_pair_that_cannot_meet_says_why(project):
    with pytest.raises(SpecError, match="mlp holds none of its physical operators"):
        single("mlp", "physical/lens", project, {})


def test_plain_values_do_what_their_text_does(one):
    text = {"batch": "8", "hardware.is_fast": "true", "compression.0.shrink.bits": "3", "training.batch": "4"}
    values = {"batch": 8, "hardware.is_fast": True, "compression.0.shrink.bits": 3, "training.batch": 4}
    (space, candidate), (other_space, other) = one(text), one(values)
    assert space.digest() == other_space.digest()
    assert candidate.candidate_id == other.candidate_id
    assert one({"batch": 8})[0].spec.batch == 8


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_faults(one, value):
    with pytest.raises(SpecError) as caught:
        one({"hardware.array.rows": value})
    assert said(caught) == [f"command line: at 'hardware.array.rows' found {value!r}, expected a finite number"]


def test_a_field_that_is_a_mapping_is_set_entry_by_entry() -> None:
    root = Path(__file__).resolve().parents[2]
    sets = {"compression.low_rank.ranks.fc1": "4", "compression.low_rank.ranks.fc2": 8}
    _, candidate = single("lenet5", "electronic/systolic_int8", root, sets)
    (step,) = candidate.compression
    assert step.settings["ranks"] == {"fc1": 4, "fc2": 8}


def test_a_method_alone_takes_no_value(one) -> None:
    with pytest.raises(SpecError) as caught:
        one({"compression.0.shrink": "3"})
    assert "no field" in said(caught)[0]


def test_one_design_takes_settings_that_no_search_moves():
    """A converter of 3 bits lies outside isaac's table; another law of its cost takes it, in the same words."""
    root = Path(__file__).parents[2]
    sets = {"hardware.adc.bits": "3", "hardware.adc.model": "sar", "hardware.cell.age_s": "3600"}
    space, candidate = single("digits_mlp", "memristive/isaac", root, sets)
    settings = space.machine(candidate).own.settings
    assert (settings.adc.bits, settings.adc.model, settings.cell.age_s) == (3, "sar", 3600)
    assert candidate.hardware == {"adc.bits": 3}
    assert space.hardware["memristive/isaac"].opened == {"adc.model": "sar", "cell.age_s": 3600}


def test_a_sourced_number_set_by_hand_is_assumed_at_every_corner(one):
    space, candidate = one({"hardware.adc.energy_pj": "3", "hardware.host.op_energy_pj": "2"})
    for corner in ("optimistic", "typical", "pessimistic"):
        own, host = (station.settings for station in space.machine(candidate, corner).stations)
        assert (own.adc.energy_pj.value, host.op_energy_pj.value) == (3, 2)
        assert own.adc.energy_pj.basis == "assumed"


def test_what_one_design_cannot_change_is_named_with_its_neighbours():
    root = Path(__file__).parents[2]
    for path, expected in (
        ("cell.age", "Expected one of cell.age_s, cell.bits, "),
        ("cell.component", "exchanged in a copy of the entry's file"),
    ):
        with pytest.raises(SpecError, match="cell") as caught:
            single("digits_mlp", "memristive/isaac", root, {f"hardware.{path}": "3"})
        assert expected in said(caught)[0]


def test_a_network_for_another_machine_is_one_fault_that_names_networks_that_would_do() -> None:
    with pytest.raises(SpecError, match="lenet5 holds none of its physical operators; .*shg_digits would do") as caught:
        single("lenet5", "physical/shg", Path(__file__).parents[2], {})
    assert len(caught.value.faults) == 1
