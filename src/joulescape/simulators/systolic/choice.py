"""Which tile: the one that moves its operands for the least memory energy, then in the fewest cycles."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from joulescape.simulators.base import FloatArray
from joulescape.simulators.systolic.product import Product
from joulescape.simulators.systolic.tiling import Counts, Room, candidate_tiles, counts


@dataclass(frozen=True)
class AccessEnergies:
    """Energy per byte of every memory, arrays of shape (variants,); off-chip weights that stay on chip cost nothing."""

    weight_read: FloatArray
    weight_write: FloatArray
    activation_read: FloatArray
    activation_write: FloatArray
    accumulator_read: FloatArray
    accumulator_write: FloatArray
    off_chip_read: float
    off_chip_write: float


@dataclass(frozen=True)
class Sources:
    """Where operands come from and go to, arrays of bool of shape (variants,)."""

    weights_resident: Any
    weight_on_chip: Any
    """The stationary operand is an activation that lies in the activation buffer."""
    input_on_chip: Any
    output_on_chip: Any


@dataclass(frozen=True)
class Chosen:
    """Counts of the chosen tile, arrays of shape (variants,)."""

    cycles: FloatArray
    weight_fetch_bytes: FloatArray
    input_fetch_bytes: FloatArray
    spill_bytes: FloatArray
    weight_read_bytes: FloatArray
    input_read_bytes: FloatArray
    sum_bytes: FloatArray
    shifted_bits: FloatArray


def choose(product: Product, room: Room, sources: Sources, energies: AccessEnergies) -> Chosen:
    """The best candidate of every variant; where none fits (`limits` forbids that variant) the last stands in."""
    tiles = candidate_tiles(product, room)
    counted = counts(product, room, tiles)
    energy = memory_energy_pj(counted, sources, energies)
    shape = np.broadcast_shapes(energy.shape, counted.cycles.shape, tiles.fits.shape)
    energy, cycles, fits = (_by_variant(np.broadcast_to(a, shape)) for a in (energy, counted.cycles, tiles.fits))
    fits[:, -1] |= ~fits.any(axis=1)
    allowed = np.where(fits, energy, np.inf)
    best = allowed <= allowed.min(axis=1, keepdims=True) * (1 + 1e-12)
    kept, outputs, reduction = np.unravel_index(np.where(best, cycles, np.inf).argmin(axis=1), (shape[0], *shape[2:]))
    place = (kept, np.arange(shape[1]), outputs, reduction)
    return Chosen(**{f.name: np.broadcast_to(getattr(counted, f.name), shape)[place] for f in fields(Chosen)})


def memory_energy_pj(counted: Counts, sources: Sources, energies: AccessEnergies) -> FloatArray:
    """Energy of every byte that moves because of the tiles; each variant's fixed traffic (outputs) is left out."""
    e = AccessEnergies(*(_lifted(getattr(energies, field.name)) for field in fields(AccessEnergies)))
    weight_source = np.where(_lifted(sources.weight_on_chip), e.activation_read, e.off_chip_read)
    weight_fill = np.where(_lifted(sources.weights_resident), 0.0, weight_source + e.weight_write)
    input_fill = np.where(_lifted(sources.input_on_chip), 0.0, e.off_chip_read + e.activation_write)
    spill = e.off_chip_read + e.off_chip_write + e.accumulator_read + e.accumulator_write
    return np.asarray(
        counted.weight_fetch_bytes * weight_fill
        + counted.input_fetch_bytes * input_fill
        + counted.spill_bytes * spill
        + counted.weight_read_bytes * e.weight_read
        + counted.input_read_bytes * e.activation_read
        + counted.sum_bytes * (e.accumulator_read + e.accumulator_write)
    )


def _lifted(value: Any) -> Any:
    """(variants,) -> (variants, 1, 1)."""
    return np.asarray(value).reshape(-1, 1, 1)


def _by_variant(array: Any) -> Any:
    """(3, variants, splits, splits) -> (variants, candidates)."""
    return np.moveaxis(array, 1, 0).reshape(array.shape[1], -1).copy()
