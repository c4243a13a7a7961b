"""Limits on costs that no design comes near are told by `joulescape check` with the nearest figure, and where proven
refuse the question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from joulescape.cli.check_command import _lines
from joulescape.errors import SpecError
from joulescape.pricing import cost
from joulescape.pricing.first_look import MOST_TRIED, SPREAD, Barred
from joulescape.pricing.limit_look import out_of_reach, spared
from joulescape.resolve.design_space import DesignSpace, load_space, resolve_space
from joulescape.spec.document import Document

ROOT = Path(__file__).parents[2]
ARRAY = "electronic/systolic_int8"
MEASURED = {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"}
BITS: list[Any] = [{"quantize": {"weight_bits": {"kind": "int", "low": 4, "high": 8}, "activation_bits": 8}}]


def space_of(constraints: dict[str, Any], **more: Any) -> DesignSpace:
    content = {
        "question": "Which?",
        "task": "digits",
        "networks": ["digits_mlp"],
        "back_ends": [ARRAY],
        "objectives": {"inference_energy_pj": "minimize"},
        "constraints": constraints,
        "budget": {"trials": 4},
        **more,
    }
    return resolve_space(Document("spaces/q.yaml", content), ROOT, "q")


def found(constraints: dict[str, Any], **more: Any) -> list[Barred]:
    return list(out_of_reach(space_of(constraints, **more)))


def latency_ns(bits: int = 8) -> float:
    sets = {"compression.0": "quantize", "compression.0.quantize.weight_bits": bits}
    value = cost("digits_mlp", ARRAY, sets, root=ROOT).totals["inference_latency_ns"]
    assert value is not None
    return value


def test_costs_alone_of_few_designs_are_a_proof_with_the_least_of_them() -> None:
    (one,) = found({"inference_latency_ns": {"at_most": 1}}, compression=BITS)
    least = min(latency_ns(bits) for bits in range(4, 9))
    assert one == Barred(
        f"digits_mlp@{ARRAY}",
        f"inference_latency_ns must be at most 1, and the nearest of all of its 5 designs has {least:.4g}",
        is_proven=True,
    )


@pytest.mark.parametrize(("limit", "is_out"), [(0.999, True), (1.001, False)])
def test_a_proof_is_exact(limit: float, is_out: bool) -> None:
    least = min(latency_ns(bits) for bits in range(4, 9))
    assert bool(found({"inference_latency_ns": {"at_most": limit * least}}, compression=BITS)) == is_out


def test_a_question_that_is_proven_to_have_no_answer_is_refused() -> None:
    space = space_of({"inference_latency_ns": {"at_most": 1}})
    with pytest.raises(SpecError, match="must be at most 1, and its only design has"):
        list(_lines(ROOT / "spaces" / "q.yaml", space))


def test_where_a_measurement_may_lower_costs_all_designs_are_no_proof() -> None:
    asked: dict[str, Any] = {"compression": BITS, "fine_tune": {"epochs": 1}, "objectives": MEASURED}
    space = space_of({"inference_latency_ns": {"at_most": 1}}, **asked)
    (one,) = out_of_reach(space)
    assert not one.is_proven
    assert one.reason.endswith("; no proof: a measurement may find zeros that lower it")
    said = list(_lines(ROOT / "spaces" / "q.yaml", space))
    assert f"  note: {one.pair}: {one.reason}" in said
    assert any("budget.rungs: [closed_form, merged, tuned, full]" in line for line in said)
    assert said[-1].endswith("no fault")


def test_many_designs_are_sampled_and_prove_nothing() -> None:
    density = {"kind": "float", "low": 0.2, "high": 1.0}
    pruned: list[Any] = [{"prune": {"granularity": "channel", "density": density}}]
    (one,) = found({"inference_latency_ns": {"at_most": 1}}, compression=pruned)
    assert not one.is_proven
    tried = f"the nearest of {SPREAD + 2} sampled designs has"
    assert tried in one.reason
    assert MOST_TRIED < SPREAD
    near = {"inference_latency_ns": {"at_most": 0.9 * latency_ns()}}
    assert found(near, compression=pruned) == []


def test_limits_that_are_each_kept_and_never_together_are_told_as_such() -> None:
    """The small array is quicker, the large one draws less power."""
    rows = {ARRAY: {"array.rows": {"kind": "choice", "options": [8, 256]}}}
    quick, frugal = {"inference_latency_ns": {"at_most": 700}}, {"mean_power_mw": {"at_most": 450}}
    assert found(quick, hardware=rows) == found(frugal, hardware=rows) == []
    (one,) = found({**quick, **frugal}, hardware=rows)
    assert one.is_proven
    assert one.reason == "inference_latency_ns and mean_power_mw are not kept at once, not by its only design"


def test_known_pairs_are_passed_over_and_questions_without_such_limits_price_nothing() -> None:
    space = space_of({"inference_latency_ns": {"at_most": 1}})
    assert list(out_of_reach(space, [f"digits_mlp@{ARRAY}"])) == []
    assert list(out_of_reach(load_space(ROOT / "spaces" / "which_machine.yaml"))) == []


def test_a_ladder_that_prices_first_has_nothing_to_spare() -> None:
    asked: dict[str, Any] = {"compression": BITS, "fine_tune": {"epochs": 1}, "objectives": MEASURED}
    ladder = {"trials": 4, "rungs": ["closed_form", "merged", "full"]}
    assert spared(space_of({}, **asked, budget=ladder)) is None
    assert spared(space_of({})) is None
