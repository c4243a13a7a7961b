"""Figures of plain matrix products, for sources that print sizes and energies but no network.

Every product runs by itself, each as often as listed, with all its bytes across the chip's edge where they do not fit;
power that flows all the time is charged for the time that the products take.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.resolve.back_end import BackEnd
from joulescape.simulators.base import Context
from joulescape.spec.back_end import Product
from joulescape.units import BITS_PER_BYTE

MEMORIES = frozenset({"sram", "sram_leakage", "off_chip_memory"})
LOGIC = frozenset({"accumulator"})


def product_figures(back_end: BackEnd, products: Sequence[Product], bits: int) -> dict[str, float]:
    """Energy of the devices (neither memory nor adders), of memory, its share of both, and the time."""
    stored = sum(p.outputs * p.reduction * p.times for p in products) * bits / BITS_PER_BYTE
    devices = memory = time_ns = 0.0
    for product in products:
        latency_ns, parts = _bill(back_end, product, bits, stored)
        for name, energy in parts:
            memory += product.times * energy if name in MEMORIES else 0.0
            devices += 0.0 if name in MEMORIES | LOGIC else product.times * energy
        time_ns += product.times * latency_ns
    return {
        "device_energy_pj": devices,
        "memory_energy_pj": memory,
        "memory_energy_fraction": memory / (devices + memory),
        "batch_latency_ns": time_ns,
    }


def _bill(back_end: BackEnd, product: Product, bits: int, stored: float) -> tuple[float, list[tuple[str, float]]]:
    """Time and pJ by part of one product."""
    work = MatrixWork(
        "product", "forward", Loops(B=product.vectors, K=product.outputs, C=product.reduction),
        Operand(product.outputs * product.reduction, bits),
        Operand(product.reduction * product.vectors, bits, is_signed=False),
        Operand(product.outputs * product.vectors, bits),
    )  # fmt: skip
    edge = frozenset({"product"})
    context = Context(1, back_end.off_chip.at("typical"), True, first=edge, last=edge, resident_bytes=stored)
    cost = back_end.simulator.cost([work], back_end.settings, context)[0]
    latency_ns = float(np.max(cost.latency_ns))
    dynamic = [(part.component.name, float(np.max(part.energy_pj))) for part in cost.energies]
    return latency_ns, [*dynamic, *_standing(back_end, latency_ns)]


def _standing(back_end: BackEnd, latency_ns: float) -> Iterator[tuple[str, float]]:
    for power in back_end.simulator.static_power(back_end.settings):
        yield power.component.name, float(np.max(power.power_mw)) * latency_ns
