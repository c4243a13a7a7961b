"""ZigZag's accounting: words, energy and cycles of hand-computed mappings, and its laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_cases import ALEXNET, EYERISS_LIKE, K_BY_C, TPU_LIKE

from joulescape.errors import SpecError
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators._mapping.nest import Nest
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves, energy_pj, words
from joulescape.simulators._mapping.zigzag_file import read_zigzag
from joulescape.simulators._mapping.zigzag_latency import Cycles, Transfer, cycles, union


def priced(layer: Layer, hierarchy: Hierarchy, unrolling: Unrolling, nest: Nest) -> tuple[Moves, Cycles]:
    """Words (averaged unrolling) and cycles (whole units) of one nest."""
    spatial = Spatial.of(layer, hierarchy, unrolling)
    average = Moves.of(Frame(spatial, "average"), nest)
    return average, cycles(average, Moves.of(Frame(spatial, "down"), nest))


CASES = {
    "conv1": (
        Nest((("FX", 11), ("FY", 11), ("OY", 9), ("OY", 6), ("OX", 54), ("K", 3)), {"O": (2, 6), "W": (5,), "I": (6,)}),
        {
            "O": [(101616768, 101616768, 839808, 0), (0, 1093, 1093, 0), (0, 34992, 0, 0)],
            "W": [(101616768, 0, 0, 34848), (4356, 0, 0, 0)],
            "I": [(33078, 0, 0, 582), (18649, 0, 0, 0)],
        },
        75_209_037.824,
        (1_058_508, 2_662, 18_649, 2, 33),
    ),
    "conv5": (
        Nest(
            (("C", 6), ("FY", 3), ("FX", 3), ("OY", 12), ("OX", 12), ("K", 4), ("G", 2)),
            {"O": (3, 7), "W": (5,), "I": (7,)},
        ),
        {
            "O": [(63700992, 63700992, 1179648, 0), (0, 144, 144, 0), (0, 4608, 0, 0)],
            "W": [(63700992, 0, 0, 442368), (55296, 0, 0, 0)],
            "I": [(7776, 0, 0, 216), (6912, 0, 0, 0)],
        },
        61_775_684.352,
        (62_208, 0, 6_912, 2, 62),
    ),
    "fc8": (
        Nest((("C", 4), ("C", 4), ("K", 2), ("C", 8), ("K", 4), ("K", 4)), {"O": (2, 6), "W": (3,), "I": (6,)}),
        {
            "O": [(4096000, 4096000, 256000, 256000), (64, 64, 3, 0), (0, 125, 0, 0)],
            "W": [(4096000, 0, 0, 4096000), (512000, 0, 0, 0)],
            "I": [(512, 0, 0, 16), (512, 0, 0, 0)],
        },
        360_248_242.64,
        (4_096, 499_872, 3_968, 125, 62),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_words_energy_and_cycles_by_hand(name: str) -> None:
    nest, expected, energy, parts = CASES[name]
    moves, latency = priced(ALEXNET[name], TPU_LIKE, K_BY_C, nest)
    assert words(moves) == expected
    assert energy_pj(moves) == pytest.approx(energy, rel=1e-12)
    assert (latency.ideal, latency.stall, latency.onload, latency.offload, latency.drain) == parts


def test_fractional_unrolling_on_eyeriss_like() -> None:
    nest = Nest(
        (("FX", 3), ("FY", 3), ("OX", 12), ("K", 384), ("C", 2), ("C", 11)), {"O": (2, 3, 6), "W": (3, 4), "I": (4, 6)}
    )
    unrolling: Unrolling = (("D2", (("OY", 12),)), ("D1", (("C", 12),)))
    moves, latency = priced(ALEXNET["conv3"], EYERISS_LIKE, unrolling, nest)
    assert energy_pj(moves) == pytest.approx(977_698_052, rel=1e-9)
    assert (latency.ideal, latency.stall, latency.onload, latency.offload) == (912_384, 101_374, 4_761, 21)
    assert latency.total == 1_018_540


@given(
    st.lists(st.integers(2, 4), min_size=1, max_size=4),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_union_of_windows_is_what_counting_cycles_says(ratios: list[int], shares: list[float]) -> None:
    periods = np.cumprod(ratios)
    allowed = [int(share * (period - 1)) for share, period in zip(shares, periods, strict=False)]
    whole = int(periods[-1]) * 3
    served = [
        Transfer(("I", 0), "to_low", (0, 0), 1, window, int(period), whole // int(period))
        for window, period in zip(allowed, periods, strict=False)
    ]
    cycle = np.arange(whole)
    counted = np.any([cycle % t.period < t.allowed for t in served], axis=0).sum()
    assert union(served) == counted


def test_a_transfer_with_its_whole_period_covers_everything() -> None:
    served = [
        Transfer(("I", 0), "to_low", (0, 0), 1, 4, 4, 6),
        Transfer(("W", 0), "to_low", (0, 0), 1, 1, 12, 2),
    ]
    assert union(served) == 24


FILE = """
name: one
memories:
  buffer:
    size: 4096
    r_cost: 1.5
    w_cost: 2
    operands: [I1, I2, O]
    ports:
      - {name: p, type: read_write, bandwidth_min: 8, bandwidth_max: 64,
         allocation: ["I1, tl", "I1, fh", "I2, tl", "I2, fh", "O, tl", "O, fl", "O, th", "O, fh"]}
    served_dimensions: [D1]
operational_array: {unit_energy: 0.5, dimensions: [D1], sizes: [4]}
"""


def test_reads_a_hardware_file(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(FILE)
    hierarchy = read_zigzag(path)
    memory = hierarchy.memories[0]
    assert (hierarchy.array.units, memory.size_bits, memory.operands) == (4, 4096, ("O", "W", "I"))
    assert memory.port("W", "from_high").least_bits == 8
    assert memory.access_pj("from_high") == 2.0


def test_refuses_a_file_without_an_array(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text("name: one\nmemories: {}\n")
    with pytest.raises(SpecError, match="operational_array"):
        read_zigzag(path)
