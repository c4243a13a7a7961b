"""How much of a design's inference energy is drawn by what never rests, whatever layer runs: its static share.

A machine charges static power for the time of every layer, so that a component whose power is the same in all of them
is static; where the schedule is not known, or has one layer only, its class tells.
"""

from __future__ import annotations

import math

import polars as pl

from joulescape.report import theme
from joulescape.report.inputs import Tables

PUBLISHED_NODE = "as_published"
SAME_POWER = 1e-6
"""Powers so close, as a share, are one power: what is left is rounding."""

RUN = ("layer", "role")


def static_parts(given: Tables, design: str) -> dict[str, float] | None:
    """Share of the inference energy of each static component, the largest first; None where its parts are not known."""
    parts = given.parts.filter(
        (pl.col("design_id") == design)
        & (pl.col("node") == PUBLISHED_NODE)
        & (pl.col("quantity") == "energy")
        & (pl.col("phase") == "inference")
    )
    total = math.fsum(parts["energy_pj"].drop_nulls())
    if not total:
        return None
    spent = parts.group_by("component", *RUN, maintain_order=True).agg(pl.col("energy_pj").sum())
    times = _times(given, design)
    shares = {
        str(name): math.fsum(rows["energy_pj"].drop_nulls()) / total
        for (name,), rows in spent.group_by("component", maintain_order=True)
        if _is_static(str(name), rows, times)
    }
    return dict(sorted(shares.items(), key=lambda entry: (-entry[1], entry[0])))


def static_share(given: Tables, design: str) -> float | None:
    """What all static components take together, 0 to 1; None where the parts are not known."""
    parts = static_parts(given, design)
    return None if parts is None else min(1.0, math.fsum(parts.values()))


def _times(given: Tables, design: str) -> pl.DataFrame:
    """The layers that take time, with their times."""
    is_its = (pl.col("design_id") == design) & (pl.col("phase") == "inference") & (pl.col("batch_latency_ns") > 0)
    return given.layers.filter(is_its).select(*RUN, "batch_latency_ns")


def _is_static(component: str, spent: pl.DataFrame, times: pl.DataFrame) -> bool:
    if times.height < 2:
        return theme.component_class(component) == "static"
    drawn = times.join(spent, on=list(RUN), how="left").select(pl.col("energy_pj") / pl.col("batch_latency_ns"))
    powers = drawn.to_series().to_list()
    if any(power is None or not power > 0 for power in powers):
        return False
    return bool(max(powers) - min(powers) <= SAME_POWER * max(powers))
