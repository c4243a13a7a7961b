"""Claimed ratios beside the model's: what is divided, corners, one node, and what a row must state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from joulescape.pricing import cost
from joulescape.pricing.claims import claimed
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators._node import area_factor
from joulescape.spec.back_end import CLAIMED_RATIOS, PublishedRow

ROOT = Path(__file__).resolve().parents[2]
LIGHT, RIVAL = "photonic/broadcast_weight", "electronic/systolic_int8"


def row(what: str = "inference_energy_ratio", **more: Any) -> PublishedRow:
    plain = {"role": "claim", "source": "joulescape", "where": "made up", "workload": "digits_mlp", "batch": 8,
             "against": RIVAL, "node": 14}  # fmt: skip
    return PublishedRow.model_validate({"what": what, "value": 30.0, **plain, **more})


def totals(name: str) -> dict[str, Any]:
    return dict(cost("digits_mlp", name, {"batch": "8", "node": "14"}, boundary="chip", root=ROOT).totals)


@pytest.mark.parametrize(
    ("what", "metrics"),
    [
        ("inference_energy_ratio", ["inference_energy_pj"]),
        ("inference_speed_ratio", ["inference_interval_ns"]),
        ("inference_efficiency_ratio", ["inference_interval_ns", "area_mm2"]),
    ],
)
def test_a_ratio_is_the_rivals_bill_over_the_claimants(what: str, metrics: list[str]) -> None:
    ours, theirs = totals(LIGHT), totals(RIVAL)
    expected = 1.0
    for metric in metrics:
        expected *= theirs[metric] / ours[metric]
    assert claimed(ROOT, LIGHT, row(what)).typical == pytest.approx(expected)


@pytest.mark.parametrize("what", CLAIMED_RATIOS)
def test_the_typical_ratio_lies_between_the_corners(what: str) -> None:
    found = claimed(ROOT, "photonic/bplight_cnn", row(what, against="memristive/isaac", node=32))
    assert 0 < found.low < found.typical < found.high


def test_a_machine_against_itself_is_no_better() -> None:
    found = claimed(ROOT, LIGHT, row(against=LIGHT))
    assert found.typical == pytest.approx(1.0)
    assert found.low * found.high == pytest.approx(1.0)


def test_overrides_reach_both_machines() -> None:
    plain = claimed(ROOT, LIGHT, row("inference_efficiency_ratio"))
    ours = claimed(ROOT, LIGHT, row("inference_efficiency_ratio", overrides={"buffer.kib": 65536}))
    theirs = claimed(ROOT, LIGHT, row("inference_efficiency_ratio", against_overrides={"array.rows": 64}))
    assert ours.typical < plain.typical != theirs.typical


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"against": None, "node": None}, "needs a reason"),
        ({"workload": None}, "a compared claim needs a workload, a node and one of"),
        ({"node": None}, "a compared claim needs a workload, a node and one of"),
        ({"what": "inference_energy_pj"}, "a compared claim needs a workload, a node and one of"),
        ({"role": "prediction"}, "only a claim is compared with another back end"),
    ],
)
def test_a_claim_says_what_it_is_compared_with_or_why_not(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        row(**more)


def shipped() -> list[tuple[str, PublishedRow]]:
    names = ("photonic/bplight_cnn", "photonic/deap_cnn")
    return [(n, r) for n in names for r in load_back_end(ROOT, n, {}).spec.published if r.role == "claim"]


def own_mm2(name: str, overrides: dict[str, Any], node: int) -> float:
    back_end = load_back_end(ROOT, name, overrides)
    factor = area_factor(back_end.spec.node_nm, node)
    areas = back_end.simulator.area(back_end.settings)
    return sum(float(a.area_mm2) * (factor if a.component.scales else 1.0) for a in areas)


def test_what_bplight_claims_stands_on_the_shelf() -> None:
    """The abstract's numbers (dang2021), each against ISAAC, training against PipeLayer too."""
    found = {(r.what, r.against): r.value for _, r in shipped() if r.against}
    claims = {"inference": (29, 31, 38.7), "training": (34, 34, 38.5)}
    for phase, values in claims.items():
        for what, value in zip(("speed", "efficiency", "energy"), values, strict=True):
            assert found[f"{phase}_{what}_ratio", "memristive/isaac"] == value
    assert {what for what, rival in found if rival == "memristive/pipelayer"} == {
        f"training_{what}_ratio" for what in ("speed", "efficiency", "energy")
    }


@pytest.mark.parametrize(("name", "found"), [(n, r) for n, r in shipped() if r.against])
def test_claims_are_compared_at_equal_area(name: str, found: PublishedRow) -> None:
    assert found.node is not None and found.against is not None
    ours = own_mm2(name, found.overrides, found.node)
    assert ours == pytest.approx(own_mm2(found.against, found.against_overrides, found.node), rel=0.1)
