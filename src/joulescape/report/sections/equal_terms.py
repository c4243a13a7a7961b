"""What equal silicon and equal speed cost: copies of each back end's design, as one area holds or one rate asks.

Copies share nothing and hand nothing over: area and rate multiply. Each copy draws its static power all the time and
spends the rest of its energy once an inference. A price holds static power for the whole latency; a machine that
begins an inference before the last has ended draws it once for all under way: its energy at full rate is less. Only
chips are copied: an apparatus on an optical table (from `theme.LARGE_MM2` on) is listed with its own area and rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from joulescape.report import theme
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables
from joulescape.report.standing import static_share

SECONDS = 1e-9
"""Of a nanosecond."""


@dataclass(frozen=True)
class Terms:
    """One back end's design on equal terms; a dash where its area or its rate is not known."""

    back_end: str
    family: str
    area: str
    rate: str
    copies_on_area: int | None
    rate_on_area: str
    power_on_area: str
    energy_on_area: str
    """Per inference, of copies at full rate."""
    copies_at_rate: int | None
    area_at_rate: str
    power_at_rate: str


@dataclass(frozen=True)
class EqualTermsFacts:
    """One row a back end with a design within the limit; empty for fewer than two that can be compared."""

    rows: tuple[Terms, ...]
    area: str
    """The area that is filled: of the largest of the designs."""
    rate: str
    """The rate that is met: of the fastest of the designs."""
    sentence: str
    left_out: tuple[str, ...]
    """Back ends whose design is no chip."""
    least_known: tuple[str, ...] = ()
    """Back ends of whose design the static share is not known: their powers are the least that they can be."""


@dataclass(frozen=True)
class Machine:
    """One design: mm2, inferences a second, pJ an inference by itself, mW while one runs by itself (mean_power_mw), and
    the static share of its energy; None where that is not known."""

    area: float
    rate: float
    energy: float
    power: float
    static: float | None = None

    @property
    def is_sure(self) -> bool:
        """Whether its power at full rate is known: one inference after the other draws what a single one draws."""
        return self.static is not None or math.isclose(self.power, 1e-9 * self.energy * self.rate, rel_tol=1e-3)


def facts(given: Tables) -> EqualTermsFacts:
    """The panel's best of each back end, filled up to the largest chip's area and to the fastest chip's rate."""
    columns = design_columns(given)
    best = decide(columns, Limits(accuracy=default_limit(columns))).best
    known = {name: machine for name, row in best.items() if (machine := _machine(given, row)) is not None}
    chips = {name: machine for name, machine in known.items() if machine.area < theme.LARGE_MM2}
    if len(chips) < 2:
        return EqualTermsFacts((), "–", "–", "", ())
    area, rate = max(m.area for m in chips.values()), max(m.rate for m in chips.values())
    rows = [_terms(name, family, known.get(name), area, rate) for name, family in given.back_ends if name in best]
    shown, left = theme.show(area, "area_mm2"), tuple(name for name in known if name not in chips)
    unsure = tuple(name for name in chips if not chips[name].is_sure)
    return EqualTermsFacts(tuple(rows), shown, rate_text(rate), _sentence(chips, area, shown), left, unsure)


def _machine(given: Tables, row: int) -> Machine | None:
    """None where a figure is not known or is nothing: a copy of it would cost nothing."""
    found = given.valid.row(row, named=True)
    area, interval, energy = found["area_mm2"], found["inference_interval_ns"], found["inference_energy_pj"]
    power = found["mean_power_mw"]
    if not (area and interval and energy and power):
        return None
    return Machine(area, 1 / (interval * SECONDS), energy, power, static_share(given, found["design_id"]))


def copies_on(machine: Machine, area: float) -> int:
    """Whole copies that an area holds; an area as large as one machine holds one whatever its last digit."""
    return math.floor(area / machine.area * (1 + 1e-9))


def copies_for(machine: Machine, rate: float) -> int:
    """Fewest copies that reach a rate."""
    return max(1, math.ceil(rate / machine.rate * (1 - 1e-9)))


def rate_text(rate: float) -> str:
    """Inferences a second with an SI prefix: `1.25 M/s`."""
    return f"{theme.prefixed(rate, '')}/s"


def power_of(machine: Machine, copies: int, rate: float) -> float:
    """mW of copies that do `rate` inferences a second together: static power of each, and the rest once an inference.

    Where the static share is not known, the least that it can be: all of the energy static, or none of it.
    """
    standing, working = copies * machine.power, 1e-9 * machine.energy * rate
    if machine.static is None:
        return min(standing, working)
    return machine.static * standing + (1 - machine.static) * working


def _power(machine: Machine, copies: int, rate: float) -> str:
    return f"{_at_least(machine)}{theme.show(power_of(machine, copies, rate), 'mean_power_mw')}"


def _energy(machine: Machine) -> str:
    """Per inference at full rate: static power for one interval only."""
    each = 1e9 * power_of(machine, 1, machine.rate) / machine.rate
    return f"{_at_least(machine)}{theme.show(each, 'inference_energy_pj')}"


def _at_least(machine: Machine) -> str:
    return "" if machine.is_sure else "at least "


def _terms(name: str, family: str, machine: Machine | None, area: float, rate: float) -> Terms:
    if machine is None:
        return Terms(name, family, "–", "–", None, "–", "–", "–", None, "–", "–")
    if machine.area >= theme.LARGE_MM2:
        own = theme.show(machine.area, "area_mm2"), rate_text(machine.rate)
        return Terms(name, family, *own, None, "–", "–", "–", None, "–", "–")
    many, enough = copies_on(machine, area), copies_for(machine, rate)
    return Terms(
        back_end=name,
        family=family,
        area=theme.show(machine.area, "area_mm2"),
        rate=rate_text(machine.rate),
        copies_on_area=many,
        rate_on_area=rate_text(many * machine.rate),
        power_on_area=_power(machine, many, many * machine.rate),
        energy_on_area=_energy(machine),
        copies_at_rate=enough,
        area_at_rate=theme.show(enough * machine.area, "area_mm2"),
        power_at_rate=_power(machine, enough, rate),
    )


def _sentence(known: Mapping[str, Machine], area: float, shown: str) -> str:
    """`Copies that fill 85.4 mm² do most as memristive/isaac, 12.3 M/s, and least as photonic/mzi_mesh, 98.1 k/s.`"""
    rates = {name: copies_on(machine, area) * machine.rate for name, machine in known.items()}
    most, least = max(rates, key=lambda name: rates[name]), min(rates, key=lambda name: rates[name])
    said = f"Copies that fill {shown} do most inferences as {most}, {rate_text(rates[most])}"
    return f"{said}, and fewest as {least}, {rate_text(rates[least])}."
