"""What is this design: where its energy and its time go, what limits it, and what makes it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report import theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Rows
from joulescape.report.inputs import Tables
from joulescape.report.pinned import SEARCHED

SHOWN = 12
"""At most so many layers of a design and phase; the rest is one row."""


@dataclass(frozen=True)
class SheetFacts:
    """Rows of every confirmed design; of any other design only the question and the costs are known."""

    parts: Rows
    """id, phase, class, energy text and share; largest first."""
    layers: Rows
    """id, phase, layer, time text, share, what bounds it, utilisation; in the order of the network."""
    question: Mapping[str, Any]
    """What the page's script pins: the searched groups of the question, and all the rest of it as it stands."""
    folder: str
    own: tuple[str, ...]
    """Networks that are a machine's own: no ONNX file holds them."""


def facts(given: Tables) -> SheetFacts:
    """Energy by component class and time by layer of every confirmed design, as published."""
    spec = {name: value for name, value in given.spec.items() if value is not None}
    return SheetFacts(
        parts=_parts(given),
        layers=_layers(given),
        question={"groups": {name: spec.get(name) for name in SEARCHED}, "rest": _rest(spec)},
        folder=f"results/{given.name}",
        own=tuple(sorted(given.own_networks)),
    )


def _rest(spec: Mapping[str, Any]) -> str:
    """The question without what a design decides, as YAML."""
    import yaml

    from joulescape.report.pinned import DROPPED

    kept = {name: value for name, value in spec.items() if name not in (*SEARCHED, "networks", "back_ends")}
    budget = {name: value for name, value in (spec.get("budget") or {}).items() if name not in DROPPED}
    if not kept:
        return ""
    text: str = yaml.safe_dump({**kept, "budget": {**budget, "trials": 1}}, default_flow_style=None, width=110)
    return text


def _parts(given: Tables) -> Rows:
    energies = given.parts.filter((pl.col("quantity") == "energy") & (pl.col("node") == "as_published"))
    if energies.is_empty():
        return []
    classed = energies.with_columns(
        pl.col("component").replace_strict(
            {name: theme.component_class(name) for name in energies["component"].unique().to_list()},
            return_dtype=pl.String,
        ).alias("class")
    )  # fmt: skip
    summed = classed.group_by("design_id", "phase", "class", maintain_order=True).agg(pl.col("energy_pj").sum())
    total = pl.col("energy_pj").sum().over("design_id", "phase")
    shared = summed.with_columns(share=pl.when(total > 0).then(pl.col("energy_pj") / total).otherwise(0.0))
    ordered = shared.sort("energy_pj", "class", descending=[True, False], maintain_order=True)
    return [
        {
            "id": row["design_id"], "phase": row["phase"], "class": row["class"],
            "text": theme.show(row["energy_pj"], "inference_energy_pj"), "share": rounded(row["share"]),
        }
        for row in ordered.filter(pl.col("energy_pj") > 0).iter_rows(named=True)
    ]  # fmt: skip


def _layers(given: Tables) -> Rows:
    keys = ["design_id", "phase", "layer"]
    slowest = pl.col("bound_by").sort_by("batch_latency_ns", descending=True).drop_nulls().first()
    used = (pl.col("utilisation_fraction") * pl.col("batch_latency_ns")).sum() / pl.col("batch_latency_ns").sum()
    known = given.layers.filter(pl.col("batch_latency_ns").is_not_null())
    summed = known.group_by(keys, maintain_order=True).agg(
        pl.col("batch_latency_ns").sum().alias("time"), slowest.alias("bound_by"), used.alias("used")
    )
    total = pl.col("time").sum().over("design_id", "phase")
    place = pl.col("time").rank("ordinal", descending=True).over("design_id", "phase")
    shared = summed.with_columns(share=pl.when(total > 0).then(pl.col("time") / total).otherwise(0.0), place=place)
    return [
        {
            "id": row["design_id"], "phase": row["phase"], "layer": row["layer"],
            "text": theme.show(row["time"], "batch_latency_ns"), "share": rounded(row["share"]),
            "bound_by": (row["bound_by"] or "–").replace("_", " "),
            "used": theme.show(None if row["used"] != row["used"] else row["used"], "utilisation_fraction"),
        }
        for row in shared.filter(pl.col("place") <= SHOWN).iter_rows(named=True)
    ]  # fmt: skip
