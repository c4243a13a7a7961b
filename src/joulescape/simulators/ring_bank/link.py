"""Spectrum and light of one bank: how far channels stand apart, and the budget from laser to receiver."""

from __future__ import annotations

import math
from collections.abc import Callable

from joulescape.simulators._link import Booster, Budget, Link, Path
from joulescape.simulators._link_limits import Size
from joulescape.simulators._optics import at_most, significant
from joulescape.simulators.base import Limit
from joulescape.simulators.ring_bank.settings import RingBankSettings

LEAST_SPACING = 2.0
"""Linewidths between neighbours below which even a calibrated bank sets no independent weights."""


def spacing_fwhm(settings: RingBankSettings) -> float:
    """Distance of neighbouring channels in linewidths: FSR / (channels * FWHM)."""
    return settings.ring.fsr_nm.value / settings.bank.channels / settings.ring.fwhm_nm.value


def most_channels(settings: RingBankSettings) -> int:
    """Channels that the free spectral range holds."""
    return math.floor(settings.ring.fsr_nm.value / settings.ring.fwhm_nm.value / LEAST_SPACING)


def spectral_limit(settings: RingBankSettings) -> Limit:
    """More channels than the free spectral range allows."""
    spacing, ring = spacing_fwhm(settings), settings.ring
    fits = f"at most {most_channels(settings)} channels fit"
    narrower = ring.fwhm_nm.value * spacing / LEAST_SPACING
    narrower = at_most(narrower, significant(narrower, 2))
    reason = (
        f"{settings.bank.channels} channels in a free spectral range of {ring.fsr_nm.value:g} nm stand "
        f"{spacing:.2g} linewidths apart, but weights need {LEAST_SPACING:g}: {fits}, "
        f"or a linewidth of {narrower:.2g} nm"
    )
    return Limit(reason, 1.0 - spacing / LEAST_SPACING)


def path(settings: RingBankSettings) -> Path:
    """From the laser to the worst-placed receiver: last ring of a row, at the end of the splitter tree."""
    losses, gain = settings.losses, settings.amplifier
    boost = () if gain is None else (("amplifier", -gain.gain_db.value),)
    before = (
        ("laser coupling", settings.laser.coupling_loss_db.value),
        ("modulator", settings.modulator.loss_db.value),
        ("multiplexer", losses.multiplexer_db.value),
    )
    return Path((*before, *boost, *_after(settings)), ways=settings.bank.rows)


def channel(settings: RingBankSettings) -> Link:
    """One wavelength of one row."""
    gain, laser = settings.amplifier, settings.laser
    after = sum(loss for _, loss in _after(settings)) + 10 * math.log10(settings.bank.rows)
    return Link(
        path(settings),
        laser.source(settings.modulator.extinction_db.value),
        settings.detector.receiver(laser.rin_db_per_hz.value, settings.clock_ghz),
        "balanced",
        channels=settings.bank.channels,
        booster=None if gain is None else Booster(gain.gain_db.value, gain.noise_figure_db.value, after),
    )


def budget(settings: RingBankSettings) -> Budget:
    """The link of one channel under the machine's rule."""
    return settings.link.budget(channel(settings), settings.adc.bits, settings.dac.bits, settings.clock_ghz)


def sizes(settings: RingBankSettings) -> tuple[Size, Size]:
    """Rows split the light, and channels are rings to pass and light on one detector."""

    def at(name: str) -> Callable[[int], Budget]:
        def smaller(number: int) -> Budget:
            bank = settings.bank.model_copy(update={name: number})
            return budget(settings.model_copy(update={"bank": bank}))

        return smaller

    return (
        Size("at most {} rows (bank.rows)", settings.bank.rows, 1, at("rows")),
        Size("at most {} channels (bank.channels)", settings.bank.channels, 2, at("channels")),
    )


def _after(settings: RingBankSettings) -> tuple[tuple[str, float], ...]:
    stages = math.ceil(math.log2(settings.bank.rows)) if settings.bank.rows > 1 else 0
    return (
        ("splitters", stages * settings.losses.splitter_db.value),
        ("waveguide", settings.losses.waveguide_db.value),
        ("passed rings", (settings.bank.channels - 1) * settings.ring.through_loss_db.value),
        ("drop", settings.ring.drop_loss_db.value),
    )
