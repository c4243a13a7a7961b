"""Known chains on other machines: the cost is the search's own, the winner is never proven more than it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mapping_cases import ALEXNET, EYERISS_LIKE, K_BY_C, TPU_LIKE, small

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.known_sweep import Columns, KnownSweep
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.mapper import map_layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling

PLAIN: Unrolling = (("D1", (("K", 2),)), ("D2", (("C", 2),)))


def varied(hierarchy: Hierarchy, generator: np.random.Generator) -> Hierarchy:
    """The same topology with other energies, larger memories, wider ports and dearer wires."""
    memories = []
    for memory in hierarchy.memories:
        factor, larger, wider = (
            generator.uniform(0.3, 3.0),
            2 ** int(generator.integers(0, 3)),
            generator.integers(1, 3),
        )
        memories.append(
            replace(
                memory,
                read_pj=memory.read_pj * factor,
                write_pj=memory.write_pj * factor,
                size_bits=memory.size_bits * larger,
                ports=tuple(replace(port, bits=port.bits * int(wider)) for port in memory.ports),
                wire_pj_per_bit=float(generator.uniform(0, 0.1)),
            )
        )
    return replace(hierarchy, memories=tuple(memories))


def drawn(hierarchy: Hierarchy, count: int, seed: int) -> list[Hierarchy]:
    """So many machines of one topology."""
    generator = np.random.default_rng(seed)
    return [varied(hierarchy, generator) for _ in range(count)]


@pytest.mark.parametrize("objective", ["edp", "energy", "latency"])
@pytest.mark.parametrize(
    ("hierarchy", "unrolling", "layer"),
    [
        (TPU_LIKE, K_BY_C, ALEXNET["fc8"]),
        (TPU_LIKE, K_BY_C, Layer(Loops(K=64, C=32, OY=6, OX=6, FY=3, FX=3, stride_x=2))),
        (EYERISS_LIKE, (("D1", (("K", 14),)), ("D2", (("C", 12),))), Layer(Loops(B=4, K=56, C=24))),
    ],
)
def test_costs_are_those_of_the_search(
    hierarchy: Hierarchy, unrolling: Unrolling, layer: Layer, objective: Objective
) -> None:
    sweep = KnownSweep(Tiles(Spatial.of(layer, hierarchy, unrolling), "own"), objective)
    sweep.learn(drawn(hierarchy, 3, 1))
    machines = drawn(hierarchy, 6, 2)
    for machine, winner in zip(machines, sweep.best(machines), strict=True):
        search = Search(Quantities(Tiles(Spatial.of(layer, machine, unrolling), "own"), machine, True), 400)
        totals = search.totals(winner.chain)
        assert winner.energy_pj == pytest.approx(totals[0], rel=1e-9)
        assert winner.cycles == pytest.approx(totals[1:].max(), rel=1e-9)


@pytest.mark.parametrize("name", ["conv1", "fc7"])
def test_what_is_stated_bounds_what_is_lost(name: str) -> None:
    """A search of each machine alone lies between the floor and the known winner."""
    sweep = KnownSweep(Tiles(Spatial.of(ALEXNET[name], TPU_LIKE, K_BY_C), "own"))
    sweep.learn(drawn(TPU_LIKE, 6, 3))
    machines = drawn(TPU_LIKE, 4, 4)
    winners = sweep.best(machines)
    energy, cycles = sweep.floors(Columns.of(sweep.tiles, machines))
    for index, (machine, winner) in enumerate(zip(machines, winners, strict=True)):
        alone = map_layer(ALEXNET[name], machine, K_BY_C, "edp")
        value, known = alone.energy_pj * alone.cycles, winner.energy_pj * winner.cycles
        assert energy[index] * cycles[index] <= value * (1 + 1e-9)
        assert value <= known * (1 + 1e-9)
        assert known * (1 - winner.gap_fraction) <= value * (1 + 1e-9)
        assert winner.is_truncated == (winner.gap_fraction > 1e-9)


def test_a_machine_learnt_from_gets_its_own_optimum() -> None:
    machines = drawn(TPU_LIKE, 3, 5)
    sweep = KnownSweep(Tiles(Spatial.of(ALEXNET["fc8"], TPU_LIKE, K_BY_C), "own"))
    sweep.learn(machines)
    for machine, winner in zip(machines, sweep.best(machines), strict=True):
        alone = map_layer(ALEXNET["fc8"], machine, K_BY_C, "edp")
        assert winner.energy_pj * winner.cycles == pytest.approx(alone.energy_pj * alone.cycles, rel=1e-9)
    assert sweep.searches_count == 3


def test_a_machine_that_no_known_chain_fits_is_searched() -> None:
    layer = Layer(Loops(B=4, K=8, C=8))
    large, tight = small((64, 96, 4000)), small((16, 24, 160))
    sweep = KnownSweep(Tiles(Spatial.of(layer, large, PLAIN), "own"))
    sweep.learn([large])
    winner = sweep.best([tight])[0]
    assert sweep.searches_count == 2
    assert winner.energy_pj * winner.cycles == pytest.approx(
        (alone := map_layer(layer, tight, PLAIN, "edp")).energy_pj * alone.cycles, rel=1e-9
    )
    with pytest.raises(Infeasible, match="weights"):
        sweep.best([small((4, 24, 160))])
