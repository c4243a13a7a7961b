"""Meshes regrouped into windows: every interferometer once, in light's order, and the same light behind them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joulescape.numerics.mzi_mesh.layout import Layout, layout
from joulescape.numerics.mzi_mesh.windows import HALF, LEVELS, WIDTH

torch.set_num_threads(1)
SIZES = (2, 3, 7, 8, 9, 12, 16, 21, 40)
schemes = pytest.mark.parametrize("is_reck", [False, True])


def drawn_elements(mesh: Layout, batch: int) -> Tensor:
    """Any 2x2 matrices (4, batch, mzis + 1), not even unitary; the last one the identity."""
    generator = torch.Generator().manual_seed(mesh.size)
    elements = torch.randn((4, batch, mesh.mzis + 1), dtype=torch.complex64, generator=generator) / 2
    elements[:, :, :-1] += torch.tensor([0.7, 0.0, 0.0, 0.7])[:, None, None]
    elements[:, :, -1] = torch.tensor([1.0, 0.0, 0.0, 1.0])[:, None]
    return elements


def one_by_one(mesh: Layout, elements: Tensor) -> Tensor:
    """The same light, one interferometer after the other."""
    state = torch.eye(mesh.size, dtype=torch.complex128).repeat(elements.shape[1], 1, 1)
    matrices = elements.to(torch.complex128)
    for modes, numbers in mesh.columns:
        for mode, number in zip(modes, numbers, strict=True):
            a, b, c, d = matrices[:, :, number, None]
            upper, lower = state[:, mode].clone(), state[:, mode + 1].clone()
            state[:, mode], state[:, mode + 1] = a * upper + b * lower, c * upper + d * lower
    return state


@schemes
@pytest.mark.parametrize("size", SIZES)
def test_light_passes_as_through_single_interferometers(size: int, is_reck: bool) -> None:
    mesh = layout(size, is_reck)
    elements = drawn_elements(mesh, 3)
    expected = one_by_one(mesh, elements)
    found = mesh.windows.through(elements).to(torch.complex128)
    assert float(torch.linalg.norm(found - expected) / torch.linalg.norm(expected)) < 1e-5


@schemes
@pytest.mark.parametrize("size", SIZES)
def test_every_interferometer_stands_once(size: int, is_reck: bool) -> None:
    mesh = layout(size, is_reck)
    standing = mesh.windows.numbers[mesh.windows.numbers < mesh.mzis]
    assert sorted(standing.tolist()) == list(range(mesh.mzis))
    assert len(mesh.windows.pairs) <= LEVELS
    assert all(pairs == HALF - level % 2 for level, pairs in enumerate(mesh.windows.pairs))


def test_sixty_four_modes_take_seventeen_products() -> None:
    found = layout(64, False).windows
    assert found.numbers.numel() == sum(found.pairs) * 17 * 64 // WIDTH


def test_meshes_of_a_batch_do_not_mix() -> None:
    """They stand below each other while light passes; the empty window between two of them keeps them apart."""
    mesh = layout(12, False)
    elements = drawn_elements(mesh, 4)
    together = mesh.windows.through(elements)
    for one in range(4):
        alone = mesh.windows.through(elements[:, one : one + 1])
        assert torch.allclose(together[one], alone[0], atol=1e-4)
