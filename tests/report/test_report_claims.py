"""Claims in the report: as claimed beside the model's, plainly said where they do not follow, and in no count."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from synthetic import synthetic

from joulescape import tables
from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.sections import published

CLAIM = {
    "back_end": "photonic/mzi_mesh", "family": "photonic", "what": "training_energy_ratio", "workload": "digits_mlp",
    "role": "claim", "published": 38.5, "expected": "pass", "source": "shen2017", "where": "abstract", "kind": "quick",
    "against": "memristive/isaac",
}  # fmt: skip


def claim(
    typical: float | None = 2.2, low: float | None = 0.1, high: float | None = 31.0, **more: Any
) -> dict[str, Any]:
    return {**CLAIM, "model": typical, "model_low": low, "model_high": high, **more}


@pytest.fixture(scope="module")
def plain() -> Tables:
    return synthetic()


def claiming(plain: Tables, *rows: dict[str, Any]) -> Tables:
    return dataclasses.replace(plain, published=pl.concat([plain.published, tables.make(rows, tables.PUBLISHED)]))


def test_claims_stand_apart_from_what_is_predicted(plain: Tables) -> None:
    before, after = published.facts(plain), published.facts(claiming(plain, claim()))
    assert before.claims == [] and len(after.claims) == 1
    assert dataclasses.replace(after, claims=[], claims_sentence="") == before


@pytest.mark.parametrize(
    ("low", "typical", "high", "verdict"),
    [
        (40.0, 50.0, 60.0, "follows at every corner"),
        (10.0, 38.5, 60.0, "follows at typical values"),
        (0.1, 20.0, 60.0, "follows at the best corners only"),
        (0.1, 2.2, 31.0, "does not follow"),
        (None, None, None, "not compared"),
    ],
)
def test_the_verdict_in_words(low: float | None, typical: float | None, high: float | None, verdict: str) -> None:
    assert published.follows(38.5, typical, low, high) == verdict


@drawn(st.floats(0.01, 1e3), st.lists(st.floats(0.01, 1e3), min_size=3, max_size=3).map(sorted))
def test_a_smaller_claim_never_follows_less(value: float, ends: list[float]) -> None:
    order = ["does not follow", "follows at the best corners only", "follows at typical values",
             "follows at every corner"]  # fmt: skip
    low, typical, high = ends
    bold, modest = (order.index(published.follows(v, typical, low, high)) for v in (value, value / 2))
    assert modest >= bold


def test_the_sentence_counts_them(plain: Tables) -> None:
    found = published.facts(
        claiming(
            plain,
            claim(),
            claim(50.0, 10.0, 60.0),
            claim(20.0, 1.0, 60.0),
            claim(None, None, None, against=None, reason="no graphics card stands here"),
        )
    )
    assert found.claims_sentence == (
        "1 of 3 compared claims follows at typical values, 1 more only where constants are at their best. "
        "1 could not be compared."
    )


def test_a_page_shows_the_claim_the_models_ratio_and_the_verdict(plain: Tables) -> None:
    lost = claim(None, None, None, what="speed_against_gpu", against=None, reason="no graphics card stands here")
    page = render(claiming(plain, claim(), lost))
    table = page.split('<table id="claims" ')[1].split("</table>")[0]
    for text in ("training energy, digits_mlp", "memristive/isaac", "38.5", "2.2", "0.1 to 31", "does not follow"):
        assert text in table, text
    assert "not named" in table
    assert "not compared: no graphics card stands here" in table
    assert "0 of 1 compared claims follow at typical values. 1 could not be compared." in page


def test_without_claims_the_page_has_no_such_table(plain: Tables) -> None:
    assert 'id="claims"' not in render(plain)


def test_claims_of_other_back_ends_are_left_out(plain: Tables) -> None:
    assert published.facts(claiming(plain, claim(back_end="photonic/nobody"))).claims == []
