"""The simulator of microring weight banks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, VectorWork, Work
from joulescape.simulators._link_limits import link_limits
from joulescape.simulators._tiling import optics_mm2, reticle_limit
from joulescape.simulators.base import Area, Context, LayerCost, Limit, Simulator, StaticPower
from joulescape.simulators.ring_bank.cost import derivative_cost, matrix_cost, update_cost
from joulescape.simulators.ring_bank.figures import areas, published_figures, static_powers
from joulescape.simulators.ring_bank.link import budget, sizes, spacing_fwhm, spectral_limit
from joulescape.simulators.ring_bank.placement import Placement, place
from joulescape.simulators.ring_bank.settings import RingBankSettings
from joulescape.spec.base import Shape

STORED_KINDS = frozenset({"conv", "dense"})
"""Operators whose stationary operand is a trained weight; a product of two activations is left to the host unless
`dynamic_products` says `program`."""

CHANGES_NUMBERS = frozenset(
    {
        "bank.channels", "bank.rows", "bank.is_calibrated", "bank.added", "clock_ghz",
        "ring.fsr_nm", "ring.fwhm_nm", "ring.drop_loss_db", "ring.through_loss_db",
        "ring.sigma_fwhm", "ring.drift_fwhm",
        "weights.bits", "weights.store", "weights.cell.bits", "weights.cell.programming_sigma_fraction",
        "modulator.loss_db", "modulator.extinction_db", "laser.coupling_loss_db", "laser.max_mw", "laser.rin_db_per_hz",
        "laser.wall_plug_fraction", "losses.multiplexer_db", "losses.splitter_db", "losses.waveguide_db",
        "amplifier.gain_db", "amplifier.noise_figure_db",
        "detector.responsivity_a_per_w", "detector.dark_ma", "detector.load_kohm", "detector.temperature_kelvin",
        "link.rule", "link.received_dbm", "link.sensitivity_dbm", "link.supplied_mw", "link.supplied_at_ghz",
        "dac.bits", "adc.bits", "training.input_gradient", "training.weight_gradient",
        "dynamic_products",
    }
)  # fmt: skip

SEARCHABLE = frozenset(
    {
        "bank.channels", "bank.rows", "bank.count", "bank.is_calibrated", "clock_ghz", "weights.bits", "weights.store",
        "weights.dac_count", "link.rule", "link.received_dbm", "dac.bits", "adc.bits", "buffer.kib",
        "training.input_gradient", "training.weight_gradient", "dynamic_products",
    }
)  # fmt: skip


class RingBank(Simulator[RingBankSettings]):
    """Wavelengths weighed by rings and summed on a balanced detector."""

    name: ClassVar[str] = "ring_bank"
    Settings: ClassVar[type[Shape]] = RingBankSettings
    changes_numbers: ClassVar[frozenset[str]] = CHANGES_NUMBERS
    searchable: ClassVar[frozenset[str]] = SEARCHABLE

    def takes(self, operator: Operator, role: Role, settings: RingBankSettings) -> bool:
        """Forward and update of layers with stored weights; gradients and a rectifier's derivative where so set."""
        how = settings.training
        if operator.kind == "relu":
            return role == "input_gradient" and how.comparator is not None
        if operator.kind not in STORED_KINDS:
            return operator.kind == "matmul" and role == "forward" and settings.dynamic_products == "program"
        ways = {"input_gradient": how.input_gradient, "weight_gradient": how.weight_gradient}
        return ways.get(role, "banks") == "banks"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: RingBankSettings) -> Errors:  # noqa: ARG002
        """One set of numbers for the machine: every layer meets the same banks and links."""
        roles: tuple[Role, ...] = ("forward", "input_gradient", "weight_gradient", "update")
        numbers = _numbers(settings)
        return {
            (operator.name, role): ErrorSpec("ring_bank", operator.name, role, numbers)
            for operator in graph.operators
            for role in roles
            if operator.is_matrix and self.takes(operator, role, settings)
        }

    def cost(self, works: Sequence[Work], settings: RingBankSettings, context: Context) -> Sequence[LayerCost]:
        """Cost of each work, for the whole batch."""
        placement = place(works, settings)
        return [_cost(work, settings, context, placement) for work in works]

    def area(self, settings: RingBankSettings) -> Sequence[Area]:
        """Photonics by device size, converters and logic as published."""
        return areas(settings)

    def static_power(self, settings: RingBankSettings) -> Sequence[StaticPower]:
        """Lasers, rings, locks, receivers and amplifiers stay on, and the buffer leaks, busy or not."""
        return static_powers(settings)

    def limits(self, works: Sequence[Work], settings: RingBankSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """The power wall, the free spectral range, and the chip's size."""

        def area_of(count: int) -> float:
            bank = settings.bank.model_copy(update={"count": count})
            return float(np.max(optics_mm2(areas(settings.model_copy(update={"bank": bank})))))

        said = f"{settings.bank.channels} x {settings.bank.rows} rings a bank"
        chip = reticle_limit(areas(settings), said, {"at most {} banks fit": (area_of, settings.bank.added)})
        return (*link_limits(budget(settings), sizes=sizes(settings)), spectral_limit(settings), chip)

    def published(self, settings: RingBankSettings) -> Mapping[str, float]:
        """Counts, rates and what the link reaches."""
        return published_figures(settings)


def _numbers(settings: RingBankSettings) -> dict[str, float]:
    noise, cell = budget(settings).noise, settings.weights.held_in
    numbers = {
        "channels": float(settings.bank.channels),
        "rows": float(settings.bank.rows),
        "spacing_fwhm": spacing_fwhm(settings),
        "is_calibrated": float(settings.bank.is_calibrated),
        "banks_added": float(settings.bank.added),
        "sigma_fwhm": settings.ring.sigma_fwhm.value,
        "drift_fwhm": settings.ring.drift_fwhm.value,
        "weight_bits": float(settings.weights.bits),
        "store_sigma_fraction": 0.0 if cell is None else cell.programming_sigma_fraction.value,
        "input_bits": float(settings.dac.bits),
        "output_bits": float(settings.adc.bits),
        "dark_fraction": noise.dark,
        "shot_fraction": noise.shot,
        "intensity_fraction": noise.intensity,
    }
    if cell is not None:
        numbers["store_bits"] = float(cell.bits)
    return numbers


def _cost(work: Work, settings: RingBankSettings, context: Context, placement: Placement) -> LayerCost:
    if isinstance(work, MatrixWork):
        return matrix_cost(work, settings, context, placement)
    if isinstance(work, VectorWork) and work.role == "update":
        return update_cost(work, settings, context, placement)
    comparator = settings.training.comparator
    if isinstance(work, VectorWork) and work.role == "input_gradient" and comparator is not None:
        return derivative_cost(work, settings, comparator)
    raise SimulatorError(f"ring_bank cannot run {work.layer} in role {work.role}")
