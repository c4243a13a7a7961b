"""Who may lead the headline: machines whose accuracy is kept where it was measured, or that compute exactly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from study_rows import factor, study

from joulescape.report.gap import bridge, headline, leads, shores, widening

ABOUT = {"questions": {"measured": {"name": "small"}, "bridge": {"name": "q"}}}
FAR, NEAR = "memristive/far", "memristive/near"


def measured(loss: float, back_end: str, network: str = "digits") -> dict[str, Any]:
    names = {"question": "small", "network": network, "back_end": back_end, "compression": "none"}
    return factor(1.0, 1.0, 1.0, accuracy_loss_fraction=loss, equal_within_fraction=0.02, **names)


def asked(*losses: float, machines: list[dict[str, Any]] | None = None) -> bridge.BridgeFacts:
    """A machine that closes most and loses so much on measured networks, and one that closes less and loses nothing."""
    rows = [factor(1.0, 9.0, 9.0, back_end=FAR), factor(1.0, 2.0, 2.0, back_end=NEAR), measured(0.0, NEAR)]
    rows += [measured(loss, FAR, f"n{place}") for place, loss in enumerate(losses)]
    return bridge.facts(study(ABOUT, factors=rows, machines=machines or []))


@given(st.lists(st.floats(-0.05, 0.3), min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_a_machine_leads_only_within_the_limit_on_every_measured_network(losses: list[float]) -> None:
    found = asked(*losses)
    may = max(losses) <= 0.02
    assert found.best["both"].value == (9.0 if may else 2.0)
    assert (found.outside is None) == may and bool(found.outsiders) != may


def test_one_that_may_not_lead_is_told_with_its_loss_and_its_record() -> None:
    machines = [{"back_end": FAR, "equivalence": "approximate", "published_predictions_count": 0}]
    found = asked(0.111, 0.063, machines=machines)
    assert found.outsiders == (f"{FAR}: loses 11.1 points on n0 and 6.3 points on n1, not validated",)
    none = study(ABOUT)
    said = headline.facts(none, shores.facts(none), widening.facts(none), found).answer
    assert "lose no more than 2 points on any measured network" in said
    assert f"both would be ×9.00 ({FAR}: loses 11.1 points" in said


@pytest.mark.parametrize(("equivalence", "may"), [("exact", True), ("approximate", False), ("own", False)])
def test_what_was_not_measured_leads_only_where_it_is_exact(equivalence: str, may: bool) -> None:
    found = asked(machines=[{"back_end": FAR, "equivalence": equivalence, "published_predictions_count": 4}])
    assert found.best["both"].value == (9.0 if may else 2.0)
    if not may:
        assert found.outsiders == (f"{FAR}: accuracy not measured, 4 published figures predicted",)


def test_a_baseline_that_gains_nothing_says_why() -> None:
    base = {"back_end": "electronic/systolic_int8", "family": "electronic"}
    rows = [factor(1.0, 1.0, 1.0, **base), factor(1.01, 1.0, 1.01, compression="fixed_point 8/8", **base)]
    known = study(ABOUT, factors=rows).factors
    assert leads.gains_nothing(known, "reported") == "a dense 8-bit array that cannot use zeros or codes"
    assert leads.gains_nothing(known[:1], "reported") == "a dense array that cannot use zeros or codes"
    saved = study(ABOUT, factors=[factor(1.5, 1.0, 1.5, **base)]).factors
    assert leads.gains_nothing(saved, "reported") == ""
