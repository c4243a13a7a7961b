"""The optical link of one channel: from laser to receiver, and from received power to effective bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.simulators._optics import (
    Receiver,
    effective_bits,
    fraction,
    laser_mw,
    path_loss_db,
)
from joulescape.simulators.mzi_mesh.geometry import matrix_depth, mzi_loss_db
from joulescape.simulators.mzi_mesh.settings import MeshSettings
from joulescape.units import dbm_to_mw

REACH_STEP_BITS = 1e-6
"""How far below the reachable bits a link is set when it asks for more than it can have."""


@dataclass(frozen=True)
class LinkBudget:
    """One channel's power and what it buys; `asked` and `reachable` are in bits (`matched`) or mW (`given`)."""

    loss_db: float
    received_mw: float
    asked: float
    reachable: float
    ratio: float
    """Full-scale signal over noise, an amplitude ratio."""

    @property
    def bits(self) -> float:
        """Effective bits of the receiver."""
        return float(effective_bits(self.ratio))

    @property
    def noise_fraction(self) -> float:
        """Noise at one output (standard deviation) as a fraction of full scale."""
        return 1.0 / self.ratio

    @property
    def overshoot(self) -> float:
        """Share of what the link asks for that its laser cannot give (reachable bits may be negative)."""
        return 1.0 - self.reachable / self.asked


def receiver(settings: MeshSettings) -> Receiver:
    """The receiver of one output at the machine's clock."""
    detector = settings.detector
    return Receiver(
        responsivity_a_per_w=detector.responsivity_a_per_w.value,
        dark_ma=detector.dark_ma.value,
        load_kohm=detector.load_kohm.value,
        temperature_kelvin=detector.temperature_kelvin.value,
        rin_db_per_hz=settings.laser.rin_db_per_hz.value,
        rate_ghz=settings.clock_ghz,
    )


def channel_loss_db(settings: MeshSettings) -> float:
    """Loss from the laser to the receiver: coupling, modulator, the mesh's longest path, the detector's coupler."""
    mesh = matrix_depth(settings) * mzi_loss_db(settings)
    ends = settings.laser.coupling_loss_db.value + settings.modulator.loss_db.value + settings.coupler.loss_db.value
    return float(path_loss_db((ends, mesh)))


def budget(settings: MeshSettings) -> LinkBudget:
    """The link of one channel. A link that asks for more than its laser can give is set to what it can give.

    Full scale is one channel's whole light at one receiver: a matrix element as large as the largest singular value.
    """
    loss_db = channel_loss_db(settings)
    front, local = receiver(settings), settings.link.local_oscillator_mw
    contrast = 1.0 - fraction(settings.modulator.extinction_db.value)
    most = float(settings.laser.max_mw.value * fraction(loss_db) * contrast)
    if settings.link.rule == "given":
        asked, reachable = dbm_to_mw(settings.link.received_dbm), most
        received = min(asked, most)
    else:
        asked, reachable = float(settings.adc.bits), float(effective_bits(front.homodyne_ratio(most, local)))
        received = most if asked >= reachable - REACH_STEP_BITS else float(front.homodyne_received_mw(asked, local))
    return LinkBudget(loss_db, received, asked, reachable, float(front.homodyne_ratio(received, local)))


def mesh_laser_mw(settings: MeshSettings) -> float:
    """Electrical laser power of one mesh: a line for every input, and the local oscillators of every output."""
    link, laser = budget(settings), settings.laser
    contrast_db = settings.modulator.extinction_db.value
    line = laser_mw(link.loss_db, link.received_mw, laser.wall_plug_fraction.value, contrast_db)
    local_db = laser.coupling_loss_db.value + settings.coupler.loss_db.value
    local = settings.link.local_oscillator_mw / fraction(local_db) / laser.wall_plug_fraction.value
    return float(settings.mesh.size * (line + np.float64(local)))
