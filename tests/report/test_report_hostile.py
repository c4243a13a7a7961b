"""Random tables and hostile names: the page is sound, its summary plain, and no name becomes markup."""

from __future__ import annotations

import dataclasses
import json
import re

import polars as pl
import pytest
from page_reader import assert_sound
from random_tables import FAMILY_OF, random_tables
from synthetic import synthetic

from joulescape.report import theme
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts, render, summary, summary_text


@pytest.fixture(scope="module")
def whole() -> Tables:
    return synthetic(160)


@pytest.mark.parametrize("seed", range(1, 6, 2))
def test_random_pages_are_sound(seed: int) -> None:
    given = random_tables(seed, designs=8 * seed, back_ends=1 + seed, confirmed=seed)
    page = render(given)
    assert_sound(page)
    for name, _ in given.back_ends:
        assert name in page
    if given.valid.height:
        assert len(Facts.of(given).headline.tiles) == 4


@pytest.mark.parametrize("seed", range(1, 6, 2))
def test_the_summary_is_plain_json_of_the_facts(seed: int) -> None:
    given = random_tables(seed, designs=25, back_ends=4)
    found = json.loads(summary_text(given), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    facts = Facts.of(given)
    assert found["headline"] == facts.headline.sentence
    assert found["command"] == facts.decision.command
    assert found["tie"] == facts.decision.tie
    assert found["energy_range"] == facts.decision.range
    assert [offer["back_end"] for offer in found["back_ends"]] == [name for name, _ in given.back_ends]
    assert set(found) == set(summary(given))


def test_a_family_without_a_colour_still_reads(whole: Tables) -> None:
    given = random_tables(4, designs=80, back_ends=len(FAMILY_OF), confirmed=8)
    page = render(given)
    assert "neuromorphic" in page
    assert theme.FAMILY_GLYPHS.get("neuromorphic") is None
    assert_sound(page)


HOSTILE: tuple[str, ...] = (
    "</script><script>alert(1)</script>",
    "\"onload='x' data-x=`",
    "a & b < c > d",
    "\u2028\u2029\t\n",
    "${7*7}{{7*7}}{%raw%}",
    "=cmd|' /C calc'!A0",
    "𝔘ñî🙂",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_in_names_stays_text(whole: Tables, text: str) -> None:
    few = dataclasses.replace(whole, trials=whole.trials.head(40))
    named = {name: pl.lit(text) for name in ("network", "design_id")}
    trials = few.trials.with_columns(**named, back_end=pl.concat_str(pl.col("family"), pl.lit(f"/{text}")))
    question = {
        **few.resolved,
        "notes": [text],
        "spec": {**few.spec, "question": text, "hardware": {text: {text: text}}},
    }
    given = dataclasses.replace(few, name=text, trials=trials, resolved=question)
    page = render(given)
    assert page.count("<script") == page.count("</script>") == 4
    assert page.count("<img") == 0
    assert " onload=" not in re.sub(r'"[^"]*"', '""', page.split("<script", 1)[0])
    assert page.isprintable() or "\u2028" not in page.split('id="page">')[1].split("</script>")[0]
