"""The simulator of dynamic photonic tensor cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, Work
from joulescape.simulators._link_limits import link_limits
from joulescape.simulators._tiling import optics_mm2, reticle_limit
from joulescape.simulators.base import Area, Context, LayerCost, Limit, Simulator, StaticPower
from joulescape.simulators.tensor_core.cost import matrix_cost
from joulescape.simulators.tensor_core.figures import areas, published_figures, static_powers
from joulescape.simulators.tensor_core.link import budget, product_budget
from joulescape.simulators.tensor_core.settings import TensorCoreSettings
from joulescape.spec.base import Shape

STORED_KINDS = frozenset({"conv", "dense"})
"""Operators with trained weights."""

PRODUCT_ROLES: tuple[Role, ...] = ("forward", "input_gradient", "weight_gradient")

CHANGES_NUMBERS = frozenset(
    {
        "array.mapping", "array.core_axis",
        "array.tiles", "array.cores", "array.rows", "array.columns", "array.wavelengths",
        "array.integration_cycles", "clock_ghz", "weight_modulator.extinction_db", "light.path_loss_db",
        "light.endpoint", "dynamic_products",
        "light.rule.rule", "light.rule.received_dbm", "light.rule.sensitivity_dbm", "light.rule.supplied_mw",
        "light.rule.supplied_at_ghz", "laser.max_mw", "laser.rin_db_per_hz", "laser.wall_plug_fraction",
        "detector.responsivity_a_per_w", "detector.dark_ma", "detector.load_kohm", "detector.temperature_kelvin",
        "weight_dac.bits", "dac.bits", "adc.bits", "gain_sigma_fraction",
    }
)  # fmt: skip

SEARCHABLE = frozenset(
    {
        "array.tiles", "array.cores", "array.integration_cycles", "clock_ghz",
        "light.rule.rule", "light.rule.received_dbm",
        "weight_dac.bits", "dac.bits", "adc.bits", "buffer.kib", "dynamic_products",
    }
)  # fmt: skip


class TensorCore(Simulator[TensorCoreSettings]):
    """Two modulated operands meet; wavelengths, photocurrents and time add up before one conversion."""

    name: ClassVar[str] = "tensor_core"
    Settings: ClassVar[type[Shape]] = TensorCoreSettings
    changes_numbers: ClassVar[frozenset[str]] = CHANGES_NUMBERS
    searchable: ClassVar[frozenset[str]] = SEARCHABLE

    def takes(self, operator: Operator, role: Role, settings: TensorCoreSettings) -> bool:
        """Every product, backward ones too: both operands are modulated, so neither must be a trained weight.

        Products of two activations only under `dynamic_products`; the update stays with the host.
        """
        is_taken = operator.kind in STORED_KINDS or (operator.kind == "matmul" and settings.dynamic_products)
        return is_taken and role in PRODUCT_ROLES

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: TensorCoreSettings) -> Errors:  # noqa: ARG002
        """One set of numbers for the machine."""
        noise = product_budget(settings).noise
        numbers = {
            "terms_per_sample": float(settings.array.terms_per_sample),
            "integration_cycles": float(settings.array.integration_cycles),
            "weight_bits": float(settings.weight_dac.bits),
            "input_bits": float(settings.dac.bits),
            "output_bits": float(settings.adc.bits),
            "gain_sigma_fraction": settings.gain_sigma_fraction.value,
            "dark_fraction": noise.dark,
            "shot_fraction": noise.shot,
            "intensity_fraction": noise.intensity,
        }
        return {
            (operator.name, role): ErrorSpec("tensor_core", operator.name, role, numbers)
            for operator in graph.operators
            for role in PRODUCT_ROLES
            if self.takes(operator, role, settings)
        }

    def cost(self, works: Sequence[Work], settings: TensorCoreSettings, context: Context) -> Sequence[LayerCost]:
        """Cost of each work, for the whole batch."""
        return [_cost(work, settings, context) for work in works]

    def area(self, settings: TensorCoreSettings) -> Sequence[Area]:
        """Photonics by device size, converters and logic as published."""
        return areas(settings)

    def static_power(self, settings: TensorCoreSettings) -> Sequence[StaticPower]:
        """Lasers, routers and biases stay on, and the buffer leaks, whether or not anything is computed."""
        return static_powers(settings)

    def limits(self, works: Sequence[Work], settings: TensorCoreSettings, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """The power wall and the chip's size."""
        links = link_limits(budget(settings), product_budget(settings))
        remedies = {f"at most {{}} {name} fit": (_area_of(settings, name), 1) for name in ("tiles", "cores")}
        return (*links, reticle_limit(areas(settings), f"{settings.array.tiles} tiles", remedies))

    def published(self, settings: TensorCoreSettings) -> Mapping[str, float]:
        """Counts, rates, powers and what the link reaches."""
        return published_figures(settings)


def _area_of(settings: TensorCoreSettings, name: str) -> Callable[[int], float]:
    def area(number: int) -> float:
        array = settings.array.model_copy(update={name: number})
        return float(np.max(optics_mm2(areas(settings.model_copy(update={"array": array})))))

    return area


def _cost(work: Work, settings: TensorCoreSettings, context: Context) -> LayerCost:
    if isinstance(work, MatrixWork):
        return matrix_cost(work, settings, context)
    raise SimulatorError(f"tensor_core cannot run {work.layer} in role {work.role}")
