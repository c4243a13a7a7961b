"""An array whose supply is below the nominal one: what it saves, and how often a multiply-accumulate comes too late.

Timing speculation keeps the clock. Energy of a switching event follows V^2 (`e = e_nominal (V / V_nominal)^2`), leakage
follows V; the share of late events is a table over V / V_nominal, a straight line of its logarithm between the entries
(rule `log_linear`). With flip-flops that notice a late result (ernst2003) the array drops one product and goes on
(zhang2018, "TE-Drop"); without them a high bit of the running sum is wrong.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from joulescape.simulators.base import Limit
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Better, LowerIsBetter, Sourced

Volt = Annotated[float, Field(gt=0)]
Recovery = Literal["te_drop", "none"]

PARTS = 1000
"""A supply is tabulated in thousandths of the nominal one."""


class SupplySettings(Shape):
    """Supply of the multiply-accumulate cells alone; buffers, vector unit and control stay at the nominal one."""

    voltage_v: Volt
    nominal_v: Volt
    least_v: LowerIsBetter
    """Below, cells do not work at any clock, and no table of late results says anything."""
    recovery: Recovery
    """`te_drop`: a late result is noticed and the product after it left out; `none`: it goes on with a bit wrong."""
    fault_bit: Annotated[int, Field(ge=8, le=46)]
    """The bit of the running sum that the longest carry reaches: what flips where nothing notices."""
    fault_fraction: Annotated[dict[int, Sourced], Better("low"), Field(min_length=2)]
    """Share of late events by supply in thousandths of the nominal one; none above the highest of them."""
    detector_energy_fraction: LowerIsBetter
    """Of flip-flops that notice, over the energy of the cells."""
    detector_area_fraction: LowerIsBetter

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.voltage_v > self.nominal_v:
            raise ValueError(f"voltage_v {self.voltage_v:g} is above nominal_v {self.nominal_v:g}")
        rates = [self.fault_fraction[key].value for key in sorted(self.fault_fraction)]
        if rates != sorted(rates, reverse=True) or min(rates) <= 0 or max(rates) > 1:
            raise ValueError("fault_fraction must fall with the supply's thousandths and lie in (0, 1]")
        return self

    @property
    def ratio(self) -> float:
        """Supply over the nominal one."""
        return self.voltage_v / self.nominal_v

    @property
    def limit(self) -> Limit:
        """A supply below the least one."""
        least = self.least_v.value
        return Limit(f"supply.voltage_v below supply.least_v: at least {least:g} V", least / self.voltage_v - 1.0)

    @property
    def notices(self) -> bool:
        """Whether late results are noticed."""
        return self.recovery == "te_drop"

    @property
    def energy_factor(self) -> float:
        """Energy of a switching event over that at the nominal supply, flip-flops that notice included."""
        return self.ratio**2 * (1 + self.notices * self.detector_energy_fraction.value)

    @property
    def area_factor(self) -> float:
        """Area of the cells over that of plain ones."""
        return 1 + self.notices * self.detector_area_fraction.value

    @property
    def faults(self) -> float:
        """Share of multiply-accumulates whose result comes too late."""
        keys = sorted(self.fault_fraction)
        if self.ratio * PARTS > keys[-1]:
            return 0.0
        logs = np.log([self.fault_fraction[key].value for key in keys])
        segment = min(max(int(np.searchsorted(keys, self.ratio * PARTS)) - 1, 0), len(keys) - 2)
        slope = (logs[segment + 1] - logs[segment]) / (keys[segment + 1] - keys[segment])
        return float(min(np.exp(logs[segment] + slope * (self.ratio * PARTS - keys[segment])), 1.0))
