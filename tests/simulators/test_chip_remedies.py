"""What a chip refuses it says how to mend, in numbers: the named change is enough, and less than that is not."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest
from chip_cases import CASES, around, asked
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import Case, number, product, small_loops

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Limit

FEW = settings(max_examples=15, deadline=None)
EIE, TITAN, REDEYE, LNPU = (CASES[name] for name in ("eie", "gpu_titan_x", "redeye", "lnpu"))


def limits(machine: Case, *works: Work) -> list[Limit]:
    return list(machine.simulator.limits(works, machine.settings, around()))


def broken(machine: Case, *works: Work) -> list[str]:
    return [limit.reason for limit in limits(machine, *works) if number(limit.overshoot) > 0]


def named(pattern: str, reason: str) -> float:
    found = re.search(pattern, reason)
    assert found is not None, reason
    return float(found.group(1))


@FEW
@given(inputs=st.integers(1000, 20_000), outputs=st.integers(1000, 9000), density=st.floats(0.02, 1.0))
def test_elements_and_pointers_that_are_named_are_the_fewest(inputs: int, outputs: int, density: float) -> None:
    plain = product(Loops(K=outputs, C=inputs))
    structure: Any = "unstructured" if density < 1 else "dense"
    work = replace(plain, weight=replace(plain.weight, density=density, structure=structure))
    entries, pointers, _ = limits(EIE, work)
    elements = int(named(r"(\d+) elements would hold them", entries.reason))
    size = int(named(r"(\d+) bytes of pointers would do", pointers.reason))
    enough = {"elements": elements, "element.pointer_bytes": size}
    assert broken(EIE.at(enough), work) == []
    if elements > 1:
        assert broken(EIE.at({**enough, "elements": elements - 1}), work)
    assert broken(EIE.at({**enough, "element.pointer_bytes": size - 2}), work)


@pytest.mark.parametrize("name", ["zhang2015", "qiu2016", "wei2017", "neuflow"])
@FEW
@given(loops=small_loops(9), kib=st.sampled_from([0.05, 0.5, 4]))
def test_block_memory_that_is_named_is_the_least(name: str, loops: Loops, kib: float) -> None:
    work, machine = product(loops, 16), CASES[name].at({"buffer.bytes": int(kib * 1024)})
    tile = next(limit for limit in limits(machine, work) if "block memory" in limit.reason)
    needed = named(r"needs (\d+) bytes", tile.reason)
    assert (number(tile.overshoot) > 0) == bool(broken(machine, work))
    assert broken(machine.at({"buffer.bytes": math.ceil(needed) + 1}), work) == []
    assert broken(machine.at({"buffer.bytes": math.floor(needed) - 1}), work)


@pytest.mark.parametrize("name", ["zhang2015", "qiu2016", "wei2017", "neuflow"])
def test_units_that_are_named_are_the_most(name: str) -> None:
    machine, work = CASES[name], product(Loops(K=8, C=8, OY=4, OX=4))
    most = int(named(r"(\d+) units would fit", limits(machine, work)[0].reason))
    rows = most // (machine.settings.units // machine.settings.array.rows)  # type: ignore[attr-defined]
    assert rows >= machine.settings.array.rows, "as built it fits"  # type: ignore[attr-defined]
    assert broken(machine.at({"array.rows": rows}), work) == []
    (reason,) = broken(machine.at({"array.rows": rows + 1}), work)
    assert "multiplier blocks" in reason


@FEW
@given(batch=st.integers(2, 4096))
def test_a_smaller_batch_needs_less_until_it_fits(batch: int) -> None:
    """The card with less memory: weights alone fit, so that some batch does."""
    loops = Loops(B=batch, K=512, C=512, OY=8, OX=8)
    weights, one = 4 * 512 * 512, 4 * 2 * 512 * 64
    small = TITAN.at({"memory.bytes": weights + 16 * one})
    (limit,) = limits(small, product(loops))
    assert (number(limit.overshoot) > 0) == (batch > 16)
    assert named(r"^(\d+) MiB", limit.reason) == round((weights + batch * one) / 2**20)
    (less,) = limits(small, product(replace(loops, B=batch // 2)))
    assert number(less.overshoot) < number(limit.overshoot)


def test_training_keeps_what_inference_lets_go() -> None:
    """One layer's data at a time against all of them, and gradients beside the weights."""
    layers = [product(Loops(B=64, K=256, C=256), layer=f"fc{place}") for place in range(3)]
    gradients = [replace(work, role="weight_gradient", is_weight_stored=False) for work in layers]
    needed = [
        (number(limits(TITAN, *works)[0].overshoot) + 1) * TITAN.settings.memory.bytes  # type: ignore[attr-defined]
        for works in (layers, [*layers, *gradients])
    ]
    weights, data = 4 * 3 * 256**2, 4 * 2 * 64 * 256
    assert needed == pytest.approx([weights + data, 2 * weights + 3 * data])


def test_a_clock_beyond_its_supply_runs_at_the_supply_that_is_named() -> None:
    work = product(Loops(K=8, C=8))
    for name in ("lnpu", "ganpu", "hnpu", "t_pim", "df_lnpu"):
        machine = CASES[name]
        fastest: Any = machine.settings.fastest  # type: ignore[attr-defined]
        slow = machine.at({"clock_ghz": fastest.high_ghz, "supply_factor": fastest.low_supply})
        if fastest.high_ghz > fastest.low_ghz:
            (reason,) = broken(slow, work)
            ghz, supply = named(r", (\S+) GHz at", reason), named(r"GHz at (\S+)$", reason)
            assert broken(machine.at({"clock_ghz": ghz, "supply_factor": supply}), work) == []
            ghz, supply = named(r": (\S+) GHz run", reason), named(r"supply_factor (\S+),", reason)
            assert broken(machine.at({"clock_ghz": ghz, "supply_factor": supply}), work) == []


@pytest.mark.parametrize("memory", ["sum_register", "weight_register", "buffer"])
def test_a_memory_that_is_too_small_holds_the_layer_at_the_size_that_is_named(memory: str) -> None:
    work, path = product(Loops(K=64, C=64)), f"memories.{memory}.bytes"
    alone = {"weights_stay": False, path: 1}
    for _ in range(3):  # what one memory holds may be asked of the next one
        found = [reason for reason in broken(LNPU.at(alone), work) if f"memory {memory}" in reason]
        if not found:
            break
        alone[path] = math.ceil(named(r"it needs (\d+) bits", found[0]) / 8)
    assert broken(LNPU.at(alone), work) == []
    assert alone[path] > 1


def test_a_sensor_refuses_what_comes_back_and_takes_the_first_layer_alone() -> None:
    works = asked(REDEYE)
    back = replace(around(), received=frozenset({"relu1"}))
    (reason,) = (
        limit.reason for limit in REDEYE.simulator.limits(works, REDEYE.settings, back) if number(limit.overshoot) > 0
    )
    assert "relu1" in reason and "depth 'first'" in reason
    first = REDEYE.at({"depth": "first"})
    alone = asked(first)
    assert [work.layer for work in alone] == ["conv1"]
    assert list(first.simulator.limits(alone, first.settings, back)) == []


@FEW
@given(loops=small_loops(), bits=st.sampled_from([4.0, 8.0]))
def test_a_layer_alone_is_never_refused_where_the_whole_network_fits(loops: Loops, bits: float) -> None:
    works: list[MatrixWork] = [product(loops, bits, layer="fc1"), product(replace(loops, K=7), bits, layer="fc2")]
    for name in ("eie", "zhang2015", "gpu_titan_x", "lnpu"):
        if not broken(CASES[name], *works):
            assert not any(broken(CASES[name], work) for work in works)


def test_who_refuses_no_size_pays_instead() -> None:
    """Units beside embedded DRAM, SRAM columns and dense engines fetch anew what they cannot hold."""
    large = product(Loops(K=9000, C=9000), layer="fc1")
    for name in ("dadiannao", "jia2020", "minerva"):
        assert broken(CASES[name], large) == []
        (found,) = CASES[name].cost(large, context=around())
        fetched = [move for move in found.traffic if (move.memory, move.operand) == ("off_chip_memory", "weight")]
        assert sum(number(move.read_bytes) for move in fetched) > 9000**2 / 2
