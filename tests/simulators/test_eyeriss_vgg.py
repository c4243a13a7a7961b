"""Eyeriss on VGG-16, Table VI of chen2017: that the table hangs together, and where the mapper's nests are others."""

from __future__ import annotations

import pytest
from machine_cases import ROOT

from joulescape import cost
from joulescape.resolve.back_end import load_back_end

CHIP = "electronic/eyeriss"
ROWS = {(row.layer, row.what): row for row in load_back_end(ROOT, CHIP).spec.published if row.workload == "vgg16"}
LAYERS = tuple(dict.fromkeys(str(layer) for layer, _ in ROWS))
BATCH, WORD_BYTES = 3, 2
IN_CHANNELS = dict(zip(LAYERS, (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512), strict=True))
STAGES = {"1": (224, 64, 1), "2": (112, 128, 1), "3": (56, 256, 2), "4": (28, 512, 4), "5": (14, 512, 8)}
"""By first digit of a layer's name: width of the map, filters, channels that the chip adds before a sum leaves."""


def sum_bytes(layer: str) -> float:
    """What the buffer moves of partial sums if each is read and written once for so many channels."""
    width, filters, channels = STAGES[layer[4]]
    return 2 * IN_CHANNELS[layer] / channels * BATCH * filters * width**2 * WORD_BYTES


def printed(layer: str, what: str) -> float:
    return float(ROWS[layer, what].value)


def test_every_convolution_has_its_five_figures() -> None:
    figures = ("batch_latency_ns", "active_units", "power_mw", "buffer_bytes", "off_chip_memory_bytes")
    assert set(ROWS) == {(layer, what) for layer in LAYERS for what in figures}
    assert len(LAYERS) == 13
    assert {row.batch for row in ROWS.values()} == {BATCH}
    assert {row.role for row in ROWS.values()} == {"prediction"}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_buffer_moves_partial_sums_and_little_else(layer: str) -> None:
    assert 0.95 < printed(layer, "buffer_bytes") / sum_bytes(layer) < (1.05 if layer[4] != "5" else 1.2)


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer[4] != "5"])
def test_two_ports_of_the_buffer_set_the_chips_time(layer: str) -> None:
    """64 bits in and 64 bits out a cycle at 200 MHz; the last stage is bound by its elements instead."""
    moving_ns = printed(layer, "buffer_bytes") / (2 * 8 * 0.2)
    assert moving_ns == pytest.approx(printed(layer, "batch_latency_ns"), rel=0.08)


def test_the_tables_totals_hold() -> None:
    """The two figures that the table prints otherwise are what its totals leave."""
    assert sum(printed(layer, "batch_latency_ns") for layer in LAYERS) == pytest.approx(3755.2e6, rel=1e-3)
    assert sum(printed(layer, "buffer_bytes") for layer in LAYERS) == pytest.approx(11035.8e6, rel=1e-3)
    assert sum(printed(layer, "off_chip_memory_bytes") for layer in LAYERS) == pytest.approx(321.1e6, rel=1e-3)
    two = {key for key, row in ROWS.items() if row.confidence == "medium"}
    assert two == {("conv2_2", "batch_latency_ns"), ("conv1_1", "off_chip_memory_bytes")}


def test_the_wider_the_map_the_fewer_sums_pass_the_buffer_in_the_mappers_nest() -> None:
    report = cost("vgg16", CHIP, {"batch": str(BATCH)}, boundary="chip", root=ROOT)
    moved = dict.fromkeys(LAYERS, 0.0)
    for move in report.traffic:
        if move["memory"] == "buffer" and move["layer"] in moved:
            moved[move["layer"]] += move["read_bytes"] + move["write_bytes"]
    shares = [moved[layer] / printed(layer, "buffer_bytes") for layer in ("conv1_2", "conv3_2", "conv4_2", "conv5_2")]
    assert shares == sorted(shares)
    assert shares[0] < 0.25
    assert shares[-1] == pytest.approx(1.0, rel=0.25)
