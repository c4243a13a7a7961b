"""How fast the shores drift apart: computing needed against computing delivered, memory against memory."""

from __future__ import annotations

from dataclasses import dataclass

from joulescape.gap.findings import Find, Finding, Tables
from joulescape.gap.fits import Difference, difference, factor
from joulescape.gap.in_words import spanned, times
from joulescape.gap.shore_findings import Fit, fit_of, slope_of, years_of

Group = tuple[str, str]
"""Series and group."""

ANY_DATA: Group = ("operations_by_year", "least_error_any_data")
IMAGENET: Group = ("operations_by_year", "least_error_imagenet_alone")
SAME_ERROR: Group = ("operations_by_year", "error_of_10_percent")
DENSITY: Group = ("performance_density_by_year", "gpu_float32")
ENERGY: Group = ("energy_per_operation_by_year", "gpu_float32")
PARAMETERS: Group = ("parameters_by_year", "review")
BEST_PARAMETERS: Group = ("parameters_of_the_best_by_year", "least_error_any_data")
DEVICES: Group = ("dram_device_energy_by_year", "ddr_reading")


@dataclass(frozen=True)
class Drift:
    """A need against a delivery, as growths a year."""

    need: Fit
    delivery: Fit
    ratio: Difference
    """log10 of the factor by which they drift apart a year."""

    @property
    def text(self) -> str:
        """The factor a year with its interval, and whether it is told from none."""
        told = "told from none" if self.ratio.low > 0 or self.ratio.high < 0 else "not told from none"
        ends = spanned(factor(self.ratio.low), factor(self.ratio.high))
        return f"{times(factor(self.ratio.value))} a year ({ends}; {told})"

    @property
    def counts(self) -> str:
        """How many points both rest on."""
        return f"{self.need['points_count']} and {self.delivery['points_count']} points"


def drift(tables: Tables, need: Group, delivery: Group, span: str = "first", falls: bool = False) -> Drift | None:
    """One need against one delivery; what `falls` delivers more as it does. None where one of them has no fit."""
    wanted, given = fit_of(tables, *need, span), fit_of(tables, *delivery, span)
    if wanted is None or given is None:
        return None
    slope, error, count = slope_of(given)
    return Drift(wanted, given, difference(slope_of(wanted), (-slope if falls else slope, error, count)))


def gap_in_operations(tables: Tables) -> Finding | None:
    """Operations of the network that errs least against the operations that an area does."""
    first, every = (drift(tables, ANY_DATA, DENSITY, span) for span in ("first", "all"))
    if first is None:
        return None
    alone, later = (drift(tables, IMAGENET, DENSITY, span) for span in ("first", "all"))
    on = f" With all points, until {every.need['x_high']:.0f} and {every.delivery['x_high']:.0f}, {every.text}." \
        if every is not None else ""  # fmt: skip
    strict = f" Of networks trained on ImageNet alone: {alone.text}" if alone is not None else ""
    strict += f"; with all points {later.text}." if alone is not None and later is not None else "." if strict else ""
    return Finding(
        id="gap_in_operations",
        sentence=f"The network with the least error so far, whatever it learnt from, needed "
        f"{times(first.need['growth_factor'])} the operations each year ({years_of(first.need)}), graphics "
        f"cards do {times(first.delivery['growth_factor'])} the operations for their area "
        f"({years_of(first.delivery)}): in operations the gap widens by {first.text}.{on}{strict}",
        uncertainty=f"least squares on logarithms, {first.counts}; Welch's intervals; one model and one crop "
        f"throughout; float32 peaks; a record has one year, and each begins from the one before",
    )


def gap_in_energy(tables: Tables) -> Finding | None:
    """The same against the operations that a joule does, and whether cards after the first span kept up."""
    first = drift(tables, ANY_DATA, ENERGY, falls=True)
    every = drift(tables, ANY_DATA, ENERGY, "all", falls=True)
    if first is None:
        return None
    on = f" With all points {every.text}." if every is not None else ""
    gain = first.delivery["growth_factor"]
    return Finding(
        id="gap_in_energy",
        sentence=f"Graphics cards did {times(1 / gain)} the float32 operations for a joule each year "
        f"({years_of(first.delivery)}): against what the network with the least error needs the gap widens by "
        f"{first.text}.{on} Of {first.delivery['later_count']} later cards {first.delivery['later_inside_count']} lie "
        f"inside the prediction, {first.delivery['later_above_count']} spend more.",
        uncertainty=f"{first.counts}; what cards are built for over their peak, memory and all; no work is measured",
    )


def fewer_operations_at_equal_error(tables: Tables) -> Finding | None:
    """How the need falls where the error asked for stays the same."""
    first, every = fit_of(tables, *SAME_ERROR, "first"), fit_of(tables, *SAME_ERROR, "all")
    if first is None:
        return None
    on = ""
    if every is not None:
        ends = spanned(1 / every["growth_high"], 1 / every["growth_low"])
        on = f"; with all {every['points_count']} points, until {every['x_high']:.0f}, by " \
            f"{times(1 / every['growth_factor'])} ({ends})"  # fmt: skip
    ends = spanned(1 / first["growth_high"], 1 / first["growth_low"])
    told = "" if _falls(first) else ", which cannot be told from none"
    said = ": the need that grows is that for less error" if _falls(first) or (every and _falls(every)) else ""
    return Finding(
        id="fewer_operations_at_equal_error",
        sentence=f"At a top-5 error of 10 % or less the fewest operations fell by "
        f"{times(1 / first['growth_factor'])} a year ({ends}; {years_of(first)}{told}){on}{said}.",
        uncertainty=f"{first['points_count']} records; one model and one crop, trained on ImageNet alone",
    )


def _falls(fit: Fit) -> bool:
    """Whether a fall can be told from none."""
    return bool(fit["growth_high"] < 1)


def gap_in_memory(tables: Tables) -> Finding | None:
    """Parameters against the bits that a joule reads from DRAM."""
    largest = drift(tables, PARAMETERS, DEVICES, falls=True)
    if largest is None:
        return None
    best = drift(tables, BEST_PARAMETERS, DEVICES, falls=True)
    rest = f" Of the network with the least error so far: {best.text}." if best is not None else ""
    return Finding(
        id="gap_in_memory",
        sentence=f"In memory the gap between the parameters of a review's networks "
        f"({times(largest.need['growth_factor'])} as many each year, {years_of(largest.need)}) and the bits "
        f"that a joule reads from DDR devices ({times(1 / largest.delivery['growth_factor'])} as many, "
        f"{years_of(largest.delivery)}) widens by {largest.text}.{rest}",
        uncertainty=f"{largest.counts}, of the memory one a standard; devices alone, reading open rows, from their "
        "datasheets' currents",
    )


FINDINGS: tuple[Find, ...] = (
    gap_in_operations,
    gap_in_energy,
    fewer_operations_at_equal_error,
    gap_in_memory,
)
