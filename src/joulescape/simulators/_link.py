"""The budget of one optical link, both ways: bits that a laser buys, and the laser that bits ask for.

Light loses dB after dB on its worst path; what arrives makes a current, and shot, thermal, intensity and amplifier
noise leave effective bits of it. The full scale is one channel's light at one receiver: where `channels` meet on
a detector their shot noise adds, while intensity noise stays with what balanced diodes do not cancel, the net signal.

ratio^2 = (s1 P + s2 P^2) / (a0 + a1 P + a2 P^2), which a quadratic inverts. Powers in mW, rates in GHz.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from joulescape.simulators._optics import (
    Receiver,
    amplitude_ratio,
    at_least,
    at_most,
    db,
    effective_bits,
    fraction,
    laser_mw,
    significant,
)

Detection = Literal["direct", "balanced", "homodyne"]

PHOTON_PJ = 1.2816e-7
"""Energy of a photon at 1550 nm, h c / lambda."""

FEWEST_BITS = 2
"""Converters have no fewer."""

MOST_LINE_MW = 1000.0
"""Optical power of one line beyond which no laser is named as a remedy, where its part says nothing narrower."""

REACH_STEP_BITS = 1e-6
"""How far below the reachable bits a link is set when it asks for more than it can have."""


@dataclass(frozen=True)
class Path:
    """What light meets from the laser to the worst-placed detector, in order; an amplifier has a negative loss."""

    losses: tuple[tuple[str, float], ...]
    ways: int = 1
    """Detectors that share one line evenly, at 10 log10(ways) dB."""

    @property
    def loss_db(self) -> float:
        """All losses and the split."""
        return float(sum(loss for _, loss in self.losses) + db(self.ways))

    @property
    def worst(self) -> tuple[str, float]:
        """The largest single loss, the split included."""
        return max((*self.losses, (f"split into {self.ways}", float(db(self.ways)))), key=lambda item: item[1])

    @property
    def removable_db(self) -> float:
        """What better devices could save at most: half of all losses, the split apart."""
        return sum(max(loss, 0.0) for _, loss in self.losses) / 2.0


@dataclass(frozen=True)
class Source:
    """One line of a laser with its modulator: wall plug, highest optical power, extinction."""

    wall_plug_fraction: float
    max_mw: float
    extinction_db: float
    available_mw: float = MOST_LINE_MW
    """Highest optical power of any line that can be had."""

    @property
    def contrast(self) -> float:
        """Share of the line that carries signal: 1 - 10^(-ER/10)."""
        return float(1.0 - fraction(self.extinction_db))


@dataclass(frozen=True)
class Booster:
    """An optical amplifier inside the path: its gain stands in the path's losses, its noise here.

    The beat of signal and spontaneous emission has variance 2 R^2 P B * F h nu (G - 1) T, T being what it passes after.
    """

    gain_db: float
    noise_figure_db: float
    after_db: float
    """Loss between the amplifier and the detector."""

    @property
    def emission_pj(self) -> float:
        """F h nu (G - 1) T: spontaneous emission at the detector, in energy a mode."""
        factor, gain = 10 ** (self.noise_figure_db / 10), 10 ** (self.gain_db / 10)
        return float(factor * PHOTON_PJ * (gain - 1.0) * fraction(self.after_db))


class Noise(NamedTuple):
    """Standard deviations: in the dark; for each lit channel (shot and amplifier noise); for each net output."""

    dark: float
    shot: float
    intensity: float


class Terms(NamedTuple):
    """Coefficients of the squared ratio over received power."""

    s1: float
    s2: float
    a0: float
    a1: float
    a2: float


@dataclass(frozen=True)
class Link:
    """One channel from its laser to its receiver."""

    path: Path
    source: Source
    receiver: Receiver
    detection: Detection = "direct"
    channels: int = 1
    """Wavelengths that are detected together."""
    local_mw: float = 0.0
    """Reference light of homodyne detection."""
    booster: Booster | None = None

    @property
    def most_mw(self) -> float:
        """Signal power received when the laser gives all it can."""
        return float(self.source.max_mw * fraction(self.path.loss_db)) * self.source.contrast

    def ratio(self, received_mw: float) -> float:
        """Full-scale signal over noise, an amplitude ratio."""
        t, p = self.terms(), received_mw
        return math.sqrt((t.s1 * p + t.s2 * p**2) / (t.a0 + t.a1 * p + t.a2 * p**2))

    def bits(self, received_mw: float) -> float:
        """Effective bits of a received power."""
        return float(effective_bits(self.ratio(received_mw)))

    @property
    def ceiling_bits(self) -> float:
        """Effective bits that no power exceeds."""
        t = self.terms()
        return float(effective_bits(math.sqrt(t.s2 / t.a2 if t.s2 else t.s1 / t.a1)))

    def received_mw(self, bits: float) -> float:
        """Power that `bits` ask for: the inverse of `bits`. Raises ValueError at and above `ceiling_bits`."""
        t, r2 = self.terms(), float(amplitude_ratio(bits)) ** 2
        square, line, floor = t.s2 - r2 * t.a2, t.s1 - r2 * t.a1, r2 * t.a0
        if square < 0 or (square == 0 and line <= 0) or (t.s2 and square == 0):
            raise ValueError(f"{bits} bits lie at or above the ceiling of {self.ceiling_bits:.3g} bits that noise sets")
        if square == 0:
            return floor / line
        return (math.sqrt(line**2 + 4.0 * square * floor) - line) / (2.0 * square)

    def line_mw(self, received_mw: float) -> float:
        """Optical power of one line that delivers `received_mw` of signal to each of its detectors."""
        return received_mw / self.source.contrast / float(fraction(self.path.loss_db))

    def electrical_mw(self, received_mw: float) -> float:
        """The same at the wall plug (yin2025)."""
        source = self.source
        return float(laser_mw(self.path.loss_db, received_mw, source.wall_plug_fraction, source.extinction_db))

    def matched(self, bits: float) -> Budget:
        """The link at the power that gives `bits`; one that its laser cannot give is set to what it can."""
        reachable = self.bits(self.most_mw)
        received = self.most_mw if bits >= reachable - REACH_STEP_BITS else self.received_mw(bits)
        return Budget(self, received, float(bits), reachable, "bits")

    def given(self, received_mw: float) -> Budget:
        """The link at a stated power, or at what its laser can give."""
        return Budget(self, min(received_mw, self.most_mw), received_mw, self.most_mw, "mW")

    def terms(self) -> Terms:
        """The squared ratio over received power, as coefficients."""
        r, front = float(self.receiver.responsivity_a_per_w), self.receiver
        shot, thermal = float(front.shot_ma2(1.0)), float(front.thermal_ma2())
        rin, dark = float(front.relative_intensity), float(front.dark_ma)
        emitted = 0.0 if self.booster is None else 2 * r**2 * self.booster.emission_pj * float(front.bandwidth_ghz)
        if self.detection == "homodyne":
            gain = 4 * r**2 * self.local_mw
            return Terms(gain, 0.0, shot * (r * self.local_mw + 2 * dark) + 2 * thermal, shot * r + gain * rin, 0.0)
        diodes = 2 if self.detection == "balanced" else 1
        floor = diodes * (shot * dark + thermal)
        return Terms(0.0, r**2, floor, self.channels * (shot * r + emitted), r**2 * rin)


@dataclass(frozen=True)
class Budget:
    """A link at one power, and what it buys; `asked` and `reachable` are in `unit`."""

    link: Link
    received_mw: float
    asked: float
    reachable: float
    unit: Literal["bits", "mW"]

    @property
    def loss_db(self) -> float:
        """Loss of the path."""
        return self.link.path.loss_db

    @property
    def ratio(self) -> float:
        """Full-scale signal over noise, an amplitude ratio."""
        return self.link.ratio(self.received_mw)

    @property
    def bits(self) -> float:
        """Effective bits of the receiver."""
        return self.link.bits(self.received_mw)

    @property
    def noise_fraction(self) -> float:
        """Noise at one output (standard deviation) as a fraction of one channel's full scale."""
        return 1.0 / self.ratio

    @property
    def noise(self) -> Noise:
        """The same noise by what it follows, in units of one channel's full scale."""
        t, p = self.link.terms(), self.received_mw
        signal2 = t.s1 * p + t.s2 * p**2
        shot = t.a1 * p / self.link.channels / signal2
        return Noise(math.sqrt(t.a0 / signal2), math.sqrt(shot), math.sqrt(t.a2 * p**2 / signal2))

    @property
    def line_mw(self) -> float:
        """Optical power of one line."""
        return self.link.line_mw(self.received_mw)

    @property
    def electrical_mw(self) -> float:
        """Wall-plug power of one line."""
        return self.link.electrical_mw(self.received_mw)

    @property
    def closes(self) -> bool:
        """Whether the laser gives what is asked."""
        return self.overshoot <= 0

    @property
    def overshoot(self) -> float:
        """Share of what the link asks for that its laser cannot give (reachable bits may be negative)."""
        return 1.0 - self.reachable / self.asked

    def reason(self, smaller: Iterable[str] = ()) -> str:
        """Why the link does not close, and the smallest changes that would close it, `smaller` machines among them."""
        path, source = self.link.path, self.link.source
        unit = "effective bits" if self.unit == "bits" else "mW received"
        said = (
            f"a path of {path.loss_db:.1f} dB ({path.worst[0]}: {path.worst[1]:.1f} dB) leaves {self.reachable:.3g} "
            f"{unit} at the laser's {source.max_mw:g} mW a line, but the link asks for {self.asked:.3g}"
        )
        return f"{said}; it would close {self._change(smaller)}"

    def _change(self, smaller: Iterable[str]) -> str:
        """Each remedy alone, rounded to the side on which it does; none that nobody can have."""
        found = ", or ".join((*self._by_asking_less(), *smaller, *self._by_power()))
        noisy = f"at no power: noise ends at {self.link.ceiling_bits:.2g} bits"
        return found or (noisy if self._missing() is None else "by none of its numbers alone")

    def _by_asking_less(self) -> Iterator[str]:
        if self.unit == "mW":
            yield f"with {at_most(float(db(self.reachable)), 0.1):.1f} dBm received"
        elif self.reachable >= FEWEST_BITS:
            yield f"with {math.floor(self.reachable)} bits (adc.bits)"

    def _by_power(self) -> Iterator[str]:
        missing, source = self._missing(), self.link.source
        if missing is None:
            return
        less_db, laser = at_least(float(db(missing)), 0.1), missing * source.max_mw
        laser = at_least(laser, significant(laser, 3))
        ways = [f"{less_db:.1f} dB less loss"] if less_db <= self.link.path.removable_db else []
        ways += [f"a laser of {laser:.3g} mW"] if laser <= source.available_mw else []
        if ways:
            yield f"with {' or '.join(ways)}"

    def _missing(self) -> float | None:
        """Received power asked for over what there is; None where no power is enough."""
        if self.unit == "mW":
            return self.asked / self.reachable
        try:
            return self.link.received_mw(self.asked) / self.link.most_mw
        except ValueError:
            return None
