"""What the two shores say, each and together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from joulescape.gap.findings import Find, Finding, Tables
from joulescape.gap.fits import Line, difference, factor
from joulescape.gap.in_words import between, number, spanned, times
from joulescape.simulators._node import energy_factor

Fit = Mapping[str, Any]

_NEED = ("parameters_by_year", "review")
_DENSITY = ("performance_density_by_year", "gpu_float32")
_DRAM = ("dram_energy_by_year", "dram_device_energy_by_year")
_SIZES = (8, 32, 1024)
_PUBLISHED_NM = (45.0, 7.0)
"""The nodes of published tables of SRAM."""


def widening_gap(tables: Tables) -> Finding | None:
    """How much faster the networks of a review's figure grow than the density of graphics cards."""
    need, chip = fit_of(tables, *_NEED), fit_of(tables, *_DENSITY)
    if need is None or chip is None:
        return None
    ratio = difference(slope_of(need), slope_of(chip))
    widening = f"{times(factor(ratio.value))} a year ({spanned(factor(ratio.low), factor(ratio.high))})"
    return Finding(
        id="widening_gap",
        sentence=f"The gap between the networks of a review's figure and the float32 density of graphics cards widens "
        f"by {widening}: parameters grow {times(need['growth_factor'])} a year ({years_of(need)}), "
        f"GOPS/mm2 {times(chip['growth_factor'])} ({years_of(chip)}). A need of memory is held against a delivery "
        f"of computing: their growths are compared, not their sizes.",
        uncertainty=f"least squares on logarithms, {need['points_count']} and {chip['points_count']} points; Welch's "
        f"interval of 95 %",
    )


def density_goes_on(tables: Tables) -> Finding | None:
    """Whether the density of graphics cards stalled, judged by the cards after the first span."""
    chip = fit_of(tables, *_DENSITY)
    if chip is None or not chip["later_count"]:
        return None
    grows = chip["growth_low"] > 1 and chip["later_below_count"] == 0
    claim = " That it stalls (xu2018, text on its Fig. 3b, of one card of 2017) is not borne out by the mean growth"
    stall = f"{claim}: a single card may fall all the same." if grows else ""
    return Finding(
        id="density_goes_on",
        sentence=f"Float32 performance density of graphics cards grew {times(chip['growth_factor'])} a year "
        f"({spanned(chip['growth_low'], chip['growth_high'])}; {years_of(chip)}); of {chip['later_count']} later "
        f"cards {chip['later_inside_count']} lie inside the prediction, {chip['later_below_count']} below it.{stall}",
        uncertainty=f"{chip['points_count']} cards of one maker but one; GOPS/mm2 at the peak, not work done; "
        "precisions apart",
    )


def classifiers_do_not_grow(tables: Tables) -> Finding | None:
    """Whether networks that classify images grew as reviews of the largest networks have it."""
    found, largest = fit_of(tables, "parameters_by_year", "classifiers"), fit_of(tables, *_NEED)
    if found is None or largest is None:
        return None
    apart = difference(slope_of(largest), slope_of(found))
    is_flat = found["growth_low"] <= 1
    told = "did not grow in a way that can be told from none" if is_flat else "grew"
    is_apart = apart.low > 0
    return Finding(
        id="classifiers_do_not_grow",
        sentence=f"Networks built for accuracy on ImageNet {told}: {times(found['growth_factor'])} in "
        f"parameters a year ({spanned(found['growth_low'], found['growth_high'])}; {years_of(found)}), while those "
        f"of a review's figure, of any kind, grew {times(largest['growth_factor'])}.",
        uncertainty=f"{found['points_count']} networks; the two rates differ by "
        f"{times(factor(apart.value))} a year ({spanned(factor(apart.low), factor(apart.high))})",
        contradicts="parameters of networks grow exponentially with the years (xu2018, Fig. 1), where the networks are "
        "those that the bridge is built for"
        if is_flat and is_apart
        else None,
    )


def accuracy_costs(tables: Tables) -> Finding | None:
    """What half the error costs in operations, and whether newer networks pay less."""
    found = fit_of(tables, "operations_over_error", "classifiers")
    if found is None:
        return None
    low, value, high = (
        2.0 ** -(found["slope_log10"] + sign * found["t_factor"] * found["slope_se"]) for sign in (1, 0, -1)
    )
    counts = f"of {found['later_count']} later networks {found['later_inside_count']} lie inside the prediction"
    return Finding(
        id="accuracy_costs",
        sentence=f"Half the top-5 error cost {number(value)} times the operations ({between(low, high)}) among the "
        f"networks fitted; {counts}, {found['later_below_count']} need fewer and {found['later_above_count']} "
        f"more operations.",
        uncertainty=f"{found['points_count']} networks, one model and one crop; error is taken as exact",
    )


def error_falls(tables: Tables) -> Finding | None:
    """How fast the error fell, for entries to the challenge and for one model with one crop."""
    entries = fit_of(tables, "error_by_year", "deep_winners")
    single = fit_of(tables, "error_by_year", "single_crop_best")
    if entries is None or single is None:
        return None
    said = [
        f"{100 * (1 - fit['growth_factor']):.0f} % a year ({100 * (1 - fit['growth_high']):.0f} to "
        f"{100 * (1 - fit['growth_low']):.0f} %; {years_of(fit)})"
        for fit in (entries, single)
    ]
    return Finding(
        id="error_falls",
        sentence=f"Winners of the challenge lowered their top-5 error by {said[0]}, the best single network with one "
        f"crop by {said[1]}; of {single['later_count']} later records {single['later_inside_count']} lie inside the "
        f"prediction.",
        uncertainty=f"{entries['points_count']} entries and {single['points_count']} records; intervals of 95 %",
    )


def tables_of_sram_stall(tables: Tables) -> Finding | None:
    """Published tables of newer nodes held against the scaling that CACTI's roadmap promised."""
    shown = [words for size in _SIZES if (words := _beyond(tables, size)) is not None]
    if not shown:
        return None
    old, new = _PUBLISHED_NM
    return Finding(
        id="sram_stalls",
        sentence=f"From {old:g} to {new:g} nm the published energy per bit of SRAM fell by less than CACTI's own trend "
        f"from 90 to 22 nm foretells: {'; '.join(shown)}. The rule for logic by which the bridge scales CMOS parts, "
        f"memories too (stillmaker2017), has a factor of {number(1 / energy_factor(old, new))} for all of them.",
        uncertainty="prediction intervals of 95 % from five nodes each; the published table differs from CACTI at 45 "
        "nm already, which is divided out",
    )


def _beyond(tables: Tables, size: int) -> str | None:
    """The published fall from 45 to 7 nm beside that which the fit over nodes foretells."""
    found = fit_of(tables, "sram_energy_by_node", f"fast_{size}_kib")
    shores = tables["shores"].filter(
        (pl.col("series") == "sram_energy_by_node") & (pl.col("group") == f"published_{size}_kib")
    )
    published = dict(shores.select("node_nm", "y").iter_rows())
    if found is None or not set(_PUBLISHED_NM) <= published.keys():
        return None
    line, (old, new) = _line(found), (math.log10(node) for node in _PUBLISHED_NM)
    # The table's own level at the older node is taken as exact: only the fall from there is compared.
    down = line.at(new) - line.at(old)
    low, high = (end - line.at(new) + down for end in line.prediction_interval(new))
    fall = published[_PUBLISHED_NM[0]] / published[_PUBLISHED_NM[1]]
    if math.log10(1 / fall) <= high:
        return None
    promised = f"{number(factor(-down))} ({between(factor(-high), factor(-low))})"
    return f"{size} KiB fell by a factor of {number(fall)} where {promised} was due"


def dram_energy(tables: Tables) -> Finding | None:
    """What published points say of DRAM: which kinds can be judged, and which of them fall."""
    found = tables["fits"].filter(pl.col("series").is_in(_DRAM) & (pl.col("span") == "first"))
    if found.is_empty():
        return None
    fitted = found.filter(pl.col("slope_log10").is_not_null())
    sure = fitted.filter((pl.col("growth_high") < 1) | (pl.col("growth_low") > 1))
    open_ = fitted.filter((pl.col("growth_high") >= 1) & (pl.col("growth_low") <= 1))
    told = f"the change of their energy per bit can be told from none ({_moved(sure)})"
    told = f"For {sure.height} of them {told}" if sure.height else \
        "For none of them can the change of their energy per bit be told from none: published points neither show a " \
        "stall of DRAM nor refute it"  # fmt: skip
    rest = f"{'; for the others it cannot' if sure.height else ''} ({_moved(open_)})" if open_.height else ""
    return Finding(
        id="dram_energy",
        sentence=f"{fitted.height} of {found.height} kinds of DRAM have the three points that a fit needs. "
        f"{told}{rest}.",
        uncertainty="points of several sources; kinds and boundaries are never mixed; devices read open rows, from "
        "their datasheets' currents, those of one standard and year fitted as one",
    )


def _kind(group: str) -> str:
    """`ddr_reading` reads `DDR reading`."""
    return " ".join(word.upper() if word.endswith("ddr") else word for word in group.split("_"))


def _moved(rows: pl.DataFrame) -> str:
    """How each kind's energy per bit moves a year."""
    return _listed(
        [
            f"{_kind(row['group'])} {times(row['growth_factor'])} a year, "
            f"{spanned(row['growth_low'], row['growth_high'])}, {years_of(row)}"
            for row in rows.sort("series", "group").iter_rows(named=True)
        ]
    )


FINDINGS: tuple[Find, ...] = (
    widening_gap,
    density_goes_on,
    classifiers_do_not_grow,
    accuracy_costs,
    error_falls,
    tables_of_sram_stall,
    dram_energy,
)


def fit_of(tables: Tables, series: str, group: str, span: str = "first") -> Fit | None:
    """The fit of a group and span, `first` or `all`; None where nothing was fitted."""
    rows = tables["fits"].filter(
        (pl.col("series") == series)
        & (pl.col("group") == group)
        & (pl.col("span") == span)
        & pl.col("slope_log10").is_not_null()
    )
    return next(rows.iter_rows(named=True), None)


def _line(fit: Fit) -> Line:
    return Line(
        fit["points_count"],
        fit["centre_x"],
        fit["centre_log10_y"],
        fit["centre_se"],
        fit["slope_log10"],
        fit["slope_se"],
        fit["residual_sd_log10"],
    )


def slope_of(fit: Fit) -> tuple[float, float, int]:
    """What `fits.difference` takes: the slope, its standard error and how many points it rests on."""
    return fit["slope_log10"], fit["slope_se"], fit["points_count"]


def years_of(fit: Fit) -> str:
    """The years that a fit saw."""
    return f"{fit['x_low']:.0f} to {fit['x_high']:.0f}"


def _listed(words: Sequence[str]) -> str:
    return "; ".join(words) if words else "none"
