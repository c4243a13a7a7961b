"""Winograd's algorithm on the systolic array: products tap by tap, transforms on the vector unit, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from joulescape.network.operators import Loops, Role
from joulescape.network.work import MatrixWork, Operand, OperandFormat
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import LayerCost
from joulescape.simulators.systolic import SystolicSettings, plugin
from joulescape.simulators.systolic.product import product_of
from joulescape.testing import check_simulator, example_context

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = cast(SystolicSettings, load_back_end(ROOT, "electronic/systolic_int8").settings)
ON = SETTINGS.model_copy(update={"winograd": True})


def conv(tile: int, role: Role = "forward", density: float = 1.0) -> MatrixWork:
    """64 channels to 64, 16 x 16 outputs, 3 x 3 taps, 8 bits."""
    loops = Loops(K=64, C=64, OY=16, OX=16, FY=3, FX=3)
    operands = (Operand(size, 8.0, density) for size in (64 * 64 * 9, 64 * 256, 64 * 256))
    form = OperandFormat(transform="winograd" if tile else "none", tile=tile or 1)
    return MatrixWork("conv", role, loops, *operands, format=form)


def cost(work: MatrixWork, settings: SystolicSettings = ON, **changes: Any) -> LayerCost:
    return plugin.cost([work], settings.model_copy(update=changes), example_context())[0]


def energy(found: LayerCost, name: str) -> float:
    return float(sum(part.energy_pj for part in found.energies if part.component.name == name))


def moved(found: LayerCost, memory: str, operand: str) -> tuple[float, float]:
    part = next(t for t in found.traffic if (t.memory, t.operand) == (memory, operand))
    return float(part.read_bytes), float(part.write_bytes)


def test_every_law_holds_with_it_switched_on() -> None:
    check_simulator(plugin, ON)


@pytest.mark.parametrize(("tile", "tiles", "sums"), [(2, 64, (32, 24)), (4, 16, (144 + 60, 100 + 30))])
def test_products_and_transforms_by_hand(tile: int, tiles: int, sums: tuple[int, int]) -> None:
    taps = (tile + 2) ** 2
    product = product_of(conv(tile), ON)
    assert (product.groups, product.positions, product.outputs, product.reduction) == (taps, tiles, 64, 64)
    assert product.macs == taps * tiles * 64 * 64
    assert product.transform_ops == tiles * 64 * (sums[0] + sums[1] + taps)
    assert product.weight_bytes * product.groups == 64 * 64 * taps
    assert product.input_bytes * product.groups == 64 * 256 and product.output_bytes * product.groups == 64 * 256
    found = cost(conv(tile))
    assert found.macs == conv(0).macs
    assert energy(found, "vector_unit") == pytest.approx(product.transform_ops * SETTINGS.vector.op_pj.value)
    assert energy(found, "mac_array") == pytest.approx(product.macs * (0.2 + 0.1))
    assert moved(found, "off_chip_memory", "weight")[0] == 64 * 64 * taps


def test_it_is_as_fast_as_the_vector_unit_transforms() -> None:
    """32 lanes transform longer than the array saves; with 512 the array has the last word again."""
    plain, narrow = cost(conv(0)), cost(conv(4))
    product = product_of(conv(4), ON)
    assert narrow.bound_by == "vector_unit" and narrow.latency_ns == product.transform_ops / 32 / 0.5
    assert narrow.latency_ns > plain.latency_ns
    wide = cost(conv(4), vector=SETTINGS.vector.model_copy(update={"lanes": 512}))
    assert wide.bound_by != "vector_unit" and wide.latency_ns < 0.7 * plain.latency_ns


def test_switched_off_backward_or_in_training_it_is_the_plain_layer() -> None:
    plain = cost(conv(0))
    assert cost(conv(2), SETTINGS) == plain
    gradient = replace(conv(2), role="input_gradient")
    in_training = plugin.cost([conv(2), gradient], ON, example_context())[0]
    assert in_training.latency_ns == plugin.cost([conv(0), gradient], ON, example_context())[0].latency_ns


def test_zeros_of_plain_weights_save_nothing_once_they_are_transformed() -> None:
    half = cost(conv(2, density=0.5), zero_gating=True)
    assert energy(half, "mac_array") == energy(cost(conv(2), zero_gating=True), "mac_array")
    assert energy(cost(conv(0, density=0.5), zero_gating=True), "mac_array") < energy(cost(conv(0)), "mac_array")
