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
    calibrated_fraction: float = 0.0
    """Share of each phase's static error that is known, and taken back before the phase is rounded."""

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
            calibrated_fraction=numbers.get("phase_calibrated_fraction", 0.0),
        )

    @property
    def residual_sigma_rad(self) -> float:
        """Static phase error that calibration leaves: (1 - c) sigma."""
        return self.sigma_rad * (1.0 - self.calibrated_fraction)

    @property
    def effective_sigma_rad(self) -> float:
        """Phase error with the rounding's: sqrt((1 - c)^2 sigma^2 + (2 pi / 2^b)^2 / 12)."""
        step = 0.0 if self.bits is None else 2 * math.pi / 2**self.bits
        return math.hypot(self.residual_sigma_rad, step / math.sqrt(12))

    @property
    def external_sigma_rad(self) -> float:
        """The same of external and output phases: those of a real unitary are 0 or pi, which any converter writes
        exactly, unless a known error is to be taken back."""
        is_rounded = self.calibrated_fraction > 0 and self.sigma_rad > 0
        return self.effective_sigma_rad if is_rounded else self.residual_sigma_rad

    def unitary_error(self, size: int) -> tuple[float, float]:
        """Relative squared Frobenius error of a real unitary, to first order: in the read quadrature and in the other.

        An internal phase off by s moves the read quadrature by s^2/2 an interferometer. Into the other go its common
        phase (s^2/2, single arm only), the external phase (s^2, which for a real unitary is 0 or pi and so never
        rounded), the output phases and both couplers (2 d^2 each). Without rounding and splitting errors both together
        are sigma^2 N for a single arm and sigma^2 3 (N - 1) / 4 in push-pull.
        """
        pairs = (size - 1) / 2
        internal = self.effective_sigma_rad**2 * pairs / 2
        other = self.external_sigma_rad**2 * pairs + 4 * self.splitter_sigma_rad**2 * pairs
        return internal, other if self.is_push_pull else other + internal + self.external_sigma_rad**2

    @property
    def amplitude(self) -> float:
        """Field that one interferometer lets through."""
        return math.pow(10.0, -self.mzi_loss_db / DB_PER_AMPLITUDE_DECADE)

    def realised(self, phase: Tensor, generator: torch.Generator) -> Tensor:
        """A phase as it is set and as it stays: what is known of its error taken back, rounded to the converter's grid,
        then off by that static error."""
        if self.sigma_rad == 0:
            return self._rounded(phase)
        missed = self.sigma_rad * torch.randn(phase.shape, generator=generator)
        return self._rounded(phase - self.calibrated_fraction * missed if self.calibrated_fraction else phase) + missed

    def _rounded(self, phase: Tensor) -> Tensor:
        if self.bits is None:
            return phase
        step = 2 * torch.pi / 2**self.bits
        return torch.round(phase / step) * step


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

    @cached_property
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
    output = phases.output if errors.is_push_pull else errors.realised(phases.output, generator)
    return mesh.windows.through(elements) * _turn(output)[..., None]


def heat_between(mesh: Layout, internal: Tensor, external: Tensor) -> Tensor:
    """Phase that both shifters of each interferometer take of all others, at unit crosstalk; held within 2 pi."""
    held = torch.remainder(internal, 2 * torch.pi) + torch.remainder(external, 2 * torch.pi)
    return held @ torch.as_tensor(mesh.coupling, dtype=held.dtype)


def _elements(
    meant: Tensor, internal: Tensor, external: Tensor, errors: MeshErrors, generator: torch.Generator
) -> Tensor:
    """The 2x2 of every interferometer: exp(-i d2 X) R(theta) exp(i d1 X) diag(e^(i phi), 1), loss and common phase.

    (4, batch, mzis + 1), complex, row by row; the last one is the identity.
    """
    p, q = errors.amplitude * torch.cos(internal / 2), errors.amplitude * torch.sin(internal / 2)
    if errors.splitter_sigma_rad > 0:
        p, q = _mis_split(p, q, *errors.splitter_sigma_rad * torch.randn((2, *p.shape), generator=generator))
    elements = torch.empty(4, len(p), p.shape[1] + 1, dtype=torch.complex64)
    elements[:, :, -1] = torch.tensor([1.0, 0.0, 0.0, 1.0])[:, None]
    common = torch.zeros(()) if errors.is_push_pull else (internal - meant) / 2
    turned, factor = _turn(external + common), _turn(common)
    for place, element in enumerate((p.conj() * turned, -q.conj() * factor, q * turned, p * factor)):
        elements[place, :, :-1] = element
    return elements


def _mis_split(cos: Tensor, sin: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """p and q of exp(-i second X) [[cos, -sin], [sin, cos]] exp(i first X) = [[p*, -q*], [q, p]]."""
    apart, together = first - second, first + second
    p = torch.complex(cos * torch.cos(apart), sin * torch.sin(together))
    return p, torch.complex(sin * torch.cos(together), cos * torch.sin(apart))


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
