"""What a rung does, and how tables spell it."""

from __future__ import annotations

import pytest

from joulescape.network.fidelity import Fidelity
from joulescape.spec.space import RUNGS

METRICS = {"accuracy_fraction": 1, "trained_accuracy_fraction": 2, "area_mm2": 3}


def test_each_rung_does_all_that_the_one_below_does() -> None:
    does = [(f.measures, f.fine_tunes, f.detail == "full") for f in (Fidelity(rung=rung) for rung in RUNGS)]
    assert does == [(False, False, False), (True, False, False), (True, True, False), (True, True, True)]


@pytest.mark.parametrize("rung", RUNGS[1:])
def test_a_name_says_rung_split_and_draws(rung: str) -> None:
    assert Fidelity(rung=rung, split="test", draws=7).name == f"{rung}/test/7"  # type: ignore[arg-type]


def test_the_closed_form_sees_neither_split_nor_draws() -> None:
    assert Fidelity(rung="closed_form", split="test", draws=7).name == "closed_form"


def test_without_data_no_accuracy_is_known() -> None:
    assert Fidelity().known(METRICS) == METRICS
    assert Fidelity(rung="closed_form").known(METRICS) == {"area_mm2": 3}
