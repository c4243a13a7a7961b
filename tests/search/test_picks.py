"""Which designs are confirmed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from joulescape.front import nondominated, objective_matrix
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.search.picks import pick

OBJECTIVES = {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"}


def row(accuracy, energy, back_end="x/1", state="valid"):
    return {
        "design_id": f"{back_end}/{accuracy}/{energy}", "back_end": back_end, "state": state,
        "accuracy_fraction": accuracy, "inference_energy_pj": energy,
    }  # fmt: skip


designs = st.builds(
    row,
    st.integers(1, 99).map(lambda x: x / 100),
    st.integers(1, 1000).map(float),
    st.sampled_from(["x/1", "y/2", "z/3"]),
)


@given(st.lists(designs, min_size=1, max_size=30), st.integers(1, 12))
def test_never_too_many_never_twice_and_labels_are_true(rows, count):
    found = pick(rows, OBJECTIVES, count)
    assert 1 <= len(found) <= count
    assert len({id(p.row) for p in found}) == len(found)
    on_front = [r for r, kept in zip(rows, nondominated(objective_matrix(rows, OBJECTIVES)), strict=True) if kept]
    assert all((p.reason == "front") == any(p.row is r for r in on_front) for p in found)


@given(st.lists(designs, min_size=1, max_size=30))
def test_with_room_enough_front_and_best_of_each_back_end_are_all_there(rows):
    found = [p.row for p in pick(rows, OBJECTIVES, 100)]
    for name in {r["back_end"] for r in rows}:
        top = max(r["accuracy_fraction"] for r in rows if r["back_end"] == name)
        assert any(r["back_end"] == name and r["accuracy_fraction"] == top for r in found)
    mask = nondominated(objective_matrix(rows, OBJECTIVES))
    assert all(any(r is kept for kept in found) for r, on in zip(rows, mask, strict=True) if on)


def test_the_best_of_a_back_end_far_from_the_front_keeps_a_place_in_a_crowd():
    crowd = [row(0.5 + i / 100, 10.0 + i) for i in range(40)]
    found = pick([*crowd, row(0.6, 1e6, "y/2"), row(0.595, 1e5, "y/2"), row(0.5, 1e3, "y/2")], OBJECTIVES, 10)
    best = [p.row["design_id"] for p in found if p.reason == "best_of_back_end"]
    assert set(best) == {"y/2/0.6/1000000.0", "y/2/0.595/100000.0"}
    assert sum(p.reason == "front" for p in found) == 8


def test_near_front_designs_fill_what_is_left_nearest_first():
    rows = [row(0.9, 10.0), row(0.89, 11.0), row(0.5, 500.0), row(0.2, 10.5)]
    reasons = [(p.reason, p.row["inference_energy_pj"]) for p in pick(rows, OBJECTIVES, 3)]
    assert reasons == [("front", 10.0), ("near_front", 11.0), ("near_front", 10.5)]


def test_nothing_valid_nothing_picked():
    assert pick([row(None, None, state="failed"), row(0.9, 1.0, state="infeasible")], OBJECTIVES, 5) == []
    assert pick([], OBJECTIVES, 5) == []


def test_a_single_place_goes_to_the_front():
    rows = [row(0.9, 10.0), row(0.8, 500.0, "y/2")]
    assert [(p.reason, p.row["back_end"]) for p in pick(rows, OBJECTIVES, 1)] == [("front", "x/1")]


@given(st.lists(designs, min_size=1, max_size=30), st.integers(1, 12))
def test_best_of_back_ends_never_take_more_than_half_and_places_are_filled_in_order(rows, count):
    found = pick(rows, OBJECTIVES, count)
    reasons = [p.reason for p in found]
    assert reasons.count("best_of_back_end") <= count // 2
    assert reasons == sorted(reasons, key=("front", "best_of_back_end", "near_front").index)
    mask = nondominated(objective_matrix(rows, OBJECTIVES))
    if "near_front" in reasons:
        assert reasons.count("front") == mask.sum()


@given(st.lists(designs, min_size=1, max_size=20), st.integers(1, 12), st.randoms(use_true_random=False))
def test_infeasible_and_failed_designs_change_no_pick(rows, count, random):
    lost = [{**r, "state": random.choice(["infeasible", "failed"]), "accuracy_fraction": 1.0} for r in rows[:5]]
    mixed = [*lost, *rows]
    assert [id(p.row) for p in pick(mixed, OBJECTIVES, count)] == [id(p.row) for p in pick(rows, OBJECTIVES, count)]


def test_the_thriftiest_design_within_a_point_of_the_best_is_picked_too():
    rows = [row(0.95, 1.0), row(0.89, 100.0, "y/2"), row(0.881, 50.0, "y/2"), row(0.87, 10.0, "y/2")]
    best = [p.row["inference_energy_pj"] for p in pick(rows, OBJECTIVES, 10) if p.reason == "best_of_back_end"]
    assert best == [50.0, 100.0]


@given(st.lists(designs, min_size=1, max_size=30))
def test_what_the_reports_panel_opens_with_is_confirmed(rows):
    ordered = rows
    columns = {
        "accuracy": [r["accuracy_fraction"] for r in ordered],
        "energy": [r["inference_energy_pj"] for r in ordered],
        "latency": [1.0] * len(ordered),
        "area": [1.0] * len(ordered),
        "back_end": [r["back_end"] for r in ordered],
    }
    found = decide(columns, Limits(accuracy=default_limit(columns)))
    picked = [p.row for p in pick(rows, OBJECTIVES, 24)]
    assert found.index is not None
    assert ordered[found.index] in picked
    assert all(ordered[index] in picked for index in found.best.values())
