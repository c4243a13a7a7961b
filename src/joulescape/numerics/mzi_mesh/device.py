"""One drawn set of meshes: what their phases, splitters and losses make of the matrices written into them.

An interferometer is R(theta) = B^-1 diag(e^(i theta), e^(-i theta)) B between couplers B, behind the phase phi of its
upper input. A coupler off by d multiplies by exp(i d X). A shifter in a single arm also turns the common phase
by half of its error; in push-pull the arms turn oppositely and nothing is left over. The tiles of a layer are drawn
together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from torch import Tensor

from joulescape.numerics.mzi_mesh.decomposition import decompose
from joulescape.numerics.mzi_mesh.layout import Layout, layout

DB_PER_AMPLITUDE_DECADE = 20.0


@dataclass(frozen=True)
class MeshErrors:
    """The static errors of a mesh."""

    sigma_rad: float = 0.0
    bits: float | None = None
    """Resolution of a phase over 2 pi; None writes phases exactly."""
    splitter_sigma_rad: float = 0.0
    mzi_loss_db: float = 0.0
    is_push_pull: bool = False
    crosstalk_fraction: float = 0.0
    """Phase that a nearest neighbour takes of a shifter's."""

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> MeshErrors:
        """From the numbers of an ErrorSpec."""
        return cls(
            sigma_rad=numbers["phase_sigma_rad"],
            bits=numbers.get("phase_bits"),
            splitter_sigma_rad=numbers["splitter_sigma_rad"],
            mzi_loss_db=numbers["mzi_loss_db"],
            is_push_pull=bool(numbers["is_push_pull"]),
            crosstalk_fraction=numbers["crosstalk_fraction"],
        )

    @property
    def effective_sigma_rad(self) -> float:
        """Phase error with the rounding's: sqrt(sigma^2 + (2 pi / 2^b)^2 / 12)."""
        step = 0.0 if self.bits is None else 2 * math.pi / 2**self.bits
        return math.hypot(self.sigma_rad, step / math.sqrt(12))

    def unitary_error(self, size: int) -> tuple[float, float]:
        """Relative squared Frobenius error of a real unitary, to first order: in the read quadrature and in the other.

        An internal phase off by s moves the read quadrature by s^2/2 an interferometer. Into the other go its common
        phase (s^2/2, single arm only), the external phase (s^2, which for a real unitary is 0 or pi and so never
        rounded), the output phases and both couplers (2 d^2 each). Without rounding and splitting errors both together
        are sigma^2 N for a single arm and sigma^2 3 (N - 1) / 4 in push-pull.
        """
        pairs = (size - 1) / 2
        internal = self.effective_sigma_rad**2 * pairs / 2
        other = self.sigma_rad**2 * pairs + 4 * self.splitter_sigma_rad**2 * pairs
        return internal, other if self.is_push_pull else other + internal + self.sigma_rad**2

    @property
    def amplitude(self) -> float:
        """Field that one interferometer lets through."""
        return math.pow(10.0, -self.mzi_loss_db / DB_PER_AMPLITUDE_DECADE)

    def realised(self, phase: Tensor, generator: torch.Generator) -> Tensor:
        """A phase as it is set and as it stays: rounded to the converter's grid, then off by a static error."""
        if self.bits is not None:
            step = 2 * torch.pi / 2**self.bits
            phase = torch.round(phase / step) * step
        if self.sigma_rad == 0:
            return phase
        return phase + self.sigma_rad * torch.randn(phase.shape, generator=generator)


@dataclass(frozen=True)
class WrittenPhases:
    """Phases of a batch of unitaries as tensors: theta and phi (batch, mzis), output (batch, size)."""

    theta: Tensor
    phi: Tensor
    output: Tensor


@dataclass(frozen=True)
class Factors:
    """Singular value decompositions of tiles (tiles, size, size): `gains` are singular values over `scales`
    (tiles,), the largest of each tile."""

    left: Tensor
    gains: Tensor
    right: Tensor
    scales: Tensor

    @property
    def normalised(self) -> Tensor:
        """The tiles over their largest singular values."""
        return (self.left * self.gains[:, None, :]) @ self.right


@dataclass(frozen=True)
class Written:
    """Tiles as meshes: `phases` holds the left unitary of every tile, then the right ones."""

    mesh: Layout
    phases: WrittenPhases
    factors: Factors

    @cached_property
    def heat(self) -> Tensor:
        """What each shifter takes of all others' phases at unit crosstalk: the same for every device."""
        return heat_between(self.mesh, 2 * self.phases.theta, self.phases.phi)


@dataclass(frozen=True)
class TileShape:
    """How many tiles, of which size, on which layout."""

    tiles: int
    size: int
    is_reck: bool


@lru_cache(maxsize=64)
def factorise(content: bytes, shape: TileShape) -> Factors:
    """Factors of float32 tiles given by their bytes, so that equal weights are factorised once a process."""
    matrices = np.frombuffer(content, dtype=np.float32).reshape(shape.tiles, shape.size, shape.size).astype(np.float64)
    left, values, right = np.linalg.svd(matrices)
    scales = np.maximum(values[:, 0], np.finfo(np.float32).tiny)
    return Factors(*(_tensor(array) for array in (left, values / scales[:, None], right, scales)))


@lru_cache(maxsize=64)
def write(content: bytes, shape: TileShape) -> Written:
    """Phases of float32 tiles given by their bytes, so that equal weights are taken apart once a process."""
    factors, mesh = factorise(content, shape), layout(shape.size, shape.is_reck)
    found = decompose(torch.cat([factors.left, factors.right]).numpy().astype(np.complex128), mesh)
    phases = WrittenPhases(*(_tensor(array) for array in (found.theta, found.phi, found.output)))
    return Written(mesh, phases, factors)


def unitary(
    mesh: Layout,
    phases: WrittenPhases,
    errors: MeshErrors,
    generator: torch.Generator,
    heat: Tensor | None = None,
) -> Tensor:
    """The unitaries (batch, size, size), complex, that drawn meshes realise; `heat` adds to both shifters' phases."""
    internal = errors.realised(2 * phases.theta, generator)
    external = errors.realised(phases.phi, generator)
    if heat is not None:
        internal, external = internal + heat, external + heat
    elements = _elements(2 * phases.theta, internal, external, errors, generator)
    state = _through(mesh, _real_blocks(*elements))
    output = phases.output if errors.is_push_pull else errors.realised(phases.output, generator)
    return state * _turn(output)[..., None]


def _real_blocks(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Complex 2x2 of interferometers as real 4x4 on (re, im) of both modes (batch, mzis, 4, 4): five times faster."""
    rows = [[part for z in pair for part in (z.real, -z.imag)] for pair in ((a, b), (c, d))]
    crossed = [[part for z in pair for part in (z.imag, z.real)] for pair in ((a, b), (c, d))]
    entries = [*rows[0], *crossed[0], *rows[1], *crossed[1]]
    return torch.stack(entries, dim=-1).view(*a.shape, 4, 4)


def _through(mesh: Layout, blocks: Tensor) -> Tensor:
    """Light of every input through all columns (batch, size, size), complex; a column stands side by side."""
    batch, size = len(blocks), mesh.size
    state = torch.zeros(batch, 2 * size, size)
    state[:, ::2] = torch.eye(size)
    ordered, first = blocks[:, mesh.order], 0
    for start, count in mesh.runs:
        window = state[:, 2 * start : 2 * start + 4 * count]
        column = ordered[:, first : first + count].reshape(-1, 4, 4)
        passed = torch.bmm(column, window.reshape(-1, 4, size)).view(batch, -1, size)
        if count * 2 == size:
            state = passed
        else:
            window.copy_(passed)
        first += count
    parts = state.view(batch, size, 2, size)
    return torch.complex(parts[:, :, 0], parts[:, :, 1])


def heat_between(mesh: Layout, internal: Tensor, external: Tensor) -> Tensor:
    """Phase that both shifters of each interferometer take of all others, at unit crosstalk; held within 2 pi."""
    held = torch.remainder(internal, 2 * torch.pi) + torch.remainder(external, 2 * torch.pi)
    return held @ torch.as_tensor(mesh.coupling, dtype=held.dtype)


def _elements(
    meant: Tensor, internal: Tensor, external: Tensor, errors: MeshErrors, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The 2x2 of every interferometer: exp(-i d2 X) R(theta) exp(i d1 X) diag(e^(i phi), 1), loss and common phase."""
    cos, sin = torch.cos(internal / 2), torch.sin(internal / 2)
    top, bottom = (cos, -sin), (sin, cos)
    if errors.splitter_sigma_rad > 0:
        first, second = (errors.splitter_sigma_rad * torch.randn(cos.shape, generator=generator) for _ in range(2))
        top, bottom = _mis_split(top, bottom, first, second)
    common = torch.zeros_like(cos) if errors.is_push_pull else (internal - meant) / 2
    factor = errors.amplitude * _turn(common)
    turned = factor * _turn(external)
    return top[0] * turned, top[1] * factor, bottom[0] * turned, bottom[1] * factor


Row = tuple[Tensor, Tensor]


def _mis_split(top: Row, bottom: Row, first: Tensor, second: Tensor) -> tuple[Row, Row]:
    """exp(-i second X) [top; bottom] exp(i first X), with exp(i d X) = [[cos d, i sin d], [i sin d, cos d]]."""
    c, s = torch.cos(first), 1j * torch.sin(first)
    top, bottom = ((row[0] * c + row[1] * s, row[0] * s + row[1] * c) for row in (top, bottom))
    c, s = torch.cos(second), -1j * torch.sin(second)
    return (
        (c * top[0] + s * bottom[0], c * top[1] + s * bottom[1]),
        (s * top[0] + c * bottom[0], s * top[1] + c * bottom[1]),
    )


def realise(written: Written, errors: MeshErrors, generator: torch.Generator) -> Tensor:
    """Tiles (tiles, size, size) that drawn meshes multiply by, in the quadrature that homodyne detection reads.

    The attenuators are interferometers too: they pass cos(theta). Loss and mean phase error shrink the outputs; a
    digital gain for each receiver, found at calibration, undoes that.
    """
    heat = written.heat * errors.crosstalk_fraction if errors.crosstalk_fraction > 0 else None
    both = unitary(written.mesh, written.phases, errors, generator, heat)
    tiles = len(both) // 2
    left, right = both[:tiles], both[tiles:]
    meant = 2 * torch.arccos(written.factors.gains.clamp(0, 1))
    setting = errors.realised(meant, generator)
    common = torch.zeros_like(setting) if errors.is_push_pull else (setting - meant) / 2
    passed = errors.amplitude * torch.cos(setting / 2) * _turn(common)
    product = torch.real((left * passed[:, None, :]) @ right)
    return _recalibrated(product, written.factors)


def realise_merged(content: bytes, shape: TileShape, errors: MeshErrors, generator: torch.Generator) -> Tensor:
    """The same tiles in closed form: each unitary turns by a random rotation as large as its mesh's error.

    Homodyne detection reads the internal phases' share at once, and of the other quadrature's share e^2 what comes back
    in second order, e^4. Loss and crosstalk are no random errors: they are taken from a mesh that has no other.
    """
    written = settled(content, shape, errors.mzi_loss_db, errors.crosstalk_fraction)
    read, other = errors.unitary_error(shape.size)
    spread = math.sqrt((read + other**2) / shape.size)
    before, after = (spread * torch.randn(written.shape, generator=generator) for _ in range(2))
    factors = factorise(content, shape)
    slope = torch.sqrt((1 - factors.gains**2).clamp(min=0)) / 2
    moved = errors.effective_sigma_rad * slope * torch.randn(slope.shape, generator=generator)
    attenuated = (factors.left * (moved * factors.scales[:, None])[:, None, :]) @ factors.right
    return written + attenuated + after @ written + written @ before


@lru_cache(maxsize=64)
def settled(content: bytes, shape: TileShape, mzi_loss_db: float, crosstalk_fraction: float) -> Tensor:
    """Tiles as meshes make them without chance: loss, uneven as edge modes meet fewer interferometers, and heat."""
    if mzi_loss_db == 0 and crosstalk_fraction == 0:
        factors = factorise(content, shape)
        return factors.normalised * factors.scales[:, None, None]
    errors = MeshErrors(mzi_loss_db=mzi_loss_db, crosstalk_fraction=crosstalk_fraction)
    return realise(write(content, shape), errors, torch.Generator())


def _recalibrated(product: Tensor, factors: Factors) -> Tensor:
    ideal = factors.normalised
    power = (product**2).sum(2).clamp(min=torch.finfo(product.dtype).tiny)
    gain = (product * ideal).sum(2) / power
    calibrated: Tensor = product * (gain * factors.scales[:, None])[..., None]
    return calibrated


def _turn(phase: Tensor) -> Tensor:
    return torch.polar(torch.ones_like(phase), phase)


def _tensor(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Tensor:
    return torch.as_tensor(array, dtype=torch.float32)
