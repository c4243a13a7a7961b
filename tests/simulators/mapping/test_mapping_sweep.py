"""A known shape on many machines: the same winners as searching each, marked with the precision of the proof."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mapping_cases import ALEXNET, K_BY_C, TPU_LIKE, small

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.mapper import map_layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.sweep import PROVEN, Sweep
from joulescape.simulators._mapping.unrolling import Spatial


def varied(hierarchy: Hierarchy, generator: np.random.Generator) -> Hierarchy:
    """The same topology with other energies and larger memories."""
    memories = []
    for memory in hierarchy.memories:
        factor, larger = generator.uniform(0.3, 3.0), 2 ** int(generator.integers(0, 3))
        size = memory.size_bits * larger
        memories.append(
            replace(memory, read_pj=memory.read_pj * factor, write_pj=memory.write_pj * factor, size_bits=size)
        )
    return replace(hierarchy, memories=tuple(memories))


@pytest.mark.parametrize("name", ["conv2", "conv5", "fc8"])
def test_every_machine_gets_its_own_winner(name: str) -> None:
    generator = np.random.default_rng(3)
    machines = [varied(TPU_LIKE, generator) for _ in range(30)]
    sweep = Sweep(Tiles(Spatial.of(ALEXNET[name], TPU_LIKE, K_BY_C), "own"))
    for machine, winner in zip(machines, sweep.best(machines), strict=True):
        alone = map_layer(ALEXNET[name], machine, K_BY_C).energy_pj
        assert alone * (1 - 1e-12) <= winner.energy_pj <= alone * (1 + PROVEN)
        assert winner.gap_fraction <= PROVEN


def test_winners_are_remembered() -> None:
    generator = np.random.default_rng(4)
    sweep = Sweep(Tiles(Spatial.of(ALEXNET["conv4"], TPU_LIKE, K_BY_C), "own"))
    machines = [varied(TPU_LIKE, generator) for _ in range(20)]
    first = sweep.best(machines)
    searched = sweep.searches_count
    again = sweep.best(machines)
    assert [w.energy_pj for w in again] == pytest.approx([w.energy_pj for w in first], rel=2 * PROVEN)
    assert sweep.searches_count - searched < len(machines) / 2


def test_a_shared_memory_is_divided_for_each_machine() -> None:
    layer = Layer(Loops(B=4, K=8, C=8))
    plain = (("D1", (("K", 2),)), ("D2", (("C", 2),)))
    machines = [small((32, 48, bits)) for bits in (160, 256, 320, 400)]
    sweep = Sweep(Tiles(Spatial.of(layer, machines[0], plain), "own"))
    for machine, winner in zip(machines, sweep.best(machines), strict=True):
        assert winner.energy_pj == pytest.approx(map_layer(layer, machine, plain).energy_pj, rel=PROVEN)


def test_a_machine_too_small_is_refused() -> None:
    plain = (("D1", (("K", 2),)), ("D2", (("C", 2),)))
    layer = Layer(Loops(K=4, C=4))
    sweep = Sweep(Tiles(Spatial.of(layer, small((8, 24, 160)), plain), "own"))
    with pytest.raises(Infeasible, match="weights"):
        sweep.best([small((8, 24, 160)), small((4, 24, 160))])
