"""Demonstrated arrays with the errors of their entries: a cosine transform of digits, letters on 12 x 12 cells."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest
import torch

from benchmark_scripts import benchmark
from joulescape.accuracy.datasets import load_task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "array_demonstrations.md").read_text(encoding="utf-8")


ARRAYS = benchmark("array_demonstrations")
BLOCKS = ARRAYS.blocks_of(load_task("digits").test.images)


def test_the_transform_is_orthonormal_and_its_inverse_exact() -> None:
    matrix = ARRAYS.cosine_matrix()
    assert torch.allclose(matrix @ matrix.T, torch.eye(64), atol=1e-5)
    assert ARRAYS.ideal_psnr_db(BLOCKS, 64) > 100 > ARRAYS.ideal_psnr_db(BLOCKS, 20)


@pytest.mark.parametrize("label", ARRAYS.PRECISIONS)
def test_decibels_of_the_page_are_what_the_crossbar_gives(label: str) -> None:
    spec = ARRAYS.transform_spec(ARRAYS.PRECISIONS[label])
    found = fmean(ARRAYS.psnr_db(BLOCKS, spec, draw) for draw in range(ARRAYS.CHIPS))
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| {label} |")]
    assert float(line.split("|")[4]) == pytest.approx(found, abs=0.15)


def test_wires_cells_and_converters_each_cost_decibels() -> None:
    """Two more bits at the output are worth twelve decibels, as long as the converter decides."""
    chips = {label: ARRAYS.psnr_db(BLOCKS, ARRAYS.transform_spec(to)) for label, to in ARRAYS.PRECISIONS.items()}
    entry, without_wires, exact, coarse, fine = chips.values()
    assert entry + 3 < without_wires < exact - 3
    assert coarse + 12 < exact
    assert fine - exact == pytest.approx(12, abs=2.5)


def test_letters_are_told_apart_by_twelve_by_twelve_cells() -> None:
    """The demonstration told all of them apart; so do weights trained elsewhere, on chips with the entry's errors."""
    torch.set_num_threads(1)
    net = ARRAYS.case("letters")
    assert min(net.chips(net.errors("memristor_12x12"), net.tensors)) == 100.0


def test_every_demonstration_stands_on_the_page() -> None:
    for one in ARRAYS.DEMONSTRATIONS:
        assert f"| {one.entry} | {one.network} |" in PAGE and one.claim in PAGE
