"""Vaults: parts cover a layer, words are conserved, and what crosses the mesh is what does not lie at home."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import number, product, vector
from test_spatial_totals import chip, energy, inside, known, moved, run

from joulescape.network.operators import Loops
from joulescape.simulators.base import LayerCost
from joulescape.simulators.spatial.machine import SpatialMachine
from joulescape.simulators.spatial.settings import SpatialSettings, VaultSettings
from joulescape.simulators.spatial.simulator import Spatial
from joulescape.simulators.spatial.vaults import Partition, chosen, part_of, ranked, vault_cost, whole_memory

MANY = settings(max_examples=10, deadline=None)
EVEN = Loops(B=4, G=2, K=8, C=4, OY=8, OX=3, FY=3, FX=1)


def vaults(rows: int = 2, columns: int = 2, **more: Any) -> SpatialSettings:
    """The chip once under every vault."""
    noc = {"node_nm": 28, "hop_pj_per_bit": known(0.5), "wire_pj_per_bit_per_mm": known(0.1), "link_bits": 64,
           "hop_cycles": 1}  # fmt: skip
    plain = {"mesh": [rows, columns], "sums_in_memory": False, "update_share": known(0.5), "noc": noc}
    return chip(vaults={**plain, **more})


def mesh(found: SpatialSettings) -> VaultSettings:
    """What it says about its vaults."""
    assert found.vaults is not None
    return found.vaults


bounds = st.builds(
    Loops, B=st.integers(1, 5), G=st.integers(1, 3), K=st.integers(1, 9), C=st.sampled_from([1, 3]),
    OY=st.integers(1, 9), OX=st.sampled_from([1, 4]), FY=st.sampled_from([1, 3]),
)  # fmt: skip
ways = st.sampled_from([1, 2, 4])
partitions = st.builds(Partition, ways, ways, ways)


@given(loops=bounds, partition=partitions)
def test_parts_cover_every_loop_and_one_less_would_not(loops: Loops, partition: Partition) -> None:
    part = partition.loops(loops)
    for name, cut in (("B", partition.batch), ("OY", partition.rows)):
        size, whole = getattr(part, name), getattr(loops, name)
        assert (size - 1) * cut < whole <= size * cut
    groups = loops.G // part.G
    assert part.G * groups == loops.G
    assert part.K * (partition.filters // groups) >= loops.K
    assert (part.C, part.OX, part.FY, part.FX) == (loops.C, loops.OX, loops.FY, loops.FX)
    assert loops.macs <= part.macs * partition.parts
    assert partition.parts == partition.batch * partition.filters * partition.rows


@given(partition=partitions)
def test_a_layer_that_divides_is_divided_without_a_rest(partition: Partition) -> None:
    part = part_of(product(EVEN), partition)
    whole = product(EVEN)
    assert part.macs * partition.parts == whole.macs
    assert part.weight.elements * partition.filters == whole.weight.elements
    assert part.output.elements * partition.parts == whole.output.elements
    assert part.input.elements * partition.batch * partition.rows >= whole.input.elements
    assert (part.layer, part.weight.bits) == (whole.layer, whole.weight.bits)


@given(partition=partitions, copies=st.booleans())
def test_shares_at_home_are_shares(partition: Partition, copies: bool) -> None:
    home = partition.at_home(EVEN, mesh(vaults(2, 4, copies_weights=copies)))
    assert all(0 < share <= 1 for share in home.values())
    assert home["weight"] == (1.0 if copies else 1 / (partition.batch * partition.rows))
    assert Partition(4, 1, 2).at_home(EVEN, mesh(vaults(2, 4)))["input"] == 1


@given(rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_the_mesh_counted_pair_by_pair(rows: int, columns: int) -> None:
    found = mesh(vaults(rows, columns))
    places = list(itertools.product(range(rows), range(columns)))
    hops = [abs(a - c) + abs(b - d) for (a, b), (c, d) in itertools.permutations(places, 2)]
    assert found.count == len(places)
    assert found.mean_hops == pytest.approx(sum(hops) / max(len(hops), 1))
    assert found.links == max(hops.count(1), 1)


@given(loops=bounds, rule=st.sampled_from(["searched", "batch", "filters", "rows"]))
@MANY
def test_only_what_is_allowed_is_divided_and_never_beyond_its_loop(loops: Loops, rule: str) -> None:
    settings_ = vaults(partition=rule)
    found = ranked(product(loops), SpatialMachine.of([], settings_, inside()), mesh(settings_))
    limits = {"batch": loops.B, "filters": loops.G * loops.K, "rows": loops.OY}
    assert len(set(found)) == len(found) >= 1
    for partition in found:
        for name, limit in limits.items():
            cut = getattr(partition, name)
            assert cut <= limit
            assert cut == 1 or rule in (name, "searched")
    largest = max(cut for cut in (1, 2, 4) if cut <= limits.get(rule, math.prod(limits.values())))
    assert found[0].parts == largest or rule == "searched"


@given(rule=st.sampled_from(["batch", "filters", "rows"]), copies=st.booleans())
@MANY
def test_words_of_all_vaults_are_those_of_their_parts(rule: str, copies: bool) -> None:
    """Even parts: four times what one vault moves; outputs leave once, multiplies are all there."""
    found = vaults(partition=rule, copies_weights=copies)
    work, machine = product(EVEN), SpatialMachine.of([], found, inside())
    partition, cost = chosen(work, machine, mesh(found))
    part = run(chip(), part_of(work, partition))
    for memory, operand in itertools.product(("weights", "sums", "buffer", "off_chip_memory"), ("weight", "output")):
        assert moved(cost, memory, operand) == pytest.approx(4 * moved(part, memory, operand))
    assert sum(m.write_bytes for m in cost.traffic if m.memory == "off_chip_memory") >= work.output.elements
    assert energy(cost) - energy(cost, "mesh") == pytest.approx(4 * energy(part))
    assert energy(cost, "mac_array") == pytest.approx(0.2 * work.macs)
    assert number(cost.latency_ns) >= number(part.latency_ns)
    assert cost.active_units == pytest.approx(4 * part.active_units)


@given(rule=st.sampled_from(["batch", "filters", "rows"]), copies=st.booleans(), columns=st.sampled_from([2, 4]))
@MANY
def test_the_mesh_carries_what_lies_elsewhere(rule: str, copies: bool, columns: int) -> None:
    found = vaults(2, columns, partition=rule, copies_weights=copies)
    machine = SpatialMachine.of([], found, inside())
    partition, cost = chosen(product(EVEN), machine, mesh(found))
    home = partition.at_home(EVEN, mesh(found))
    away = sum(8 * moved(cost, "off_chip_memory", operand) * (1 - share) for operand, share in home.items())
    assert energy(cost, "mesh") == pytest.approx(away * mesh(found).mean_hops * 0.5)
    carried_ns = away * mesh(found).mean_hops / (mesh(found).links * 64 * 0.5)
    assert number(cost.latency_ns) >= carried_ns * (1 - 1e-12)
    assert (cost.bound_by == "mesh") == (number(cost.latency_ns) == pytest.approx(carried_ns))


def value(cost: LayerCost, objective: str) -> float:
    """What is compared."""
    time = number(cost.latency_ns)
    return {"energy": energy(cost), "latency": time}.get(objective, energy(cost) * time)


@pytest.mark.parametrize("objective", ["energy", "latency", "edp"])
def test_more_partitions_priced_are_never_worse(objective: str) -> None:
    work, values = product(EVEN), []
    for most in (1, 2, 8):
        found = vaults(most_partitions=most)
        found = found.model_copy(update={"search": found.search.model_copy(update={"objective": objective})})
        values.append(value(vault_cost(work, SpatialMachine.of([], found, inside()), mesh(found)), objective))
    assert values == sorted(values, reverse=True)


def test_sums_that_the_memory_adds_are_not_read_back_and_cost_their_share() -> None:
    raw = vaults(sums_in_memory=True).model_dump()
    del raw["memories"]["sums"]
    raw["memories"]["buffer"]["holds"] = ["weight", "input"]
    small = SpatialSettings.model_validate(raw)
    raw["vaults"]["sums_in_memory"] = False
    plain = SpatialSettings.model_validate(raw)
    deep = product(Loops(K=64, C=64, OX=8))
    added, read = run(small, deep), run(plain, deep)
    back = sum(m.read_bytes for m in read.traffic if (m.memory, m.operand) == ("off_chip_memory", "output"))
    assert back > 0
    assert not [m for m in added.traffic if (m.memory, m.operand) == ("off_chip_memory", "output") and m.read_bytes]
    assert energy(read, "off_chip_memory") - energy(added, "off_chip_memory") == pytest.approx(0.5 * 8 * back * 8.0)
    assert number(added.latency_ns) <= number(read.latency_ns)


@given(elements=st.integers(1, 5000))
@MANY
def test_element_wise_work_takes_the_lanes_of_all_vaults(elements: int) -> None:
    found = vaults(2, 4)
    machine = SpatialMachine.of([], found, inside())
    joined = whole_memory(machine, mesh(found))
    assert joined.settings.vector is not None
    assert joined.settings.vector.lanes == 4 * 8
    assert joined.context.off_chip.bandwidth_gbps.value == 8 * machine.context.off_chip.bandwidth_gbps.value
    many, one = run(found, vector(elements)), run(chip(), vector(elements))
    assert energy(many) == pytest.approx(energy(one))
    assert number(one.latency_ns) / 8 <= number(many.latency_ns) * (1 + 1e-12)
    assert number(many.latency_ns) <= number(one.latency_ns) * (1 + 1e-12)


def test_every_vault_has_the_whole_chip() -> None:
    areas = {one.component.name: number(one.area_mm2) for one in Spatial().area(vaults(2, 4))}
    single = {one.component.name: number(one.area_mm2) for one in Spatial().area(chip())}
    assert areas == {name: pytest.approx(8 * area) for name, area in single.items()}


def test_the_partition_and_the_largest_part_are_told() -> None:
    text = Spatial().explain(product(EVEN), vaults(partition="rows"), inside())
    assert text is not None
    assert text.startswith("divided 1 x 1 x 4 (batch, filters, rows); the largest part:\nB4 G2 K8 C4 OY2 OX3 FY3")
    assert "unrollings tried" in text
    assert Spatial().explain(vector(3), vaults(), inside()) is None
