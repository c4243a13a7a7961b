"""Sentences of what would have to be true, on rows made by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from joulescape import gap_tables, tables
from joulescape.gap.findings import Finding
from joulescape.gap.overtake_findings import (
    FINDINGS,
    MOST_NAMED,
    converters,
    everything,
    latency,
    nearest_levers,
    quantities,
    spread,
)

CELLS, LIGHT = "memristive/cells", "photonic/light"
RIVAL = 100.0


def row(back_end: str = CELLS, network: str = "n", own: float = 200.0, **others: Any) -> dict[str, Any]:
    """One constant of converters that overtakes at half of today's, unless something else is said."""
    known = {"moved": "one", "kind": "converters", "parameters": "adc.energy_pj", "unit": "pJ", "today": 2.0,
             "needed": 1.0, "needed_low": 0.5, "needed_high": 1.5, "improvement_needed": 2.0, "best_reach": 50.0,
             "verdict": "beyond_corner"}  # fmt: skip
    return {"network": network, "back_end": back_end, "family": back_end.partition("/")[0], "own_value": own,
            "metric": "inference_energy_pj", "rival_value": RIVAL, **known, **others}  # fmt: skip


def never(**others: Any) -> dict[str, Any]:
    lost = dict.fromkeys(("needed", "needed_low", "needed_high", "improvement_needed"))
    return row(**{**lost, "verdict": "never_alone", "best_reach": 150.0, **others})


def free(back_end: str, reach: float, network: str = "n", **others: Any) -> dict[str, Any]:
    """All converters of a machine made free."""
    return row(back_end, network, moved="kind", best_reach=reach, parameters="3 values", **others)


def whole(back_end: str, factor: float | None, network: str = "n", own: float = 200.0) -> dict[str, Any]:
    verdict = "never_alone" if factor is None else "beyond_corner"
    return row(back_end, network, own, moved="all", kind="all", improvement_needed=factor, verdict=verdict)


def asked(*rows: dict[str, Any]) -> dict[str, pl.DataFrame]:
    return {"overtake": tables.make(rows, gap_tables.OVERTAKE)}


def said(found: Finding | None) -> str:
    assert found is not None
    return found.sentence


def test_nothing_is_said_of_nothing_nor_of_machines_that_lead() -> None:
    assert [find(asked()) for find in FINDINGS] == [None] * len(FINDINGS)
    leading = [row(own=50.0, verdict="already"), free(CELLS, 20.0, own=50.0), whole(CELLS, 0.5, own=50.0)]
    assert [find(asked(*leading)) for find in FINDINGS] == [None] * len(FINDINGS)


def test_the_nearest_lever_of_a_family_is_that_of_the_least_improvement() -> None:
    far, near = row(improvement_needed=9.0), row(network="m", improvement_needed=3.0, verdict="within_corner")
    told = said(nearest_levers(asked(far, near, row(improvement_needed=2.0, moved="pair"))))
    assert told == (
        "The nearest memristive lever is adc.energy_pj of memristive/cells on m: 1 pJ (0.5 to 1.5) in place of 2, "
        "×3 better, inside its sourced range."
    )
    assert said(nearest_levers(asked(far))).endswith("×9 better, outside its sourced range.")


def test_a_family_that_no_constant_brings_there_says_how_near_it_comes() -> None:
    rows = [never(back_end=LIGHT, best_reach=180.0), never(back_end=LIGHT, network="m", best_reach=130.0)]
    told = said(nearest_levers(asked(*rows)))
    assert told == (
        "No photonic machine that trails overtakes by one constant; nearest comes photonic/light on m with a free "
        "adc.energy_pj, at 1.3 times the rival's energy."
    )


def test_families_are_told_one_after_the_other_with_what_is_held_equal() -> None:
    found = nearest_levers(asked(row(LIGHT), row(CELLS), row("physical/shg")))
    assert found is not None
    places = [found.sentence.index(f"nearest {family}") for family in ("memristive", "photonic", "physical")]
    assert places == sorted(places)
    assert "area and latency are not held equal" in found.uncertainty
    assert "the rival stays as it is" in found.uncertainty


@pytest.mark.parametrize(("column", "value"), [("metric", "inference_latency_ns"), ("own_value", None)])
def test_other_metrics_and_machines_that_cannot_exist_are_not_counted(column: str, value: Any) -> None:
    assert nearest_levers(asked({**row(), column: value})) is None


def test_free_converters_turn_some_cases_and_the_others_say_what_they_would_still_need() -> None:
    found = converters(asked(free(CELLS, 50.0), free(CELLS, 130.0, "m"), free(LIGHT, 470.0)))
    told = said(found)
    assert told.startswith("Free converters alone turn 1 of 3 cases in which another machine needs more energy")
    assert "or more (memristive/cells on n); in the others" in told
    assert "would still need 1.3 to 4.7 times the energy." in told


def test_how_far_converters_hold_machines_in_memory_back_is_counted_and_contradicts_nobody() -> None:
    """Light that trails for other reasons says nothing of crossbars."""
    light = [free(LIGHT, 500.0, name) for name in "abcd"]
    turned = converters(asked(free(CELLS, 50.0), free(CELLS, 60.0, "m"), *light))
    assert "In memory" not in said(turned)
    kept = converters(asked(free(CELLS, 150.0), free(CELLS, 160.0, "m"), free(CELLS, 50.0, "o")))
    assert "In memory that is 1 of 3 cases" in said(kept)
    assert kept is not None and kept.contradicts is None and "a case is one machine on one network" in kept.uncertainty
    assert "In memory" not in said(converters(asked(*light)))


def test_a_machine_with_one_converter_counts_by_it_and_one_whose_converters_take_nothing_is_said() -> None:
    lone, felt_less = row(best_reach=80.0), row(network="m", best_reach=199.9)
    told = said(converters(asked(lone, felt_less, whole(CELLS, 2.0), whole(CELLS, 2.0, "m"))))
    assert told.startswith("Free converters alone turn 1 of 1 cases") and "(memristive/cells on n)" in told
    assert told.endswith("In 1 more cases that trail none of the converters takes 1%.")


def test_a_kind_is_not_counted_twice_where_one_of_it_is_told_too() -> None:
    assert said(converters(asked(row(best_reach=120.0), free(CELLS, 90.0)))).startswith(
        "Free converters alone turn 1 of 1"
    )


def test_all_costs_are_told_from_the_least_factor_on_and_those_that_stay_behind_by_name() -> None:
    told = said(everything(asked(whole(LIGHT, 20.0), whole(CELLS, 1.5), whole(LIGHT, None, "m"))))
    assert told == (
        "All costs of a machine would have to fall together (× times less): memristive/cells on n ×1.5, photonic/light "
        "on n ×20. Not even free: photonic/light on m."
    )
    assert "Not even" not in said(everything(asked(whole(CELLS, 1.5))))


def variation(verdict: str, **others: Any) -> dict[str, Any]:
    known = {"moved": "variation", "kind": "variation", "metric": "accuracy_fraction", "unit": "fraction",
             "parameters": "cell.programming_sigma_fraction", "verdict": verdict}  # fmt: skip
    return row(**{**known, **others})


def test_spreads_are_told_with_the_measured_ones_on_both_sides() -> None:
    found = spread(asked(variation("already", needed=0.04, needed_low=0.02, needed_high=0.08)))
    assert found is not None
    assert "0.04" in found.sentence and "cell.programming_sigma_fraction" in found.sentence
    assert found.uncertainty.endswith("0.02 to 0.08")
    assert spread(asked(variation("never_alone", needed=None))) is None
    widest = spread(asked(variation("already", needed=0.08, needed_low=0.08, needed_high=0.08)))
    assert (
        widest is not None and "bears a cell.programming_sigma_fraction of at least 0.08 (today 2)" in widest.sentence
    )


def test_a_quantity_counts_by_its_costliest_constant() -> None:
    rows = [
        row(quantity="converter energy", best_reach=80.0, verdict="within_corner"),
        never(quantity="converter energy", parameters="dac.power_mw"),
        never(network="m", quantity="converter energy"),
        never(back_end=LIGHT, quantity="laser efficiency"),
        row(own=50.0, network="o", quantity="write energy", verdict="already"),
        row(back_end=LIGHT, network="o", quantity=None),
    ]
    told = said(quantities(asked(*rows)))
    assert "converter energy 1 of 2 (memristive/cells on n; 1 inside its sourced range)" in told
    assert told.endswith("laser efficiency 0 of 1.") and "write energy" not in told
    assert quantities(asked(rows[-1])) is None


def test_latency_tells_who_leads_and_by_how_much_the_others_devices_are_too_slow() -> None:
    time = {"metric": "inference_latency_ns"}
    rows = [
        {**row(own=50.0, verdict="already"), **time},
        {**whole(LIGHT, 3.0), **time},
        {**whole(LIGHT, None, "m"), **time},
    ]
    told = said(latency(asked(*rows, row(network="z"))))
    assert told.startswith(
        "In latency 1 of 3 cases lead the fastest electronic machine (memristive/cells on n); of the 2"
    )
    assert "1 would with all sourced times of the machine and its host less by ×3 (photonic/light on n)" in told
    only = {**rows[1], "parameters": "host.instructions_per_op"}
    assert "1 would with the digital host's instructions alone less by ×3" in said(latency(asked(only)))
    assert said(latency(asked(rows[2]))).endswith("of the 1 others none would with all sourced times at nothing.")
    assert said(latency(asked(rows[0]))).endswith("(memristive/cells on n).")


def test_of_many_cases_the_machines_are_counted() -> None:
    rows = [whole(CELLS, 1.5 + place, f"n{place}") for place in range(MOST_NAMED + 2)]
    told = said(everything(asked(*rows, *(whole(LIGHT, None, f"n{place}") for place in range(MOST_NAMED + 1)))))
    assert f"and 2 more by up to memristive/cells on n{MOST_NAMED + 1} ×{1.5 + MOST_NAMED + 1:g}." in told
    assert told.endswith(f"Not even free: photonic/light on {MOST_NAMED + 1}.")
