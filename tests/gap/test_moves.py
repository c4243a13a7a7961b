"""What is moved and how it is judged: table-driven, on levers and machines made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from joulescape.gap import overtake
from joulescape.gap.contests import Contest
from joulescape.gap.crossing import LEAST_EFFECT, Move
from joulescape.gap.designs import Design
from joulescape.gap.levers import Lever
from joulescape.gap.overtake import NO_EFFECT, PAIRED_LEVERS, TOP_LEVERS
from joulescape.spec.sourced import CORNERS, Sourced

OWN, RIVAL = 200.0, 100.0


def lever(path: str, kind: str = "converters", basis: str = "derived", value: float = 2.0) -> Lever:
    constant = Sourced(value=value, low=value / 2, high=2 * value, basis=basis, source=f"of_{path}", where=f"T {path}")  # type: ignore[arg-type]
    return Lever(path, kind, constant, "pJ", 0.0)


def moves(
    effects: dict[str, float], named: tuple[str, ...] = (), kinds: dict[str, str] | None = None
) -> dict[str, list[str]]:
    """Paths of every move by what is moved; levers come with the largest effect first."""
    ranked = [lever(path, (kinds or {}).get(path, "converters")) for path in effects]
    found: dict[str, list[str]] = {}
    for kind, move in overtake._moves(ranked, effects, named):
        found.setdefault(kind, []).append("+".join(one.path for one in move.levers))
    return found


def test_the_costliest_and_the_named_are_told_alone() -> None:
    effects = dict(zip("abcdef", (0.3, 0.2, 0.1, 0.05, 0.02, 0.001), strict=True))
    assert moves(effects)["one"] == ["a", "b", "c"] and TOP_LEVERS == 3
    assert moves(effects, ("f", "e"))["one"] == ["a", "b", "c", "e", "f"]


def test_what_is_felt_too_little_is_told_only_where_it_is_named() -> None:
    effects = {"a": 2 * LEAST_EFFECT, "b": LEAST_EFFECT / 2, "c": NO_EFFECT / 2}
    assert moves(effects)["one"] == ["a"]
    found = moves(effects, ("c",))
    assert found["one"] == ["a", "c"]
    assert found["all"] == ["a+b"], "what does nothing at all is in no set"


def test_a_kind_is_told_whole_and_once() -> None:
    effects = {"a": 0.3, "b": 0.2, "c": 0.1, "d": 0.05, "e": 0.002, "f": 0.001}
    kinds = {"a": "laser", "b": "converters", "c": "converters", "d": "tuning", "e": "cells", "f": "cells"}
    found = moves(effects, kinds=kinds)["kind"]
    assert found == ["b+c", "d"], "the laser alone is told already; cells are not felt"
    assert moves(effects, ("d",), kinds)["kind"] == ["b+c"]


def test_pairs_are_of_the_costliest_alone() -> None:
    effects = {path: 0.5 / (place + 1) for place, path in enumerate("abcdefgh")}
    pairs = moves(effects)["pair"]
    assert len(pairs) == PAIRED_LEVERS * (PAIRED_LEVERS - 1) / 2 and set("".join(pairs)) == set("abcde+")


def test_a_machine_on_which_nothing_costs_anything_has_no_move() -> None:
    assert moves({"a": 0.0, "b": 0.0}) == {}


def test_several_values_rest_on_the_weakest_proof_and_all_their_sources() -> None:
    two = Move((lever("a", basis="measured"), lever("b", "laser", basis="assumed")))
    row = overtake._of_move(two)
    assert row["basis"] == "assumed" and row["confidence"] == "low"
    assert row["source"] == "of_a, of_b" and row["where"] == "a, b" and row["parameters"] == "a + b"
    assert row["kind"] == "converters + laser" and row["unit"] == "of today's" and row["today"] == 1.0
    three = overtake._of_move(Move((lever("a"), lever("b", "laser"), lever("c", "cells"))))
    assert (three["parameters"], three["kind"]) == ("3 values", "all")


def test_one_value_is_told_as_its_source_has_it() -> None:
    row = overtake._of_move(Move((lever("a", basis="measured"),)))
    told = {"kind": "converters", "quantity": None, "parameters": "a", "basis": "measured", "confidence": "high",
            "unit": "pJ", "today": 2.0, "low": 1.0, "high": 4.0, "source": "of_a", "where": "T a"}  # fmt: skip
    assert row == told


@pytest.mark.parametrize(
    ("reaches", "needed", "low", "high", "improvement"),
    [
        ((0.25, 0.5, 0.75), 1.0, 0.5, 1.5, 2.0),
        ((None, 0.5, 0.75), 1.0, 1.0, 1.5, 2.0),
        ((None, None, 0.75), None, 1.5, 1.5, None),
        ((None, None, None), None, None, None, None),
        ((2.0, 4.0, 8.0), 8.0, 4.0, 16.0, 0.25),
    ],
)
def test_ends_of_what_is_needed_are_over_the_rivals_corners(
    reaches: tuple[float | None, ...], needed: Any, low: Any, high: Any, improvement: Any
) -> None:
    by_corner = dict(zip(("optimistic", "typical", "pessimistic"), reaches, strict=True))
    row = overtake._needed(Move((lever("a"),)), [by_corner[corner] for corner in CORNERS])
    assert (row["needed"], row["needed_low"], row["needed_high"]) == (needed, low, high)
    assert row["improvement_needed"] == improvement


class Made:
    """A design whose costs are given at every corner; `misfits` says what it breaks when its values are moved."""

    typical = SimpleNamespace(stations=(), off_chip=None)

    def __init__(self, *values: float | None, misfit: str | None = None) -> None:
        self.values, self.broken = dict(zip(CORNERS, values, strict=True)), misfit
        self.candidate = SimpleNamespace(network="n", back_end="electronic/rival")
        self.compression = "none"

    def at(self, metric: str, corner: str) -> float:
        assert self.values[corner] is not None, "asked for a price where there is no design"
        return cast(float, self.values[corner])

    def refusal(self, corner: str) -> str | None:
        return "too hot" if self.values[corner] is None else None

    def misfit(self, machine: Any) -> str | None:
        return self.broken


def contest(own: Made | None = None, rival: Made | None = None) -> Contest:
    own, rival = own or Made(OWN, OWN, OWN), rival or Made(90.0, RIVAL, 120.0)
    return Contest(cast(Design, own), None, "n", "memristive/cells", cast(Design, rival), "inference_energy_pj", "same")


def test_a_rival_that_cannot_exist_at_a_corner_has_no_price_there() -> None:
    values = [contest(rival=Made(None, RIVAL, None)).rival_at(corner) for corner in CORNERS]
    assert np.isnan(values[0]) and values[1] == RIVAL and np.isnan(values[2])


@pytest.mark.parametrize(
    ("own", "best", "reach", "corner", "verdict", "reason"),
    [
        (50.0, 10.0, 3.0, 40.0, "already", None),
        (50.0, 50.0, None, 50.0, "already", "leads however much worse this becomes"),
        (RIVAL, 10.0, 1.0, 40.0, "already", None),
        (OWN, 150.0, None, 180.0, "never_alone", "at its limit still 1.5 times the rival's"),
        (OWN, OWN, None, OWN, "never_alone", "it takes nothing of this metric: at its limit still 2 times the rival's"),
        (OWN, 20.0, 0.5, 90.0, "within_corner", None),
        (OWN, 20.0, 0.5, RIVAL, "within_corner", None),
        (OWN, 20.0, 0.5, 120.0, "beyond_corner", None),
    ],
)
def test_a_verdict_follows_from_the_numbers(
    monkeypatch: pytest.MonkeyPatch, own: float, best: float, reach: float | None, corner: float, verdict: str,
    reason: str | None,
) -> None:  # fmt: skip
    monkeypatch.setattr(overtake, "moved", lambda machine, values: machine)
    monkeypatch.setattr(overtake, "is_plain", lambda machine, path: False)
    row = {"own_value": own, "rival_value": RIVAL, "best_reach": best}
    found = overtake._verdict(contest(), row, Move((lever("a"),)), reach, cast(Any, corner))
    assert found == {"verdict": verdict, "reason": reason}


def test_a_value_that_breaks_the_machine_is_no_way_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overtake, "moved", lambda machine, values: machine)
    row = {"own_value": OWN, "rival_value": RIVAL, "best_reach": 20.0}
    broken = contest(Made(OWN, OWN, OWN, misfit="the link does not close"))
    found = overtake._verdict(broken, row, Move((lever("a"),)), 0.5, cast(Any, 90.0))
    assert found == {"verdict": "infeasible", "reason": "the link does not close"}


def test_a_machine_without_a_design_is_one_row_with_its_reason() -> None:
    lost = Contest(None, "no tile holds it", "n", "memristive/cells", cast(Design, Made(1.0, 2.0, 3.0)), "m", "same")
    (row,) = overtake._judged_all([lost], ())
    assert (row["verdict"], row["moved"], row["reason"]) == ("infeasible", "none", "no tile holds it")
    assert row["compression"] is None and row["rival"] == "n on electronic/rival, none"
    assert row.get("needed") is None and "own_value" not in row
