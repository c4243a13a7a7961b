"""The first TPU: an upper bound near the published rates, and what its weight FIFO, its array and a batch are worth."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from machine_cases import ROOT, case, number, product

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import check_variants

TPU = case("electronic/tpu_v1")
RATES = {"tpu_mlp0": (200, 12.3), "tpu_lstm0": (64, 3.7), "tpu_cnn0": (8, 86.0)}
"""Batch, and TeraOps/s of Table 3 (jouppi2017)."""
PEAK = 91.75
DDR3_GBYTES = 34.0


@cache
def report(network: str, batch: int, **sets: Any) -> Any:
    changes = {f"hardware.{name.replace('__', '.')}": value for name, value in sets.items()}
    return cost(network, "electronic/tpu_v1", {"batch": str(batch), **changes}, root=ROOT)


def tops(network: str, batch: int, **sets: Any) -> float:
    found = report(network, batch, **sets)
    return float(2 * sum(one["macs"] for one in found.layers) / max(one["end_ns"] for one in found.layers) / 1e3)


@pytest.mark.parametrize("network", RATES)
def test_the_model_is_an_upper_bound_within_a_fifth(network: str) -> None:
    batch, published = RATES[network]
    assert published <= tops(network, batch) <= 1.2 * published


@pytest.mark.parametrize("network", RATES)
def test_nothing_is_above_the_roofline(network: str) -> None:
    batch, _ = RATES[network]
    found = report(network, batch)
    macs = sum(one["macs"] for one in found.layers)
    fetched = [move for move in found.traffic if move["memory"] == "off_chip_memory" and move["operand"] == "weight"]
    weights = sum(move["read_bytes"] for move in fetched)
    assert tops(network, batch) <= min(PEAK * 1.0001, 2 * macs / weights * DDR3_GBYTES / 1e3)


@pytest.mark.parametrize("network", ["tpu_mlp0", "tpu_lstm0"])
def test_matrices_wait_for_their_weights_and_a_faster_clock_does_not_help(network: str) -> None:
    batch, _ = RATES[network]
    bounds = {one["bound_by"] for one in report(network, batch).layers if one["macs"]}
    assert bounds == {"off_chip_memory"}
    assert tops(network, batch, clock_ghz="1.4") == pytest.approx(tops(network, batch), rel=1e-9)


def test_convolutions_are_bound_by_the_array_and_a_faster_clock_helps() -> None:
    bounds = [one["bound_by"] for one in report("tpu_cnn0", 8).layers if one["macs"]]
    assert bounds.count("array") >= 14
    assert tops("tpu_cnn0", 8, clock_ghz="0.35") == pytest.approx(tops("tpu_cnn0", 8) / 2, rel=0.03)


def test_a_batch_shares_what_weights_cost_until_the_array_is_full() -> None:
    """Rates rise with the batch as the roofline does: in proportion left of the ridge of 1350 multiplies a byte."""
    rates = [tops("tpu_mlp0", batch) for batch in (1, 8, 64, 200)]
    assert rates == sorted(rates)
    assert rates[2] / rates[1] == pytest.approx(8, rel=0.05)
    assert rates[1] / rates[0] == pytest.approx(8, rel=0.05)


@pytest.mark.parametrize(("network", "least", "most"), [
    ("tpu_mlp0", 0.70, 0.80), ("tpu_lstm0", 0.70, 0.85), ("tpu_cnn0", 0.4, 0.6),
])  # fmt: skip
def test_without_the_weight_fifo_the_array_waits(network: str, least: float, most: float) -> None:
    """Shifting a tile in and fetching it no longer hide: in Table 3 both together take longer than the matrix unit."""
    batch, _ = RATES[network]
    share = tops(network, batch, double_buffering="false") / tops(network, batch)
    assert least < share < most


def test_a_wider_memory_speeds_up_what_waits_for_it() -> None:
    """The paper: four times the bandwidth is worth about three times on average; here, on the two that wait for it."""
    context = example_context(200)
    ddr3 = context.off_chip.bandwidth_gbps.model_copy(update={"value": 8 * DDR3_GBYTES})
    gddr5 = context.off_chip.bandwidth_gbps.model_copy(update={"value": 32 * DDR3_GBYTES})
    times = []
    for speed in (ddr3, gddr5):
        memory = type(context.off_chip)("m", context.off_chip.read_pj_per_bit, context.off_chip.write_pj_per_bit, speed)
        machine = type(context)(200, memory, True)
        times.append(number(TPU.cost(product(Loops(B=200, K=2000, C=2000)), context=machine)[0].latency_ns))
    assert 3 < times[0] / times[1] <= 4


@pytest.mark.parametrize("depth", [64, 128, 256])
def test_a_deeper_array_takes_longer_to_fill_and_fewer_tiles(depth: int) -> None:
    loops = Loops(B=1, K=depth, C=depth, OY=40, OX=40)
    plain = TPU.at({"array.rows": depth, "array.columns": depth})
    (found,) = plain.cost(product(loops), context=type(example_context())(1, example_context().off_chip, False))
    assert number(found.latency_ns) * 0.7 == pytest.approx(1600 + 3 * depth - 2)


def test_switching_double_buffering_is_a_variant_like_any_other() -> None:
    swept: dict[str, Any] = {"double_buffering": [True, False, True], "array.rows": [256, 128, 64]}
    check_variants(TPU.simulator, TPU.settings, [product(Loops(B=64, K=512, C=512))], swept)


def test_element_wise_work_runs_beside_the_products() -> None:
    found = report("tpu_cnn0", 8)
    starts = {one["layer"]: one["start_ns"] for one in found.layers}
    assert starts["relu3"] == starts["conv3"]
    alone = tops("tpu_cnn0", 8)
    after = cost("tpu_cnn0", "electronic/systolic_int8", {"batch": "8"}, root=ROOT)
    assert all(one["start_ns"] >= before["end_ns"] for before, one in zip(after.layers, after.layers[1:], strict=False))
    assert alone > 86


def test_it_infers_and_does_not_train() -> None:
    from joulescape.network.operators import ROLES
    from joulescape.testing.examples import example_graph

    graph = example_graph()
    asked = [(operator, role) for operator in graph.operators for role in ROLES]
    assert {role for operator, role in asked if TPU.simulator.takes(operator, role, TPU.settings)} == {"forward"}
    assert {role for _, role in TPU.simulator.errors(graph, {}, TPU.settings)} == {"forward"}
