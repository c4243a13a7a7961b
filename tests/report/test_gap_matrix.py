"""Laws of the two matrices: how far machines trail on networks, and which of their quantities overtakes."""

from __future__ import annotations

from typing import Any

import pytest
from study_rows import EMPTY, lever, study

from joulescape.report.gap import overtake
from joulescape.report.gap.inputs import factor_words
from joulescape.report.gap.matrix import Cell, Matrix, distances, quantities
from joulescape.report.gap.overtake import MOST_LINES, MOST_VIEWS
from joulescape.report.gap.verdicts import VERDICTS, verdict_mark


def distance(*rows: dict[str, Any]) -> Matrix:
    """The only matrix of networks."""
    (found,) = distances(study(overtake=list(rows)))
    return found


def only(*rows: dict[str, Any]) -> Cell:
    """The only cell of one machine's only quantity."""
    found = quantities(study(overtake=[{"quantity": "converter energy", **row} for row in rows]))
    assert found is not None and found.columns == ("converter energy",)
    ((cell,),) = (line.cells for line in found.lines)
    assert cell is not None
    return cell


def test_without_levers_or_quantities_there_is_no_matrix() -> None:
    assert distances(EMPTY) == () and quantities(EMPTY) is None
    assert quantities(study(overtake=[lever("never_alone")])) is None


def test_a_machine_is_told_by_its_cost_over_the_rivals() -> None:
    found = distance(lever("never_alone", own_value=8e8, rival_value=5e8))
    assert found.title == "energy per inference" and found.columns == ("n",)
    assert found.lines[0].cells == (Cell("never_alone", factor_words(1.6), "not even free"),)
    unknown = distance(lever("infeasible", own_value=None))
    assert unknown.lines[0].cells == (None,)


def test_the_nearest_single_way_comes_before_all_together() -> None:
    together = lever("within_corner", moved="all", parameters="9", improvement_needed=1.1)
    single = [
        lever("beyond_corner", parameters="far.pj", improvement_needed=9.0),
        lever("beyond_corner", parameters="near.pj", improvement_needed=3.0),
        lever("within_corner", moved="kind", kind="converters", improvement_needed=5.0),
    ]
    (cell,) = distance(together, *single).lines[0].cells
    assert cell == Cell("beyond_corner", "×1.60", "near.pj ×3.00 better")
    assert distance(together).lines[0].cells[0] == Cell("never_alone", "×1.60", "all costs ×1.10 better")
    kind = distance(together, single[2]).lines[0].cells[0]
    assert kind is not None and kind.more == "all its converters ×5.00 better"


def test_who_is_ahead_is_not_asked_for_more() -> None:
    rows = [lever("already", own_value=2e8, rival_value=5e8), lever("beyond_corner", improvement_needed=2.0)]
    assert distance(*rows).lines[0].cells[0] == Cell("already", "÷2.50")


def test_networks_metrics_and_machines_stand_apart() -> None:
    rows = [
        lever("never_alone", network="a"),
        lever("never_alone", network="b", back_end="electronic/x", family="electronic"),
        lever("never_alone", network="a", metric="inference_latency_ns"),
        lever("absent", network="c"),
        lever("within_corner", network="d", metric="accuracy_fraction", moved="variation"),
    ]
    found = distances(study(overtake=rows))
    assert [one.title for one in found] == ["energy per inference", "latency per inference"]
    assert found[0].columns == ("a", "b")
    assert {line.back_end: [cell is None for cell in line.cells] for line in found[0].lines} == {
        "electronic/x": [True, False], "photonic/albireo": [False, True],
    }  # fmt: skip


def test_a_quantity_is_told_where_it_is_nearest() -> None:
    rows = [
        lever("beyond_corner", network="a", needed=0.5, improvement_needed=4.0),
        lever("beyond_corner", network="b", needed=1.0, improvement_needed=2.0),
        lever("never_alone", network="c"),
    ]
    assert only(*rows) == Cell("beyond_corner", "2 → 1 pJ", "adc.energy_pj, ×2.00 better on b; on 2 of 3")
    assert only(rows[1]).more == "adc.energy_pj, ×2.00 better on b"


@pytest.mark.parametrize(
    ("verdicts", "cell"),
    [
        (["absent"], Cell("absent", "has none")),
        (["infeasible"], Cell("infeasible", "not known")),
        (["never_alone"], Cell("never_alone", "not by this alone")),
        (["never_alone", "never_alone"], Cell("never_alone", "not by this alone on all 2")),
        (["never_alone", "already"], Cell("never_alone", "not by this alone on 1 of 2", "ahead on 1 of 2")),
        (["already", "already"], Cell("already", "ahead on all 2")),
        (["already"], Cell("already", "ahead")),
    ],
)
def test_a_quantity_without_a_value_says_why(verdicts: list[str], cell: Cell) -> None:
    assert only(*(lever(verdict, network=f"n{at}") for at, verdict in enumerate(verdicts))) == cell


def test_latency_is_no_business_of_the_quantities() -> None:
    row = lever("never_alone", metric="inference_latency_ns", quantity="converter energy")
    assert quantities(study(overtake=[row])) is None


def test_a_mark_is_read_by_its_words() -> None:
    for verdict, (mark, said) in VERDICTS.items():
        assert f'aria-label="{said.replace(chr(39), "&#39;")}"' in verdict_mark(verdict)
        assert f">{mark}</span>" in verdict_mark(verdict)


def test_a_long_study_shows_every_machine_and_what_has_a_value() -> None:
    rows = [
        lever(verdict, network=f"n{net}", back_end=f"m/{machine}", parameters=verdict, needed=needed,
              improvement_needed=needed and 2.0)
        for net in range(12) for machine in range(10)
        for verdict, needed in (("never_alone", None), ("beyond_corner", 1.0))
    ]  # fmt: skip
    found = overtake.facts(study(overtake=rows))
    assert len(rows) > MOST_LINES and MOST_VIEWS < 12 * 11
    assert len(found.cases) == 12 and all(case.label.endswith("every machine") for case in found.cases)
    assert len(found.table) == found.left_out_count == 120
    assert {cells["verdict"] for cells in found.table} == {VERDICTS["beyond_corner"][1]}
    short = overtake.facts(study(overtake=rows[:20]))
    assert short.left_out_count == 0 and len(short.table) == 20
