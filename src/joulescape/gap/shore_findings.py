"""What the two shores say, each and together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from joulescape.gap.findings import Find, Finding, Tables
from joulescape.gap.fits import Line, difference, factor
from joulescape.gap.in_words import between, number
from joulescape.simulators._node import energy_factor

Fit = Mapping[str, Any]

_NEED = ("parameters_by_year", "review")
_DENSITY = ("performance_density_by_year", "gpu_float32")
_SIZES = (8, 32, 1024)
_PUBLISHED_NM = (45.0, 7.0)
"""The nodes of published tables of SRAM."""


def widening_gap(tables: Tables) -> Finding | None:
    """How much faster the networks of a review's figure grow than the density of graphics cards."""
    need, chip = _fit(tables, *_NEED), _fit(tables, *_DENSITY)
    if need is None or chip is None:
        return None
    ratio = difference(_slope(need), _slope(chip))
    widening = f"{number(factor(ratio.value))} a year ({between(factor(ratio.low), factor(ratio.high))})"
    return Finding(
        id="widening_gap",
        sentence=f"The gap between the networks of a review's figure and the float32 density of graphics cards widens "
        f"by a factor of {widening}: parameters grow by {number(need['growth_factor'])} a year ({_years(need)}), "
        f"GOPS/mm2 by {number(chip['growth_factor'])} ({_years(chip)}). A need of memory is held against a delivery of "
        f"computing: their growths are compared, not their sizes.",
        uncertainty=f"least squares on logarithms, {need['points_count']} and {chip['points_count']} points; Welch's "
        f"interval of 95 %",
    )


def density_goes_on(tables: Tables) -> Finding | None:
    """Whether the density of graphics cards stalled, judged by the cards after the first span."""
    chip = _fit(tables, *_DENSITY)
    if chip is None or not chip["later_count"]:
        return None
    grows = chip["growth_low"] > 1 and chip["later_below_count"] == 0
    return Finding(
        id="density_goes_on",
        sentence=f"Float32 performance density of graphics cards grew by a factor of {number(chip['growth_factor'])} a "
        f"year ({between(chip['growth_low'], chip['growth_high'])}; {_years(chip)}); of {chip['later_count']} later "
        f"cards {chip['later_inside_count']} lie inside the prediction, {chip['later_below_count']} below it.",
        uncertainty=f"{chip['points_count']} cards of one maker but one; peaks, not work done; precisions apart",
        contradicts="performance density of graphics cards stalls: with 12 nm, in 2017, it even dropped a little "
        "(xu2018, text on its Fig. 3b)"
        if grows
        else None,
    )


def classifiers_do_not_grow(tables: Tables) -> Finding | None:
    """Whether networks that classify images grew as reviews of the largest networks have it."""
    found, largest = _fit(tables, "parameters_by_year", "classifiers"), _fit(tables, *_NEED)
    if found is None or largest is None:
        return None
    apart = difference(_slope(largest), _slope(found))
    is_flat = found["growth_low"] <= 1
    told = "did not grow in a way that can be told from none" if is_flat else "grew"
    is_apart = apart.low > 0
    return Finding(
        id="classifiers_do_not_grow",
        sentence=f"Networks built for accuracy on ImageNet {told}: a factor of {number(found['growth_factor'])} in "
        f"parameters a year ({between(found['growth_low'], found['growth_high'])}; {_years(found)}), while those "
        f"of a review's figure, of any kind, grew by {number(largest['growth_factor'])}.",
        uncertainty=f"{found['points_count']} networks; the two rates differ by a factor of "
        f"{number(factor(apart.value))} a year ({between(factor(apart.low), factor(apart.high))})",
        contradicts="parameters of networks grow exponentially with the years (xu2018, Fig. 1), where the networks are "
        "those that the bridge is built for"
        if is_flat and is_apart
        else None,
    )


def accuracy_costs(tables: Tables) -> Finding | None:
    """What half the error costs in operations, and whether newer networks pay less."""
    found = _fit(tables, "operations_over_error", "classifiers")
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
    entries = _fit(tables, "error_by_year", "deep_winners")
    single = _fit(tables, "error_by_year", "single_crop_best")
    if entries is None or single is None:
        return None
    said = [
        f"{100 * (1 - fit['growth_factor']):.0f} % a year ({100 * (1 - fit['growth_high']):.0f} to "
        f"{100 * (1 - fit['growth_low']):.0f} %; {_years(fit)})"
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
    found = _fit(tables, "sram_energy_by_node", f"fast_{size}_kib")
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


def memory_is_not_enough(tables: Tables) -> Finding | None:
    """What published points say of DRAM: which kinds can be judged at all."""
    found = tables["fits"].filter((pl.col("series") == "dram_energy_by_year") & (pl.col("span") == "first"))
    if found.is_empty():
        return None
    fitted = found.filter(pl.col("slope_log10").is_not_null())
    sure = fitted.filter((pl.col("growth_high") < 1) | (pl.col("growth_low") > 1))
    stall = "" if sure.height else ": published points neither show a stall of DRAM nor refute it"
    said = _listed(
        [
            f"energy per bit of {row['group'].replace('_', ' ')} DRAM times {number(row['growth_factor'])} a year, "
            f"{between(row['growth_low'], row['growth_high'])}"
            for row in fitted.iter_rows(named=True)
        ]
    )
    return Finding(
        id="dram_cannot_be_judged",
        sentence=f"{fitted.height} of {found.height} kinds of DRAM have the three points that a fit needs ({said}). "
        f"For {sure.height} of them the change can be told from none{stall}.",
        uncertainty="points of several sources; kinds and boundaries are never mixed",
    )


FINDINGS: tuple[Find, ...] = (
    widening_gap,
    density_goes_on,
    classifiers_do_not_grow,
    accuracy_costs,
    error_falls,
    tables_of_sram_stall,
    memory_is_not_enough,
)


def _fit(tables: Tables, series: str, group: str) -> Fit | None:
    """The first span's fit of a group; None where nothing was fitted."""
    rows = tables["fits"].filter(
        (pl.col("series") == series)
        & (pl.col("group") == group)
        & (pl.col("span") == "first")
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


def _slope(fit: Fit) -> tuple[float, float, int]:
    return fit["slope_log10"], fit["slope_se"], fit["points_count"]


def _years(fit: Fit) -> str:
    return f"{fit['x_low']:.0f} to {fit['x_high']:.0f}"


def _listed(words: Sequence[str]) -> str:
    return "; ".join(words) if words else "none"
