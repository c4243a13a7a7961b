"""Second-harmonic generation of a shaped pulse: undepleted pump, plane wave, thin crystal (wright2022).

A pulse of n spectral bins with field e_k passes a modulator that opens bin k by m_k in [0, 1]:

    E_k = m_k e_k,   F_s = sum_k E_k E_(s - k),   Y_s = |F_s|^2,   s = 0 .. 2 n - 2.

Fields are relative: the scale of Y is free, because every spectrum is calibrated per bin before it is used.
Shapes: B samples, n fundamental bins, D recorded bins.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

DRIVE = 1.5
"""Field of the unmodulated pulse times sqrt(n): its power does not depend on the number of bins."""


def pulse(bins: int, chirp_rad: float, envelope: float) -> Tensor:
    """Unmodulated fundamental e_k = A_k exp(i p_k), complex64 (n,): A = exp(-envelope kappa^2), p = chirp kappa^2.

    kappa runs from -1 to 1 over the band. With n - 1 = 4 chirp / step neighbouring bins differ by `step` at its edge.
    """
    kappa = torch.linspace(-1, 1, bins)
    amplitude = torch.exp(-envelope * kappa**2) * (DRIVE / math.sqrt(bins))
    return torch.polar(amplitude, chirp_rad * kappa**2)


def spectrum(modulation: Tensor, field: Tensor) -> Tensor:
    """The whole spectrum Y, (B, 2n - 1), of a modulation (B, n); a negative opening stands for a phase of pi."""
    last = 2 * field.shape[0] - 1
    return _intensity(modulation, field, fft_length(last))[:, :last]


def recorded(modulation: Tensor, field: Tensor, out_bins: int) -> Tensor:
    """The spectrum summed into `out_bins` equal bins of the spectrometer, (B, D).

    Raises ValueError when 2n is not a multiple of `out_bins`.
    """
    span = 2 * field.shape[0]
    if span % out_bins:
        raise ValueError(f"{span} spectral bins do not divide evenly into {out_bins} recorded bins")
    whole = _intensity(modulation, field, fft_length(span))[:, :span]
    return whole.reshape(-1, out_bins, span // out_bins).sum(2)


def fft_length(minimum: int) -> int:
    """Smallest length >= minimum whose prime factors are 2, 3 and 5."""
    length = minimum
    while _cofactor(length) > 1:
        length += 1
    return length


def _cofactor(value: int) -> int:
    for prime in (2, 3, 5):
        while value % prime == 0:
            value //= prime
    return value


class _Intensity(torch.autograd.Function):
    """|autoconvolution of m e|^2 with its analytic gradient: four transforms in all.

    With upstream g:  dL/dm_k = 4 Re( conj(e_k) sum_s g_s F_s conj(E_(s - k)) ). Padding by hand is faster than fft(n=).
    """

    @staticmethod
    def forward(ctx: Any, modulation: Tensor, field: Tensor, length: int) -> Tensor:
        padded = torch.zeros(modulation.shape[0], length, dtype=field.dtype)
        torch.mul(modulation, field, out=padded[:, : modulation.shape[1]])
        transformed = torch.fft.fft(padded)
        harmonic = torch.fft.ifft(transformed * transformed)
        ctx.save_for_backward(transformed, harmonic, field)
        intensity: Tensor = harmonic.real.square() + harmonic.imag.square()
        return intensity

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        transformed, harmonic, field = ctx.saved_tensors
        correlation = torch.fft.ifft(torch.fft.fft(harmonic * gradients[0]) * transformed.conj())
        inner = correlation[:, : field.shape[0]]
        return 4 * (inner.real * field.real + inner.imag * field.imag), None, None


_intensity = cast(Callable[[Tensor, Tensor, int], Tensor], _Intensity.apply)
