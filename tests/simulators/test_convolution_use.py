"""How stride, 1 x 1 and dense layers under-use machines of vectors, worked out by hand: modelled, not averaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from ring_bank_cases import work

from joulescape.network.operators import Loops
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost
from joulescape.testing.simulators import at_paths

ROOT = Path(__file__).resolve().parents[2]

CONV = {"C": 64, "K": 64, "OY": 16, "OX": 16}


def used(name: str, loops: Loops) -> float:
    """Share of the peak that streaming uses: off-chip memory and the reload of held weights are left out."""
    back_end = load_back_end(ROOT, name, {})
    made = back_end.settings
    if back_end.spec.simulator != "tensor_core":
        count = "mesh.count" if back_end.spec.simulator == "mzi_mesh" else "bank.count"
        response = {"photonic/mzi_mesh": "shifter.thermo_optic.response_ns"}.get(name, "ring.response_ns")
        made = at_paths(made, {f"{response}.value": 0.0, count: 226 if name == "photonic/deap_cnn" else 8})
    context = Context(1, back_end.off_chip.at("typical"), False, first=frozenset(), last=frozenset())
    cost: LayerCost = back_end.simulator.cost([work(loops)], made, context)[0]
    return float(cost.utilisation_fraction)


@pytest.mark.parametrize(
    ("loops", "expected"),
    [
        (Loops(**CONV, FY=3, FX=3), (64 / 72) * (64 / 66) * (16 / 20)),  # 9 groups; 3 channels; 5 of a row's 16
        (Loops(**CONV, FY=3, FX=3, stride_x=2, stride_y=2), (64 / 72) * (64 / 66) * (16 / 6 / 5)),  # 3 of 5 columns
        (Loops(**CONV, FY=3, FX=3, stride_x=5, stride_y=5), (64 / 72) * (64 / 66) / 5),  # 1 of 5
        (Loops(**CONV), (64 / 72) * (64 / 81) / 5),  # 1 x 1: 27 products a unit as a vector, one column
        (Loops(B=256, C=576, K=64), (64 / 72) * (576 / 594) / 5),  # dense: 22 steps of 27, one column
    ],
)
def test_albireo_by_hand(loops: Loops, expected: float) -> None:
    """9 x 3 x 9 x 5 products a clock: outputs on groups, channels on units, taps on rows, positions on columns."""
    assert used("photonic/albireo", loops) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("loops", "expected"),
    [
        (Loops(**CONV, FY=3, FX=3), 1.0),  # a reduction of 576 is 36 x 16, 64 outputs are 4 x 16
        (Loops(C=3, K=64, OY=16, OX=16, FY=3, FX=3), 27 / 32),  # the first layer: 27 of 2 x 16 channels
        (Loops(C=3, K=10, OY=16, OX=16, FY=1, FX=1), (3 / 16) * (10 / 16)),  # eight banks share its positions
        (Loops(G=64, C=1, K=1, OY=16, OX=16, FY=3, FX=3), (9 / 16) / 16),  # depthwise: one row of a bank
    ],
)
@pytest.mark.parametrize("stride", [1, 2])
def test_ring_banks_by_hand(loops: Loops, expected: float, stride: int) -> None:
    """Windows are gathered before they are sent, so a stride asks for fewer of them and leaves nothing idle.

    8 banks of 16 x 16; 16 converters write the 256 rings of a bank in 16 clocks, where not all tiles are held.
    """
    strided = Loops(**{**vars(loops), "stride_x": stride, "stride_y": stride})
    found = used("photonic/broadcast_weight", strided)
    tiles = _tiles(loops, 16)
    rounds, writing, stream = -(-tiles // 8), 0 if tiles <= 8 else 16 * 16 / 16, 256 // max(8 // tiles, 1)
    busy = rounds * stream / (rounds * (stream + writing) + 2)
    assert found == pytest.approx(expected * busy, rel=1e-3)


def _tiles(loops: Loops, size: int) -> int:
    return loops.G * -(-loops.K // size) * -(-loops.reduction // size)


@pytest.mark.parametrize(
    ("loops", "expected"),
    [
        (Loops(B=64, C=113, K=8, OY=6, OX=6, FY=3, FX=3), 1.0),  # its own shape
        (Loops(B=64, C=64, K=8, OY=6, OX=6, FY=3, FX=3), 64 / 113),  # fewer channels: banks idle
        (Loops(B=64, C=113, K=8, OY=6, OX=6), 13 / 113 * (113 / 117)),  # 1 x 1: nine channels on each bank
        (Loops(B=2304, C=256, K=8), 29 / 113 * (256 / 261)),  # dense
    ],
)
def test_deap_cnn_by_hand(loops: Loops, expected: float) -> None:
    """Two teams of 113 banks of 9 rings, one output a clock each: four rounds of 2,304 clocks, 1 clock of writing."""
    assert used("photonic/deap_cnn", loops) == pytest.approx(expected * 4 * 2304 / (4 * 2305 + 2), rel=1e-3)


@pytest.mark.parametrize(
    ("loops", "expected"),
    [
        (Loops(B=4096, C=64, K=64), 1.0),
        (Loops(B=4096, C=27, K=8), 27 / 32 / 2),  # 4 meshes of eight
        (Loops(B=4096, C=3, K=3), 9 / 64 / 8),  # one mesh, three of eight ports on both sides
    ],
)
def test_meshes_by_hand(loops: Loops, expected: float) -> None:
    """8 meshes of 8 x 8; 136 phases by 8 converters take 17 clocks a tile."""
    rounds = -(-_tiles(loops, 8) // 8)
    held = _tiles(loops, 8) <= 8
    busy = rounds * 4096 / (rounds * (4096 + (0 if held else 17)))
    assert used("photonic/mzi_mesh", loops) == pytest.approx(expected * busy, rel=2e-3)


@pytest.mark.parametrize(
    ("loops", "expected"),
    [
        (Loops(B=2400, K=48, C=144), 1.0),
        (Loops(B=2400, K=10, C=144), 10 / 48),  # few outputs
        (Loops(B=2400, K=48, C=25), 25 / 36),  # 25 of 3 x 12 wavelengths
        (Loops(B=1, K=48, C=14400), 1 / 24),  # one vector: one of 24 columns
    ],
)
def test_the_lightning_transformer_by_hand(loops: Loops, expected: float) -> None:
    clocks = -(-loops.K // 48) * -(-loops.reduction // 12) * -(-loops.positions // 24)
    assert used("photonic/lightning_transformer", loops) == pytest.approx(expected * clocks / (clocks + 2), rel=1e-6)
