"""How much devices may differ: curves read between measured points, and which designs are measured."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from gap_designs import ENERGY, ISAAC, design
from hypothesis import given
from hypothesis import strategies as st

from joulescape.errors import ResultsError
from joulescape.gap import variation
from joulescape.gap.variation import DRAWS, FACTORS, SPREADS, UNITS, Curve, measured
from joulescape.resolve.settings import leaves
from joulescape.spec.sourced import Sourced

SIGMA = Sourced(value=0.02, low=0.005, high=0.08, basis="assumed", source="joulescape", where="guess")
PATH = "cell.programming_sigma_fraction"


def curve(*accuracies: float) -> Curve:
    return Curve(tuple(SIGMA.value * factor for factor in FACTORS), accuracies)


@given(st.lists(st.floats(0.1, 1.0), min_size=6, max_size=6), st.floats(0.1, 1.0))
def test_what_is_needed_lies_between_the_measured_spreads_that_it_names(values: list[float], aim: float) -> None:
    falling = curve(*sorted(values, reverse=True))
    found = falling.reaches(aim)
    if falling.accuracies[0] < aim:
        assert found is None
    else:
        needed, low, high = found or (0.0, 0.0, 0.0)
        assert low <= needed <= high
        assert {low, high} <= set(falling.spreads)


@given(st.floats(0.5, 0.9), st.floats(0.01, 0.3))
def test_a_stricter_aim_never_bears_more(aim: float, more: float) -> None:
    falling = curve(0.99, 0.95, 0.9, 0.8, 0.6, 0.3)
    loose, strict = falling.reaches(aim), falling.reaches(aim + more)
    assert loose is not None
    assert strict is None or strict[0] <= loose[0]


def test_accuracy_that_recovers_by_chance_does_not_count() -> None:
    needed, low, high = curve(0.99, 0.5, 0.99, 0.99, 0.99, 0.99).reaches(0.9) or (0.0, 0.0, 0.0)
    assert (low, high) == pytest.approx((SIGMA.value * FACTORS[0], SIGMA.value * FACTORS[1]))
    assert low < needed < high


def judged(own: Curve, aim: float) -> dict[str, Any]:
    return variation._judged(own, SIGMA, aim, {ENERGY: 1234.0})


@pytest.mark.parametrize(
    ("accuracies", "verdict", "words"),
    [
        ((0.99, 0.98, 0.97, 0.96, 0.95, 0.94), "already", "at every measured spread"),
        ((0.99, 0.98, 0.97, 0.96, 0.5, 0.4), "already", "between measured spreads"),
        ((0.99, 0.98, 0.5, 0.4, 0.3, 0.2), "within_corner", "between measured spreads"),
        ((0.99, 0.2, 0.2, 0.2, 0.2, 0.2), "beyond_corner", "between measured spreads"),
        ((0.7, 0.6, 0.5, 0.4, 0.3, 0.2), "never_alone", "without any spread 0.700; other errors hold it back"),
    ],
)
def test_a_verdict_follows_from_the_curve(accuracies: tuple[float, ...], verdict: str, words: str) -> None:
    row = judged(curve(*accuracies), 0.9)
    assert row["verdict"] == verdict and row["reason"].endswith(words)
    assert row["reason"].startswith("a design of 1,230 pJ an inference")
    assert row["own_value"] == accuracies[FACTORS.index(1.0)] and row["best_reach"] == accuracies[0]
    if verdict == "never_alone":
        assert "needed" not in row
    else:
        assert row["improvement_needed"] == pytest.approx(SIGMA.value / row["needed"])
        assert (row["improvement_needed"] <= 1) == (verdict == "already")


def trials(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    names = ("candidate_id", "network", "accuracy_fraction", ENERGY)
    return pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows])


def picked(own: pl.DataFrame) -> list[str]:
    return [row["candidate_id"] for row in variation._picked(own, 0.9)]


def test_the_cheapest_of_equal_accuracy_is_measured_and_the_cheapest_of_all() -> None:
    own = trials(("a", "n", 0.95, 9.0), ("b", "n", 0.92, 4.0), ("c", "n", 0.5, 1.0), ("d", "other", 0.1, 0.1))
    assert picked(own) == ["b", "c"]
    assert picked(own.filter(pl.col("candidate_id") == "b")) == ["b"], "one that is both is measured once"


def test_without_one_of_equal_accuracy_the_most_accurate_is_measured() -> None:
    assert picked(trials(("a", "n", 0.6, 9.0), ("b", "n", 0.5, 4.0))) == ["a", "b"]
    assert picked(trials(("a", "n", 0.6, 9.0)).clear()) == []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int, int]]:
    """Stands in for the evaluation; what it was asked for: spread, draws and seed."""
    seen: list[tuple[float, int, int]] = []

    def evaluate(candidate: Any, space: Any, fidelity: Any, seed: int) -> list[Any]:
        spread = leaves(space.hardware[candidate.back_end].back_end.settings)[PATH].value
        seen.append((spread, fidelity.draws, seed))
        accuracies = {0: 0.1, 1: 1 - spread, 2: 0.2}
        return [SimpleNamespace(variant_id=at, metrics={"accuracy_fraction": one}, reason=None)
                for at, one in accuracies.items()]  # fmt: skip

    monkeypatch.setattr(variation, "evaluate", evaluate)
    return seen


def test_accuracy_is_measured_at_every_spread_on_the_variant_that_was_chosen(
    asked: list[tuple[float, int, int]],
) -> None:
    found = measured(design(ISAAC), 1, PATH, SIGMA)
    assert found.spreads == pytest.approx([SIGMA.value * factor for factor in FACTORS])
    assert found.accuracies == pytest.approx([1 - spread for spread in found.spreads])
    assert [spread for spread, _, _ in asked] == pytest.approx(found.spreads)
    assert {draws for _, draws, _ in asked} == {DRAWS} and len({seed for _, _, seed in asked}) == 1


def test_a_spread_without_an_accuracy_is_an_error_not_a_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = SimpleNamespace(variant_id=0, metrics={"accuracy_fraction": None}, reason="the link does not close")
    monkeypatch.setattr(variation, "evaluate", lambda *_: [lost])
    with pytest.raises(ResultsError, match=r"digits_mlp@memristive/isaac at cell.* has no accuracy: the link does not"):
        measured(design(ISAAC), 0, PATH, SIGMA)


def test_every_spread_has_a_unit_and_some_machine_has_it() -> None:
    assert {path.rpartition("_")[2] for path in SPREADS} == set(UNITS)
    assert isinstance(leaves(design(ISAAC).typical.stations[0].settings)[PATH], Sourced)


def test_a_study_without_measured_accuracy_has_no_row() -> None:
    assert list(variation.rows(SimpleNamespace(spaces={}))) == []  # type: ignore[arg-type]
