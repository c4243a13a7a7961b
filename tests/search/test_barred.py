"""Pairs that are proven never to run: one row that says why, and the budget goes to the others."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_project import ROOT

from joulescape.resolve.candidate import Pair
from joulescape.resolve.design_space import resolve_space
from joulescape.search.allocation import Allocation
from joulescape.search.barred import asked_once
from joulescape.search.driver import Means
from joulescape.search.run import search
from joulescape.spec.document import Document

MESH, ARRAY = "photonic/mzi_mesh", "electronic/systolic_int8"
BITS = {"kind": "int", "low": 2, "high": 8}


def question(root, sampler="nsga2", **constraints):
    content = {
        "question": "Which machine costs least?",
        "task": "digits",
        "networks": ["digits_mlp", "digits_lenet"],
        "back_ends": [ARRAY, MESH],
        "compression": [{"quantize": {"weight_bits": BITS, "activation_bits": BITS}}],
        "objectives": {"inference_energy_pj": "minimize"},
        "constraints": constraints,
        "budget": {"trials": 200 if sampler == "grid" else 24, "population": 8, "per_back_end": 6, "sampler": sampler},
    }
    return dataclasses.replace(resolve_space(Document("spaces/q.yaml", content), ROOT, "q"), root=root)


def asked(space, out):
    found = search(space, out, Means(workers=1, executor="serial")).trials
    return found, dict(found.unique("candidate_id")["pair"].value_counts().rows())


def test_a_machine_that_is_too_large_is_asked_once_and_says_why(tmp_path):
    space = question(tmp_path, area_mm2={"at_most": 5.0})
    small, large = ([f"{network}@{name}" for network in ("digits_mlp", "digits_lenet")] for name in (ARRAY, MESH))
    assert asked_once(space) == set(large)
    trials, counts = asked(space, tmp_path / "out")
    assert {name: counts[name] for name in large} == dict.fromkeys(large, 1)
    assert sum(counts[name] for name in small) == 22
    refused = trials.filter(pl.col("back_end") == MESH)
    assert refused["state"].to_list() == ["infeasible"] * 2
    assert all("area_mm2 must be at most 5" in reason for reason in refused["reason"])
    again, _ = asked(space, tmp_path / "out")
    assert again.drop("seconds").equals(trials.drop("seconds"))


def test_where_every_machine_can_be_valid_none_is_left_out(tmp_path):
    assert asked_once(question(tmp_path)) == asked_once(question(tmp_path, area_mm2={"at_most": 1e6})) == set()


def test_a_grid_leaves_nothing_out(tmp_path):
    assert asked_once(question(tmp_path, sampler="grid", area_mm2={"at_most": 5.0})) == set()


PAIRS = (Pair("a", "x/1"), Pair("b", "x/1"), Pair("c", "y/2"))


@pytest.mark.parametrize("reserve", [0, 5])
@given(once=st.sets(st.sampled_from([pair.name for pair in PAIRS]), max_size=2), stratified=st.integers(1, 8))
def test_a_pair_that_is_asked_once_is_asked_first_and_never_again(reserve, once, stratified):
    allocation = Allocation(PAIRS, lambda _: reserve, stratified, once)
    free = iter([pair.name for pair in PAIRS] * 40)
    names = []
    for _ in range(30):
        names.append(allocation.next(free))
        allocation.count(names[-1])
    assert {name: names.count(name) for name in once} == dict.fromkeys(once, 1)
    assert set(names[: len(PAIRS)]) == {pair.name for pair in PAIRS}
