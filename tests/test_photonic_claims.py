"""The page on photonic claims: its tables are what the benchmarks print, and its sentences follow from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark_scripts import benchmark
from joulescape.pricing.claims import claimed

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "photonic_claims.md").read_text(encoding="utf-8")


benchmark("claim_networks")
CLAIMS = benchmark("photonic_claims")
readings = pytest.mark.parametrize("reading", CLAIMS.READINGS)
networks = pytest.mark.parametrize("network", CLAIMS.NETWORKS)
rivals = pytest.mark.parametrize("rival", CLAIMS.RIVALS)


@readings
def test_the_tables_of_the_page_are_computed(reading: str) -> None:
    assert CLAIMS.table(reading) in PAGE
    assert CLAIMS.sizes(reading) in PAGE


@readings
@networks
@rivals
def test_both_machines_have_one_area(reading: str, network: str, rival: str) -> None:
    setting = CLAIMS.Setting(network, reading, rival)
    light, memristors = (CLAIMS.area(setting, which, "typical") for which in ("light", "rival"))
    assert light == pytest.approx(memristors, rel=0.1)


@networks
@rivals
def test_a_rival_has_the_tiles_of_its_chip_unless_a_step_needs_more(network: str, rival: str) -> None:
    setting = CLAIMS.Setting(network, CLAIMS.EQUAL, rival)
    printed = {"ISAAC": 168, "PipeLayer": 75}[rival]
    tiles = CLAIMS.rival_tiles(setting)
    assert tiles >= printed
    for phase in CLAIMS.PHASES:
        share = CLAIMS.rival_share(setting, phase)
        assert CLAIMS._tiles_needed(setting, share, phase) <= tiles
        limits = CLAIMS.machine(setting, "rival", "typical", phase).limits(
            setting.described(), CLAIMS._work(setting, phase)
        )
        assert all(float(limit.overshoot) <= 1e-9 for limit in limits)


@readings
@networks
@rivals
def test_the_typical_ratio_lies_between_the_corners(reading: str, network: str, rival: str) -> None:
    for ratio in CLAIMS.ratios(CLAIMS.Setting(network, reading, rival)).values():
        assert 0 < ratio.low <= ratio.typical <= ratio.high


@networks
@rivals
def test_sixteen_bit_light_saves_no_energy(network: str, rival: str) -> None:
    found = CLAIMS.ratios(CLAIMS.Setting(network, "as printed", rival))
    assert 1 / 28 < found["inference", "energy"].typical < 1 / 2
    assert found["inference", "energy"].high < 2
    claim, training = CLAIMS.CLAIMS["training", "energy"], found["training", "energy"]
    assert training.typical < claim / 10
    follows_somewhere = (network, rival) == ("LeNet-5", "ISAAC")  # where a pulse takes the 10 pJ of the upper end
    assert (training.high >= claim) is follows_somewhere


@networks
def test_sixteen_bit_light_does_not_close_its_link(network: str) -> None:
    setting = CLAIMS.Setting(network, "as printed", "ISAAC")
    machine = CLAIMS.machine(setting, "light", "typical")
    link = machine.own.simulator.limits([], machine.own.settings, None)[0]
    assert link.overshoot > 0.5
    assert "6 bits" in link.reason


@readings
@networks
@rivals
def test_inference_follows_nowhere_in_speed_and_density(reading: str, network: str, rival: str) -> None:
    found = CLAIMS.ratios(CLAIMS.Setting(network, reading, rival))
    for what in ("speed", "efficiency"):
        assert found["inference", what].high < CLAIMS.CLAIMS["inference", what]
    assert found["inference", "energy"].typical < CLAIMS.CLAIMS["inference", "energy"]


@readings
@networks
@rivals
def test_no_speed_of_a_system_follows(reading: str, network: str, rival: str) -> None:
    found = CLAIMS.ratios(CLAIMS.Setting(network, reading, rival))
    for phase in CLAIMS.PHASES:
        assert found[phase, "system speed"].high < CLAIMS.CLAIMS[phase, "speed"]
    assert found["inference", "system speed"].high < 1


def test_memory_sets_the_pace_of_light_at_inference() -> None:
    """Images already on the chip: light at its own bits is then faster than claimed, at one precision it is not."""
    for reading, follows in ((CLAIMS.EQUAL, False), ("light at its own bits", True)):
        found = CLAIMS.ratios(CLAIMS.Setting("LeNet-5", reading, "ISAAC"))["inference", "on-chip speed"]
        assert (found.low >= 29) is (found.high >= 29) is follows
    vgg = {
        r: CLAIMS.ratios(CLAIMS.Setting("VGG-16", CLAIMS.EQUAL, r))["inference", "on-chip speed"] for r in CLAIMS.RIVALS
    }
    assert vgg["ISAAC"].typical == pytest.approx(1.9, abs=0.05)
    assert vgg["PipeLayer"].high < 1


def test_shared_positions_halve_the_time_of_lenet_at_inference() -> None:
    setting = CLAIMS.Setting("LeNet-5", CLAIMS.EQUAL, "ISAAC")
    alone = CLAIMS._machine(CLAIMS.LIGHT, {"bank.count": 9, "bank.shares_positions": False}, "typical")
    pace = CLAIMS.bill(setting, "rival", "typical", "inference").own_ns
    assert pace / CLAIMS._bill(setting, alone, "inference").own_ns == pytest.approx(4.5, abs=0.05)


def test_neither_side_pays_for_rectifiers_in_the_first_rows() -> None:
    """Layers with weights only: taking the others out of the network leaves their bills as they are."""
    for which in ("light", "rival"):
        found = CLAIMS.bill(CLAIMS.Setting("LeNet-5", CLAIMS.EQUAL, "ISAAC"), which, "typical", "inference")
        assert found.own_ns <= found.system_ns and found.own_pj < found.system_pj
    assert found.own_ns == found.system_ns, "a rectifier is never the slowest of ISAAC's pipeline"


@networks
def test_in_training_light_keeps_little_of_a_system(network: str) -> None:
    found = CLAIMS.ratios(CLAIMS.Setting(network, CLAIMS.EQUAL, "PipeLayer"))["training", "system speed"].typical
    assert found == pytest.approx({"LeNet-5": 0.8, "VGG-16": 1.7}[network], abs=0.05)


@networks
def test_at_one_precision_no_speed_follows_against_a_rival_made_for_training(network: str) -> None:
    found = CLAIMS.ratios(CLAIMS.Setting(network, CLAIMS.EQUAL, "PipeLayer"))
    for what in ("speed", "efficiency"):
        assert found["training", what].high < CLAIMS.CLAIMS["training", what]


@networks
def test_training_energy_follows_against_cells_that_take_nanojoules_to_write(network: str) -> None:
    """And not against the same machine where a write spike sets a row of cells: the optimistic corner."""
    found = CLAIMS.ratios(CLAIMS.Setting(network, CLAIMS.EQUAL, "PipeLayer"))["training", "energy"]
    assert found.low < 1 < CLAIMS.CLAIMS["training", "energy"] < found.typical
    setting = CLAIMS.Setting(network, CLAIMS.EQUAL, "PipeLayer")
    light = CLAIMS.bill(setting, "light", "typical", "training")
    cheap = CLAIMS.bill(setting, "rival", "optimistic", "training")
    assert cheap.own_pj / light.own_pj == pytest.approx({"LeNet-5": 1.1, "VGG-16": 0.52}[network], abs=0.05)


def test_inference_at_full_pace_wears_buffers_out_in_minutes() -> None:
    """Two samples deep: a cell is written every second inference."""
    setting = CLAIMS.Setting("VGG-16", CLAIMS.EQUAL, "PipeLayer")
    pace_ns = CLAIMS.bill(setting, "rival", "typical", "inference").own_ns / CLAIMS.BATCH
    assert pace_ns == pytest.approx(3800, rel=0.05)
    endurance = CLAIMS.machine(setting, "rival", "typical").own.settings.cell.writing.endurance_writes.value
    assert 2 * endurance * pace_ns / 60e9 == pytest.approx(12, rel=0.1)


def test_nothing_follows_for_vgg_against_isaac_at_one_precision() -> None:
    found = CLAIMS.ratios(CLAIMS.Setting("VGG-16", CLAIMS.EQUAL, "ISAAC"))
    assert all(found[key].high < claim for key, claim in CLAIMS.CLAIMS.items())


def test_the_lights_host_takes_most_of_its_time() -> None:
    """Rectifiers and pooling of a batch, over what the banks take."""
    bill = CLAIMS.bill(CLAIMS.Setting("LeNet-5", CLAIMS.EQUAL, "ISAAC"), "light", "typical", "inference")
    assert bill.system_ns / bill.own_ns - 1 == pytest.approx(124, rel=0.02)


SHELF = [row for row in CLAIMS._back_end(CLAIMS.LIGHT, ()).spec.published if row.role == "claim" and row.against]


@pytest.mark.parametrize("row", SHELF, ids=lambda row: f"{row.what}-{row.against}")
def test_rows_of_the_shelf_are_the_systems_of_the_page(row: Any) -> None:
    rival = next(name for name, path in CLAIMS.RIVALS.items() if path == row.against)
    setting, phase = CLAIMS.Setting("LeNet-5", "light at its own bits", rival), row.what.split("_")[0]
    ours = CLAIMS.machine(setting, "light", "typical", phase).own.settings
    theirs = CLAIMS.machine(setting, "rival", "typical", phase).own.settings
    assert row.overrides == {"bank.count": ours.bank.count}
    assert row.against_overrides["tiles"] == theirs.tiles
    assert row.against_overrides["positions_per_copy"] == theirs.positions_per_copy
    what = row.what.split("_")[1]
    if what != "efficiency":
        page = CLAIMS.ratios(setting)[phase, f"system {what}"].typical
        assert claimed(ROOT, CLAIMS.LIGHT, row).typical == pytest.approx(page, rel=1 / 6)


@pytest.mark.parametrize(
    ("low", "typical", "high", "said"),
    [(30, 40, 50, "always"), (10, 40, 50, "yes"), (10, 20, 50, "best corners"), (10, 20, 29, "no")],
)
def test_words_for_what_follows(low: float, typical: float, high: float, said: str) -> None:
    assert CLAIMS.follows(30.0, CLAIMS.Ratio(typical, low, high)) == said
