"""The models' record over rows of `tables.PUBLISHED`: counts and medians."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.validation.classes import CLASSES, OTHER

ROOFLINE = "roofline"
"""Simulator of processors whose inner order nobody prints: their record stands apart."""


@dataclass(frozen=True)
class Summary:
    """The model's record over predictions that have a figure."""

    prediction_count: int
    prediction_pass_count: int
    median_error_fraction: float | None
    unexpected_miss_count: int
    """Rows that were expected to pass and do not; a claim is not expected to."""


@dataclass(frozen=True)
class ClassRecord:
    """Predictions of one class of figures whose published value is sure (confidence high) and that have a model's."""

    figure_class: str
    is_roofline: bool
    """Whether of rooflines of processors, or of all other machines."""
    count: int
    pass_count: int
    median_error_fraction: float


def summary(rows: Sequence[Mapping[str, Any]]) -> Summary:
    """Counts and the median absolute error over predictions; misses that nobody expected over all rows."""
    known = [row for row in rows if _is_prediction(row)]
    return Summary(
        prediction_count=len(known),
        prediction_pass_count=sum(bool(row["pass"]) for row in known),
        median_error_fraction=statistics.median(abs(row["error_fraction"]) for row in known) if known else None,
        unexpected_miss_count=sum(
            row["pass"] is False and row["expected"] == "pass" and row["role"] != "claim" for row in rows
        ),
    )


def class_records(rows: Sequence[Mapping[str, Any]]) -> tuple[ClassRecord, ...]:
    """The record by class over predictions of high confidence; machines first, rooflines of processors after them."""
    sure = [row for row in rows if _is_prediction(row) and row["confidence"] == "high"]
    names = [one.name for one in (*CLASSES, OTHER)]
    kinds = [(name, is_roofline) for is_roofline in (False, True) for name in names]
    groups = {kind: [row for row in sure if _kind(row) == kind] for kind in kinds}
    return tuple(_record(*kind, group) for kind, group in groups.items() if group)


def _is_prediction(row: Mapping[str, Any]) -> bool:
    return row["role"] == "prediction" and row["model"] is not None


def _kind(row: Mapping[str, Any]) -> tuple[str, bool]:
    return row["class"], row["simulator"] == ROOFLINE


def _record(name: str, is_roofline: bool, rows: Sequence[Mapping[str, Any]]) -> ClassRecord:
    median = statistics.median(abs(row["error_fraction"]) for row in rows)
    return ClassRecord(name, is_roofline, len(rows), sum(bool(row["pass"]) for row in rows), median)
