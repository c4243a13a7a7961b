"""Counts, depths and lengths of a mesh (clements2016, reck1994)."""

from __future__ import annotations

from joulescape.simulators.base import Quantity
from joulescape.simulators.mzi_mesh.settings import MeshSettings, Scheme
from joulescape.units import SPEED_OF_LIGHT_MM_PER_NS

UM_PER_CM = 1e4
UM_PER_MM = 1e3


def unitary_mzis(size: Quantity) -> Quantity:
    """Interferometers of one N x N unitary: N (N - 1) / 2."""
    return size * (size - 1) / 2


def matrix_mzis(size: Quantity) -> Quantity:
    """Interferometers of one real N x N matrix, U S V: two unitaries and N attenuators, N^2."""
    return 2 * unitary_mzis(size) + size


def matrix_shifters(size: Quantity) -> Quantity:
    """Phase shifters of one matrix: two an MZI, one an attenuator, and N output phases behind each unitary."""
    return 2 * 2 * unitary_mzis(size) + size + 2 * size


def unitary_depth(size: int, scheme: Scheme) -> int:
    """Interferometers on the longest path: N (clements) or 2 N - 3 (reck)."""
    return size if scheme == "clements" else 2 * size - 3


def matrix_depth(settings: MeshSettings) -> int:
    """Interferometers on the longest path through U S V, the attenuator included."""
    return 2 * unitary_depth(settings.mesh.size, settings.mesh.scheme) + 1


def mzi_length_um(settings: MeshSettings) -> float:
    """Length of one interferometer: two couplers, the internal and the external shifter."""
    return 2 * settings.coupler.length_um.value + 2 * settings.shifter.device.length_um.value


def mzi_area_um2(settings: MeshSettings) -> float:
    """Area of one interferometer: two couplers and two shifters side by side along its length."""
    device, coupler = settings.shifter.device, settings.coupler
    shifters = 2 * device.length_um.value * device.width_um.value
    return shifters + 2 * coupler.length_um.value * coupler.width_um.value


def mzi_loss_db(settings: MeshSettings) -> float:
    """Loss of one interferometer: two couplers, one shifter and the waveguide of its length.

    Of the two shifters light meets one on average, because each sits in one of two arms.
    """
    waveguide = settings.waveguide.loss_db_per_cm.value * mzi_length_um(settings) / UM_PER_CM
    return 2 * settings.coupler.loss_db.value + settings.shifter.device.loss_db.value + waveguide


def transit_ns(settings: MeshSettings) -> float:
    """Time of flight through a mesh: depth * length * group index / c."""
    length_mm = matrix_depth(settings) * mzi_length_um(settings) / UM_PER_MM
    return length_mm * settings.waveguide.group_index.value / SPEED_OF_LIGHT_MM_PER_NS
