"""Figures of plain matrix products, for sources that print sizes and energies but no network.

Every product runs by itself, each as often as listed, with all its bytes across the chip's edge where they do not fit;
power that flows all the time is charged for the time that the products take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.resolve.back_end import BackEnd
from joulescape.simulators.base import Context, LayerCost
from joulescape.spec.back_end import Product
from joulescape.units import BITS_PER_BYTE

MEMORIES = frozenset({"sram", "sram_leakage", "off_chip_memory"})
LOGIC = frozenset({"accumulator"})


def product_figures(back_end: BackEnd, products: Sequence[Product], bits: int) -> dict[str, float]:
    """Energy of the devices (neither memory nor adders), of memory, its share of both; the time, that at full use, and
    the mean power of the chip and of each of its components with what leaks there, `sram` being all of that name."""
    stored = sum(p.outputs * p.reduction * p.times for p in products) * bits / BITS_PER_BYTE
    devices = memory = time_ns = ideal_ns = 0.0
    spent: dict[str, float] = {}
    for product in products:
        cost, parts = _bill(back_end, product, bits, stored)
        latency_ns = float(np.max(cost.latency_ns))
        for name, energy in parts:
            spent[name] = spent.get(name, 0.0) + product.times * energy
            memory += product.times * energy if name in MEMORIES else 0.0
            devices += 0.0 if name in MEMORIES | LOGIC else product.times * energy
        time_ns += product.times * latency_ns
        ideal_ns += product.times * latency_ns * float(np.max(cost.utilisation_fraction))
    return {
        "device_energy_pj": devices,
        "memory_energy_pj": memory,
        "memory_energy_fraction": memory / (devices + memory),
        "batch_latency_ns": time_ns,
        "ideal_latency_ns": ideal_ns,
        **_powers(spent, time_ns),
    }


def _powers(spent: Mapping[str, float], time_ns: float) -> dict[str, float]:
    """Mean power in the chip, by component."""
    inside = {name: energy / time_ns for name, energy in spent.items() if name != "off_chip_memory"}
    found: dict[str, float] = {}
    for name, power in inside.items():
        part = name.removesuffix("_leakage")
        found[part] = found.get(part, 0.0) + power
    found["sram"] = sum(power for name, power in found.items() if name.endswith("sram"))
    total = sum(inside.values())
    return {
        "power_mw": total,
        **{f"{name}_power_mw": power for name, power in found.items()},
        **{f"{name}_power_fraction": power / total for name, power in found.items()},
    }


def _bill(back_end: BackEnd, product: Product, bits: int, stored: float) -> tuple[LayerCost, list[tuple[str, float]]]:
    """Cost of one product, and pJ by part."""
    work = MatrixWork(
        "product", "forward", Loops(B=product.vectors, K=product.outputs, C=product.reduction),
        _sparse(product.outputs * product.reduction, bits, product.weight_density),
        replace(_sparse(product.reduction * product.vectors, bits, product.input_density), is_signed=False),
        Operand(product.outputs * product.vectors, bits),
    )  # fmt: skip
    edge = frozenset({"product"})
    context = Context(1, back_end.off_chip.at("typical"), True, first=edge, last=edge, resident_bytes=stored)
    cost = back_end.simulator.cost([work], back_end.settings, context)[0]
    dynamic = [(part.component.name, float(np.max(part.energy_pj))) for part in cost.energies]
    return cost, [*dynamic, *_standing(back_end, float(np.max(cost.latency_ns)))]


def _sparse(elements: int, bits: int, density: float) -> Operand:
    return Operand(elements, bits, density, "unstructured" if density < 1 else "dense")


def _standing(back_end: BackEnd, latency_ns: float) -> Iterator[tuple[str, float]]:
    for power in back_end.simulator.static_power(back_end.settings):
        yield power.component.name, float(np.max(power.power_mw)) * latency_ns
