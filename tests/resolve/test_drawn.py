"""A candidate is made of values that the space can draw, and of nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.errors import SpecError
from joulescape.spec.domain import ChoiceDomain, FloatDomain, IntDomain

TEXT = """\
question: Which?
task: digits
networks: [mlp]
back_ends: [electronic/grid]
compression:
  - choice:
      none: {}
      shrink: {bits: {kind: int, low: 2, high: 8, step: 2}, density: {kind: float, low: 0.25, high: 1.0}}
hardware:
  electronic/grid: {adc.bits: {kind: choice, options: [4, 8]}}
objectives: {accuracy_fraction: maximize}
budget: {trials: 10}
"""
VALUES = {
    "pair": "mlp@electronic/grid",
    "compression.0": "shrink",
    "compression.0.shrink.bits": 4,
    "compression.0.shrink.density": 0.5,
    "hardware.electronic/grid.adc.bits": 8,
}


def said(space, values) -> list[str]:
    with pytest.raises(SpecError) as caught:
        space.candidate(values)
    return [str(fault) for fault in caught.value.faults]


def test_good_values_make_a_candidate(ask):
    assert ask(TEXT).candidate(VALUES).values == VALUES


@pytest.mark.parametrize("name", sorted(VALUES))
def test_every_missing_parameter_is_named(ask, name):
    (fault,) = said(ask(TEXT), {other: value for other, value in VALUES.items() if other != name})
    assert fault.startswith(f"candidate of s: at '{name}' found nothing, expected ")


def test_what_is_switched_off_may_be_missing_or_carried_along(ask):
    space, off = ask(TEXT), {**VALUES, "compression.0": "none"}
    assert space.candidate(off).compression == ()
    assert space.candidate({name: off[name] for name in off if ".shrink" not in name}).compression == ()


def test_an_unknown_name_is_told_with_the_nearest(ask):
    (fault,) = said(ask(TEXT), {**VALUES, "hardware.electronic/grid.adc.bitz": 8})
    assert "at 'hardware.electronic/grid.adc.bitz' found an unknown parameter, expected one of pair, comp" in fault
    assert fault.endswith("did you mean 'hardware.electronic/grid.adc.bits'?")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("pair", "mlp@electronic/core", "found 'mlp@electronic/core', expected one of mlp@electronic/grid"),
     ("compression.0", "shrunk", "found 'shrunk', expected one of none, shrink"),
     ("compression.0.shrink.bits", 10, "found 10, expected a whole number from 2 to 8 in steps of 2"),
     ("compression.0.shrink.bits", 3, "found 3, expected a whole number from 2 to 8 in steps of 2"),
     ("compression.0.shrink.bits", 4.0, "found 4.0, expected a whole number from 2 to 8 in steps of 2"),
     ("compression.0.shrink.density", 0.2, "found 0.2, expected a number from 0.25 to 1"),
     ("compression.0.shrink.density", float("nan"), "found nan, expected a number from 0.25 to 1"),
     ("hardware.electronic/grid.adc.bits", 6, "found 6, expected one of 4, 8")],
)  # fmt: skip
def test_a_value_outside_its_domain_is_told(ask, name, value, expected):
    assert f"candidate of s: at '{name}' {expected}" in said(ask(TEXT), {**VALUES, name: value})


def test_all_faults_come_at_once(ask):
    assert len(said(ask(TEXT), {"pair": VALUES["pair"], "x": 1, "compression.0": 7})) == 3


@given(low=st.integers(-50, 50), span=st.integers(1, 60), step=st.integers(1, 9))
def test_a_domain_holds_exactly_its_values(low, span, step):
    domain = IntDomain(kind="int", low=low, high=low + span, step=step)
    assert [value for value in range(low - 10, low + span + 10) if domain.holds(value)] == list(domain.values())
    assert not domain.holds(True)


@given(low=st.floats(0.1, 5), span=st.floats(0.1, 5), log=st.booleans())
def test_a_range_holds_its_ends_and_what_lies_between(low, span, log):
    domain = FloatDomain(kind="float", low=low, high=low + span, log=log)
    assert all(domain.holds(value) for value in (low, low + span / 2, low + span))
    assert not any(domain.holds(value) for value in (low - 0.01, low + span + 0.01, True, "1", float("inf")))


def test_a_choice_holds_its_options_and_tells_true_from_1():
    assert ChoiceDomain(kind="choice", options=(1, "a")).holds("a")
    assert not ChoiceDomain(kind="choice", options=(1, "a")).holds(True)
    assert not ChoiceDomain(kind="choice", options=(False,)).holds(0)
