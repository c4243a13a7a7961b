"""Faults read as a person would want them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.errors import Fault, Infeasible, JoulescapeError, SpecError, nearest


def test_a_fault_names_file_line_path_value_expectation_and_remedy() -> None:
    fault = Fault("spaces/x.yaml", 7, "budget.trials", "0", "a whole number of at least 1", "trial")
    text = "spaces/x.yaml:7: at 'budget.trials' found 0, expected a whole number of at least 1; did you mean 'trial'?"
    assert str(fault) == text


def test_the_nearest_name_comes_before_a_long_list() -> None:
    text = str(Fault("x.yaml", 7, "a", "'adc.enrgy'", f"one of {', '.join(['name'] * 100)}", "adc.energy"))
    assert text.startswith("x.yaml:7: at 'a' found 'adc.enrgy'; did you mean 'adc.energy'? Expected one of name, name")


def test_a_fault_without_line_or_path_is_still_a_sentence() -> None:
    assert str(Fault("x.yaml", None, "", "nothing", "a mapping")) == "x.yaml: found nothing, expected a mapping"


def test_spec_error_lists_every_fault() -> None:
    faults = [Fault("x.yaml", n, f"k{n}", "1", "2") for n in range(5)]
    error = SpecError(faults)
    assert error.faults == tuple(faults)
    assert str(error).count("\n") == 4


def test_infeasible_keeps_its_reason_and_violation() -> None:
    with pytest.raises(JoulescapeError, match="too large") as caught:
        raise Infeasible("too large", 0.25)
    assert isinstance(caught.value, Infeasible)
    assert caught.value.violation == 0.25


@pytest.mark.parametrize(
    ("typed", "meant"), [("systolic_int", "systolic_int8"), ("isac", "isaac"), ("mzi-mesh", "mzi_mesh")]
)
def test_nearest_finds_what_was_meant(typed: str, meant: str) -> None:
    assert nearest(typed, ["systolic_int8", "isaac", "mzi_mesh", "shg"]) == meant


def test_nearest_is_silent_when_nothing_is_close() -> None:
    assert nearest("zzz", ["isaac", "shg"]) is None


@given(st.lists(st.text("abcdef", min_size=1, max_size=8), min_size=1, unique=True))
def test_a_known_name_is_its_own_nearest(known: list[str]) -> None:
    assert nearest(known[0], known) == known[0]
