"""How well the numbers are known: the share of each energy that is measured, derived or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from joulescape.report.inputs import Tables
from joulescape.report.sections.breakdown import PUBLISHED_NODE, shown_designs

BASES = ("measured", "derived", "assumed")


@dataclass(frozen=True)
class Basis:
    """One design's inference energy by basis, and the range of the assumed share over its back end's designs."""

    back_end: str
    family: str
    shares: Mapping[str, float]
    """Empty when no part of a confirmed design is known."""
    low: float | None
    high: float | None


@dataclass(frozen=True)
class AssumedFacts:
    """One row a back end."""

    rows: tuple[Basis, ...]


def facts(given: Tables) -> AssumedFacts:
    """Shares from the parts of the shown design; the range from all valid designs."""
    designs = shown_designs(given)
    return AssumedFacts(tuple(_basis(given, designs.get(name), name, family) for name, family in given.back_ends))


def _basis(given: Tables, design: str | None, name: str, family: str) -> Basis:
    known = given.valid.filter(pl.col("back_end") == name)["assumed_energy_fraction"].drop_nulls().to_list()
    parts = given.parts.filter(
        (pl.col("design_id") == (design or ""))
        & (pl.col("quantity") == "energy")
        & (pl.col("phase") == "inference")
        & (pl.col("node") == PUBLISHED_NODE)
    )
    total = float(parts["energy_pj"].sum())
    sums = {basis: float(parts.filter(pl.col("basis") == basis)["energy_pj"].sum()) for basis in BASES}
    shares = {basis: value / total for basis, value in sums.items()} if total else {}
    return Basis(name, family, shares, min(known, default=None), max(known, default=None))
