"""The optical link of one channel: from laser to receiver, and from received power to effective bits."""

from __future__ import annotations

import numpy as np

from joulescape.simulators._link import Budget, Link, Path
from joulescape.simulators._link_limits import Size
from joulescape.simulators._optics import Receiver, fraction
from joulescape.simulators.mzi_mesh.geometry import matrix_depth, mzi_loss_db
from joulescape.simulators.mzi_mesh.settings import MeshSettings
from joulescape.units import dbm_to_mw


def receiver(settings: MeshSettings) -> Receiver:
    """The receiver of one output at the machine's clock."""
    return settings.detector.receiver(settings.laser.rin_db_per_hz.value, settings.clock_ghz)


def channel(settings: MeshSettings) -> Link:
    """One channel: coupling, modulator, the mesh's longest path, the detector's coupler; homodyne detection."""
    path = Path(
        (
            ("laser coupling", settings.laser.coupling_loss_db.value),
            ("modulator", settings.modulator.loss_db.value),
            ("mesh", float(matrix_depth(settings) * mzi_loss_db(settings))),
            ("detector coupler", settings.coupler.loss_db.value),
        )
    )
    source = settings.laser.source(settings.modulator.extinction_db.value)
    return Link(path, source, receiver(settings), "homodyne", local_mw=settings.link.local_oscillator_mw)


def channel_loss_db(settings: MeshSettings) -> float:
    """Loss from the laser to the receiver."""
    return channel(settings).path.loss_db


def budget(settings: MeshSettings) -> Budget:
    """The link of one channel. A link that asks for more than its laser can give is set to what it can give.

    Full scale is one channel's whole light at one receiver: a matrix element as large as the largest singular value.
    """
    if settings.link.rule == "given":
        return channel(settings).given(dbm_to_mw(settings.link.received_dbm))
    return channel(settings).matched(settings.adc.bits)


def sizes(settings: MeshSettings) -> tuple[Size]:
    """The light's path is as deep as the mesh is wide."""

    def at(size: int) -> Budget:
        mesh = settings.mesh.model_copy(update={"size": size})
        return budget(settings.model_copy(update={"mesh": mesh}))

    return (Size("meshes of at most {0} x {0} (mesh.size)", settings.mesh.size, 2, at),)


def mesh_laser_mw(settings: MeshSettings) -> float:
    """Electrical laser power of one mesh: a line for every input, and the local oscillators of every output."""
    laser = settings.laser
    local_db = laser.coupling_loss_db.value + settings.coupler.loss_db.value
    local = settings.link.local_oscillator_mw / fraction(local_db) / laser.wall_plug_fraction.value
    return float(settings.mesh.size * (budget(settings).electrical_mw + np.float64(local)))
