"""What the bridge says, on tables made by hand: every number of a sentence stands in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from joulescape import gap_tables, tables
from joulescape.gap.bridge_findings import (
    FINDINGS,
    best_of_a_family,
    claim_of_a_family,
    do_they_multiply,
    measured_bridge,
    who_uses_published_pruning,
)

BASE, CELLS, GPU = "electronic/base", "memristive/cells", "electronic/gpu_x"


def cost(network: str, back_end: str, energy: float | None, state: str = "none", **others: Any) -> Mapping[str, Any]:
    return {"question": "q", "network": network, "back_end": back_end, "family": _family(back_end),
            "compression": state, "corner": "typical", "state": "valid", "inference_energy_pj": energy,
            **others}  # fmt: skip


def factor(
    network: str, back_end: str, alone: float, both: float, state: str = "none", **others: Any
) -> dict[str, Any]:
    product = others.pop("compression_alone", 1.0) * alone
    return {"question": "q", "network": network, "metric": "inference_energy_pj", "baseline": BASE,
            "back_end": back_end, "family": _family(back_end), "compression": state,
            "compression_alone": product / alone, "machine_alone": alone, "both": both, "product": product,
            "interaction": both / product, "both_low": both / 4, "both_high": both * 5,
            "machine_alone_low": alone / 4, "machine_alone_high": alone * 5, "is_best_of_family": True,
            "why": f"because of {network}.", **others}  # fmt: skip


def _family(back_end: str) -> str:
    return back_end.partition("/")[0]


def asked(bridge: list[Any], factors: list[Any], *machines: dict[str, Any]) -> dict[str, pl.DataFrame]:
    made = {"bridge": tables.make(bridge, gap_tables.BRIDGE), "factors": tables.make(factors, gap_tables.FACTORS)}
    return {**made, "machines": tables.make(machines, gap_tables.MACHINES)}


def test_nothing_is_said_of_nothing() -> None:
    assert [find(asked([], [])) for find in FINDINGS] == [None] * len(FINDINGS)


def test_the_best_is_told_with_its_ends_its_mean_and_what_is_assumed() -> None:
    factors = [
        factor("a", CELLS, 4.0, 8.0, "reported"), factor("b", CELLS, 1.0, 2.0, "reported"),
        factor("b", BASE, 1.0, 99.0, "reported"), factor("c", BASE, 1.0, 1.0), factor("b", CELLS, 1.0, 50.0, "bold"),
    ]  # fmt: skip
    bridge = [cost("a", CELLS, 1.0, "reported", assumed_energy_fraction=0.75)]
    found = best_of_a_family("memristive", asked(bridge, factors))
    assert found is not None and f"at best by ×8 (a, reported, on {CELLS}), counted from {BASE}" in found.sentence
    assert (
        "over 2 networks the best of each gives ×4 in the geometric mean, and least for b: ×2; none of them"
        in found.sentence
    )
    assert found.sentence.endswith(
        f"can carry c. In any state, whatever accuracy it costs, ×50 (b, bold, on {CELLS}) at best."
    )
    assert found.uncertainty.startswith("×2 to ×40 over the corners; 75% of its energy rests on assumed numbers")
    assert best_of_a_family("photonic", asked(bridge, factors)) is None


def test_a_claim_is_held_against_the_machine_alone_and_against_a_gpu() -> None:
    bridge = [cost("a", BASE, 8.0), cost("a", CELLS, 2.0), cost("a", GPU, 4000.0)]
    found = claim_of_a_family("memristive", asked(bridge, [factor("a", CELLS, 4.0, 4.0)]))
    assert found is not None and f"changes the energy of {BASE} by ×4 (" in found.sentence
    assert "constants is ×20." in found.sentence
    assert f"Against {GPU} at the same batch it is ×2,000, of which {BASE} alone is ×500." in found.sentence
    assert found.sentence.startswith("That analog") and "(chi2016, abstract) is not borne out here" in found.sentence
    near = claim_of_a_family("memristive", asked(bridge[:2], [factor("a", CELLS, 300.0, 300.0)]))
    assert near is not None and "within reach of the kindest corner" in near.sentence and "Against" not in near.sentence


def test_a_machine_that_loses_too_much_leads_only_with_its_loss_and_its_record_beside() -> None:
    plain = [factor("a", CELLS, 9.0, 9.0), factor("a", "memristive/kept", 2.0, 2.0)]
    lost = factor("digits", CELLS, 1.0, 1.0, question="m", accuracy_loss_fraction=0.111, equal_within_fraction=0.02)
    bridge = [{**cost("digits", CELLS, 1.0, accuracy_fraction=0.8), "question": "m"}]
    machine = {"back_end": CELLS, "equivalence": "approximate", "published_predictions_count": 0}
    found = best_of_a_family("memristive", asked(bridge, [*plain, lost], machine))
    assert found is not None
    assert f"on {CELLS}) (loses 11.1 points on digits as trained, not validated), counted" in found.sentence
    assert "not measured to lose too much, by ×2 (a, none, on memristive/kept)" in found.sentence
    within = {**lost, "accuracy_loss_fraction": 0.01}
    sure = {**machine, "published_predictions_count": 2}
    kept = best_of_a_family("memristive", asked(bridge, [*plain, within], sure))
    assert kept is not None and "loses" not in kept.sentence and "validated" not in kept.sentence
    alone = best_of_a_family("memristive", asked(bridge, [plain[0], lost], machine))
    assert alone is not None and "no other machine of the family is known to keep the accuracy" in alone.sentence
    blank = best_of_a_family("memristive", asked([], plain[:1], sure))
    assert blank is not None and "(its accuracy is measured nowhere)" in blank.sentence


def test_multiplying_is_counted_where_compression_is_felt() -> None:
    felt = [("a", 2.0, 0.5), ("b", 2.0, 1.0), ("c", 2.0, 3.0)]
    rows = [factor(name, CELLS, 4.0, 4.0 * saved * times, "c", compression_alone=saved) for name, saved, times in felt]
    silent = factor("d", CELLS, 4.0, 4.0, "c")
    found = do_they_multiply(asked([], [*rows, silent]))
    assert found is not None and found.sentence.startswith("Of 3 pairs")
    assert "less than the product in 1 and more in 1; in 1 they multiply within 5%" in found.sentence
    assert "÷2 for a, c, on memristive/cells. because of a. And: ×3 for c, c," in found.sentence
    assert "both over the product: ÷2 to ×3, median ×1" in found.uncertainty
    assert found.contradicts is None  # nobody was found who says that they multiply


def test_published_states_are_counted_where_both_are_priced() -> None:
    bridge = [cost("a", BASE, 8.0), cost("a", BASE, 8.0, "reported"), cost("a", CELLS, 6.0),
              cost("a", CELLS, 2.0, "reported"), cost("a", GPU, None), cost("a", GPU, 1.0, "reported")]  # fmt: skip
    found = who_uses_published_pruning(asked(bridge, []))
    assert found is not None and found.sentence.endswith("state saves energy: a 1 of 2 (best ×3).")


def test_measured_questions_have_a_sentence_of_their_own() -> None:
    bridge = [cost("a", CELLS, 1.0, accuracy_fraction=0.9)]
    rows = [factor("a", CELLS, 4.0, 8.0, "c", accuracy_loss_fraction=0.015),
            factor("b", CELLS, 4.0, 90.0, "c", accuracy_loss_fraction=0.5, is_best_of_family=False)]  # fmt: skip
    known = asked(bridge, rows)
    found = measured_bridge(known)
    assert found is not None and found.sentence.endswith(f"memristive ×8 (a, c, {CELLS}, +1.5 points lost).")
    assert found.uncertainty.startswith("memristive ×2 to ×40 over the corners; losses on the split")
    assert best_of_a_family("memristive", known) is None and do_they_multiply(known) is None


@pytest.mark.parametrize(("low", "high", "told"), [(None, None, "typical corner alone"), (None, 3.0, "no design at")])
def test_ends_that_no_design_reaches_are_said(low: float | None, high: float | None, told: str) -> None:
    row = {**factor("a", CELLS, 4.0, 8.0, "reported"), "both_low": low, "both_high": high}
    found = best_of_a_family("memristive", asked([], [row]))
    assert found is not None and told in found.uncertainty
