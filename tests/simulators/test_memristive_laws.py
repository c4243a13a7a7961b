"""Laws of whole networks on every crossbar machine of the shelf: totals, batches, widths, copies, further layers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from crossbar_cases import SIMULATOR, energy
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import ROOT, product

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Work
from joulescape.pricing import cost as price
from joulescape.pricing.design import CostReport
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.testing.examples import example_context

MACHINES = ("isaac", "pipelayer", "prime", "puma", "raella", "rpu", "rpu_ecram")
CONVERTED = ("isaac", "prime", "puma", "raella", "rpu", "rpu_ecram")
FEW = settings(max_examples=15, deadline=None)
machines = pytest.mark.parametrize("name", MACHINES)
converted = pytest.mark.parametrize("name", CONVERTED)


@cache
def settings_of(name: str, **changes: Any) -> CrossbarSettings:
    """An entry with dotted paths changed; double underscores stand for dots."""
    paths = {key.replace("__", "."): value for key, value in changes.items()}
    found = load_back_end(ROOT, f"memristive/{name}", paths).settings
    return CrossbarSettings.model_validate(found.model_dump())


def events(works: Sequence[Work], chosen: CrossbarSettings, batch: int = 1) -> float:
    return sum(energy(cost) for cost in SIMULATOR.cost(works, chosen, example_context(batch)))


def report(name: str, network: str = "digits_lenet", **sets: Any) -> CostReport:
    return price(network, f"memristive/{name}", {k.replace("__", "."): v for k, v in sets.items()}, root=ROOT)


def total(found: CostReport, metric: str) -> float:
    value = found.totals[metric]
    assert value is not None
    return float(value)


def convolutions(*shapes: tuple[int, int, int], batch: int = 1, bits: float = 6) -> list[MatrixWork]:
    """Layers of (inputs, outputs, side) with kernels of 2 x 2."""
    return [
        product(Loops(B=batch, C=c, K=k, OY=side, OX=side, FY=2, FX=2), bits, layer=f"layer{index}")
        for index, (c, k, side) in enumerate(shapes)
    ]


SHAPES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 5)), min_size=1, max_size=3)


@machines
@pytest.mark.parametrize("network", ["digits_mlp", "digits_lenet", "digits_attention"])
def test_rows_of_every_component_add_up_to_the_total(name: str, network: str) -> None:
    found = report(name, network)
    spent = [row["energy_pj"] for row in found.energy]
    assert all(each >= 0 for each in spent)
    assert sum(spent) == pytest.approx(total(found, "inference_energy_pj"))
    assert total(found, "inference_interval_ns") <= total(found, "inference_latency_ns") * (1 + 1e-9)
    assert {row["component"] for row in found.energy} - {"off_chip_memory"}
    assert sum(row["area_mm2"] for row in found.area) == pytest.approx(total(found, "area_mm2"))


@machines
@FEW
@given(shapes=SHAPES, batch=st.integers(2, 70))
def test_what_events_take_is_linear_in_the_batch(name: str, shapes: list[tuple[int, int, int]], batch: int) -> None:
    """Nothing is written, fetched or set up once a batch where weights stay."""
    chosen = settings_of(name)
    one, many = (events(convolutions(*shapes, batch=b), chosen, b) for b in (1, batch))
    assert many == pytest.approx(batch * one)


@machines
@FEW
@given(shapes=SHAPES, more=st.tuples(st.integers(1, 40), st.integers(1, 60), st.integers(1, 5)))
def test_a_further_layer_adds_its_own_events_and_never_speeds_the_others_up(
    name: str, shapes: list[tuple[int, int, int]], more: tuple[int, int, int]
) -> None:
    chosen = settings_of(name)
    some, all_of_it = convolutions(*shapes), convolutions(*shapes, more)
    alone = events([all_of_it[-1]], chosen)
    assert events(all_of_it, chosen) == pytest.approx(events(some, chosen) + alone)
    before, after = (SIMULATOR.cost(works, chosen, example_context()) for works in (some, all_of_it))
    slowest = [max(float(np.asarray(c.occupancy_ns)) for c in costs) for costs in (before, after)]
    assert slowest[1] >= slowest[0] * (1 - 1e-12)


@machines
def test_wider_operands_never_cost_less(name: str) -> None:
    chosen = settings_of(name)
    spent = [events(convolutions((20, 30, 4), (30, 9, 2), bits=bits), chosen) for bits in (2, 3, 4, 6, 8)]
    assert spent == sorted(spent) and spent[0] < spent[-1]


@machines
@pytest.mark.parametrize("copies", [{"replication": 3}, {"positions_per_copy": 2}, {"layout__duplication": "balanced"}])
def test_copies_save_time_and_cost_writes_and_no_event(name: str, copies: dict[str, Any]) -> None:
    """Balanced, fixed or by positions: every vector is still read once; each copy is programmed."""
    works = convolutions((20, 30, 4), (30, 9, 2))
    single = settings_of(name, layout__duplication="fixed", replication=1, positions_per_copy=1000)
    several = settings_of(name, **{"layout__duplication": "fixed", "positions_per_copy": None, **copies})
    assert events(works, several) == pytest.approx(events(works, single))
    slow, fast = (SIMULATOR.cost(works, one, example_context()) for one in (single, several))
    assert all(
        float(np.asarray(f.latency_ns)) < float(np.asarray(s.latency_ns)) for f, s in zip(fast, slow, strict=True)
    )
    (once,), (often,) = (SIMULATOR.programming(works, one) for one in (single, several))
    assert float(np.asarray(often.energy_pj)) > 1.9 * float(np.asarray(once.energy_pj))


@converted
def test_more_converters_take_area_and_save_time_never_conversions(name: str) -> None:
    works = convolutions((20, 30, 4))
    few, many = (settings_of(name, layout__duplication="fixed", adc__per_crossbar=n) for n in (1, 8))
    slow, fast = (SIMULATOR.cost(works, one, example_context())[0] for one in (few, many))
    assert float(np.asarray(fast.latency_ns)) <= float(np.asarray(slow.latency_ns))
    adc = [sum(float(e.energy_pj) for e in c.energies if e.component.name == "adc") for c in (slow, fast)]
    assert adc[0] == pytest.approx(adc[1])
    areas = [sum(float(np.asarray(a.area_mm2)) for a in SIMULATOR.area(one)) for one in (few, many)]
    idle = [sum(float(np.asarray(p.power_mw)) for p in SIMULATOR.static_power(one)) for one in (few, many)]
    assert areas[0] < areas[1] and idle[0] < idle[1]


@converted
def test_a_coarser_converter_never_costs_more(name: str) -> None:
    works = convolutions((20, 30, 4))
    at_bits = [events(works, settings_of(name, adc__bits=bits)) for bits in (4, 5, 6, 7, 8)]
    assert at_bits == sorted(at_bits) and at_bits[0] < at_bits[-1]


@machines
def test_a_sample_more_takes_an_interval_more(name: str) -> None:
    """But for clocks of activation units, which a batch rounds up once."""
    one, many = report(name), report(name, batch=16)
    (last_one,), (last_many,) = ([max(row["end_ns"] for row in found.layers)] for found in (one, many))
    assert last_many == pytest.approx(last_one + 15 * total(many, "inference_interval_ns"), rel=0.002)
    assert total(many, "inference_energy_pj") < total(one, "inference_energy_pj"), "idle power is shared"


@machines
def test_smallest_works_are_costed(name: str) -> None:
    """One weight, one bit, one position; a kernel for each channel; a batch of 64."""
    depthwise = product(Loops(B=64, G=12, K=1, C=1, OY=3, OX=3, FY=3, FX=3), 4, layer="depthwise")
    for work, batch in ((product(Loops(K=1, C=1), 1, layer="one"), 1), (depthwise, 64)):
        (found,) = SIMULATOR.cost([work], settings_of(name), example_context(batch))
        assert energy(found) > 0 and float(np.asarray(found.latency_ns)) > 0
        assert 0 < float(np.asarray(found.utilisation_fraction)) <= 1


@converted
def test_every_copy_of_a_trained_layer_is_pulsed(name: str) -> None:
    """Copies must stay equal: each of them takes the pulses of all sixteen vectors."""
    (conv,) = convolutions((3, 8, 4))
    gradient = product(Loops(K=8, C=16, OY=2, OX=6), 6, role="weight_gradient", layer=conv.layer)
    pulses = []
    for copies in (1, 4):
        chosen = settings_of(name, layout__duplication="fixed", replication=copies, positions_per_copy=None)
        _, found = SIMULATOR.cost([conv, gradient], chosen, example_context())
        pulses.append(sum(float(e.energy_pj) for e in found.energies if e.component.name == "crossbar_pulse"))
    assert pulses[1] == pytest.approx(4 * pulses[0]) and pulses[0] > 0
