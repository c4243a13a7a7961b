"""Narrow numbers on wide units: bits that stay still, units that split, and the supply that may then fall.

Three ways of running a layer of b bits on multipliers of w bits (moons2017, moons2017isscc; delay: sakurai1990):

- `full`: the layer is padded to w bits.
- `gated`: the low bits are held at zero. Fewer gates switch, (b_weight / w)(b_input / w) of a multiplier; the longest
  path that still switches is shorter, so the units' own supply may fall at the same clock (voltage-accuracy scaling).
- `subword`: a unit splits into w / m lanes of m bits, the least of `widths` that holds the layer; memories hold m-bit
  values. At `pace: clock` the lanes save time; at `pace: throughput` the clock slows until the layer lasts as long as
  at full width, and the whole chip's supply falls with it (voltage-accuracy-frequency scaling).

The supply follows the alpha-power law of delay: V / (V - V_t)^a in proportion to clock and path.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators._mapping.declared import MemoryDeclaration
from joulescape.simulators.base import Energy
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Mode = Literal["full", "gated", "subword"]
Pace = Literal["clock", "throughput"]


class SupplySettings(Shape):
    """The supply that a clock needs. `nominal_v` runs the full width at `nominal_ghz`; constants hold there."""

    nominal_v: Annotated[float, Field(gt=0)]
    nominal_ghz: Annotated[float, Field(gt=0)]
    threshold_v: LowerIsBetter
    exponent: LowerIsBetter
    """a of the alpha-power law."""
    least_v: LowerIsBetter
    """Logic does not work below."""
    memory_least_v: LowerIsBetter
    """Memories outside the units do not work below."""
    fixed_path_fraction: LowerIsBetter
    """Share of the longest path that does not shorten with the width."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.threshold_v.value < self.least_v.value <= self.nominal_v:
            raise ValueError("a supply needs threshold_v < least_v <= nominal_v")
        return self

    def volts(self, clock_ghz: float, bits_fraction: float = 1.0) -> float:
        """Least supply at which a path for so many of the full bits is done within a cycle; at least `least_v`.

        At most the nominal supply: a faster clock is refused elsewhere.
        """
        fixed = self.fixed_path_fraction.value
        load = min(1.0, clock_ghz / self.nominal_ghz * (fixed + (1.0 - fixed) * bits_fraction))
        found = _solved(load, self.nominal_v, self.threshold_v.value, self.exponent.value)
        return max(found, self.least_v.value)


class PrecisionSettings(Shape):
    """What the units do with a layer narrower than they are."""

    mode: Mode
    widths: tuple[Annotated[int, Field(ge=1)], ...]
    """subword: widths of a lane, each a whole part of the unit's."""
    along: str
    """subword: the array dimension that the lanes lengthen."""
    pace: Pace = "clock"
    quiet: tuple[str, ...] = ()
    """gated: memories in which a bit that is held at zero takes no energy (registers; a bit line is always paid)."""
    lane_overhead: LowerIsBetter
    """Energy of a multiplier that can split over that of one that cannot, at full width."""
    supply: SupplySettings | None = None


@lru_cache(maxsize=4096)
def _solved(load: float, nominal: float, threshold: float, exponent: float) -> float:
    """V with V / (V - V_t)^a = (V_0 / (V_0 - V_t)^a) / load."""
    allowed = float(nominal / (nominal - threshold) ** exponent / max(load, 1e-6))

    def slack(volts: float) -> float:
        return float(allowed - volts / (volts - threshold) ** exponent)

    low, high = threshold * (1.0 + 1e-6), nominal
    if not slack(low) < 0 < slack(high):
        return nominal
    while low < (middle := (low + high) / 2) < high:  # until no number lies between
        low, high = (middle, high) if slack(middle) < 0 else (low, middle)
    return high


def lane_bits(precision: PrecisionSettings | None, unit_bits: int, needed: float) -> int:
    """Bits of a lane that holds a layer of `needed` bits; the whole unit where it does not split."""
    if precision is None or precision.mode != "subword":
        return unit_bits
    return min(width for width in (*precision.widths, unit_bits) if width >= min(needed, unit_bits))


def most_lanes(precision: PrecisionSettings | None, unit_bits: int) -> int:
    """Lanes of the narrowest width, where they save time."""
    if precision is None or precision.mode != "subword" or precision.pace != "clock":
        return 1
    return unit_bits // min((*precision.widths, unit_bits))


def lane_memory(memory: MemoryDeclaration, lanes: int) -> MemoryDeclaration:
    """A unit's own memory divided among its lanes: each its share of the room, of the word and of the energy."""
    if memory.serves or lanes == 1:
        return memory
    shared = {name: constant.model_copy(update={"value": constant.value / lanes}) for name, constant in (
        ("read_pj", memory.read_pj), ("write_pj", memory.write_pj),
    )}  # fmt: skip
    word, room = max(memory.word_bits // lanes, 1), -(-memory.bytes // lanes)
    return memory.model_copy(update={**shared, "word_bits": word, "bytes": room, "least_bits": None})


def rescaled(parts: Iterable[Energy], core: float, chip: float) -> tuple[Energy, ...]:
    """Dynamic energies at other supplies: squares of supply over the nominal one, inside units and outside them."""
    factors = {"core": core, "chip": chip, "system": 1.0}
    return tuple(replace(part, energy_pj=part.energy_pj * factors[part.component.scope]) for part in parts)
