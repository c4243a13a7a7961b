"""Unitaries taken apart into phases: U = D * T_n ... T_2 T_1, light meeting T_1 first (clements2016, reck1994).

T(theta, phi) = [[e^(i phi) cos theta, -sin theta], [e^(i phi) sin theta, cos theta]] on two neighbouring modes; its
shifters hold 2 theta and phi. D is a column of output phases. All unitaries of a batch are taken apart together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulescape.numerics.mzi_mesh.layout import Layout, Wave

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True)
class Phases:
    """Phases of a batch of unitaries: theta and phi (batch, mzis), output (batch, size)."""

    theta: Real
    phi: Real
    output: Real


def decompose(unitaries: Complex, mesh: Layout) -> Phases:
    """Phases of `unitaries` (batch, size, size). What lies below the diagonal is cleared; the rest is then diagonal."""
    # The batch stands last, so that a row or column of all unitaries is one run of memory.
    state = np.ascontiguousarray(np.moveaxis(unitaries, 0, 2), dtype=np.complex128)
    theta, phi = (np.zeros((mesh.mzis, state.shape[2])) for _ in range(2))
    for right, left in mesh.waves:
        _clear_right(state, right, theta, phi)
        _clear_left(state, left, theta, phi)
    output = np.angle(np.einsum("iib->ib", state))
    for _, left in reversed(mesh.waves):
        _move_behind(left, output, phi)
    return Phases(theta.T, phi.T, output.T)


def _clear_right(state: Complex, wave: Wave, theta: Real, phi: Real) -> None:
    """Multiply columns (m, m + 1) by the inverse of T so that element (row, m) vanishes."""
    if not wave.modes.size:
        return
    upper, lower = state[:, wave.modes], state[:, wave.modes + 1]
    u, v = state[wave.rows, wave.modes], state[wave.rows, wave.modes + 1]
    angle, turn = np.arctan2(np.abs(u), np.abs(v)), np.angle(u) - np.angle(v)
    theta[wave.numbers], phi[wave.numbers] = angle, turn
    cos, sin, turned = np.cos(angle), np.sin(angle), upper * np.exp(-1j * turn)
    state[:, wave.modes] = turned * cos - lower * sin
    state[:, wave.modes + 1] = turned * sin + lower * cos


def _clear_left(state: Complex, wave: Wave, theta: Real, phi: Real) -> None:
    """Multiply rows (m, m + 1) by T so that element (m + 1, column) vanishes."""
    if not wave.modes.size:
        return
    upper, lower = state[wave.modes], state[wave.modes + 1]
    u, v = state[wave.modes, wave.columns], state[wave.modes + 1, wave.columns]
    angle, turn = np.arctan2(np.abs(v), np.abs(u)), np.angle(v) - np.angle(u) + np.pi
    theta[wave.numbers], phi[wave.numbers] = angle, turn
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    turned = upper * np.exp(1j * turn)[:, None]
    state[wave.modes] = turned * cos - lower * sin
    state[wave.modes + 1] = turned * sin + lower * cos


def _move_behind(wave: Wave, output: Real, phi: Real) -> None:
    """T^-1 D = D' T': the output phases pass an interferometer that was cleared from the left."""
    upper, lower, turn = output[wave.modes], output[wave.modes + 1], phi[wave.numbers]
    phi[wave.numbers] = upper - lower + np.pi
    output[wave.modes] = lower - turn + np.pi
