"""What a back end of dynamic photonic tensor cores is made of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators._photonics import (
    Buffer,
    Converter,
    Detector,
    Digital,
    Laser,
    LinkRule,
    Modulator,
    Router,
)
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Mapping = Literal["matrix", "window"]
CoreAxis = Literal["positions", "reduction"]


class Array(Shape):
    """How the machine unrolls a product in space and time.

    matrix: `tiles` x `rows` outputs, `columns` positions, `wavelengths` of the reduction; `cores` take further
    positions (yin2025) or, their photocurrents added, more of the reduction (zhang2024).
    window: `tiles` outputs, `columns` neighbouring positions of one image row, `cores` input channels and a filter of
    `rows` x `rows` in the reduction (shiflett2021); neighbours share inputs, which shift by one at stride 1.
    """

    mapping: Mapping
    core_axis: CoreAxis
    tiles: Annotated[int, Field(ge=1)]
    cores: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)]
    columns: Annotated[int, Field(ge=1)]
    wavelengths: Annotated[int, Field(ge=1)]
    integration_cycles: Annotated[int, Field(ge=1)]
    """Clocks whose photocurrent is summed on a capacitor before one conversion."""
    adcs_per_output: Annotated[int, Field(ge=1)]
    """Converters of one output: 1 where cores share one, `cores` where each has its own."""

    @property
    def position_cores(self) -> int:
        """Cores that work on positions of their own."""
        return self.cores if self.mapping == "matrix" and self.core_axis == "positions" else 1

    @property
    def terms_per_sample(self) -> int:
        """Products that one conversion collects in one clock."""
        if self.mapping == "window":
            return self.cores * self.rows**2
        return self.wavelengths * self.cores // self.position_cores

    @model_validator(mode="after")
    def _window_has_its_wavelengths(self) -> Self:
        needed = self.rows * (self.rows + self.columns - 1)
        if self.mapping == "window" and self.wavelengths != needed:
            raise ValueError(
                f"a window of {self.rows} x {self.rows} at {self.columns} positions takes {needed} wavelengths"
            )
        return self


class Light(Shape):
    """What sets the laser and what the path loses."""

    rule: LinkRule
    path_loss_db: LowerIsBetter
    """From the laser to a detector without the split."""
    endpoint: Literal["product", "detector", "laser"]
    """What the rule's light is meant for: each product of a cycle; each detector, whose wavelengths share it; or each
    laser, without any split, as the published log of the Lightning-Transformer counts."""
    lasers: Annotated[int, Field(ge=1)]
    """Laser dies."""


class TensorCoreSettings(Shape):
    """A photonic machine of tensor cores."""

    array: Array
    dynamic_products: bool = False
    """Whether products of two activations run on light, as those with weights do; otherwise on the host."""
    clock_ghz: Annotated[float, Field(gt=0, le=30)]
    weight_modulator: Modulator
    input_modulator: Modulator
    router: Router
    routers: Annotated[int, Field(ge=0)]
    laser: Laser
    light: Light
    detector: Detector
    weight_dac: Converter
    dac: Converter
    """Of the inputs."""
    adc: Converter
    gain_sigma_fraction: LowerIsBetter
    """Imbalance of wavelengths and detectors that calibration leaves (standard deviation)."""
    fixed_area_mm2: LowerIsBetter
    """Star couplers, gratings and combs of the whole chip."""
    buffer: Buffer
    digital: Digital
