"""Electronic parts of the shelf: orders that any of them must keep, and figures of the literature."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from joulescape import cost
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators._electronics import KINDS, Edram, Mac, Noc, RegisterFile
from joulescape.simulators._sram import SramTable
from joulescape.simulators.base import OffChip, Quantity
from joulescape.spec.sourced import Sourced, at_corner

ROOT = Path(__file__).resolve().parents[2]
SHELF = ROOT / "hwlib" / "components" / "electronic"
capacities = st.integers(1024, 32 << 20)
widths = st.integers(4, 32)


@cache
def part(name: str) -> Any:
    """A part of the shelf as the shape of its kind."""
    raw = yaml.safe_load((SHELF / f"{name}.yaml").read_text(encoding="utf-8"))
    return KINDS[raw["kind"]].model_validate(raw["parameters"])


def number(quantity: Quantity) -> float:
    return float(quantity)


@pytest.mark.parametrize(
    ("name", "bits", "sum_bits", "energy"),
    [
        ("mac_45nm", 8, 32, 0.3),
        ("mac_45nm", 32, 32, 3.2),
        ("mac_float_45nm", 16, 32, 2.0),
        ("mac_float_45nm", 32, 32, 4.6),
        ("mac_7nm", 8, 32, 0.1),
    ],
)
def test_a_multiply_and_add_of_the_tables(name: str, bits: int, sum_bits: int, energy: float) -> None:
    mac: Mac = part(name)
    assert mac.mac_pj(bits, sum_bits) == pytest.approx(energy)


@given(bits=widths)
def test_an_integer_product_costs_about_the_square_of_its_bits(bits: int) -> None:
    mac: Mac = part("mac_45nm")
    one, two = (number(mac.mac_pj(width, 32)) - number(mac.mac_pj(8, 32)) + 0.2 for width in (bits, 2 * bits))
    assert 3.5 < two / one < 4.5
    assert mac.mac_pj(bits) <= mac.mac_pj(bits + 1)
    assert mac.mac_mm2(bits) < mac.mac_mm2(bits + 1)
    assert mac.mac_pj(bits, 16) < mac.mac_pj(bits, 32)


def test_floating_point_costs_more_than_integers_of_the_same_bits() -> None:
    for node in ("45nm", "7nm"):
        integer, floating = part(f"mac_{node}"), part(f"mac_float_{node}")
        assert floating.mac_pj(16, 16) > 1.4 * integer.mac_pj(16, 16)
    assert part("mac_7nm").mac_pj(8, 32) < part("mac_45nm").mac_pj(8, 32) / 2


def test_a_pad_in_a_unit_costs_less_than_a_buffer_outside() -> None:
    """The hierarchy's point, at 65 nm: 24 bytes < 384 bytes < 8 KiB < 128 KiB, for the same 16 bits."""
    pad: RegisterFile = part("register_file_65nm")
    sram: SramTable = part("sram_65nm")
    small, large = (pad.word_pj(size)[0] for size in (24, 384))
    near, far = (sram.read_pj_per_byte(size) * 2 for size in (128 << 10, 1 << 20))
    assert small < large < near < far
    assert (small, large) == pytest.approx((0.2024, 1.9766))
    assert pad.area(448) == pytest.approx(448 * 8 * 13.156e-6)
    assert pad.leakage(448) == 2 * pad.leakage(224)


@given(a=capacities, b=capacities)
def test_sram_energy_falls_with_the_node_and_rises_with_capacity(a: int, b: int) -> None:
    tables = [part(name) for name in ("sram_90nm", "sram_65nm", "sram_45nm", "sram_32nm", "sram_22nm")]
    energies = [number(table.read_pj_per_byte(a)) for table in tables]
    assert energies == sorted(energies, reverse=True)
    assert [table.node_nm for table in tables] == [90, 65, 45, 32, 22]
    small, large = min(a, b), max(a, b)
    for table in tables:
        assert table.area(small) <= table.area(large) * (1 + 1e-12)


def test_fast_cells_leak_more_and_read_dearer() -> None:
    for node in ("65nm", "45nm"):
        slow, fast = part(f"sram_{node}"), part(f"sram_{node}_hp")
        assert fast.leakage(1 << 16) > 20 * slow.leakage(1 << 16)
        assert fast.word_read_pj(1 << 16) > slow.word_read_pj(1 << 16)


def test_fast_cells_lie_below_the_table_of_horowitz_by_less_than_two() -> None:
    """5.3, 14.9, 67.7 pJ for 8 KiB, 32 KiB, 1 MiB at 45 nm beside 10, 20, 100."""
    table: SramTable = part("sram_45nm_hp")
    for size, published in ((8 << 10, 10), (32 << 10, 20), (1 << 20, 100)):
        assert published / 2 < table.word_read_pj(size) < published


@given(capacity=capacities)
def test_refresh_grows_with_capacity_and_falls_with_retention(capacity: int) -> None:
    edram: Edram = part("edram_32nm")
    assert edram.refresh_mw(2 * capacity) == pytest.approx(2 * number(edram.refresh_mw(capacity)))
    worst, best = at_corner(edram, "pessimistic"), at_corner(edram, "optimistic")
    assert best.refresh_mw(capacity) < edram.refresh_mw(capacity) < worst.refresh_mw(capacity)
    assert worst.retention_us.value < edram.retention_us.value


def test_embedded_dram_is_denser_than_sram_and_never_rests() -> None:
    edram, sram = part("edram_32nm"), part("sram_32nm")
    assert edram.area(4 << 20) < sram.area(4 << 20)
    assert edram.refresh_mw(1 << 20) == pytest.approx(5.03, rel=0.01)
    raw = edram.model_dump()
    with pytest.raises(ValidationError, match="retention_us must be positive"):
        Edram.model_validate({**raw, "retention_us": {**raw["retention_us"], "value": 0.0, "low": 0.0}})


@given(bits=st.floats(0, 1e9), hops=st.integers(0, 10))
def test_a_network_is_paid_by_the_bit_and_the_hop(bits: float, hops: int) -> None:
    noc: Noc = part("noc_45nm")
    assert noc.moved_pj(bits, hops) == pytest.approx(bits * hops * 2.5)
    assert noc.moved_pj(bits, hops + 1) >= noc.moved_pj(bits, hops)
    assert noc.moved_pj(16, 1) == pytest.approx(40)
    assert part("bus_65nm").moved_pj(16, 1) == pytest.approx(4)
    assert noc.wired_pj(bits, 2.0) == pytest.approx(2 * number(noc.wired_pj(bits, 1.0)))


def test_a_table_without_energy_is_refused() -> None:
    raw = part("mac_45nm").model_dump()
    raw["add_pj"][8]["value"] = raw["add_pj"][8]["low"] = 0.0
    with pytest.raises(ValidationError, match="must be positive"):
        Mac.model_validate(raw)


def test_what_a_memory_draws_at_rest_is_billed_to_the_system_for_the_whole_time() -> None:
    machine = load_back_end(ROOT, "electronic/eyeriss").machine("system")
    drawn = Sourced(value=1500.0, low=700.0, high=2500.0, basis="assumed", source="malladi2012", where="a module")
    resting: OffChip = replace(machine.off_chip, standby_mw=drawn)
    assert machine.off_chip.standing() == ()
    (power,) = resting.standing()
    assert (power.component.name, power.component.scope, power.power_mw) == ("off_chip_memory_standby", "system", 1500)


def test_only_a_memory_that_says_so_draws_power_at_rest(tmp_path: Path) -> None:
    raw = (ROOT / "hwlib/electronic/eyeriss.yaml").read_text(encoding="utf-8")
    for folder in ("hwlib/components", "hwlib/references.bib", "models"):
        (tmp_path / folder).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / "hwlib/electronic").mkdir()
    (tmp_path / "hwlib/electronic/scalar_core.yaml").symlink_to(ROOT / "hwlib/electronic/scalar_core.yaml")
    (tmp_path / "hwlib/electronic/eyeriss.yaml").write_text(raw.replace("off_chip: ddr3", "off_chip: ddr3_module"))

    def resting_pj(boundary: str, root: Path) -> tuple[float, float]:
        found = cost("lenet5", "electronic/eyeriss", root=root, boundary=boundary)
        parts = (row["energy_pj"] for row in found.energy if row["component"] == "off_chip_memory_standby")
        return float(sum(parts)), float(found.totals["inference_latency_ns"] or 0.0)

    energy, time_ns = resting_pj("system", tmp_path)
    assert energy == pytest.approx(1500 * time_ns)
    assert resting_pj("chip", tmp_path)[0] == 0
    assert resting_pj("system", ROOT)[0] == 0
