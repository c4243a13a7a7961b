"""Figures of plain products: densities, time at full use, power by component."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulescape.pricing.products import product_figures
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.back_end import Product

ROOT = Path(__file__).resolve().parents[2]
EIE = load_back_end(ROOT, "electronic/eie")
CARD = load_back_end(ROOT, "electronic/gpu_titan_x")


def layer(vectors: int = 1, weights: float = 1.0, inputs: float = 1.0, times: int = 1) -> Product:
    return Product(
        outputs=1024, reduction=512, vectors=vectors, times=times, weight_density=weights, input_density=inputs
    )


def test_zeros_in_a_product_are_skipped_by_a_machine_that_can() -> None:
    whole, sparse = (product_figures(EIE, [layer(weights=w)], 16)["batch_latency_ns"] for w in (1.0, 0.25))
    assert sparse < 0.3 * whole
    seen = product_figures(EIE, [layer(weights=0.25, inputs=0.5)], 16)["batch_latency_ns"]
    assert seen == pytest.approx(0.5 * sparse, rel=0.1)
    assert product_figures(CARD, [layer(inputs=0.25)], 32) == product_figures(CARD, [layer()], 32), "a card cannot"


def test_time_at_full_use_is_work_over_peak() -> None:
    figures = product_figures(CARD, [layer(vectors=64)], 32)
    assert figures["ideal_latency_ns"] == pytest.approx(1024 * 512 * 64 / 3072 / 1.075)
    assert figures["ideal_latency_ns"] < figures["batch_latency_ns"]


def test_powers_of_components_add_up_to_the_chip_s() -> None:
    figures = product_figures(EIE, [layer(weights=0.1, inputs=0.5)], 16)
    parts = [name for name in figures if name.endswith("_power_mw") and name != "sram_power_mw"]
    assert sum(figures[name] for name in parts) == pytest.approx(figures["power_mw"])
    memories = [figures[f"{name}_sram_power_mw"] for name in ("matrix", "pointer", "activation")]
    assert figures["sram_power_mw"] == pytest.approx(sum(memories))
    assert figures["matrix_sram_power_fraction"] == pytest.approx(memories[0] / figures["power_mw"])
    assert not any(name.startswith("off_chip") for name in figures), "memory is off the chip"


def test_a_product_so_often_takes_so_long() -> None:
    once, often = (product_figures(EIE, [layer(weights=0.1, times=times)], 16) for times in (1, 7))
    assert often["batch_latency_ns"] == pytest.approx(7 * once["batch_latency_ns"])
    assert often["power_mw"] == pytest.approx(once["power_mw"])
