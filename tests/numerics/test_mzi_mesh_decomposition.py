"""Unitaries taken apart into interferometers, and put together again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from joulescape.numerics.mzi_mesh.decomposition import Phases, decompose
from joulescape.numerics.mzi_mesh.layout import Layout, layout

Complex = NDArray[np.complex128]
SIZES = (2, 3, 4, 5, 8, 16, 33)


def unitaries(size: int, count: int = 3, seed: int = 0) -> Complex:
    generator = np.random.default_rng(seed)
    parts = generator.normal(size=(2, count, size, size))
    return np.linalg.qr(parts[0] + 1j * parts[1])[0]


def rebuilt(phases: Phases, mesh: Layout) -> Complex:
    """D * T_n ... T_1, one dense matrix an interferometer: slow and plain."""
    products = []
    for one in range(len(phases.theta)):
        product = np.eye(mesh.size, dtype=np.complex128)
        for modes, numbers in mesh.columns:
            for mode, number in zip(modes, numbers, strict=True):
                theta, turn = phases.theta[one, number], np.exp(1j * phases.phi[one, number])
                block = np.eye(mesh.size, dtype=np.complex128)
                block[mode : mode + 2, mode : mode + 2] = [
                    [turn * np.cos(theta), -np.sin(theta)],
                    [turn * np.sin(theta), np.cos(theta)],
                ]
                product = block @ product
        products.append(np.exp(1j * phases.output[one])[:, None] * product)
    return np.array(products)


@pytest.mark.parametrize("is_reck", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_taken_apart_goes_together_again(size: int, is_reck: bool) -> None:
    mesh, given = layout(size, is_reck), unitaries(size)
    assert np.abs(rebuilt(decompose(given, mesh), mesh) - given).max() < 1e-12


@pytest.mark.parametrize("is_reck", [False, True])
def test_real_rotations_need_only_signs_outside(is_reck: bool) -> None:
    """External phases of a real orthogonal matrix are 0 or pi, which any converter writes exactly."""
    given = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 12, 12)))[0]
    phases = decompose(given.astype(np.complex128), layout(12, is_reck))
    assert np.abs(np.sin(phases.phi)).max() < 1e-9
    assert np.abs(np.sin(phases.output)).max() < 1e-9


@pytest.mark.parametrize("is_reck", [False, True])
def test_special_matrices(is_reck: bool) -> None:
    """Identity, reversal and a signed diagonal have elements that are exactly zero."""
    mesh = layout(6, is_reck)
    given = np.stack([np.eye(6), np.eye(6)[::-1], np.diag([1, -1, 1, -1, -1, 1])]).astype(np.complex128)
    assert np.abs(rebuilt(decompose(given, mesh), mesh) - given).max() < 1e-12


def test_large_batches_agree_with_each_alone() -> None:
    mesh, given = layout(8, False), unitaries(8, count=5)
    together = decompose(given, mesh)
    for index in range(5):
        alone = decompose(given[index : index + 1], mesh)
        assert np.allclose(together.theta[index], alone.theta[0], atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_counts_and_depths(size: int) -> None:
    clements, reck = layout(size, False), layout(size, True)
    assert clements.mzis == reck.mzis == size * (size - 1) // 2
    assert clements.depth == (size if size > 2 else 1)
    assert reck.depth == max(1, 2 * size - 3)


@pytest.mark.parametrize("is_reck", [False, True])
def test_no_column_uses_a_mode_twice(is_reck: bool) -> None:
    mesh = layout(9, is_reck)
    seen = np.concatenate([numbers for _, numbers in mesh.columns])
    assert sorted(seen) == list(range(mesh.mzis))
    for modes, _ in mesh.columns:
        used = np.concatenate([modes, modes + 1])
        assert len(set(used)) == len(used)
        assert used.max() < mesh.size


def test_rectangular_meshes_are_full_bricks() -> None:
    """Columns alternate between even and odd pairs, as in the published figure."""
    for place, (modes, _) in enumerate(layout(8, False).columns):
        assert sorted(modes) == list(range(place % 2, 7, 2))


def test_triangular_meshes_clear_in_few_waves() -> None:
    assert len(layout(16, True).waves) == 29
