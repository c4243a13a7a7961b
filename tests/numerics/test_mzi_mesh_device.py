"""Drawn meshes: exact without errors, and as wrong as the laws say with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from joulescape.numerics.mzi_mesh.decomposition import decompose
from joulescape.numerics.mzi_mesh.device import (
    MeshErrors,
    TileShape,
    WrittenPhases,
    factorise,
    heat_between,
    realise,
    realise_merged,
    settled,
    unitary,
    write,
)
from joulescape.numerics.mzi_mesh.layout import Layout, layout

torch.set_num_threads(1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_tiles(size: int, tiles: int = 8, is_reck: bool = False) -> tuple[Tensor, bytes, TileShape]:
    weights = torch.randn(tiles, size, size, generator=generator(7))
    return weights, weights.numpy().tobytes(), TileShape(tiles, size, is_reck)


def relative(found: Tensor, ideal: Tensor) -> float:
    return float(torch.linalg.norm(found - ideal) / torch.linalg.norm(ideal))


def random_unitaries(size: int, count: int, is_reck: bool = False) -> tuple[Tensor, Layout, WrittenPhases]:
    parts = np.random.default_rng(3).normal(size=(2, count, size, size))
    given = np.linalg.qr(parts[0] + 1j * parts[1])[0]
    mesh = layout(size, is_reck)
    found = decompose(given, mesh)
    tensors = (torch.as_tensor(x, dtype=torch.float32) for x in (found.theta, found.phi, found.output))
    return torch.as_tensor(given, dtype=torch.complex64), mesh, WrittenPhases(*tensors)


@pytest.mark.parametrize("is_reck", [False, True])
@pytest.mark.parametrize("size", [4, 8, 16, 32])
def test_a_unitary_without_errors_is_exact(size: int, is_reck: bool) -> None:
    given, mesh, phases = random_unitaries(size, 3, is_reck)
    assert float((unitary(mesh, phases, MeshErrors(), generator()) - given).abs().max()) < 1e-5


@pytest.mark.parametrize("is_reck", [False, True])
@pytest.mark.parametrize("size", [4, 8, 16, 32])
def test_phase_error_of_a_unitary_in_a_single_arm(size: int, is_reck: bool) -> None:
    """sigma sqrt(N): 0.0141 at N = 8 and sigma 0.005."""
    given, mesh, phases = random_unitaries(size, 60, is_reck)
    found = unitary(mesh, phases, MeshErrors(sigma_rad=5e-3), generator())
    assert relative(found, given) == pytest.approx(5e-3 * math.sqrt(size), rel=0.1)


@pytest.mark.parametrize("size", [8, 16, 32])
def test_phase_error_of_a_unitary_in_push_pull(size: int) -> None:
    """sigma sqrt(3 N / 4): 0.0122 at N = 8 and sigma 0.005."""
    given, mesh, phases = random_unitaries(size, 60)
    found = unitary(mesh, phases, MeshErrors(sigma_rad=5e-3, is_push_pull=True), generator())
    assert relative(found, given) == pytest.approx(5e-3 * math.sqrt(3 * size / 4), rel=0.1)


@pytest.mark.parametrize("is_push_pull", [False, True])
def test_both_quadratures_add_up_to_the_law(is_push_pull: bool) -> None:
    read, other = MeshErrors(sigma_rad=0.01, is_push_pull=is_push_pull).unitary_error(16)
    whole = 3 * 15 / 4 if is_push_pull else 16
    assert read + other == pytest.approx(1e-4 * whole)


@pytest.mark.parametrize("is_push_pull", [False, True])
def test_quadratures_of_a_real_unitary(is_push_pull: bool) -> None:
    """What homodyne detection reads of a real unitary's error, and what it does not, each by its own law."""
    given = np.linalg.qr(np.random.default_rng(2).normal(size=(60, 16, 16)))[0]
    mesh = layout(16, False)
    found = decompose(given.astype(np.complex128), mesh)
    tensors = (torch.as_tensor(x, dtype=torch.float32) for x in (found.theta, found.phi, found.output))
    errors = MeshErrors(sigma_rad=2e-3, splitter_sigma_rad=1e-3, is_push_pull=is_push_pull)
    made = unitary(mesh, WrittenPhases(*tensors), errors, generator())
    ideal = torch.as_tensor(given, dtype=torch.float32)
    read, other = errors.unitary_error(16)
    assert relative(made.real, ideal) == pytest.approx(math.sqrt(read), rel=0.1)
    assert float(torch.linalg.norm(made.imag) / torch.linalg.norm(ideal)) == pytest.approx(math.sqrt(other), rel=0.1)


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_rounding_a_phase_is_noise_of_a_step_over_root_twelve(bits: int) -> None:
    phases = 2 * math.pi * torch.rand(200_000, generator=generator())
    rounded = MeshErrors(bits=bits).realised(phases, generator())
    assert float((rounded - phases).std()) == pytest.approx(2 * math.pi / 2**bits / math.sqrt(12), rel=0.01)
    assert MeshErrors(bits=bits).effective_sigma_rad == pytest.approx(float((rounded - phases).std()), rel=0.01)


def test_phase_noise_and_rounding_add_in_squares() -> None:
    both = MeshErrors(sigma_rad=0.01, bits=8).effective_sigma_rad
    assert both**2 == pytest.approx(0.01**2 + MeshErrors(bits=8).effective_sigma_rad ** 2)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.9, 1.0])
def test_calibration_in_place_leaves_its_share_of_phase_errors(fraction: float) -> None:
    errors = MeshErrors(sigma_rad=0.1, calibrated_fraction=fraction)
    phases = torch.zeros(100_000)
    assert float(errors.realised(phases, generator()).std()) == pytest.approx(0.1 * (1 - fraction), rel=0.02, abs=1e-6)
    weights, content, shape = random_tiles(16)
    assert (relative(realise(write(content, shape), errors, generator()), weights) < 1e-5) == (fraction == 1.0)


def test_calibration_cannot_beat_the_converters_steps() -> None:
    """With every error known the phase misses by what rounding leaves, whatever the error was."""
    errors = MeshErrors(sigma_rad=0.1, bits=6, calibrated_fraction=1.0)
    found = errors.realised(torch.zeros(100_000), generator())
    assert float(found.std()) == pytest.approx(2 * math.pi / 2**6 / math.sqrt(12), rel=0.02)
    assert errors.effective_sigma_rad == pytest.approx(float(found.std()), rel=0.02)
    assert float(found.abs().max()) <= math.pi / 2**6 + 1e-6


@pytest.mark.parametrize("is_reck", [False, True])
@pytest.mark.parametrize("size", [2, 8, 16])
def test_tiles_without_errors_are_exact(size: int, is_reck: bool) -> None:
    weights, content, shape = random_tiles(size, is_reck=is_reck)
    assert relative(realise(write(content, shape), MeshErrors(), generator()), weights) < 1e-5
    assert relative(realise_merged(content, shape, MeshErrors(), generator()), weights) < 1e-5


def test_zero_and_padded_tiles_are_exact() -> None:
    weights = torch.zeros(2, 8, 8)
    weights[1, :3, :5] = torch.randn(3, 5, generator=generator())
    content, shape = weights.numpy().tobytes(), TileShape(2, 8, False)
    for made in (
        realise(write(content, shape), MeshErrors(), generator()),
        realise_merged(content, shape, MeshErrors(), generator()),
    ):
        assert float((made - weights).abs().max()) < 1e-5


CASES: tuple[dict[str, Any], ...] = (
    {"sigma_rad": 0.005},
    {"sigma_rad": 0.03},
    {"sigma_rad": 0.03, "is_push_pull": True},
    {"bits": 6},
    {"bits": 5, "is_push_pull": True},
    {"sigma_rad": 0.1, "bits": 6, "calibrated_fraction": 0.9},
    {"sigma_rad": 0.1, "bits": 7, "calibrated_fraction": 1.0, "is_push_pull": True},
    {"splitter_sigma_rad": 0.03},
    {"mzi_loss_db": 0.5},
    {"sigma_rad": 0.01, "bits": 6, "splitter_sigma_rad": 0.02, "mzi_loss_db": 0.3},
)


@pytest.mark.parametrize("errors", [MeshErrors(**case) for case in CASES])
@pytest.mark.parametrize("size", [8, 16])
def test_the_closed_form_is_as_wrong_as_the_mesh(size: int, errors: MeshErrors) -> None:
    weights, content, shape = random_tiles(size, tiles=60)
    full = relative(realise(write(content, shape), errors, generator()), weights)
    merged = relative(realise_merged(content, shape, errors, generator()), weights)
    assert merged == pytest.approx(full, rel=0.15)


@pytest.mark.parametrize("is_reck", [False, True])
def test_uniform_loss_of_a_unitary_is_bounded_by_its_depth(is_reck: bool) -> None:
    """Every path meets at least one and at most `depth` interferometers."""
    given, mesh, phases = random_unitaries(8, 4, is_reck)
    made = unitary(mesh, phases, MeshErrors(mzi_loss_db=0.5), generator())
    values = torch.linalg.svdvals(made)
    assert float(values.max()) <= 1.0
    assert float(values.min()) >= 10 ** (-0.5 * mesh.depth / 20) - 1e-5
    assert relative(made, given) > 0.1


def test_loss_never_helps_and_triangles_suffer_more() -> None:
    found = {}
    for is_reck in (False, True):
        weights, content, shape = random_tiles(16, tiles=20, is_reck=is_reck)
        found[is_reck] = [relative(settled(content, shape, loss, 0.0), weights) for loss in (0.0, 0.1, 0.5, 1.0)]
        assert found[is_reck] == sorted(found[is_reck])
    assert found[True][2] > 2 * found[False][2]


@pytest.mark.parametrize("name", ["sigma_rad", "splitter_sigma_rad"])
@pytest.mark.parametrize("is_full", [False, True])
def test_more_error_is_never_nearer(name: str, is_full: bool) -> None:
    weights, content, shape = random_tiles(8, tiles=30)
    distances = []
    for value in (0.0, 0.01, 0.03, 0.1):
        errors = MeshErrors(**{name: value})
        made = (
            realise(write(content, shape), errors, generator())
            if is_full
            else realise_merged(content, shape, errors, generator())
        )
        distances.append(relative(made, weights))
    assert distances == sorted(distances)


def test_a_device_is_its_generator() -> None:
    _, content, shape = random_tiles(8)
    errors = MeshErrors(sigma_rad=0.02, bits=6, splitter_sigma_rad=0.01)
    first, again, other = (realise(write(content, shape), errors, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_equal_weights_are_taken_apart_once() -> None:
    weights, content, shape = random_tiles(8)
    assert write(content, shape) is write(weights.clone().numpy().tobytes(), shape)
    assert factorise(content, shape).scales.shape == (8,)


def test_gains_are_singular_values_over_the_largest() -> None:
    weights, content, shape = random_tiles(8, tiles=3)
    factors = factorise(content, shape)
    values = torch.linalg.svdvals(weights)
    assert torch.allclose(factors.scales, values[:, 0], rtol=1e-4)
    assert torch.allclose(factors.gains, values / values[:, :1], atol=1e-5)
    assert relative(factors.normalised * factors.scales[:, None, None], weights) < 1e-5


# --- heat between shifters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_reck", [False, True])
def test_heat_reaches_neighbours_most_and_nobody_heats_itself(is_reck: bool) -> None:
    coupling = layout(8, is_reck).coupling
    assert coupling.shape == (28, 28)
    assert np.all(np.diag(coupling) == 0)
    assert np.array_equal(coupling, coupling.T)
    assert coupling.max() == pytest.approx(1.0)
    assert coupling[coupling > 0].min() < 0.01


def tile_error(crosstalk: float, size: int = 8) -> float:
    weights = np.random.default_rng(2).standard_normal((3, size, size)).astype(np.float32)
    content, shape = weights.tobytes(), TileShape(3, size, False)
    made = realise(write(content, shape), MeshErrors(crosstalk_fraction=crosstalk), torch.Generator())
    return float((made - torch.as_tensor(weights)).norm() / torch.as_tensor(weights).norm())


def test_without_crosstalk_a_mesh_is_right_and_more_of_it_never_helps() -> None:
    errors = [tile_error(k) for k in (0.0, 0.001, 0.003, 0.01)]
    assert errors[0] < 1e-5
    assert errors == sorted(errors)
    assert errors[-1] > 0.05


def test_crosstalk_is_no_chance() -> None:
    """Every device of a design has the same: it can be known, and compensated."""
    weights = np.random.default_rng(2).standard_normal((1, 6, 6)).astype(np.float32)
    content, shape = weights.tobytes(), TileShape(1, 6, False)
    errors = MeshErrors(crosstalk_fraction=0.005)
    draws = [realise(write(content, shape), errors, torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    assert torch.equal(*draws)
    assert torch.allclose(settled(content, shape, 0.0, 0.005), draws[0])


def test_one_heated_neighbour_by_hand() -> None:
    """Three modes in reck1994's order have three interferometers; only phases held elsewhere move a shifter."""
    mesh = layout(3, True)
    internal, external = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.5, 0.0, 0.0]])
    heat = heat_between(mesh, internal, external)[0]
    assert float(heat[0]) == 0.0
    assert heat[1:].tolist() == pytest.approx([1.5 * mesh.coupling[0, n] for n in (1, 2)])
