"""Predictions of the answer's own back end: how many are met, and on which side the others lie."""

from __future__ import annotations

from typing import Any

import pytest
from synthetic import empty, synthetic

from joulescape.report.in_words import markdown
from joulescape.report.page import render, summary
from joulescape.report.sections import own_record, published


def row(error: float | None, what: str = "energy_pj", passes: bool = False, **more: Any) -> dict[str, Any]:
    return {"role": "prediction", "back_end": "m/x", "what": what, "error": error, "passes": passes, **more}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [row(-0.58), row(-0.76, "chip_area_mm2")],
            "0 of 2 predictions are met; all 2 misses lie below the published figure by 58 to 76 %: "
            "its area and its energy are likely too small.",
        ),
        (
            [row(0.5, "latency_ns"), row(0.0, passes=True)],
            "1 of 2 predictions are met; the miss lies above the published figure by 50 %: "
            "its latency is likely too large.",
        ),
        (
            [row(-0.7, "mac_array_area_at_28nm_mm2"), row(-0.7, "sram_area_mm2"), row(-0.6, "sram_8kib_read_pj")],
            "0 of 3 predictions are met; all 3 misses lie below the published figure by 60 to 70 %: "
            "its area and its SRAM energy are likely too small.",
        ),
        ([row(-0.5, "tops_per_w")], "0 of 1 predictions are met; the miss lies below the published figure by 50 %."),
        ([row(-0.5), row(0.5)], "0 of 2 predictions are met."),
        ([row(-0.5), row(None)], "0 of 2 predictions are met."),
        ([row(0.0, passes=True), row(-0.9, role="input"), row(-0.9, back_end="m/y")], "1 of 1 predictions are met."),
        ([], "nothing that is published of it is predicted, so its figures are not validated."),
    ],
)
def test_the_side_is_told_where_all_misses_lie_on_one(rows: list[dict[str, Any]], said: str) -> None:
    assert own_record.of_back_end("m/x", rows) == f"The answer's own back end, m/x: {said}"


def test_the_page_and_both_summaries_say_it() -> None:
    given = synthetic(120)
    found, told = published.facts(given).answer, summary(given)
    assert found == told["answer_predictions"] and told["pick_design"]["back_end"] in found
    assert 'id="answer-predictions"' in render(given)
    assert "The answer's own back end" in markdown(told)


def test_without_an_answer_nothing_is_said() -> None:
    assert published.facts(empty()).answer == ""
