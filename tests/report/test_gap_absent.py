"""Laws of what is not there, of sources, of findings, of names beside marks, and of the page in words."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_study import made_study
from study_rows import BASELINE, EMPTY, delivered, factor, fit, lever, life, point, study, unfitted

from joulescape.gap_tables import TABLES
from joulescape.report.gap import findings, missing, sources
from joulescape.report.gap.in_words import markdown
from joulescape.report.gap.missing import LISTED, ROLE_WORDS
from joulescape.report.gap.page import Facts, summary
from joulescape.report.gap.placing import placed

SIZE = (545.0, 320.0)
Box = tuple[float, float, float, float]


def boxes(spots: list[tuple[float, float]], names: list[str], found: list[Any]) -> list[Box]:
    """Where the names stand, never wider than the page reckons with."""
    return [
        (x + at.dx - 2.8 * len(name), y + at.dy - 6, x + at.dx + 2.8 * len(name), y + at.dy + 6)
        for (x, y), name, at in zip(spots, names, found, strict=True)
        if at is not None
    ]


def is_over(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


SPOT = st.tuples(st.floats(0, 545), st.floats(0, 320), st.text("aA1 -", max_size=24), st.sampled_from([5.0, 9.0]))


@given(st.lists(SPOT, max_size=16), st.integers(0, 16))
@settings(max_examples=60, deadline=None)
def test_names_never_cover_a_mark_or_a_name_nor_leave_the_chart(
    drawn: list[tuple[float, float, str, float]], most: int
) -> None:
    spots, names = [(x, y) for x, y, _, _ in drawn], [name for _, _, name, _ in drawn]
    reaches = [reach for *_, reach in drawn]
    found = placed(spots, names, SIZE, most, reaches)
    stand = boxes(spots, names, found)
    assert len(found) == len(drawn) and len(stand) <= most
    assert all(at is None for at, name in zip(found, names, strict=True) if not name)
    for place, one in enumerate(stand):
        assert one[0] >= 0 and one[1] >= 0 and one[2] <= SIZE[0] and one[3] <= SIZE[1]
        assert not any(is_over(one, other) for other in stand[:place])
        for (x, y), reach in zip(spots, reaches, strict=True):
            assert not is_over(one, (x - reach, y - reach, x + reach, y + reach))


@given(st.lists(SPOT, max_size=10))
@settings(max_examples=20, deadline=None)
def test_the_first_names_do_not_depend_on_how_many_are_placed(drawn: list[tuple[float, float, str, float]]) -> None:
    parts = [(x, y) for x, y, _, _ in drawn], [name for _, _, name, _ in drawn]
    reaches = [reach for *_, reach in drawn]
    every, few = (placed(*parts, SIZE, most, reaches) for most in (10, 3))
    kept = [at for at in few if at is not None]
    assert kept == [at for at in every if at is not None][: len(kept)]


def test_a_name_goes_right_first_and_left_at_the_edge() -> None:
    [right] = placed([(100.0, 100.0)], ["abc"], SIZE, 1, [5.0])
    [left] = placed([(540.0, 100.0)], ["abc"], SIZE, 1, [5.0])
    assert right is not None and right.dx > 0 and right.dy == 0
    assert left is not None and left.dx < 0
    assert placed([(100.0, 100.0)], ["n" * 200], SIZE, 1, [5.0]) == [None]  # wider than the chart
    assert placed([], [], SIZE, 3, []) == []


def test_points_at_one_spot_name_what_there_is_room_for() -> None:
    found = placed([(200.0, 150.0)] * 30, [f"name {n}" for n in range(30)], SIZE, 30, [5.0] * 30)
    assert 4 <= sum(at is not None for at in found) < 30


def kinds(given_study: Any) -> dict[str, tuple[tuple[str, str], ...]]:
    return {kind.heading: kind.lines for kind in missing.facts(given_study).kinds}


def test_a_study_of_nothing_names_every_table_and_part() -> None:
    [lines] = kinds(EMPTY).values()
    assert {what for what, _ in lines} >= {*TABLES, *ROLE_WORDS.values()}
    about = {"spec": {"questions": {"bridge": "a", "measured": "b", "training": "c"}}}
    assert {what for what, _ in kinds(study(about))["Parts of the study that are not there"]} == set(TABLES)


def test_a_study_with_everything_lacks_nothing() -> None:
    about = {"spec": {"questions": {"bridge": "q", "measured": "b", "training": "c"}}}
    row = {"question": "q", "network": "n", "back_end": "x/y", "state": "valid", "is_compressed": True}
    found = study(
        about, shores=[point(1.0)], fits=[fit(2.0)], bridge=[row], factors=[factor(1.0, 1.0, 1.0)],
        overtake=[lever("never_alone")], lifecycle=[life("50/50", 0.5, 2.0)],
        machines=[{"back_end": "x/y"}], findings=[{"id": "a", "sentence": "b"}],
    )  # fmt: skip
    assert missing.facts(found).kinds == ()


def test_series_of_one_reason_share_a_line() -> None:
    rows = [unfitted("1 point", group=name) for name in ("one_crop", "ten_crop")]
    rows += [unfitted("2 points", group="gpu"), unfitted(None, group="x"), unfitted("1 point", span="all"), fit(2.0)]
    assert kinds(study(fits=rows))["Series that were not fitted"] == (
        ("parameters by year: one crop, ten crop", "1 point"),
        ("parameters by year: GPU", "2 points"),
        ("parameters by year: x", "no reason given"),
    )
    assert "Series that were not fitted" not in kinds(study(fits=[fit(2.0), delivered(1.3)]))


def priced(network: str, state: str, **changed: Any) -> dict[str, Any]:
    return {"question": "q", "network": network, "back_end": "x/y", "state": state, "is_compressed": True, **changed}


def test_a_machine_is_named_only_where_no_corner_runs() -> None:
    rows = [
        priced("a", "infeasible", corner="low", reason="too hot"), priced("a", "valid", corner="typical"),
        *(priced("b", "infeasible", corner=corner, reason=why)
          for corner, why in (("low", "too hot"), ("typical", "too hot"), ("high", "too small"), ("x", "third"))),
        priced("c", "failed"),
    ]  # fmt: skip
    assert kinds(study(bridge=rows))["Machines that run a network at no corner"] == (
        ("b on x/y", "too hot; too small"), ("c on x/y", "no reason given"),
    )  # fmt: skip


def test_networks_that_nobody_compressed_are_named_once() -> None:
    rows = [priced("a", "valid", is_compressed=False), priced("a", "valid", is_compressed=False), priced("b", "valid")]
    lines = kinds(study(bridge=rows))["Networks without a published compression"]
    assert [what for what, _ in lines] == ["a"]


def test_reasons_count_only_where_the_number_is_missing() -> None:
    known = lever("beyond_corner", needed=1.0, improvement_needed=2.0, reason="one corner is infeasible")
    rows = [known, lever("infeasible", reason="its chip is too small", back_end=None)]
    lives = [life("50/50", 0.5, None, reason="does not train"), life("50/50", 0.5, 2.0, reason="learns less")]
    found = kinds(study(overtake=rows, lifecycle=lives, factors=[
        factor(None, None, None, interaction=None, reason="no density"), factor(1.0, 1.0, 1.0, reason="said elsewhere"),
    ]))  # fmt: skip
    name = "adc.energy_pj, energy per inference, n on every machine"
    assert found["Constants that could not be judged"] == ((name, "its chip is too small"),)
    assert not any("were judged" in heading for heading in found)
    assert found["Lifecycles that could not be counted"] == (("n on electronic/lnpu", "does not train"),)
    assert found["Factors that could not be counted"] == (("n on memristive/isaac", "no density"),)


def test_a_constant_that_was_judged_is_told_apart_and_by_name() -> None:
    rows = [lever("never_alone", reason="still 1.1 times the rival's"), lever("absent", reason="it has no laser")]
    found = kinds(study(overtake=rows))
    told = "Constants that were judged and have no value at which they overtake"
    assert found[told] == (
        ("adc.energy_pj, energy per inference, n on photonic/albireo", "still 1.1 times the rival's"),
    )
    assert "Constants that could not be judged" not in found


def test_constants_without_a_range_are_counted() -> None:
    rows = [{"back_end": f"a/{n}", "constants_count": 20, "fixed_constants_count": n} for n in (0, 3, 9)]
    lines = kinds(study(machines=rows))["Constants that no corner moves"]
    assert lines[0][0] == "12 of 60 in 3 machines, with hosts and memories"
    assert [what for what, _ in lines[1:]] == ["a/9", "a/3"]
    assert "Constants that no corner moves" not in kinds(study(machines=rows[:1]))


@pytest.mark.parametrize("count", [LISTED, LISTED + 1])
def test_long_lists_are_cut_and_counted(count: int) -> None:
    rows = [life("50/50", 0.5, None, network=f"n{n}", reason="no") for n in range(count)]
    kind = next(one for one in missing.facts(study(lifecycle=[*rows, *rows])).kinds if "Lifecycles" in one.heading)
    assert len(kind.lines) == LISTED and kind.count == count


def test_every_point_keeps_its_source_its_place_and_its_fit() -> None:
    rows = [point(1.0), point(2.0, 2020), point(3.0, confidence="low", is_fitted=False, source=None, where=None)]
    found = sources.facts(study(shores=rows))
    assert [row["fit"] for row in found.points] == ["fitted", "later", "not fitted"]
    assert [row["source"] for row in found.points] == ["jouppi2017", "jouppi2017", "–"]
    assert found.points[0]["x"] == "" and found.points[2]["where"] == ""
    # The first and the third row show one published point: it is counted once, at its least sure figure.
    assert {(name, count) for name, count, _ in found.confidences} == {("high", 1), ("low", 1)}
    undated = {**point(1.0, x=0.05, x_name="Top-5 error"), "year": None}
    power = sources.facts(study(shores=[undated])).points[0]
    assert power["x"] == "5\u202f%" and power["year"] == "–"


def test_sources_are_cited_where_the_references_hold_them() -> None:
    rows = [point(1.0, source=text) for text in ("jouppi2017, Table 2", "a datasheet", "see shafiee2016 and others")]
    held = dataclasses.replace(study(shores=rows), references=made_study().references)
    found = sources.facts(held)
    assert [one.key for one in found.citations] == ["jouppi2017", "shafiee2016"] and found.unlisted == ("a datasheet",)
    bare = sources.facts(study(shores=rows))
    assert bare.citations == () and len(bare.unlisted) == 3
    assert found.spec_yaml == "" and [rows for _, rows, _ in found.files] == [3, *[0] * (len(TABLES) - 1)]


def test_the_study_tells_its_file_command_digest_and_grounds() -> None:
    about = {
        "file": "spaces/s.yaml", "digest": "d1", "git_commit": "c1", "versions": {"polars": "1", "numpy": "2"},
        "questions": {"bridge": {"name": "q", "batch": 1, "node": None}, "training": {}},
    }  # fmt: skip
    items = dict(sources.facts(study(about)).items)
    assert items["Command"] == "joulescape gap spaces/s.yaml && joulescape report results/s"
    assert items["Question of bridge"] == "q, batch 1" and items["Question of training"] == "–"
    assert items["Versions"] == "polars 1, numpy 2" and items["Git commit"] == "c1" and items["Digest"] == "d1"
    assert list(dict(sources.facts(EMPTY).items)) == ["Study"]


@pytest.mark.parametrize(("claims", "said"), [
    ([], ""), ([None], "No finding contradicts"), ([""], "No finding contradicts"),
    (["x"], "1 finding contradicts a"), (["x", None, "y"], "2 findings contradict a"),
])  # fmt: skip
def test_claims_that_are_contradicted_are_counted(claims: list[str | None], said: str) -> None:
    rows = [{"id": str(n), "sentence": "s", "contradicts": claim} for n, claim in enumerate(claims)]
    found = findings.facts(study(findings=rows))
    assert found.claim.startswith(said) and bool(found.claim) == bool(said)
    assert all(row.command == "" and row.uncertainty == "" for row in found.rows)


HOSTILE = "`rm`*|<b>&[x](y)\n# h"


def test_the_page_in_words_says_each_part_once_and_as_text() -> None:
    found = study(
        shores=[point(1e7, year) for year in (2012, 2016)], fits=[fit(2.0)],
        factors=[factor(2.0, 3.0, 5.0, network=HOSTILE, why=HOSTILE)], overtake=[lever("never_alone", network=HOSTILE)],
        lifecycle=[life("50/50", 0.5, 2.0, network=HOSTILE)], findings=[{"id": "a", "sentence": HOSTILE}],
    )  # fmt: skip
    text = markdown(summary(found))
    for heading in ("In short", "Findings", "The bridge", "Lifecycle"):
        assert text.count(f"\n## {heading}\n") == 1
    assert "<b>" not in text and "\n# h" not in text.split("\n", 1)[1]
    assert not any(line.startswith(("[x]", "`rm`", "*|")) for line in text.splitlines())


def test_the_page_in_words_of_nothing_says_what_is_not_known() -> None:
    text = markdown(summary(EMPTY))
    assert text.startswith("# gap\\_nothing\n") and "is not known" in text
    assert "Nothing of the bridge was worked out" in text and "## The bridge" not in text


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """The summary of the made study."""
    return summary(made_study())


def test_words_and_page_tell_the_same_numbers(told: dict[str, Any]) -> None:
    found, text = Facts.of(made_study()), markdown(told).replace("\\", "")
    for best in found.bridge.best.values():
        assert best.text in text
    for cells in found.bridge.questions[0].table[:5]:
        assert cells["both"] in text and cells["product"] in text
    for step in found.overtake.roadmaps[0].steps:
        assert step.sentence in text
    assert found.headline.sentence in text and found.headline.ground in text


def test_the_summary_holds_what_a_program_asks_for(told: dict[str, Any]) -> None:
    found = told
    assert found["ground"].startswith("Needed: ") and len(found["widening"]) == 2
    assert all(len(row["a_year"]) == 3 for row in found["widening"])
    assert found["widening"][0]["with_all_points"] is not None
    for pair in found["widening"]:
        value, low, high = pair["a_year"]
        assert low <= value <= high
    assert {row["baseline"] for row in made_study().factors.to_dicts()} == {BASELINE}
    assert all({"both", "product", "state"} <= set(row) for row in found["factors"])
