"""Figures of plain products: the published logs of a photonic stack, device by device, and its memory's share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from joulescape.pricing.products import product_figures
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.back_end import Product, PublishedRow

ROOT = Path(__file__).resolve().parents[2]
LOGGED = {"light.endpoint": "laser"}
VIT = [Product(outputs=768, reduction=768, vectors=392)] + [
    Product(outputs=n, reduction=d, vectors=394, times=12)
    for n, d in ((2304, 768), (768, 768), (3072, 768), (768, 3072))
]
LINES_MW = {"mzm": 2.25 * 1440, "dac": 2.0089 * 1440, "adc": 3.7 * 576 / 3, "tia": 3.0 * 1152 / 3, "pd": 1.1 * 2304,
            "rerouter": 0.275 * 4608, "laser": 1.1772 * 6}  # fmt: skip
"""Counts x powers of the log's devices at 4 b and 5 GHz; converters and amplifiers run every third clock."""


def figures(products: list[Product], name: str = "photonic/lightning_transformer", bits: int = 4) -> dict[str, float]:
    overrides = LOGGED if name == "photonic/lightning_transformer" else {}
    return product_figures(load_back_end(ROOT, name, overrides), products, bits)


def test_the_log_of_a_transformer_device_by_device() -> None:
    """Counts x powers x cycles, without the simulator, and what the log sums up to: 5.967 mJ."""
    cycles = sum(
        p.times * math.ceil(p.outputs / 48) * math.ceil(p.reduction / 12) * math.ceil(p.vectors / 24) for p in VIT
    )
    by_hand = sum(LINES_MW.values()) * cycles / 5.0
    found = figures(VIT)["device_energy_pj"]
    assert found == pytest.approx(by_hand, rel=0.01)
    assert found == pytest.approx(5966552562, rel=0.01)


def test_memory_takes_a_third_here_and_four_fifths_there() -> None:
    """One level of SRAM and HBM at 31 pJ a byte, against three levels and 62.4 pJ (26.0 mJ of memory in the log)."""
    found = figures(VIT)
    assert found["memory_energy_fraction"] == pytest.approx(0.347, abs=0.005)
    assert found["memory_energy_pj"] < 26.02e9 / 5


@pytest.mark.parametrize("name", ["photonic/mzi_mesh", "photonic/broadcast_weight", "electronic/systolic_int8"])
def test_products_of_any_machine_add_up(name: str) -> None:
    one, two = (Product(outputs=32, reduction=64, vectors=10, times=times) for times in (1, 2))
    other = Product(outputs=8, reduction=8, vectors=3)
    single, double, both = (figures(p, name, 8) for p in ([one], [two], [two, other]))
    for what in ("device_energy_pj", "memory_energy_pj", "batch_latency_ns"):
        assert double[what] == pytest.approx(2 * single[what])
        assert both[what] > double[what] > 0
    assert 0 < both["memory_energy_fraction"] < 1


def row(**more: Any) -> PublishedRow:
    plain = {"what": "device_energy_pj", "value": 1.0, "role": "prediction", "source": "yin2025", "where": "a log"}
    return PublishedRow.model_validate({**plain, "products": [{"outputs": 1, "reduction": 1, "vectors": 1}], **more})


def test_products_stand_alone() -> None:
    assert row().products[0].times == 1
    for more in ({"workload": "digits_mlp"}, {"role": "claim", "reason": "none"}):
        with pytest.raises(ValidationError, match="products stand in place of a workload"):
            row(**more)
