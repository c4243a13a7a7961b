"""Rows of the study's tables, one line each, for laws on cases that no made study has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from made_study import nothing

from joulescape import tables
from joulescape.gap_tables import TABLES
from joulescape.report.gap.inputs import StudyTables

BASELINE = "electronic/systolic_int8"
Row = dict[str, Any]


def study(about: Mapping[str, Any] | None = None, **rows: Sequence[Row]) -> StudyTables:
    """A study of these rows alone; every other table is empty."""
    made = {name: tables.make(list(rows.get(name, ())), schema) for name, schema in TABLES.items()}
    return StudyTables(name="s", about=about or {}, references={}, **made)


def point(y: float, year: int = 2014, **changed: Any) -> Row:
    """A published point of a series over the years."""
    return {
        "series": "parameters_by_year", "group": "classifiers", "name": f"N{year}", "year": year, "x": float(year),
        "x_name": "Year", "x_unit": "", "y": y, "y_name": "Parameters", "y_unit": "", "is_later": year > 2018,
        "is_fitted": year <= 2018, "source": "jouppi2017", "where": "Table 1", "confidence": "high", **changed,
    }  # fmt: skip


def fit(growth: float, low: float | None = None, high: float | None = None, **changed: Any) -> Row:
    """A fit over the years whose growth has this interval: of one in ten where none is given."""
    from math import log10

    ends = (growth / 1.1 if low is None else low, growth * 1.1 if high is None else high)
    return {
        "series": "parameters_by_year", "group": "classifiers", "span": "first", "law": "exponential",
        "points_count": 9, "x_low": 2010.0, "x_high": 2018.0, "centre_x": 2014.0, "centre_log10_y": 7.0,
        "centre_se": 0.05, "slope_log10": log10(growth), "slope_se": log10(ends[1] / ends[0]) / 4.7, "t_factor": 2.36,
        "residual_sd_log10": 0.15, "growth_factor": growth, "growth_low": ends[0], "growth_high": ends[1], **changed,
    }  # fmt: skip


def delivered(growth: float, **changed: Any) -> Row:
    """A fit of what chips deliver."""
    return fit(growth, **{"series": "density_by_year", "group": "gpu", **changed})


def unfitted(reason: str | None, **changed: Any) -> Row:
    """A group without a fit."""
    numbers = [name for name in TABLES["fits"] if name in fit(2.0) and name not in KEPT]
    return {**fit(2.0), **dict.fromkeys(numbers), "points_count": 1, "reason": reason, **changed}


KEPT = ("series", "group", "span", "law", "points_count")


def factor(
    alone: float | None, machine: float | None, both: float | None, wide: float | None = 1.5, **changed: Any
) -> Row:
    """Factors of one network, machine and state, each with ends `wide` times away, or without where None."""
    values = {"compression_alone": alone, "machine_alone": machine, "both": both}
    product = None if alone is None or machine is None else alone * machine
    ends = {
        f"{key}_{end}": None if value is None or wide is None else value * wide ** (1 if end == "high" else -1)
        for key, value in values.items()
        for end in ("low", "high")
    }
    return {
        "question": "q", "network": "n", "metric": "inference_energy_pj", "baseline": BASELINE,
        "back_end": "memristive/isaac", "family": "memristive", "compression": "reported", **values, **ends,
        "product": product, "interaction": None if product is None or both is None else both / product,
        "is_best_of_family": True, **changed,
    }  # fmt: skip


def lever(verdict: str, **changed: Any) -> Row:
    """One constant of one machine, moved until it equals its rival."""
    return {
        "network": "n", "compression": "none", "metric": "inference_energy_pj", "back_end": "photonic/albireo",
        "family": "photonic", "moved": "one", "parameters": "adc.energy_pj", "unit": "pJ", "today": 2.0, "low": 1.0,
        "high": 4.0, "verdict": verdict, "rival": BASELINE, "rival_value": 5e8, "own_value": 8e8, "best_reach": 6e8,
        "basis": "derived", "source": "jouppi2017", "where": "Table 1", "confidence": "high", **changed,
    }  # fmt: skip


def life(split: str, share: float, value: float | None, **changed: Any) -> Row:
    """A machine's lifecycle at one split."""
    return {
        "network": "n", "compression": "none", "back_end": "electronic/lnpu", "family": "electronic",
        "corner": "typical", "split": split, "inference_share_fraction": share, "inferences": 1e6, "factor": value,
        "baseline": BASELINE, "rank": 1, "trained_accuracy_fraction": 0.95,
        "state": "infeasible" if value is None else "valid", **changed,
    }  # fmt: skip


EMPTY = nothing()
