"""What bounds a layer from above: the most operations a ns of its station, and the bits that cross the chip's edge.

rate <= min(peak, operations / off-chip bytes * bandwidth). Source: williams2009.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from joulescape.resolve.machine import LayerRun, Machine, Station
from joulescape.simulators.base import Quantity
from joulescape.units import OPS_PER_MAC

OFF_CHIP = "off_chip_memory"
"""What every simulator calls the memory beyond the chip's edge."""


@dataclass(frozen=True)
class Roof:
    """Of one station. `peak_gops`: every unit busy with operands of full width, as its simulator states it; None where
    it states none. `off_chip_gbps`: None where off-chip memory lies outside the boundary."""

    peak_gops: float | None
    off_chip_gbps: float | None


def roofs(machine: Machine) -> dict[str, Roof]:
    """The roof of every station of a machine of one variant, by name."""
    return {station.name: Roof(_stated(station), _bandwidth(machine, station)) for station in machine.stations}


def layer_peak(run: LayerRun, roof: Roof, latency_ns: float, used: float) -> float | None:
    """The most operations a ns of one layer. Narrower operands and skipped zeros lift it over what is stated for full
    width: the layer's rate divided by its utilisation. None where nothing is multiplied or nothing is known."""
    if not run.cost.macs:
        return None
    lifted = OPS_PER_MAC * run.cost.macs / (latency_ns * used) if latency_ns and used else None
    return max((peak for peak in (roof.peak_gops, lifted) if peak is not None), default=None)


def off_chip_bytes(run: LayerRun) -> Quantity | None:
    """Bytes of one layer over the chip's edge, for the whole batch; None where its simulator counts none there."""
    moved = [move.read_bytes + move.write_bytes for move in run.cost.traffic if move.memory == OFF_CHIP]
    return sum(moved, start=np.float64(0.0)) if moved else None


def _stated(station: Station) -> float | None:
    figures = station.simulator.published(station.settings)
    known = [figures.get("peak_gops"), 1e3 * figures["peak_tops"] if "peak_tops" in figures else None]
    return max((float(peak) for peak in known if peak is not None), default=None)


def _bandwidth(machine: Machine, station: Station) -> float | None:
    if machine.boundary != "system":
        return None
    return float(station.simulator.off_chip_gbps(station.settings, machine.off_chip))
