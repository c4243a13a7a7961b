"""A smaller memory never spares energy or time; one too small for what units take at once says what would do."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, Case, case, energy, number, product, small_loops

from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import Graph, Loops
from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Context, LayerCost
from joulescape.spec.network import NetworkSpec
from joulescape.testing.examples import example_context, example_formats

FEW = settings(max_examples=15, deadline=None)
NETWORKS = ("alexnet_grouped", "vgg16", "resnet18", "mobilenet_v2", "mnist_mlp", "digits_lenet")
MEMORIES = {
    "dadiannao": ("synapses.bytes", "neurons.bytes"), "stripes": ("synapses.bytes", "neurons.bytes"),
    "cnvlutin": ("synapses.bytes", "neurons.bytes"), "minerva": ("stored_weights", "stored_activities"),
    "whatmough2017": ("stored_weights", "stored_activities"), "jia2020": ("buffer.kib",),
    "sinangil2021": ("buffer.kib",), "sram_6t_classifier": ("buffer.kib",), "sram_8t_dot": ("buffer.kib",),
    "sram_c2c": ("buffer.kib",), "sram_bit_serial": ("buffer.kib",), "redeye": ("kernels.bytes",),
}  # fmt: skip
SIZES = [1 << power for power in range(0, 31, 3)]
ROOMS = [(name, path) for name, paths in MEMORIES.items() for path in paths]
each = pytest.mark.parametrize(("name", "path"), ROOMS)


@cache
def machine(name: str) -> Case:
    return case(f"electronic/{name}")


@cache
def graph(name: str) -> Graph:
    content: Any = yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text(encoding="utf-8"))
    return build_graph(name, NetworkSpec.model_validate(content))


@cache
def taken(network: str, name: str, batch: int = 2) -> tuple[Work, ...]:
    """The works of a network that a machine runs itself."""
    found, chip = graph(network), machine(name)
    names = {o.name for o in found.operators if chip.simulator.takes(o, "forward", chip.settings)}
    works = lower(found, example_formats(found, 8.0), "inference", batch, {}).works
    return tuple(work for work in works if work.layer in names)


def around(works: tuple[Work, ...], batch: int = 2) -> Context:
    """Works of which the first reads the data and the last gives the result."""
    ends = (frozenset({works[0].layer}), frozenset({works[-1].layer}))
    return replace(example_context(batch), first=ends[0], last=ends[1])


def spent(costs: list[LayerCost], count: int) -> np.ndarray[Any, Any]:
    """Energy and time of every work (rows) and variant (columns)."""
    figures = [figure for cost in costs for figure in (energy(cost), cost.latency_ns)]
    return np.array([np.broadcast_to(np.asarray(figure, dtype=float), (count,)) for figure in figures])


def reasons(chip: Case, *works: Work) -> list[str]:
    found = chip.simulator.limits(works, chip.settings, around(works))
    return [limit.reason for limit in found if number(limit.overshoot) > 0]


@each
def test_a_smaller_memory_never_lowers_energy_or_time_of_a_shipped_network(name: str, path: str) -> None:
    """Dynamic energy; what leaks or is refreshed is the memory's own and falls with it."""
    chip = machine(name).at({path: np.array(SIZES)})
    for network in NETWORKS:
        works = taken(network, name)
        if works:
            found = spent(chip.cost(*works, context=around(works)), len(SIZES))
            assert np.all(np.diff(found, axis=1) <= found[:, :-1] * 1e-9), network


@each
@FEW
@given(loops=small_loops(7), sizes=st.lists(st.integers(1, 1 << 16), min_size=2, max_size=6, unique=True))
def test_nor_those_of_any_layer(name: str, path: str, loops: Loops, sizes: list[int]) -> None:
    chip, work = machine(name), replace(product(loops), layer="middle")
    inner = replace(example_context(loops.B), first=frozenset(), last=frozenset())
    found = spent(chip.at({path: np.array(sorted(sizes))}).cost(work, context=inner), len(sizes))
    assert np.all(np.diff(found, axis=1) <= found[:, :-1] * 1e-9)


@pytest.mark.parametrize("network", ["vgg16", "mnist_mlp"])
@each
def test_a_memory_of_one_is_refused_and_the_size_that_is_named_is_the_least(name: str, path: str, network: str) -> None:
    works = tuple(work for work in taken(network, name) if isinstance(work, MatrixWork))
    roomy = machine(name).at({"held.values": 1 << 24}) if name == "redeye" else machine(name)
    found = reasons(roomy.at({path: 1}), *works) if works else []
    for reason in found:
        named = re.search(r"(\d+) would do", reason)
        assert named is not None and path in reason
        assert reasons(roomy.at({path: int(named[1])}), *works) == []
        assert reasons(roomy.at({path: int(named[1]) - 1}), *works)
    assert found or path == "buffer.kib" or not works, "a KiB holds the inputs of a low array"


def test_a_shipped_chip_is_not_refused_for_its_memories() -> None:
    for name in MEMORIES:
        for network in NETWORKS:
            works = tuple(work for work in taken(network, name) if isinstance(work, MatrixWork))
            wants = (
                [reason for reason in reasons(machine(name), *works) if "held.values" not in reason] if works else []
            )
            assert wants == [], (name, network)
