"""The decision: limits hold, the choice is the best by its own measure, and the page's script agrees."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import synthetic

from joulescape.report.decide import COSTS, Limits, decide, default_limit, energy_front, knee
from joulescape.report.designs import design_columns

NODE = shutil.which("node")
Columns = dict[str, list[Any]]
cost = st.one_of(st.none(), st.floats(0.01, 1e6).map(lambda value: float(f"{value:.4g}")))
design = st.tuples(st.integers(0, 40), cost, cost, cost, st.sampled_from(["a/x", "b/y"]))


def columns(rows: list[tuple[Any, ...]]) -> Columns:
    names = ("accuracy", *COSTS, "back_end")
    made: Columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    made["accuracy"] = [value / 40 for value in made["accuracy"]]
    return made


limits = st.builds(
    Limits,
    accuracy=st.one_of(st.none(), st.integers(0, 40).map(lambda value: value / 40)),
    energy=cost,
    latency=cost,
    area=cost,
    back_ends=st.one_of(st.none(), st.just(("a/x",)), st.just(())),
    prefer=st.sampled_from(["balance", "energy", "latency", "area", "accuracy"]),
)
designs = st.lists(design, max_size=25).map(columns)


@given(designs, limits)
def test_the_choice_meets_every_limit(given_columns: Columns, given_limits: Limits) -> None:
    found = decide(given_columns, given_limits)
    assert (found.index is None) == (sum(found.counts.values()) == 0)
    if found.index is not None:
        row = {name: values[found.index] for name, values in given_columns.items()}
        assert given_limits.accuracy is None or row["accuracy"] >= given_limits.accuracy
        assert given_limits.back_ends is None or row["back_end"] in given_limits.back_ends
        for name in COSTS:
            limit = getattr(given_limits, name)
            assert limit is None or (row[name] is not None and row[name] <= limit)
        assert found.best[row["back_end"]] == found.index


@given(designs, limits)
def test_each_relaxation_lets_a_design_in_and_nothing_less_does(given_columns: Columns, given_limits: Limits) -> None:
    found = decide(given_columns, given_limits)
    for name, value in found.relaxations.items():
        assert decide(given_columns, Limits(**{**asdict(given_limits), name: value})).index is not None
        nearly = value + 1e-9 if name == "accuracy" else value * (1 - 1e-9)
        assert decide(given_columns, Limits(**{**asdict(given_limits), name: nearly})).index is None


@given(designs)
def test_a_tighter_limit_never_adds_designs(given_columns: Columns) -> None:
    counts = [sum(decide(given_columns, Limits(accuracy=level / 10)).counts.values()) for level in range(11)]
    assert counts == sorted(counts, reverse=True)


@given(designs)
def test_nobody_beats_the_energy_front_and_the_knee_is_on_it(given_columns: Columns) -> None:
    rows = list(range(len(given_columns["accuracy"])))
    front = energy_front(given_columns, rows)
    for row in rows:
        energy, accuracy = given_columns["energy"][row], given_columns["accuracy"][row]
        if energy is not None:
            assert any(
                given_columns["energy"][at] <= energy and given_columns["accuracy"][at] >= accuracy for at in front
            )
    assert not front or knee(given_columns, rows) in front


def test_the_knee_is_where_more_energy_stops_paying() -> None:
    bent = {"accuracy": [0.5, 0.9, 0.92, 0.93], "energy": [1.0, 2.0, 50.0, 100.0]}
    assert knee(bent, range(4)) == 1
    assert knee({"accuracy": [0.9], "energy": [3.0]}, [0]) == 0
    assert knee({"accuracy": [0.9], "energy": [None]}, [0]) == 0
    assert knee(bent, []) is None


def test_the_panel_opens_five_points_under_the_best() -> None:
    assert default_limit({"accuracy": [0.5, 0.98]}) == pytest.approx(0.93)
    assert default_limit({"accuracy": []}) is None


def test_preferences_pick_their_own_extreme() -> None:
    found = design_columns(synthetic(200))
    for name in COSTS:
        index = decide(found, Limits(prefer=name)).index
        assert index is not None and found[name][index] == min(found[name])
    best = decide(found, Limits(prefer="accuracy")).index
    assert best is not None and found["accuracy"][best] == max(found["accuracy"])


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_decides_as_python_does() -> None:
    found = design_columns(synthetic(200))
    few = columns([(36, None, 2.0, None, "a/x"), (36, None, 1.0, 3.0, "b/y"), (30, 5.0, None, 1.0, "a/x")])
    energy = sorted(found["energy"])[80]
    cases = [
        (data, Limits(accuracy=accuracy, energy=limit, back_ends=names, prefer=prefer))
        for data in (found, few)
        for accuracy in (None, 0.9, 0.97, 1.0)
        for limit in (None, energy, 1.0)
        for names in (None, ("memristive/isaac", "a/x"), ())
        for prefer in ("balance", "energy", "latency", "area", "accuracy")
    ]
    script = (files("joulescape.report") / "assets" / "decide.js").read_text(encoding="utf-8")
    script += "\nconst [all, cases] = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    script += "\nconsole.log(JSON.stringify(cases.map(([which, limits]) => decide(all[which], limits))));"
    sent = [{"found": found, "few": few}, [["few" if data is few else "found", asdict(lim)] for data, lim in cases]]
    ran = subprocess.run([str(NODE), "-e", script], input=json.dumps(sent), capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [asdict(decide(data, lim)) for data, lim in cases]
