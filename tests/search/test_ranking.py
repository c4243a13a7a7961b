"""What a candidate promises: the rank of its best variant, crowding between equals, shortfalls of soft limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from joulescape.evaluation import Evaluation
from joulescape.front import nondominated, ranks
from joulescape.network.fidelity import Fidelity
from joulescape.search.ranking import RANKED, best_points, points, promises
from joulescape.spec.space import SpaceSpec
from joulescape.tables import METRICS

NOTHING = np.empty((0, 2))
CLOUD = arrays(float, st.tuples(st.integers(2, 20), st.just(2)), elements=st.integers(0, 9).map(float))


def spec(**changes: Any) -> SpaceSpec:
    asked = {"objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"}, **changes}
    return SpaceSpec(question="?", task="t", networks=("n",), back_ends=("b",), budget={"trials": 1}, **asked)


def design(**metrics: float) -> Evaluation:
    return Evaluation("d", "c", 0, "valid", None, 0.0, "f", {}, {**dict.fromkeys(METRICS), **metrics}, {})


def test_a_candidate_is_as_good_as_its_best_variant() -> None:
    poor, good = np.array([[5.0, 5.0], [6.0, 6.0]]), np.array([[9.0, 9.0], [1.0, 1.0]])
    first, second = promises(NOTHING, [poor, good])
    assert (first.rank, first.variant) == (1, 0)
    assert (second.rank, second.variant) == (0, 1)
    assert sorted([first, second])[0] is second


def test_what_was_seen_before_ranks_too() -> None:
    known = np.array([[0.0, 0.0], [1.0, 1.0]])
    (only,) = promises(known, [np.array([[2.0, 2.0]])])
    assert only.rank == 2


def test_of_equal_ranks_the_lonelier_is_before() -> None:
    line = [np.array([[x, 10.0 - x]]) for x in (0.0, 5.0, 5.5, 6.0, 10.0)]
    order = [promise.order for promise in sorted(promises(NOTHING, line))]
    assert set(order[:2]) == {0, 4}
    assert order[-1] == 2


@given(cloud=CLOUD)
def test_ranks_are_those_of_all_points_together(cloud: np.ndarray) -> None:
    found = promises(NOTHING, [cloud[i : i + 1] for i in range(len(cloud))])
    assert [promise.rank for promise in found] == ranks(cloud).tolist()
    assert [promise.order for promise in found] == list(range(len(cloud)))


@given(cloud=CLOUD, data=st.data())
def test_distinct_candidates_promise_the_same_whoever_is_asked_first(cloud: np.ndarray, data: st.DataObject) -> None:
    cloud = np.unique(cloud, axis=0)
    cloud = cloud[np.unique(cloud[:, 0], return_index=True)[1]]
    own = [cloud[i : i + 1] for i in range(len(cloud))]
    turn = data.draw(st.permutations(range(len(own))))
    straight, turned = promises(NOTHING, own), promises(NOTHING, [own[i] for i in turn])
    for place, index in enumerate(turn):
        assert turned[place].rank == straight[index].rank
        assert turned[place].minus_crowding == pytest.approx(straight[index].minus_crowding)


def test_the_best_points_keep_whole_ranks_and_the_front() -> None:
    cloud = np.random.default_rng(0).random((3 * RANKED, 3))
    kept = best_points(cloud)
    assert RANKED <= len(kept) < len(cloud)
    assert {tuple(p) for p in cloud[nondominated(cloud)]} <= {tuple(p) for p in kept}
    assert ranks(kept).max() < ranks(cloud).max()
    assert best_points(kept[:RANKED]) is not None and len(best_points(kept[:RANKED])) == RANKED


def test_points_are_the_objectives_that_the_fidelity_knows() -> None:
    designs = [design(accuracy_fraction=0.9, inference_energy_pj=100.0), design(inference_energy_pj=10.0)]
    assert points(spec(), Fidelity(), designs).tolist() == [[-0.9, 2.0]]
    assert points(spec(), Fidelity(rung="closed_form"), designs).tolist() == [[2.0], [1.0]]
    assert points(spec(), Fidelity(), []).shape == (0, 2)


def test_a_limit_on_accuracy_ranks_by_how_far_it_is_missed() -> None:
    limited = spec(objectives={"inference_energy_pj": "minimize"}, constraints={"accuracy_fraction": {"at_least": 0.9}})
    designs = [design(accuracy_fraction=a, inference_energy_pj=10.0) for a in (0.95, 0.9, 0.6)]
    assert points(limited, Fidelity(), designs)[:, 1] == pytest.approx([0.0, 0.0, 0.3])
    assert points(limited, Fidelity(rung="closed_form"), designs).shape == (3, 1)
