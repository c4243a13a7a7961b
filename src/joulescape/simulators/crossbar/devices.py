"""Memory devices of crossbars: what `hwlib/components/memristive` holds, and how a device's fits become plain numbers.

A fit is kept as its source prints it, in microsiemens over the conductance (or read current) that the fit calls full
scale; `strength` multiplies all of it and carries how well it is known, so that corners move a whole law at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators.base import Limit
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Better, HigherIsBetter, LowerIsBetter, Sourced

POLYNOMIAL_TERMS = 5
"""Coefficients of the longest polynomial: a fourth order one."""

NS = 1e-9
"""Seconds in a nanosecond: a device ages in seconds, is read in nanoseconds."""

HigherIfKnown = Annotated[Sourced | None, Better("high")]
LowerIfKnown = Annotated[Sourced | None, Better("low")]


class ProgrammingLaw(Shape):
    """Deviation of a programmed conductance as a fit over its target g (share of full scale), at one or more ages.

    polynomial: sigma = sum c_k g^k; saturating: sigma = c_0 (1 - exp(-g full_scale / c_1)). Never below zero.
    """

    form: Literal["polynomial", "saturating"]
    full_scale: Annotated[float, Field(gt=0)]
    """Full scale in the unit of the coefficients."""
    ages_s: tuple[float, ...]
    """When the fits were read; between them coefficients follow log(age)."""
    coefficients: tuple[tuple[float, ...], ...]
    strength: LowerIsBetter
    source: str
    where: str

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.ages_s or len(self.ages_s) != len(self.coefficients):
            raise ValueError("ages_s and coefficients need one length of at least 1")
        if list(self.ages_s) != sorted(set(self.ages_s)) or self.ages_s[0] <= 0:
            raise ValueError("ages_s must be positive and rise")
        most = POLYNOMIAL_TERMS if self.form == "polynomial" else 2
        if any(not 1 <= len(row) <= most for row in self.coefficients):
            raise ValueError(f"a {self.form} fit has 1 to {most} coefficients")
        return self

    def numbers(self, age_s: float) -> Mapping[str, float]:
        """Coefficients at an age as shares of full scale: plain numbers of an error spec."""
        at_age = [_over_log_age(column, self.ages_s, age_s) for column in _columns(self.coefficients)]
        strength = self.strength.value
        if self.form == "saturating":
            height, scale = at_age
            shares = {"programming_height": strength * height, "programming_reach": scale}
        else:
            shares = {f"programming_c{k}": strength * c for k, c in enumerate(at_age)}
        return {name: value / self.full_scale for name, value in shares.items()}


class ClippedLog(Shape):
    """clip(slope ln(g) + offset, floor, ceiling) of the programmed conductance g, a share of full scale."""

    slope: float
    offset: float
    floor: Annotated[float, Field(ge=0)]
    ceiling: Annotated[float, Field(ge=0)]


class Drift(Shape):
    """G(t) = G (t / start)^-nu, t = age + start; nu = |N(mean(g), spread(g))|, drawn once for each cell."""

    start_s: Annotated[float, Field(gt=0)]
    mean: ClippedLog
    spread: ClippedLog
    strength: LowerIsBetter
    """Multiplies mean and spread."""
    source: str
    where: str

    def numbers(self) -> Mapping[str, float]:
        """Plain numbers of an error spec."""
        found = {"drift_start_s": self.start_s}
        for name, law in (("mean", self.mean), ("spread", self.spread)):
            for short in ("slope", "offset", "floor", "ceiling"):
                found[f"drift_{name}_{short}"] = self.strength.value * float(getattr(law, short))
        return found


class Flicker(Shape):
    """1/f read noise: sigma = G Q sqrt(ln((t + read) / (2 read))), Q = min(scale / max(g^power, floor), ceiling).

    It builds up over all decades of time since programming, so that a cell keeps its value from one product to the
    next: drawn once for each device.
    """

    scale: float
    power: Annotated[float, Field(ge=0)]
    floor: Annotated[float, Field(gt=0)]
    ceiling: Annotated[float, Field(gt=0)]
    read_ns: Annotated[float, Field(gt=0)]
    strength: LowerIsBetter
    source: str
    where: str

    def numbers(self) -> Mapping[str, float]:
        """Plain numbers of an error spec."""
        return {
            "flicker_scale": self.scale,
            "flicker_power": self.power,
            "flicker_floor": self.floor,
            "flicker_ceiling": self.ceiling,
            "flicker_read_s": self.read_ns * NS,
            "flicker_strength": self.strength.value,
        }


class Writing(Shape):
    """What one write of one cell takes, and how many of them it outlives."""

    energy_pj: LowerIsBetter
    """One pulse into one cell."""
    pulse_ns: LowerIsBetter
    """One pulse; all cells of a row take it at once."""
    pulses: LowerIsBetter
    """Pulses that tuning a cell to a level takes."""
    endurance_writes: HigherIsBetter

    @property
    def write_pj(self) -> float:
        """Energy of tuning one cell to a level."""
        return float(self.energy_pj.value * self.pulses.value)

    @property
    def write_ns(self) -> float:
        """Time of the same, for a whole row."""
        return float(self.pulse_ns.value * self.pulses.value)


class PulseLaw(Shape):
    """How a cell follows pulses: steps as shares of a range of 2 * weight_bound, spreads relative to the mean.

    A pulse moves 2 weight_bound / states times 1 - asymmetry * w / high upwards, 1 + asymmetry_down * w / low downwards
    (soft bounds at an asymmetry of 1). What has no value does not err.
    """

    states: HigherIsBetter
    """Distinguishable weights between both ends: the range over one step in its middle."""
    asymmetry: LowerIsBetter
    asymmetry_down: LowerIfKnown = None
    """The same downwards where it differs."""
    cycle_noise: LowerIsBetter
    """Standard deviation of one pulse's step, as a fraction of the step."""
    weight_bound: Annotated[float, Field(gt=0)]
    high: Annotated[float, Field(gt=0)] = 1.0
    """Upper end over `weight_bound`: a range may be shifted so that up and down balance at zero."""
    low: Annotated[float, Field(gt=0)] = 1.0
    imbalance: LowerIfKnown = None
    """Share of its step that the weaker direction, downwards, lacks."""
    imbalance_spread: LowerIfKnown = None
    """The same from cell to cell."""
    step_spread: LowerIfKnown = None
    bound_spread: LowerIfKnown = None
    write_noise_fraction: LowerIfKnown = None
    """Deviation, over the bound, of what is read from what pulses added up to, drawn at every move."""
    corrupt_fraction: LowerIfKnown = None
    """Cells that do not move."""
    refresh_every: Annotated[int, Field(ge=0)] = 0
    """Above zero pulses only raise a cell: weights are differences of pairs, and after so many steps pairs with a full
    cell are reset and written anew (burr2015)."""


PULSE_NUMBERS = (
    "asymmetry_down", "imbalance", "imbalance_spread", "step_spread", "bound_spread", "write_noise_fraction",
    "corrupt_fraction",
)  # fmt: skip


def pulse_numbers(law: PulseLaw) -> dict[str, float]:
    """Numbers of role `update`: those that every law has, and what else this one states."""
    found = {name: float(getattr(law, name).value) for name in ("states", "asymmetry", "cycle_noise")}
    stated = {name: getattr(law, name) for name in PULSE_NUMBERS}
    plain = {name: float(getattr(law, name)) for name in ("high", "low") if getattr(law, name) != 1.0}
    if law.refresh_every:
        plain["refresh_every"] = float(law.refresh_every)
    known = {name: float(value.value) for name, value in stated.items() if value is not None}
    return {**found, "weight_bound": law.weight_bound, **known, **plain}


class MemoryDevice(Shape):
    """One memory device, its read pulse and its imperfections; sigmas are fractions of the largest conductance."""

    g_on_msiemens: LowerIsBetter
    on_off_ratio: HigherIsBetter
    read_v: LowerIsBetter
    read_pulse_ns: LowerIsBetter
    programming_sigma_fraction: LowerIsBetter
    """The same for every level; `programming` takes its place."""
    read_sigma_fraction: LowerIsBetter
    """White noise, drawn anew at every read."""
    stuck_off_fraction: LowerIsBetter
    stuck_on_fraction: LowerIsBetter
    levels: HigherIfKnown = None
    """Conductances that can be told apart; a cell of b bits needs 2^b."""
    programming: ProgrammingLaw | None = None
    drift: Drift | None = None
    flicker: Flicker | None = None
    writing: Writing | None = None


class AgedCell(MemoryDevice):
    """A device in use: when it is read, and what is done about its age and its faults."""

    age_s: Annotated[float, Field(ge=0, le=1e10)] = 0.0
    """Time between programming and inference."""
    compensation: Literal["none", "global"] = "global"
    """global: one digital factor a tile, the ratio of its summed conductance after programming and now."""
    remapping: Literal["none", "sign", "rows", "pairs"] = "none"
    """What is done about stuck cells, known from a test: sign: outputs of a differential pair may be stored negated;
    rows: inputs of a tile are assigned to its rows for the least squared error of the weights; pairs: the working cell
    of a differential pair takes the level that leaves the wanted difference."""
    has_nodal_wires: bool = False
    """IR drop by Kirchhoff's law at every node even where the closed form is in range."""


def device_numbers(cell: AgedCell) -> dict[str, float]:
    """Numbers that a device adds to an error spec: none for a device without laws of its own, so nothing changes."""
    found: dict[str, float] = {}
    if cell.programming is not None:
        found.update(cell.programming.numbers(cell.age_s))
    if cell.drift is not None:
        found.update(cell.drift.numbers())
    if cell.flicker is not None:
        found.update(cell.flicker.numbers())
    if cell.drift is not None or cell.flicker is not None:
        found.update(age_s=cell.age_s, is_compensated=float(cell.compensation == "global"))
    if cell.remapping != "none":
        found[f"is_remapped_by_{cell.remapping}"] = 1.0
    if cell.has_nodal_wires:
        found["has_nodal_wires"] = 1.0
    return found


def level_limit(bits: int, device: MemoryDevice) -> tuple[Limit, ...]:
    """A cell of `bits` needs 2^bits conductances that can be told apart; empty where it has them, or nobody knows."""
    if device.levels is None or 2**bits <= device.levels.value:
        return ()
    needed, there = 2**bits, device.levels.value
    reason = (
        f"cells of {bits} bits need {needed} levels and the device has {there:g}: "
        f"at most {int(math.log2(there))} bits a cell"
    )
    return (Limit(reason, needed / there - 1),)


def age_cautions(cell: AgedCell) -> Iterator[str]:
    """A word where an age is asked for and the device states no drift."""
    if cell.age_s > 0 and cell.drift is None:
        changes = cell.flicker is not None or (cell.programming is not None and len(cell.programming.ages_s) > 1)
        what = "only its spread changes with it" if changes else "nothing changes with it"
        yield f"cell.age_s {cell.age_s:g}: no drift of this device is known, so that {what}"


def _columns(rows: tuple[tuple[float, ...], ...]) -> list[tuple[float, ...]]:
    longest = max(len(row) for row in rows)
    return [tuple(row[k] if k < len(row) else 0.0 for row in rows) for k in range(longest)]


def _over_log_age(values: tuple[float, ...], ages_s: tuple[float, ...], age_s: float) -> float:
    """Straight between ages over log(age), constant beyond both ends."""
    if age_s <= ages_s[0]:
        return values[0]
    for (young, before), (old, after) in zip(
        zip(ages_s, values, strict=True), zip(ages_s[1:], values[1:], strict=True), strict=False
    ):
        if age_s <= old:
            share = math.log(age_s / young) / math.log(old / young)
            return before + share * (after - before)
    return values[-1]


KINDS: Mapping[str, type[Shape]] = {"memory_device": MemoryDevice, "pulse_law": PulseLaw}
"""Kinds of parts in `hwlib/components/memristive` that a crossbar's cell, or its training, may name."""
