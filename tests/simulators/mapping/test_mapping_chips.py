"""The mapper against silicon: Eyeriss (JSSC 2017, Tables III and V), convolutions of AlexNet, batch 4, 200 MHz."""

from __future__ import annotations

import pytest
from mapping_cases import OUTPUT_BINDINGS, WEIGHT_BINDINGS

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.hierarchy import Array, Hierarchy, Memory, Port, bind
from joulescape.simulators._mapping.layer import Layer, Widths
from joulescape.simulators._mapping.mapper import Effort
from joulescape.simulators._mapping.unrolling_search import map_freely

WORD = 16
CHIP = ("rows", "columns")
EYERISS = Hierarchy(
    "eyeriss",
    Array((("rows", 12), ("columns", 14)), 1.0),
    (
        Memory("filter_spad", 448 * 8, 1.0, 1.0, (Port("r", WORD, WORD), Port("w", WORD, WORD)), WEIGHT_BINDINGS),
        Memory("input_spad", 24 * 8, 1.0, 1.0, (Port("r", WORD, WORD), Port("w", WORD, WORD)),
               (("I", "to_low", 0), ("I", "from_high", 1))),
        Memory("sum_spad", 48 * 8, 1.0, 1.0, tuple(Port(str(i), WORD, WORD) for i in range(4)), OUTPUT_BINDINGS),
        Memory("buffer", 100 * 1024 * 8, 6.0, 6.0, (Port("r", 64, WORD), Port("w", 64, WORD)),
               (("I", "to_low", 0), ("I", "from_high", 1), ("O", "to_low", 0), ("O", "to_high", 0),
                ("O", "from_high", 1), ("O", "from_low", 1)), CHIP),
        Memory("dram", 10**12, 200.0, 200.0, (Port("rw", 64, WORD),), bind(("O", "W", "I"), 0), CHIP),
    ),
)  # fmt: skip
"""Scratch pads and global buffer of the chip, access energies relative to a multiply (1, 6, 200)."""

WIDTHS = Widths(WORD, WORD, WORD, WORD)
LAYERS = {
    "conv1": (Loops(B=4, K=96, C=3, OY=55, OX=55, FY=11, FX=11, stride_y=4, stride_x=4), 154, 16.5, 18.5),
    "conv2": (Loops(B=4, G=2, K=128, C=48, OY=27, OX=27, FY=5, FX=5), 135, 39.2, 77.6),
    "conv3": (Loops(B=4, K=384, C=256, OY=13, OX=13, FY=3, FX=3), 156, 21.8, 50.2),
    "conv4": (Loops(B=4, G=2, K=192, C=192, OY=13, OX=13, FY=3, FX=3), 156, 16.0, 37.4),
    "conv5": (Loops(B=4, G=2, K=128, C=192, OY=13, OX=13, FY=3, FX=3), 156, 10.0, 24.9),
}
"""Loops, active processing elements, processing latency in ms, accesses of the global buffer in MB."""


@pytest.mark.parametrize("name", LAYERS)
def test_row_stationary_keeps_as_many_elements_busy_as_the_chip(name: str) -> None:
    loops, active, milliseconds, _ = LAYERS[name]
    found = map_freely(Layer(loops, WIDTHS), EYERISS, "energy", "row_stationary", most_unrollings=1).mapped
    assert abs(found.spatial.used_units - active) <= 3
    assert found.spatial.cycles / 200e3 == pytest.approx(milliseconds, rel=0.2)


@pytest.mark.parametrize("name", ["conv2", "conv3", "conv4", "conv5"])
def test_time_and_buffer_traffic_of_the_chip(name: str) -> None:
    """Predictions. Not met for conv1, whose 4-row stride the model serves with 23 ms and 45 MB of buffer traffic."""
    loops, _, milliseconds, megabytes = LAYERS[name]
    layer, effort = Layer(loops, WIDTHS), Effort(most_mappings=0)
    found = map_freely(layer, EYERISS, "edp", "row_stationary", most_unrollings=4, effort=effort).mapped
    words = found.cost.words_by_memory()
    moved = sum(sum(counts) for (index, _), counts in words.items() if index == 3) * 64 / 8 / 1e6
    assert found.cycles / 200e3 == pytest.approx(milliseconds, rel=0.2)
    assert moved == pytest.approx(megabytes, rel=0.25)


def test_rows_of_the_filter_meet_rows_of_the_output() -> None:
    found = map_freely(Layer(LAYERS["conv3"][0], WIDTHS), EYERISS, "energy", "row_stationary", most_unrollings=1).mapped
    unrolled = dict(found.spatial.granted)
    assert "FY" in dict(unrolled["rows"]) and "OY" in dict(unrolled["columns"])


def test_reuse_keeps_most_accesses_on_the_chip() -> None:
    """The paper's point: less than 1 % of accesses leave the chip; without scratch pads far more would."""
    layer = Layer(LAYERS["conv3"][0], WIDTHS)
    found = map_freely(layer, EYERISS, "energy", "row_stationary", most_unrollings=1).mapped
    words = found.cost.words_by_memory()
    off_chip = sum(sum(counts) for (index, _), counts in words.items() if index == 4) * 64 / WORD
    assert off_chip / layer.macs < 0.01
