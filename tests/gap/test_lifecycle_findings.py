"""Sentences of training and use, on lives made by hand; and lives that cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from joulescape import gap_tables, tables
from joulescape.gap.lifecycle import _split
from joulescape.gap.lifecycle_findings import FINDINGS, order_of_machines, training_factors
from joulescape.gap.lives import Life
from joulescape.spec.sourced import CORNERS

BASE, LNPU, CELLS = "electronic/base", "electronic/lnpu", "memristive/cells"
SPLITS = (0.5, 0.999)
WITHIN = 0.01


def life(back_end: str = BASE, once: float = 100.0, use: float = 2.0, state: str = "none", **others: Any) -> Life:
    known = Life("mlp", state, back_end, "typical", once, use, 0.95, 10, "measured")
    return replace(known, **others)


def asked(*lives: Life, is_measured: bool = True) -> dict[str, pl.DataFrame]:
    rows = _split(lives, BASE, SPLITS, WITHIN if is_measured else None)
    return {"lifecycle": tables.make(rows, gap_tables.LIFECYCLE)}


FOUR = (life(), life(once=50.0, state="pruned"), life(LNPU, 10.0), life(LNPU, 4.0, state="pruned"))


def test_nothing_is_said_of_nothing_nor_of_the_baseline_alone() -> None:
    assert [find(asked()) for find in FINDINGS] == [None] * len(FINDINGS)
    assert training_factors(asked(life(), life(once=50.0, state="pruned"))) is None
    assert order_of_machines(asked(life())) is None


def test_factors_of_training_are_the_baselines_energy_over_each() -> None:
    found = training_factors(asked(*FOUR))
    assert found is not None
    assert found.sentence == (
        "Learning mlp on the machine itself at equal accuracy: compression alone saves ×2, the machine alone ×10 "
        "(electronic/lnpu), both ×25 (electronic/lnpu), ×1.25 against the product."
    )


def test_a_machine_that_learns_less_is_never_the_best() -> None:
    cheat = life(CELLS, 0.1, trained_accuracy=0.6)
    with_cheat, without = training_factors(asked(*FOUR, cheat)), training_factors(asked(*FOUR))
    assert with_cheat == without
    honest = training_factors(asked(*FOUR, replace(cheat, trained_accuracy=0.945)))
    assert honest is not None and honest.sentence.endswith("memristive/cells (none), ×1,000.")


def test_the_three_factors_are_of_one_network() -> None:
    other = [replace(one, network="lenet", training_pj=one.training_pj / 100) for one in FOUR]
    mixed = training_factors(asked(*FOUR, *other[1:]))
    assert mixed is not None and "both ×25 (" in mixed.sentence
    both = training_factors(asked(*FOUR, *other))
    assert both is not None and both.sentence.startswith("Learning mlp") and "both ×25 (" in both.sentence


def test_corners_of_the_same_design_make_the_interval() -> None:
    scales = dict(zip(CORNERS, (0.5, 1.0, 3.0), strict=True))
    lives = [replace(one, corner=corner, training_pj=one.training_pj * (scale if one.back_end == LNPU else 1.0))
             for one in FOUR for corner, scale in scales.items()]  # fmt: skip
    found = training_factors(asked(*lives))
    assert found is not None and "×8.33 to ×50" in found.uncertainty


def test_every_network_stands_against_itself_on_the_baseline() -> None:
    other = [life(network="lenet", once=1000.0), life(LNPU, 10.0, network="lenet")]
    rows = {
        (row["network"], row["back_end"]): row["factor"]
        for row in _split([*FOUR[:1], FOUR[2], *other], BASE, (), WITHIN)
    }
    assert rows == {("mlp", BASE): 1.0, ("mlp", LNPU): 10.0, ("lenet", BASE): 1.0, ("lenet", LNPU): 100.0}


def test_a_machine_that_is_its_own_network_stands_against_the_first_once() -> None:
    own = life("physical/shg", 1.0, network="shg")
    rows = _split([life(), life(network="lenet", once=1000.0), own], BASE, (), WITHIN)
    assert [(row["factor"], row["baseline"]) for row in rows if row["network"] == "shg"] == [(100.0, BASE)]
    assert len(rows) == 3


def test_without_the_baseline_at_a_corner_nothing_is_counted_there() -> None:
    lives = [life(), life(LNPU), replace(life(LNPU), corner="pessimistic")]
    assert {row["corner"] for row in _split(lives, BASE, SPLITS, WITHIN)} == {"typical"}


@pytest.mark.parametrize("within", [WITHIN, None])
def test_ranks_count_from_the_least_energy_at_every_split(within: float | None) -> None:
    rows = _split([life(), life(LNPU, 10.0, 1.0), life(CELLS, 1.0, 50.0)], BASE, SPLITS, within)
    for share in (0.0, *SPLITS):
        mine = sorted((row for row in rows if row["inference_share_fraction"] == share), key=lambda row: row["rank"])
        energies = [row["lifecycle_energy_pj"] for row in mine]
        assert energies == sorted(energies) and [row["rank"] for row in mine] == [1, 2, 3]


def test_who_wins_training_and_loses_use_is_said() -> None:
    found = order_of_machines(asked(life(), life(CELLS, 10.0, 8.0), life(LNPU, 50.0, 1.0)))
    assert found is not None
    assert f"{CELLS} spends least on mlp in training, {LNPU} at 99.9 % inference" in found.sentence
    assert (
        f"{CELLS} turns from ×10 less to ÷4 more energy than the baseline" in found.sentence
        and f"{LNPU} turns" not in found.sentence
    )


def test_nobody_changes_sides_where_nobody_does() -> None:
    found = order_of_machines(asked(life(), life(LNPU, 10.0, 0.2)))
    assert found is not None
    assert found.sentence.endswith(f"{LNPU} spends least on mlp in training and still at 99.9 % inference; no machine "
                                   "changes sides with the baseline.")  # fmt: skip


def test_both_readings_are_told_where_the_trainings_leave_some_undecided() -> None:
    several = {"trainings_count": 3, "trained_sd": 0.01}
    open_ = [replace(one, trained_accuracy=0.935 if one.compression == "pruned" else 0.95, **several) for one in FOUR]
    found = training_factors(asked(*open_))
    assert found is not None and found.sentence == (
        "Learning mlp on the machine itself at equal accuracy, by the means alone: the machine alone saves ×10 "
        "(electronic/lnpu), with compression alone no design is equal, with both no design is equal; equal are as "
        "trained: electronic/base, electronic/lnpu. Counting the 2 that are undecided as well (compressed: "
        "electronic/base, electronic/lnpu): compression alone saves ×2, the machine alone ×10 (electronic/lnpu), "
        "both ×25 (electronic/lnpu), ×1.25 against the product."
    )
    assert found.uncertainty.endswith("undecided whether it is equal")


def test_a_study_whose_compressed_designs_all_learn_less_says_so() -> None:
    worse = [replace(one, trained_accuracy=0.5) if one.compression == "pruned" else one for one in FOUR]
    found = training_factors(asked(*worse))
    assert found is not None and found.sentence.count("no design is equal") == 2


def test_who_is_undecided_is_no_winner_and_is_marked_where_it_changes_sides() -> None:
    open_ = life(CELLS, 10.0, 8.0, trained_accuracy=0.935, trained_sd=0.01, trainings_count=3)
    base = life(trained_sd=0.01, trainings_count=3)
    found = order_of_machines(asked(base, open_, life(LNPU, 50.0, 1.0)))
    assert found is not None and found.sentence.startswith(f"{LNPU} spends least on mlp in training and still")
    assert f"{CELLS} (undecided whether it learns as well) turns from ×10 less to ÷4 more" in found.sentence
