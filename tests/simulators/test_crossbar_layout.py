"""Networks larger than a chip: several chips, weights reloaded, products written, sums that travel."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import yaml
from crossbar_cases import ISAAC, ROOT, SIMULATOR, dense, energy, isaac, part, product
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import case

from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand, Work
from joulescape.simulators.base import LayerCost
from joulescape.simulators.crossbar.capacity import capacity_limits, crossbars_needed
from joulescape.simulators.crossbar.chips import passed_bytes
from joulescape.simulators.crossbar.duplication import paced
from joulescape.simulators.crossbar.overflow import array_write_ns, stream_of
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.spec.network import NetworkSpec
from joulescape.testing.examples import example_context, example_formats, example_graph
from joulescape.testing.simulators import check_simulator, works_of

SPIKING = case("memristive/pipelayer")
RELOAD = {"layout__overflow": "reload"}
WRITTEN = {"dynamic_products": "program"}


@cache
def network(name: str, bits: float, batch: int = 1) -> tuple[Work, ...]:
    """What the machine takes of a network of the shelf, at so many bits."""
    spec = yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text(encoding="utf-8"))
    graph = build_graph(name, NetworkSpec.model_validate(spec))
    works = lower(graph, example_formats(graph, bits), "inference", batch, {}).works
    return tuple(w for w in works if SIMULATOR.takes(graph.operator(w.layer), w.role, isaac(**WRITTEN)))


def costs(works: Any, machine: CrossbarSettings, batch: int = 1) -> list[LayerCost]:
    return list(SIMULATOR.cost(works, machine, example_context(batch)))


def refusals(works: Any, machine: CrossbarSettings, batch: int = 1) -> list[str]:
    found = SIMULATOR.limits(works, machine, example_context(batch))
    return [limit.reason for limit in found if float(np.max(limit.overshoot)) > 0]


def spent(found: list[LayerCost], name: str) -> float:
    return sum(part(cost, name) for cost in found)


# --- chips --------------------------------------------------------------------------------------------------------


def test_vgg16_names_the_chips_that_would_do_and_they_do() -> None:
    """33,800 arrays at 8 bits: three chips of 16,128; 67,580 at 16 bits: five."""
    (reason,) = refusals(network("vgg16", 8), ISAAC)
    (named,) = re.findall(r"layout\.chips (\d+)", reason)
    assert int(named) == 3
    assert "layout.overflow reload" in reason
    assert refusals(network("vgg16", 8), isaac(layout__chips=3)) == []
    assert refusals(network("vgg16", 8), isaac(layout__chips=2))
    assert int(re.findall(r"layout\.chips (\d+)", refusals(network("vgg16", 16), ISAAC)[0])[0]) == 5


def test_what_passes_between_chips_is_charged_to_their_links() -> None:
    """Two layers of one array each on chips of one array: the vector between them crosses once, 2,600 mW over 51.2
    gigabits a second."""
    works = [replace(dense(128, 32), layer="one"), replace(dense(32, 16), layer="two")]
    tiny = {"tiles": 1, "imas_per_tile": 1, "crossbars_per_ima": 1}
    apart = costs(works, isaac(**tiny, layout__chips=2))
    assert [part(c, "hypertransport") for c in apart] == pytest.approx([0.0, 32 * 8 * 2600 / 51.2])
    assert spent(costs(works, isaac(layout__chips=2)), "hypertransport") == 0.0


def test_errors_cross_the_same_links_back() -> None:
    """In training each link carries activations one way and as large errors back; on one chip nothing crosses."""
    tiny = {"tiles": 1, "imas_per_tile": 1, "crossbars_per_ima": 1}
    one, two = (replace(dense(i, o, is_signed=True), layer=name) for i, o, name in ((128, 32, "one"), (32, 16, "two")))
    back = replace(two, role="input_gradient", loops=Loops(K=32, C=16), input=two.output, output=two.input)
    training = costs([one, two, back], isaac(**tiny, layout__chips=2))
    assert part(training[2], "hypertransport") == pytest.approx(32 * 8 * 2600 / 51.2)
    assert part(training[1], "hypertransport") == part(training[2], "hypertransport") > 0
    assert spent(costs([one, two, back], isaac(layout__chips=2)), "hypertransport") == 0.0
    wide = replace(dense(256, 32), layer="one")
    errors = replace(wide, role="input_gradient", loops=Loops(K=256, C=32), input=wide.output, output=wide.input)
    split = costs([wide, errors], isaac(**tiny, layout__chips=2))
    assert part(split[1], "hypertransport") == pytest.approx(part(split[0], "hypertransport"))


def test_a_layer_on_two_chips_sends_its_input_on_and_its_results_after() -> None:
    work = dense(256, 32)
    tiny = {"tiles": 1, "imas_per_tile": 1, "crossbars_per_ima": 1}
    (found,) = costs([work], isaac(**tiny, layout__chips=2))
    assert part(found, "hypertransport") == pytest.approx((256 + 32) * 8 * 2600 / 51.2)


def test_slow_links_bound_a_layer() -> None:
    tiny = {"tiles": 1, "imas_per_tile": 1, "crossbars_per_ima": 32, "hypertransport__links": 1}
    slow = {**ISAAC.hypertransport.gbps_per_link.model_dump(), "value": 0.1}
    (found,) = costs([dense(4096, 32)], isaac(**tiny, layout__chips=1, hypertransport__gbps_per_link=slow))
    assert str(found.bound_by) != "links"
    works = [replace(dense(4096, 32), layer="one"), replace(dense(4096, 32), layer="two")]
    _, second = costs(works, isaac(**tiny, layout__chips=2, hypertransport__gbps_per_link=slow))
    assert str(second.bound_by) == "links"
    assert float(second.latency_ns) == pytest.approx(4096 * 8 / 0.1)


def test_every_chip_takes_its_area_and_its_idle_power_and_figures_are_those_of_one() -> None:
    one, three = ISAAC, isaac(layout__chips=3)
    for law in (lambda m: sum(float(a.area_mm2) for a in SIMULATOR.area(m)),
                lambda m: sum(float(p.power_mw) for p in SIMULATOR.static_power(m))):  # fmt: skip
        assert law(three) == pytest.approx(3 * law(one))
    assert SIMULATOR.published(three) == SIMULATOR.published(one)


def test_chips_without_links_are_one() -> None:
    machine = isaac(layout__chips=3, hypertransport__links=0)
    links, size = refusals(network("vgg16", 8), machine)
    assert "layout.chips 3" in links and "hypertransport.links 1" in links and links in SIMULATOR.cautions(machine)
    assert "layout.chips 3 with hypertransport.links 1" in size
    assert refusals([dense(16, 16)], isaac(layout__chips=1, hypertransport__links=0)) == []
    assert refusals([dense(16, 16)], isaac(layout__chips=2, hypertransport__links=0)) != []


@pytest.mark.parametrize(("bits", "batch"), [(8, 1), (16, 1), (16, 4)])
def test_what_is_named_for_a_large_network_does(bits: int, batch: int) -> None:
    """Arrays and buffers at once: each of the three changes leaves nothing else to be refused."""
    works = network("vgg16", bits, batch)
    reason = refusals(works, ISAAC, batch)[0]
    tiles, chips, reload = re.findall(r"tiles (\d+) would do; so would layout.chips (\d+), or (.*), which", reason)[0]
    more = [("tiles", int(found)) for found in re.findall(r"with tiles (\d+)", reload)]
    for change in ({"tiles": int(tiles)}, {"layout__chips": int(chips)}, {**RELOAD, **dict(more)}):
        assert refusals(works, isaac(**change), batch) == [], change


def test_free_arrays_of_all_chips_are_given_out() -> None:
    works = network("vgg16", 8)

    def slowest(chips: int, duplication: str) -> float:
        machine = isaac(layout__chips=chips, layout__duplication=duplication)
        return max(float(np.asarray(c.occupancy_ns)) for c in costs(works, machine) if c.macs)

    assert slowest(6, "balanced") < slowest(3, "balanced") < slowest(3, "fixed") / 100


# --- reloading ----------------------------------------------------------------------------------------------------


def test_vgg16_runs_on_one_chip_that_reloads_its_dense_layers() -> None:
    works = network("vgg16", 8)
    assert refusals(works, isaac(**RELOAD)) == []
    stream = stream_of(works, isaac(**RELOAD), example_context())
    assert {name for name, rounds in stream.rounds.items() if int(rounds)} == {"fc6", "fc7", "fc8"}
    found = {c.layer: c for c in costs(works, isaac(**RELOAD)) if c.macs}
    weights = 102_760_448
    assert part(found["fc6"], "reload_write") == pytest.approx(weights * 4 * ISAAC.cell.writing.write_pj)
    moved = [t for t in found["fc6"].traffic if (t.memory, t.operand) == ("off_chip_memory", "weight")]
    assert [float(t.read_bytes) for t in moved] == [weights]
    assert str(found["fc6"].bound_by) == "reload"
    assert part(found["conv1_1"], "reload_write") == 0.0


def test_a_network_that_fits_pays_nothing_for_the_choice() -> None:
    works = network("lenet5", 8)
    stay, may = costs(works, ISAAC), costs(works, isaac(**RELOAD))
    assert [energy(c) for c in may] == pytest.approx([energy(c) for c in stay])
    assert [float(c.latency_ns) for c in may] == pytest.approx([float(c.latency_ns) for c in stay])


def small(arrays: int, **changes: Any) -> CrossbarSettings:
    return isaac(tiles=1, imas_per_tile=1, crossbars_per_ima=arrays, **{**RELOAD, **changes})


def test_a_round_is_a_write_of_all_rows_and_the_reads_behind_it() -> None:
    """4 arrays on 3: alone in the whole room, in 2 rounds of 128 rows and 8 reads, and 6 cycles of filling."""
    (found,) = costs([dense(128, 128)], small(3))
    written = 128 * ISAAC.cell.writing.write_ns
    assert float(array_write_ns(ISAAC)) == pytest.approx(written)
    assert float(found.latency_ns) == pytest.approx(2 * (written + 8 * 100) + 600)
    assert float(np.asarray(found.occupancy_ns)) == pytest.approx(2 * (written + 8 * 100))
    assert part(found, "reload_write") == pytest.approx(128 * 128 * 4 * ISAAC.cell.writing.write_pj)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 90), st.integers(1, 4)), min_size=1, max_size=4),
       st.integers(1, 12))  # fmt: skip
def test_larger_chips_never_take_longer_to_stream(shapes: list[tuple[int, int, int]], arrays: int) -> None:
    works: list[Work] = [
        replace(product(Loops(K=k, C=c, OX=side)), layer=f"layer{i}") for i, (c, k, side) in enumerate(shapes)
    ]
    times = [float(stream_of(works, small(n), example_context()).busy_ns) for n in (arrays, arrays + 3)]
    assert times[1] <= times[0] * (1 + 1e-12)
    needed = float(np.asarray(crossbars_needed(works, small(arrays))))
    assert (times[0] == 0.0) == (needed <= arrays)
    assert refusals(works, small(arrays)) == []


def test_streamed_layers_share_their_arrays_so_that_the_interval_holds_them_all() -> None:
    works = [replace(dense(128, 64), layer=name) for name in ("one", "two", "three")]
    found = costs(works, small(3))
    stream = stream_of(works, small(3), example_context())
    assert max(float(np.asarray(c.occupancy_ns)) for c in found) == pytest.approx(float(stream.busy_ns))


def test_a_sweep_of_sizes_streams_in_each_variant_as_alone() -> None:
    works = [replace(dense(128, 64), layer=name) for name in ("one", "two", "three")]
    swept = small(1).model_copy(update={"crossbars_per_ima": np.array([1, 3, 5, 6])})
    together = [np.asarray(c.latency_ns) for c in costs(works, swept)]
    for index, arrays in enumerate((1, 3, 5, 6)):
        alone = [float(c.latency_ns) for c in costs(works, small(arrays))]
        assert [t[index] for t in together] == pytest.approx(alone)


def test_trained_weights_must_stand_in_their_cells() -> None:
    gradient = replace(dense(128, 128), role="weight_gradient")
    limit = SIMULATOR.limits([dense(128, 128), gradient], small(3), example_context())[0]
    assert float(limit.overshoot) > 0 and "reload" not in limit.reason


def test_reloading_wears_the_cells_that_it_writes() -> None:
    """Two rounds a batch: 1e8 writes are 5e7 batches."""
    (reason,) = refusals([dense(128, 128)], small(3, layout__served_batches=10**8))
    assert "2 a batch, and cells endure 1e+08: at most layout.served_batches 50000000" in reason
    assert refusals([dense(128, 128)], small(3, layout__served_batches=5 * 10**7)) == []
    assert refusals([dense(128, 64)], small(3, layout__served_batches=10**12)) == []


@pytest.mark.parametrize("choice", [RELOAD, WRITTEN])
def test_cells_that_inference_writes_are_told_to_wear_until_a_life_is_asked_for(choice: dict[str, str]) -> None:
    """1e8 writes at 1,000 batches a second: 1e5 seconds, 1.16 days."""
    (said,) = SIMULATOR.cautions(isaac(**choice))
    assert "cells endure 1e+08 writes: 1.16 days" in said
    assert list(SIMULATOR.cautions(isaac(**choice, layout__served_batches=1000))) == []


def test_a_batch_waits_in_the_buffers_around_a_layer_that_is_reloaded() -> None:
    """384 bytes in and 128 out a sample: while one piece of the layer stands, all samples pass it."""
    fits, streams = small(12), small(3)
    assert refusals([dense(384, 128, batch=128)], streams, 128) == []
    (reason,) = refusals([dense(384, 128, batch=129)], streams, 129)
    assert "overflow the tile buffers: 66,048 of 65,536" in reason
    assert refusals([dense(384, 128, batch=129)], fits, 129) == [], "what stays lets samples follow each other"


@pytest.mark.parametrize(("batch", "is_refused"), [(1, False), (2, False), (3, False), (4000, True)])
def test_a_batch_waits_in_memory_subarrays_too(batch: int, is_refused: bool) -> None:
    """Two samples of what a resident layer reads, the batch of what a streamed one reads."""
    works = [dense(384, 128, batch=batch)]
    machine = SPIKING.at({
        "tiles": 1, "imas_per_tile": 1, "crossbars_per_ima": 2, "layout.duplication": "fixed",
        "layout.overflow": "reload",
    })  # fmt: skip
    limits = SIMULATOR.limits(works, machine.settings, example_context(batch))  # type: ignore[arg-type]
    (memory,) = [limit for limit in limits if "memory subarrays" in limit.reason]
    there = 128 * 128 * 4 / 8 * 96
    assert float(np.asarray(memory.overshoot)) == pytest.approx(max(2, batch) * 384 / there - 1)
    assert (float(np.asarray(memory.overshoot)) > 0) == is_refused


def test_a_sweep_of_sizes_holds_a_batch_where_it_streams_alone() -> None:
    swept = small(1).model_copy(update={"crossbars_per_ima": np.array([3, 12])})
    memory = capacity_limits([dense(384, 128, batch=129)], swept, example_context(129))[1]
    assert (np.asarray(memory.overshoot) > 0).tolist() == [True, False]


def test_machines_that_reload_obey_the_laws() -> None:
    machine = small(3)
    check_simulator(SIMULATOR, machine, works=works_of(SIMULATOR, machine, example_graph()), bits=(8.0,))


# --- products of two activations ----------------------------------------------------------------------------------


def attention(samples: int = 1, heads: int = 2, tokens: int = 8, features: int = 16) -> MatrixWork:
    loops = Loops(G=samples * heads, K=tokens, C=features, OX=tokens)
    each = Operand(samples * heads * tokens * features, 8)
    sums = Operand(samples * heads * tokens * tokens, 8)
    return MatrixWork("scores", "forward", loops, each, each, sums, is_weight_stored=False)


def test_a_product_is_written_for_every_sample() -> None:
    """Two heads of 8 x 16 keys in 8-bit weights: 16 rows one after the other, both heads at once."""
    machine = isaac(**WRITTEN)
    for samples in (1, 3):
        (found,) = costs([attention(samples)], machine, samples)
        cells = samples * 2 * 8 * 16 * 4
        assert part(found, "product_write") == pytest.approx(cells * ISAAC.cell.writing.write_pj)
        each = 16 * ISAAC.cell.writing.write_ns + 8 * 8 * 100
        assert float(found.latency_ns) == pytest.approx(samples * each + 600)
        assert float(found.active_units) == 2


def test_its_arrays_stand_beside_the_weights_for_one_sample_at_a_time() -> None:
    machine = isaac(tiles=1, imas_per_tile=1, crossbars_per_ima=3, **WRITTEN)
    works = [dense(128, 32), attention(5)]
    assert float(np.asarray(crossbars_needed(works, machine, 5))) == 3
    assert refusals(works, machine, 5) == []
    assert refusals([dense(128, 64), attention(5)], machine, 5)


@pytest.mark.parametrize("batch", [2, 8, 64])
def test_what_passes_between_chips_is_linear_in_the_batch_with_products_too(batch: int) -> None:
    """Where a layer lies does not depend on how many samples pass it."""
    machine = isaac(**WRITTEN, tiles=1, imas_per_tile=1, crossbars_per_ima=2, layout__chips=30)
    one, many = (passed_bytes(network("digits_attention", 8, b), machine) for b in (1, batch))
    assert [float(np.asarray(sent)) for sent in many] == [batch * float(np.asarray(sent)) for sent in one]
    assert sum(float(np.asarray(sent)) for sent in one) > 0


def test_what_is_written_once_in_a_life_does_not_depend_on_the_batch() -> None:
    """Products of two activations take the room of one sample, so that copies, and their writes, stay as they are."""
    machine = isaac(**WRITTEN, layout__duplication="balanced", tiles=3)
    spent = [
        float(np.asarray(energy.energy_pj))
        for batch in (1, 8, 64)
        for energy in SIMULATOR.programming(network("digits_attention", 8, batch), machine)
    ]
    assert spent == pytest.approx([spent[0]] * 3) and spent[0] > 0
    with_products = crossbars_needed(network("digits_attention", 8, 8), paced_for(8, machine), 8)
    assert float(np.asarray(with_products)) <= 3 * 96


def paced_for(batch: int, machine: CrossbarSettings) -> CrossbarSettings:
    return paced(network("digits_attention", 8, batch), machine, batch)


def test_attention_wears_its_cells_once_a_sample() -> None:
    (reason,) = refusals([attention(4)], isaac(**WRITTEN, layout__served_batches=10**9), 4)
    assert "4 a batch, and cells endure 1e+08: at most layout.served_batches 25000000" in reason
    assert refusals([attention(4)], isaac(**WRITTEN, **RELOAD), 4) == [], "no stored weights, nothing to reload"


def test_the_digits_network_with_attention_runs_whole_products_on_the_arrays() -> None:
    works = network("digits_attention", 8, 4)
    names = {w.layer for w in works if isinstance(w, MatrixWork) and not w.is_weight_stored}
    assert names == {"scores", "context"}
    found = {c.layer: c for c in costs(works, isaac(**WRITTEN), 4)}
    assert all(part(found[name], "product_write") > 0 for name in names)
    assert part(found["query"], "product_write") == 0.0
    assert refusals(works, isaac(**WRITTEN), 4) == []


def test_a_sample_that_brings_more_than_the_arrays_hold_is_refused_even_where_weights_are_reloaded() -> None:
    machine = small(2, **WRITTEN)
    (reason,) = refusals([dense(128, 32), attention()], machine)
    assert "products of two activations leave no array to reload" in reason


# --- sums between tiles -------------------------------------------------------------------------------------------


def test_sums_of_arrays_in_other_tiles_cross_a_router() -> None:
    """25,088 inputs in 196 row tiles of 96 a tile: three tiles, two sums an output of 16 bits."""
    work = dense(25_088, 32)
    inside, between = (costs([work], isaac(layout__partial_sums=way))[0] for way in ("tile", "routed"))
    assert part(between, "router") - part(inside, "router") == pytest.approx(2 * 32 * 16 * 0.081)
    near = dense(96 * 128, 32)
    assert energy(costs([near], isaac(layout__partial_sums="routed"))[0]) == energy(costs([near], ISAAC)[0])


def test_more_layers_lengthen_the_latency_but_not_the_interval() -> None:
    """A pipeline is as slow as its slowest layer; a sample takes the sum of all."""
    works = network("lenet5", 8)
    found = [c for c in costs(works, ISAAC) if c.macs]
    interval = max(float(np.asarray(c.occupancy_ns)) for c in found)
    assert interval == float(np.asarray(found[0].occupancy_ns))
    assert sum(float(c.latency_ns) for c in found) > interval


def test_more_chips_never_make_a_balanced_pipeline_slower() -> None:
    """Copies on other chips wait for links: they are not given out where that takes longer than they save."""
    works, slow = network("vgg16", 8), {**ISAAC.hypertransport.gbps_per_link.model_dump(), "value": 5.0}
    machine = {"layout__duplication": "balanced", "hypertransport__gbps_per_link": slow}
    paces = [max(float(np.asarray(c.occupancy_ns)) for c in costs(works, isaac(**machine, layout__chips=n)) if c.macs)
             for n in (3, 4, 8)]  # fmt: skip
    assert paces[0] >= paces[1] >= paces[2]
    assert paces[0] == pytest.approx(paces[2])
