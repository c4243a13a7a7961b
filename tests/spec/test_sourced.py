"""Laws of sourced values: bounds hold, corners move every one to its better or worse end, scaling is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter, Sourced, at_corner, sourced_values

positive = st.floats(1e-6, 1e6)


class Part(Shape):
    """An inner shape."""

    energy_pj: LowerIsBetter
    bits: int = 8


class Settings(Shape):
    """Sourced values at every depth."""

    part: Part
    bandwidth_gbps: HigherIsBetter
    table: dict[str, LowerIsBetter]
    constant: Sourced


@st.composite
def sourced(draw: st.DrawFn) -> Sourced:
    low, value, high = sorted(draw(st.tuples(positive, positive, positive)))
    ends = draw(st.booleans())
    basis = draw(st.sampled_from(["measured", "derived", "assumed"])) if ends else "measured"
    return Sourced(value=value, low=low if ends else None, high=high if ends else None, basis=basis, source="a2020")


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    return Settings(
        part=Part(energy_pj=draw(sourced())),
        bandwidth_gbps=draw(sourced()),
        table={"a": draw(sourced()), "b": draw(sourced())},
        constant=draw(sourced()),
    )


@given(settings())
def test_corners_are_ordered_by_what_is_better(given_settings):
    good, bad = at_corner(given_settings, "optimistic"), at_corner(given_settings, "pessimistic")
    assert good.part.energy_pj.value <= given_settings.part.energy_pj.value <= bad.part.energy_pj.value
    assert good.bandwidth_gbps.value >= given_settings.bandwidth_gbps.value >= bad.bandwidth_gbps.value


@given(settings())
def test_corners_move_to_the_ends(given_settings):
    bad = at_corner(given_settings, "pessimistic")
    high, low = given_settings.part.energy_pj.high, given_settings.bandwidth_gbps.low
    assert bad.part.energy_pj.value == (given_settings.part.energy_pj.value if high is None else high)
    assert bad.bandwidth_gbps.value == (given_settings.bandwidth_gbps.value if low is None else low)
    assert bad.constant == given_settings.constant


@given(settings())
def test_typical_is_what_is_written_and_corners_are_fixed_points(given_settings):
    assert at_corner(given_settings, "typical") is given_settings
    for corner in ("optimistic", "pessimistic"):
        once = at_corner(given_settings, corner)
        assert at_corner(once, corner) == once


@given(settings())
def test_corners_keep_structure_and_paths(given_settings):
    moved = at_corner(given_settings, "optimistic")
    assert moved.part.bits == given_settings.part.bits
    assert set(sourced_values(moved)) == {"part.energy_pj", "bandwidth_gbps", "table.a", "table.b", "constant"}


@given(sourced(), st.floats(0.1, 10))
def test_scaling_says_so(value, factor):
    scaled = value.scaled(factor, "linear_bits")
    assert scaled.value == value.value * factor
    assert scaled.basis == ("assumed" if value.basis == "assumed" else "derived")
    assert scaled.source == "a2020; scaled by linear_bits"


@pytest.mark.parametrize(
    "raw",
    [
        {"value": 1.0, "basis": "assumed"},
        {"value": 1.0, "basis": "assumed", "low": 0.5},
        {"value": 1.0, "basis": "measured", "low": 2.0},
        {"value": 1.0, "basis": "measured", "high": 0.5},
        {"value": 1.0, "basis": "guessed"},
        {"value": 1.0},
    ],
)
def test_a_value_without_proof_is_refused(raw):
    with pytest.raises(ValidationError):
        Sourced(**raw, source="a2020") if "basis" in raw else Sourced(**raw)
