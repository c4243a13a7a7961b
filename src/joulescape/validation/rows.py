"""One row a published figure: what the YAML says, and the model's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from joulescape.errors import Fault, SpecError, nearest
from joulescape.pricing.claims import claimed
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.shelves import back_end_names, nearest_name, network_names
from joulescape.spec.back_end import FAMILIES, PublishedRow
from joulescape.spec.faults import one_of
from joulescape.validation.classes import figure_class, tolerance_fraction
from joulescape.validation.figures import Reports, model_figure
from joulescape.validation.remembered import Remembered
from joulescape.validation.slow import joined, slow_figure

Row = dict[str, Any]


def validate(
    root: Path,
    slow: bool = False,
    back_end: str | None = None,
    family: str | None = None,
    remembered: Remembered | None = None,
) -> list[Row]:
    """One row a published figure of every back end below `root`, or of one, or of one family.

    SpecError when a back end does not load or there is none of that name. Slow rows (they train) show the stored result
    with its date and digest, or no figure; `slow` runs them again. Rows that are `remembered` are not worked out again.
    """
    reports = Reports(root)

    def made(name: str, row: PublishedRow) -> Row:
        return published_row(root, name, row, slow, reports)

    return [
        made(name, row) if remembered is None else remembered.row(name, row, partial(made, name, row))
        for name in _chosen(back_end_names(root), back_end, family)
        for row in load_back_end(root, name).spec.published
    ]


def _chosen(names: Sequence[str], back_end: str | None, family: str | None) -> list[str]:
    """The back ends that were asked for."""
    if back_end is not None and back_end not in names:
        raise SpecError([Fault("hwlib", None, "", f"'{back_end}'", one_of(names), nearest_name(back_end, names))])
    if family is not None and family not in FAMILIES:
        raise SpecError([Fault("hwlib", None, "", f"'{family}'", one_of(FAMILIES), nearest(family, FAMILIES))])
    return [name for name in names if back_end in (None, name) and family in (None, name.partition("/")[0])]


def published_row(root: Path, name: str, row: PublishedRow, slow: bool, reports: Reports | None = None) -> Row:
    """One published figure with the model's; none where the project lacks the network or the rival.

    `reports` keeps what networks cost, for rows about parts of the same cost.
    """
    absent, reports = _absent(root, row), reports or Reports(root)
    if absent is not None:
        return _named_row(name, row, reports) | {"reason": joined(row.reason, f"not computed: {absent}")}
    if row.role == "claim":
        return claim_row(root, name, row, reports)
    model, reason = (
        slow_figure(root, name, row, slow)
        if row.kind == "slow"
        else (model_figure(root, name, row, reports), row.reason)
    )
    error = None if model is None else model / row.value - 1 if row.value else model
    limit = tolerance_fraction(row.what)
    return _named_row(name, row, reports) | {
        "model": model,
        "error_fraction": error,
        "tolerance_fraction": limit,
        "pass": None if error is None else abs(error) <= limit,
        "reason": reason,
    }


def _absent(root: Path, row: PublishedRow) -> str | None:
    """What the row needs and the project does not have."""
    if row.workload is not None and row.workload not in network_names(root):
        return f"there is no network '{row.workload}' in models/"
    if row.against is not None and row.against not in back_end_names(root):
        return f"there is no back end '{row.against}' in hwlib/"
    return None


def claim_row(root: Path, name: str, row: PublishedRow, reports: Reports) -> Row:
    """One claimed ratio with the model's and its ends over all corners: it passes where the model's is as large."""
    found = None if row.against is None else claimed(root, name, row)
    return _named_row(name, row, reports) | {
        "model": None if found is None else found.typical,
        "model_low": None if found is None else found.low,
        "model_high": None if found is None else found.high,
        "error_fraction": None if found is None else found.typical / row.value - 1,
        "pass": None if found is None else found.typical >= row.value,
    }


def _named_row(name: str, row: PublishedRow, reports: Reports) -> Row:
    """What the YAML says; every column of the table."""
    return {
        "back_end": name,
        "family": name.partition("/")[0],
        "simulator": reports.simulator(name),
        "what": row.what,
        "class": figure_class(row.what).name,
        "workload": _workload(row),
        "role": row.role,
        "confidence": row.confidence,
        "published": row.value,
        "model": None,
        "error_fraction": None,
        "tolerance_fraction": None,
        "pass": None,
        "expected": row.expected,
        "reason": row.reason,
        "source": row.source,
        "where": row.where,
        "kind": row.kind,
        "against": row.against,
        "model_low": None,
        "model_high": None,
    }


def _workload(row: PublishedRow) -> str | None:
    """The network, with the layers that the figure is of; sizes (outputs x reduction x vectors) of a plain product."""
    if row.products:
        sizes = [f"{one.outputs} x {one.reduction} x {one.vectors}" for one in row.products]
        return sizes[0] if len(sizes) == 1 else f"{len(sizes)} products"
    named = row.layers or ((row.layer,) if row.layer else ())
    return row.workload if not named else f"{row.workload}, {named[0]}" + (f" to {named[-1]}" if named[1:] else "")
