"""Balanced duplication: the slowest layer is as fast as the arrays allow, which every other way of giving them out is
held against; whole pieces of the chip; the interval of a pipeline follows."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from crossbar_cases import ISAAC, SIMULATOR, dense, energy, isaac, product
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.operators import Loops
from joulescape.network.work import Work
from joulescape.simulators.crossbar.capacity import crossbars_needed
from joulescape.simulators.crossbar.duplication import Demand, arrays_at, least_reads, paced
from joulescape.simulators.crossbar.mapping import map_product
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import check_simulator

BALANCED = {"layout__duplication": "balanced"}


def chip(arrays: int, **changes: object) -> CrossbarSettings:
    """A chip of so many arrays in one IMA."""
    return isaac(tiles=1, imas_per_tile=1, crossbars_per_ima=arrays, **{**BALANCED, **changes})


def layers(*sides: int, channels: int = 8, bits: float = 8) -> list[Work]:
    """Convolutions of 3 x 3 on ever smaller maps: one array of 128 columns each."""
    found = [product(Loops(K=4 * channels, C=channels, OY=side, OX=side, FY=3, FX=3), bits) for side in sides]
    return [replace(work, layer=f"conv{index}") for index, work in enumerate(found)]


demands = st.builds(
    Demand, arrays=st.integers(1, 3), vectors=st.integers(1, 6), cycles=st.sampled_from([1, 2, 7])
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(demands, min_size=1, max_size=3), st.integers(1, 30))
def test_no_other_way_of_giving_copies_out_has_a_faster_slowest_layer(asked: list[Demand], there: int) -> None:
    """Against every combination of copies."""
    found = int(least_reads(asked, chip(there)))
    slowest = [
        max(-(-d.vectors // n) * d.cycles for d, n in zip(asked, copies, strict=True))
        for copies in itertools.product(*(range(1, d.vectors + 1) for d in asked))
        if sum(d.arrays * n for d, n in zip(asked, copies, strict=True)) <= there
    ]
    if slowest:
        assert found == min(slowest)
        assert arrays_at(asked, found, chip(there)) <= there
    else:
        assert found == max(d.vectors * d.cycles for d in asked)


def intervals(machine: CrossbarSettings, works: list[Work]) -> list[float]:
    costs = SIMULATOR.cost(works, machine, example_context())
    return [float(np.asarray(c.occupancy_ns)) for c in costs]


def test_early_layers_get_the_copies_that_free_arrays_allow() -> None:
    """64, 16 and 4 positions on 11 arrays: 8, 2 and 1 copies make 8 positions each at most."""
    works = layers(8, 4, 2)
    costs = SIMULATOR.cost(works, chip(11), example_context())
    assert [int(c.active_units) for c in costs] == [8, 2, 1]
    assert intervals(chip(11), works) == [6400, 6400, 3200]
    assert intervals(chip(11, layout__duplication="fixed"), works) == [51200, 12800, 3200]


def test_more_arrays_never_make_the_slowest_layer_slower_and_energy_of_reads_stays() -> None:
    works = layers(8, 5, 3)
    paces = [max(intervals(chip(n), works)) for n in range(3, 40, 4)]
    assert paces == sorted(paces, reverse=True) and paces[0] > 5 * paces[-1]
    spent = [sum(energy(c) for c in SIMULATOR.cost(works, chip(n), example_context())) for n in (3, 39)]
    assert spent[0] == pytest.approx(spent[1])


def test_layers_of_more_cycles_get_more_copies() -> None:
    """A signed input of 9 cycles beside one of 4: at 18 reads a copy, 2 and 4 positions each."""
    wide = replace(product(Loops(K=32, C=8, OY=4, OX=1, FY=3, FX=3), is_signed=True), layer="wide")
    narrow = replace(product(Loops(K=32, C=8, OY=4, OX=1, FY=3, FX=3), bits=4), layer="narrow")
    machine = chip(9)
    costs = SIMULATOR.cost([wide, narrow], machine, example_context())
    reads = [map_product(w, machine).cycles for w in (wide, narrow)]
    assert [int(r) for r in reads] == [8, 4]
    assert [int(c.active_units) for c in costs] == [4, 2]


def test_a_pace_that_is_given_is_kept() -> None:
    machine = isaac(**BALANCED, layout__reads_per_copy=64)
    assert paced(layers(8), machine) is machine
    (found,) = SIMULATOR.cost(layers(8), machine, example_context())
    assert int(found.active_units) == 8


def test_what_does_not_fit_has_one_copy_and_is_refused_as_before() -> None:
    works = layers(8, 4, channels=40)
    small = chip(2)
    assert np.all(np.asarray(crossbars_needed(works, paced(works, small))) == crossbars_needed(works, ISAAC))
    assert float(SIMULATOR.limits(works, small, example_context())[0].overshoot) > 0


def test_balanced_copies_fill_a_chip_and_never_overflow_it() -> None:
    works = layers(12, 12, 6, 6, 3)
    for arrays in (5, 17, 64, 333):
        needed = float(np.asarray(crossbars_needed(works, paced(works, chip(arrays)))))
        assert needed <= arrays
        assert float(SIMULATOR.limits(works, chip(arrays), example_context())[0].overshoot) <= 0


@pytest.mark.parametrize(("placement", "needed"), [("array", 3), ("ima", 3 * 8), ("tile", 3 * 96)])
def test_layers_take_whole_pieces_of_the_chip(placement: str, needed: int) -> None:
    works = layers(4, 4, 4)
    assert float(np.asarray(crossbars_needed(works, isaac(layout__placement=placement)))) == needed


def test_whole_imas_leave_fewer_copies() -> None:
    works = layers(8, 4)
    shared, whole = (max(intervals(isaac(tiles=1, **BALANCED, layout__placement=p), works)) for p in ("array", "ima"))
    assert shared <= whole
    assert whole == 800.0  # 64 and 16 copies are 8 and 2 IMAs of 12


def test_every_variant_has_a_pace_of_its_own() -> None:
    works = layers(8, 4, 2)
    swept = chip(11).model_copy(update={"crossbars_per_ima": np.array([3, 11, 84]), "replication": np.array([1, 1, 1])})
    modes = swept.layout.model_copy(update={"duplication": np.array(["balanced", "balanced", "fixed"])})
    costs = SIMULATOR.cost(works, swept.model_copy(update={"layout": modes}), example_context())
    busy = np.array([np.asarray(c.occupancy_ns) for c in costs])
    assert busy.max(axis=0).tolist() == [51200, 6400, 51200]


def test_balanced_machines_obey_the_laws() -> None:
    check_simulator(SIMULATOR, isaac(tiles=3, **BALANCED), bits=(8.0,))


def test_a_dense_layer_is_never_held_twice() -> None:
    (found,) = SIMULATOR.cost([dense(128, 16)], isaac(**BALANCED), example_context())
    assert int(found.active_units) == 1
