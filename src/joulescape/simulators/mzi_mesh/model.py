"""The simulator of coherent interferometer meshes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._link_limits import link_limits
from joulescape.simulators._tiling import optics_mm2, reticle_limit
from joulescape.simulators.base import Area, Component, Context, LayerCost, Limit, Simulator, StaticPower
from joulescape.simulators.mzi_mesh import parts
from joulescape.simulators.mzi_mesh.cost import matrix_cost, update_cost
from joulescape.simulators.mzi_mesh.geometry import (
    matrix_mzis,
    matrix_shifters,
    mzi_area_um2,
    mzi_loss_db,
    unitary_depth,
    unitary_mzis,
)
from joulescape.simulators.mzi_mesh.link import budget, mesh_laser_mw, sizes
from joulescape.simulators.mzi_mesh.mapping import Placement, place
from joulescape.simulators.mzi_mesh.settings import MeshSettings
from joulescape.spec.base import Shape
from joulescape.units import OPS_PER_MAC, UM2_PER_MM2

STORED_KINDS = frozenset({"conv", "dense"})
"""Operators whose stationary operand is a trained weight: phases take microseconds to write, so a product of two
activations is left to the host unless `dynamic_products` says `program`."""

_SHIFTER_KINDS = ("thermo_optic", "mems", "ito", "carrier")
_DEVICE_NUMBERS = ("loss_db", "length_um", "crosstalk_fraction")

CHANGES_NUMBERS = frozenset(
    {
        "mesh.size", "mesh.scheme", "mesh.is_bidirectional", "clock_ghz", "dynamic_products",
        "shifter.kind", "shifter.convention", "shifter.bits", "shifter.sigma_rad",
        "shifter.compensated_fraction", "shifter.calibrated_fraction",
        "coupler.loss_db", "coupler.sigma_rad", "coupler.length_um", "waveguide.loss_db_per_cm",
        "modulator.loss_db", "modulator.extinction_db", "laser.coupling_loss_db", "laser.max_mw", "laser.rin_db_per_hz",
        "detector.responsivity_a_per_w", "detector.dark_ma", "detector.load_kohm", "detector.temperature_kelvin",
        "link.rule", "link.received_dbm", "link.local_oscillator_mw", "dac.bits", "adc.bits",
    }
    | {f"shifter.{kind}.{number}" for kind in _SHIFTER_KINDS for number in _DEVICE_NUMBERS}
)  # fmt: skip

SEARCHABLE = frozenset(
    {
        "mesh.size", "mesh.scheme", "mesh.count", "clock_ghz", "shifter.kind", "shifter.convention", "shifter.bits",
        "shifter.compensated_fraction", "shifter.calibrated_fraction", "link.rule", "link.received_dbm",
        "link.local_oscillator_mw", "dac.bits",
        "adc.bits", "buffer.kib", "dynamic_products",
    }
)  # fmt: skip


class MziMesh(Simulator[MeshSettings]):
    """Matrices as meshes of interferometers, U S V; signed fields in, balanced homodyne detection out."""

    name: ClassVar[str] = "mzi_mesh"
    Settings: ClassVar[type[Shape]] = MeshSettings
    changes_numbers: ClassVar[frozenset[str]] = CHANGES_NUMBERS
    searchable: ClassVar[frozenset[str]] = SEARCHABLE

    def takes(self, operator: Operator, role: Role, settings: MeshSettings) -> bool:
        """Forward, update and (light sent backwards) the input gradient of layers with stored weights.

        The weight gradient, an outer product of two activations, stays with the host; so do both errors of a product
        of two activations.
        """
        if operator.kind not in STORED_KINDS:
            return operator.kind == "matmul" and role == "forward" and settings.dynamic_products == "program"
        return role in {"forward", "update"} or (role == "input_gradient" and settings.mesh.is_bidirectional)

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: MeshSettings) -> Errors:  # noqa: ARG002
        """One set of numbers for the machine: every layer meets the same meshes and links."""
        roles: tuple[Role, ...] = ("forward", "input_gradient") if settings.mesh.is_bidirectional else ("forward",)
        numbers = _numbers(settings)
        return {
            (operator.name, role): ErrorSpec("mzi_mesh", operator.name, role, numbers)
            for operator in graph.operators
            for role in roles
            if self.takes(operator, role, settings)
        }

    def cost(self, works: Sequence[Work], settings: MeshSettings, context: Context) -> Sequence[LayerCost]:
        """Cost of each work, for the whole batch."""
        placement = place(works, settings)
        return [_cost(work, settings, context, placement) for work in works]

    def area(self, settings: MeshSettings) -> Sequence[Area]:
        """Photonics by device size, converters and logic as published."""
        size, count = settings.mesh.size, settings.mesh.count
        ports = size * count * (2 if settings.mesh.is_bidirectional else 1)
        meshes_mm2 = count * matrix_mzis(size) * mzi_area_um2(settings) / UM2_PER_MM2
        mesh = Component.resting_on("mesh", "core", settings.shifter.device.length_um, settings.coupler.length_um)
        dacs = (ports + settings.shifter.dac_count * count) * settings.dac.area_mm2.value
        front = Component.of("receiver", "core", settings.detector.area_mm2)
        sram = Component.of("sram", "chip", settings.buffer.area_mm2_per_kib, scales=True)
        logic = Component.of("decomposer", "chip", settings.digital.area_mm2, scales=True)
        return (
            Area(mesh, meshes_mm2),
            Area(
                Component.of("laser", "core", settings.laser.area_mm2),
                size * count * settings.laser.area_mm2.value,
            ),
            Area(
                Component.of("modulator", "core", settings.modulator.area_mm2),
                ports * settings.modulator.area_mm2.value,
            ),
            Area(Component.of("dac", "core", settings.dac.area_mm2, scales=True), dacs),
            Area(
                Component.of("adc", "core", settings.adc.area_mm2, scales=True),
                ports * settings.adc.area_mm2.value,
            ),
            Area(front, ports * settings.detector.area_mm2.value),
            Area(sram, settings.buffer.kib * settings.buffer.area_mm2_per_kib.value),
            Area(logic, settings.digital.area_mm2.value),
        )

    def static_power(self, settings: MeshSettings) -> Sequence[StaticPower]:
        """Lasers stay locked, phases held, receivers biased, and the buffer leaks, busy or not."""
        count = settings.mesh.count
        ports = settings.mesh.size * count * (2 if settings.mesh.is_bidirectional else 1)
        return (
            StaticPower(parts.laser(settings), count * mesh_laser_mw(settings)),
            StaticPower(parts.modulator_bias(settings), ports * settings.modulator.static_mw.value),
            StaticPower(parts.phase_shifters(settings), count * _phase_mw(settings)),
            StaticPower(parts.photodetector(settings), ports * 2 * settings.detector.diode_mw.value),
            StaticPower(parts.amplifier(settings), ports * settings.detector.amplifier_mw.value),
            StaticPower(parts.sram_leakage(settings), settings.buffer.kib * settings.buffer.leakage_mw_per_kib.value),
        )

    def limits(self, works: Sequence[Work], settings: MeshSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """The power wall, as loss grows with depth until no laser line feeds the receivers; and the chip's size."""
        return (*link_limits(budget(settings), sizes=sizes(settings)), self._chip(settings))

    def _chip(self, settings: MeshSettings) -> Limit:
        def area_of(name: str) -> Callable[[int], float]:
            def area(number: int) -> float:
                mesh = settings.mesh.model_copy(update={name: number})
                return float(np.max(optics_mm2(self.area(settings.model_copy(update={"mesh": mesh})))))

            return area

        size = settings.mesh.size
        remedies = {
            "at most {} meshes fit": (area_of("count"), 1),
            "meshes of at most {0} x {0} fit": (area_of("size"), 2),
        }
        return reticle_limit(self.area(settings), f"{size} x {size} interferometers a mesh", remedies)

    def published(self, settings: MeshSettings) -> Mapping[str, float]:
        """Counts, depths and powers of single devices that published rows may name."""
        size, clock = settings.mesh.size, settings.clock_ghz
        peak_ops = OPS_PER_MAC * size**2 * settings.mesh.count * clock
        return {
            "unitary_mzi_count": float(unitary_mzis(size)),
            "matrix_mzi_count": float(matrix_mzis(size)),
            "unitary_depth_count": float(unitary_depth(size, settings.mesh.scheme)),
            "dac_power_mw": float(settings.dac.dac_pj(settings.dac.bits) * clock),
            "adc_power_mw": float(settings.adc.adc_pj() * clock),
            "modulator_power_mw": float(settings.modulator.energy_pj.value * clock),
            "path_loss_db": budget(settings).loss_db,
            "peak_gops": float(peak_ops),
            "peak_tops": float(peak_ops) / 1e3,
        }


def _phase_mw(settings: MeshSettings) -> float:
    shifter = settings.shifter
    held = matrix_shifters(settings.mesh.size) * shifter.device.pi_power_mw.value
    return float(held * shifter.mean_fraction.value)


def _numbers(settings: MeshSettings) -> dict[str, float]:
    shifter = settings.shifter
    return {
        "mesh_size": float(settings.mesh.size),
        "is_reck": float(settings.mesh.scheme == "reck"),
        "is_push_pull": float(settings.shifter.convention == "push_pull"),
        "phase_sigma_rad": settings.shifter.sigma_rad.value,
        "phase_calibrated_fraction": shifter.calibrated_fraction,
        "phase_bits": float(settings.shifter.bits),
        "splitter_sigma_rad": settings.coupler.sigma_rad.value,
        "mzi_loss_db": mzi_loss_db(settings),
        "crosstalk_fraction": shifter.device.crosstalk_fraction.value * (1.0 - shifter.compensated_fraction),
        "input_bits": float(settings.dac.bits),
        "output_bits": float(settings.adc.bits),
        "noise_fraction": budget(settings).noise_fraction,
    }


def _cost(work: Work, settings: MeshSettings, context: Context, placement: Placement) -> LayerCost:
    if isinstance(work, MatrixWork) and work.role in {"forward", "input_gradient"}:
        return matrix_cost(work, settings, context, placement)
    if isinstance(work, VectorWork) and work.role == "update":
        return update_cost(work, settings, context, placement)
    raise SimulatorError(f"mzi_mesh cannot run {work.layer} in role {work.role}")
