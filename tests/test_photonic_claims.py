"""The page on photonic claims: its tables are what the benchmarks print, and its sentences follow from them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "photonic_claims.md").read_text(encoding="utf-8")


def benchmark(name: str) -> Any:
    """A script of benchmarks/ as a module."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


CLAIMS = benchmark("photonic_claims")
WALL = benchmark("photonic_wall")
readings = pytest.mark.parametrize("reading", CLAIMS.READINGS)
networks = pytest.mark.parametrize("network", CLAIMS.NETWORKS)


@readings
def test_the_tables_of_the_page_are_computed(reading: str) -> None:
    assert CLAIMS.table(reading) in PAGE


@readings
@networks
def test_both_machines_have_one_area_and_the_page_says_which(reading: str, network: str) -> None:
    setting = CLAIMS.Setting(network, reading)
    assert CLAIMS.sizes(setting) in PAGE
    light, rival = (CLAIMS.area(setting, which, "typical") for which in ("light", "rival"))
    assert light == pytest.approx(rival, rel=0.15)


@readings
@networks
def test_the_typical_ratio_lies_between_the_corners(reading: str, network: str) -> None:
    for ratio in CLAIMS.ratios(CLAIMS.Setting(network, reading)).values():
        assert 0 < ratio.low <= ratio.typical <= ratio.high


@networks
def test_sixteen_bit_light_saves_no_energy_at_inference(network: str) -> None:
    found = CLAIMS.ratios(CLAIMS.Setting(network, "as printed"))
    assert found["inference", "energy"].high < 1
    assert found["training", "energy"].high < CLAIMS.CLAIMS["training", "energy"]


@networks
def test_sixteen_bit_light_does_not_close_its_link(network: str) -> None:
    setting = CLAIMS.Setting(network, "as printed")
    machine = CLAIMS.machine(setting, "light", "typical")
    link = machine.own.simulator.limits([], machine.own.settings, None)[0]
    assert link.overshoot > 0.5
    assert "6 bits" in link.reason


def test_inference_of_vgg_follows_in_no_reading_and_at_no_corner() -> None:
    for reading in CLAIMS.READINGS:
        found = CLAIMS.ratios(CLAIMS.Setting("VGG-16", reading))
        for what in ("speed", "efficiency"):
            assert found["inference", what].high < CLAIMS.CLAIMS["inference", what]


def test_at_equal_precision_no_claim_follows_for_vgg() -> None:
    found = CLAIMS.ratios(CLAIMS.Setting("VGG-16", "both at 8 bits"))
    assert all(found[key].high < claim for key, claim in CLAIMS.CLAIMS.items())


def test_the_scalar_host_takes_most_of_what_is_won() -> None:
    found = CLAIMS.ratios(CLAIMS.Setting("LeNet-5", "light at its own bits"))
    assert found["inference", "system speed"].typical < found["inference", "speed"].typical / 10


@pytest.mark.parametrize("name", WALL.PLACES)
def test_the_wall_of_the_page_is_computed(name: str) -> None:
    assert WALL.table(name) in PAGE


def test_bits_cost_light_until_there_is_no_more() -> None:
    """Along one size more bits never cost less, and beyond the first that does not close none does."""
    cells = [WALL.cell("photonic/broadcast_weight", 16, bits) for bits in WALL.BITS]
    costs = [float(cell.split()[0]) for cell in cells if not cell.startswith("only")]
    assert costs == sorted(costs)
    assert [cell.startswith("only") for cell in cells] == [False] * len(costs) + [True] * (len(cells) - len(costs))


@pytest.mark.parametrize("name", WALL.PLACES)
def test_light_is_a_growing_share_of_the_bill(name: str) -> None:
    def share(bits: int) -> float:
        places = dict.fromkeys(WALL.PLACES[name], 8) | {"adc.bits": bits}
        parts = dict(WALL.energy_parts(WALL.load_back_end(ROOT, name, places)))
        return parts["laser"] / sum(parts.values())

    shares = [share(bits) for bits in (3, 4, 5, 6)]
    assert shares == sorted(shares)
