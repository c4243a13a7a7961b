"""Converters of crossbars: what one conversion takes in energy, time and area at its resolution b, by kind.

    table      points of one design, log-linear between them, rate held               (energy_pj at table_bits)
    survey     regression of surveyed converters, the best fifth in energy (andrulis2023), rate given
    two_term   (c_1 b + c_2 4^b) V^2: logic and matched capacitors (murmann2021), rate given
    sar        energy and time linear in b: b clocks of table_bits * rate_gsps        (energy_pj at table_bits)
    flash      2^b - 1 comparators, one clock                                         (energy_pj at table_bits)
    ramp       2^b clocks: a comparator and a counter a converter against one ramp an array
    linear     power and time linear in b, area held (ankit2019)                      (energy_pj at table_bits)

Power at full use is energy over time. Areas of `two_term`, `sar` and `ramp` are linear in b, as their logic is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import numpy as np
from pydantic import Field, model_validator

from joulescape.errors import SimulatorError
from joulescape.simulators._optics import dac_factor
from joulescape.simulators.base import WEAKNESS, Quantity
from joulescape.simulators.crossbar.table import Count, TableRow
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Better, HigherIsBetter, LowerIsBetter, Sourced

LowerIfKnown = Annotated[Sourced | None, Better("low")]
T = TypeVar("T")
Model = Literal["table", "survey", "two_term", "sar", "flash", "ramp", "linear"]

SURVEY = "andrulis2023"
LEAST_SURVEY_BITS, MOST_SURVEY_GSPS = 4, 10.0
"""Where the regression holds."""
HZ_PER_GHZ, UM2_PER_MM2 = 1e9, 1e6

NEEDS: dict[Model, tuple[str, ...]] = {
    "table": ("table_bits", "table", "energy_pj", "scaling"),
    "survey": ("survey",),
    "two_term": ("table_bits", "table", "two_term"),
    "sar": ("table_bits", "table", "energy_pj"),
    "flash": ("table_bits", "table", "energy_pj"),
    "ramp": ("table_bits", "table", "ramp"),
    "linear": ("table_bits", "table", "energy_pj"),
}


class AdcScaling(Shape):
    """Energy and area of one converter design at several resolutions, log-linear between the points."""

    bits: tuple[int, ...]
    energy_pj: tuple[float, ...]
    area_mm2: tuple[float, ...]
    source: str
    where: str

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if not len(self.bits) == len(self.energy_pj) == len(self.area_mm2) >= 2:
            raise ValueError("bits, energy_pj and area_mm2 need one length of at least 2")
        if list(self.bits) != sorted(set(self.bits)):
            raise ValueError("bits must rise")
        return self

    def factor(self, bits: Any, table_bits: int, quantity: str) -> Quantity:
        """Energy or area (`energy_pj`, `area_mm2`) at `bits` over that at `table_bits`."""
        points, logs = np.asarray(self.bits, dtype=float), np.log(getattr(self, quantity))
        return np.asarray(np.exp(np.interp(bits, points, logs) - np.interp(table_bits, points, logs)))


class Survey(Shape):
    """Where the regression is taken, and what a design takes more or less than the survey's best."""

    node_nm: Annotated[int, Field(ge=7, le=180)]
    energy_scale: LowerIfKnown = None
    area_scale: LowerIfKnown = None


class TwoTerm(Shape):
    """Constants of (c_1 b + c_2 4^b) V^2, at one volt."""

    linear_pj: LowerIsBetter
    """c_1: logic and comparator of one bit."""
    matched_pj: LowerIsBetter
    """c_2: capacitors as large as noise and matching ask for."""
    supply_v: LowerIsBetter


class Ramp(Shape):
    """A comparator and a counter a converter against one ramp, which an array's converters share."""

    clock_ghz: HigherIsBetter
    """Of the counters: a ramp lasts 2^b of these clocks."""
    comparator_mw: LowerIsBetter
    """While the ramp rises."""
    count_pj: LowerIsBetter
    """One count; a counter stops where the ramp passes its column: half of the counts on average."""
    generator_mw: LowerIsBetter
    generator_mm2: LowerIsBetter


class Adc(Shape):
    """Column converter by its kind; `table_bits`, `table` and `energy_pj` belong together."""

    model: Model = "table"
    bits: Count
    per_crossbar: Count
    """Converters of one array: each takes its share of the columns in turn."""
    table_bits: Count | None = None
    table: TableRow | None = None
    energy_pj: LowerIfKnown = None
    """Energy of one conversion at `table_bits`."""
    rate_gsps: HigherIsBetter
    """Conversions per ns of one converter (GS/s): at `table_bits` where time follows bits (sar, linear), else at every
    resolution; a ramp has its own clock."""
    clip_fraction: Annotated[float, Field(gt=0, le=1)]
    """Full scale of the converter as a share of the largest column sum seen in calibration."""
    least_step_levels: Annotated[float, Field(ge=0, le=16)] = 1.0
    """A step of the converter is at least so many cell levels: 1 counts whole levels, 0 lets bits alone decide."""
    scaling: AdcScaling | None = None
    survey: Survey | None = None
    two_term: TwoTerm | None = None
    ramp: Ramp | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        missing = [name for name in NEEDS[self.model] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"model {self.model} needs {' and '.join(_asked(type(self), name) for name in missing)}")
        return self

    @model_validator(mode="after")
    def _inside_table(self) -> Self:
        for name in ("bits", "table_bits"):
            points = self.scaling.bits if self.model == "table" and self.scaling is not None else ()
            if points and not points[0] <= getattr(self, name) <= points[-1]:
                raise ValueError(
                    f"{name} must lie in {points[0]}..{points[-1]}, the scaling table; "
                    f"{name} {getattr(self, name)} needs another adc.model (sar, flash, ramp, two_term, survey)"
                )
        return self

    @model_validator(mode="after")
    def _inside_survey(self) -> Self:
        if self.model != "survey":
            return self
        if self.bits < LEAST_SURVEY_BITS:
            raise ValueError(f"model survey holds from {LEAST_SURVEY_BITS} bits on; bits is {self.bits}")
        fastest = max(self.rate_gsps.value, self.rate_gsps.high or 0.0)
        if not 0 < fastest <= MOST_SURVEY_GSPS:
            raise ValueError(f"model survey holds up to {MOST_SURVEY_GSPS:g} GS/s; rate_gsps reaches {fastest:g}")
        return self


class Dac(Shape):
    """Row driver; the table row is that of one-bit drivers. How power and area grow with bits, relative to one bit:
    ladder: 2^b - 1 unit drivers; current_steering: 2^b / (b + 1), `dac_no_fom` of yin2025; capacitive: b, its `dac_fom`
    (a figure of merit times bits)."""

    bits: Annotated[int, Field(ge=1, le=4)]
    table: TableRow
    model: Literal["ladder", "current_steering", "capacitive"] = "ladder"


def _asked(owner: type[Shape], name: str) -> str:
    """A block that is missing with its fields, those that may be left out in brackets; a plain number by its name."""
    kinds = get_args(owner.model_fields[name].annotation)
    found = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Shape) and kind is not Sourced]
    if not found:
        return f"adc.{name}"
    fields = (key if field.is_required() else f"[{key}]" for key, field in found[0].model_fields.items())
    return f"the block adc.{name} of {', '.join(fields)}"


def survey_energy_pj(bits: Any, node_nm: float, rate_gsps: float) -> Quantity:
    """One conversion of the best fifth of surveyed converters (andrulis2023): a figure of merit that the rate or the
    resolution bounds, times a trend over node and bits."""
    sndr_db = 20 * np.asarray(bits) * np.log10(2) + 10 * np.log10(1.5)
    by_rate, by_bits = 213.7807 - 2.87190 * np.log(rate_gsps * HZ_PER_GHZ), 128.3068 + 3.220512 * np.ceil(bits)
    trend = 26.04962 + 1.880037 * np.log(node_nm) - 2.829126 * np.log(bits) - 1.470202
    return np.asarray(np.exp(trend) / (2 * 10 ** ((np.minimum(by_rate, by_bits) - sndr_db) / 10)))


def survey_area_mm2(energy_pj: Quantity, node_nm: float, rate_gsps: float) -> Quantity:
    """The best tenth in area of surveyed converters of that energy (andrulis2023)."""
    by_rate = 0.180715 * np.log(rate_gsps * HZ_PER_GHZ)
    logs = 1.346192 + 0.993279 * np.log(node_nm) + by_rate + 0.299124 * np.log(energy_pj)
    return np.asarray(np.exp(logs) / UM2_PER_MM2)


def conversion_energy(adc: Adc) -> Sourced:
    """Energy of one conversion at its bits."""
    if adc.survey is not None and adc.model == "survey":
        return _surveyed(adc.survey.energy_scale, survey_energy_pj(adc.bits, adc.survey.node_nm, adc.rate_gsps.value))
    if adc.two_term is not None and adc.model == "two_term":
        law = adc.two_term
        total = law.linear_pj.value * adc.bits + law.matched_pj.value * 4.0**adc.bits
        return _resting_on(total * law.supply_v.value**2, law.linear_pj, law.matched_pj, law.supply_v)
    if adc.ramp is not None and adc.model == "ramp":
        ramp = adc.ramp
        each = ramp.comparator_mw.value / ramp.clock_ghz.value + ramp.count_pj.value / 2
        return _resting_on(2.0**adc.bits * each, ramp.comparator_mw, ramp.clock_ghz, ramp.count_pj)
    return _needed(adc.energy_pj, "energy_pj").scaled(_growth(adc, "energy_pj"), "adc energy over bits")


def conversion_ns(adc: Adc) -> Quantity:
    """Time of one conversion: a clock of 1 / rate, b clocks (sar, linear), or 2^b clocks (ramp)."""
    if adc.ramp is not None and adc.model == "ramp":
        return float(2.0**adc.bits / adc.ramp.clock_ghz.value)
    clocks = adc.bits / _needed(adc.table_bits, "table_bits") if adc.model in ("sar", "linear") else 1.0
    return float(clocks / adc.rate_gsps.value)


def converter_power(adc: Adc) -> Sourced:
    """Power of one converter at full use; of a kind with a table row, that row's under the same growth."""
    if adc.model in ("survey", "two_term", "ramp"):
        return conversion_energy(adc).scaled(1 / conversion_ns(adc), "conversions back to back")
    row = _needed(adc.table, "table")
    slower = conversion_ns(adc) * adc.rate_gsps.value
    factor = _growth(adc, "energy_pj") / slower / row.count
    return row.power_mw.scaled(factor, "adc table over bits")


def converter_area(adc: Adc) -> Sourced:
    """Area of one converter."""
    if adc.survey is not None and adc.model == "survey":
        law, rate = adc.survey, adc.rate_gsps.value
        best = survey_area_mm2(survey_energy_pj(adc.bits, law.node_nm, rate), law.node_nm, rate)
        return _surveyed(law.area_scale, best)
    row = _needed(adc.table, "table")
    return row.area_mm2.scaled(_growth(adc, "area_mm2") / row.count, "adc table over bits")


def driver_growth(dac: Dac) -> Quantity:
    """Power and area of one driver over those of a driver of one bit."""
    if dac.model == "current_steering":
        return dac_factor(dac.bits, 1)
    return 2 ** np.asarray(dac.bits) - 1 if dac.model == "ladder" else np.asarray(dac.bits)


def _growth(adc: Adc, quantity: str) -> Quantity:
    """Energy of a conversion, or area, at the converter's bits over that at `table_bits`."""
    at = _needed(adc.table_bits, "table_bits")
    if adc.model == "table":
        return _needed(adc.scaling, "scaling").factor(adc.bits, at, quantity)
    if adc.model == "flash":
        return float((2.0**adc.bits - 1) / (2.0**at - 1))
    if adc.model == "linear":
        return (adc.bits / at) ** 2 if quantity == "energy_pj" else 1.0
    return adc.bits / at


def _surveyed(scale: Sourced | None, best: Quantity) -> Sourced:
    if scale is not None:
        return scale.scaled(best, f"{SURVEY}, regression of surveyed converters")
    one = Sourced(value=1.0, basis="derived", source=SURVEY, where="regression of surveyed converters")
    return one.scaled(best, "node, rate and bits")


def _resting_on(value: Quantity, *constants: Sourced) -> Sourced:
    """A number worked out of several constants: as well known as the weakest."""
    weakest = max(constants, key=lambda constant: WEAKNESS.index(constant.basis))
    return weakest.model_copy(update={"value": value, "low": None, "high": None})


def _needed(found: T | None, name: str) -> T:
    """What the settings' own check asks for; SimulatorError where it is missing all the same."""
    if found is None:
        raise SimulatorError(f"this converter has no {name}")
    return found
