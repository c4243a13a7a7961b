"""What is this design: where its energy and its time go, what limits it, and what makes it again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape import tables
from joulescape.report import theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Rows
from joulescape.report.inputs import Tables
from joulescape.report.limiting import Limit, limiting, limits_of
from joulescape.report.pinned import DROPPED, SEARCHED, said

SHOWN = 12
"""At most so many layers of a design and phase; the rest is one row."""
OTHERS = "{} other layers"


@dataclass(frozen=True)
class SheetFacts:
    """Rows of every confirmed design; of any other design only the question and the costs are known."""

    parts: Rows
    """id, phase, class, energy text and share; largest first."""
    layers: Rows
    """id, phase, layer, time and energy as text and share, what bounds it, utilisation; in the order of the network."""
    errors: Rows
    """id, phase, layers, kind and numbers as text: layers that are computed alike are one row."""
    mappings: Rows
    """id, phase, layer, role and the mapping as text."""
    limits: Rows
    """id, phase and what limits the design then, as a sentence."""
    exact: Rows
    """id, name and value of what the search drew for designs of the front and confirmed ones, where the page's columns
    round it: of any other design the page says that its values are rounded."""
    constraints: tuple[Limit, ...]
    """Every limit of the question, for the page's own words about any design."""
    question: Mapping[str, Any]
    """What the page's script pins: the searched groups of the question, and all the rest of it as it stands."""
    folder: str
    own: tuple[str, ...]
    """Networks that are a machine's own: no ONNX file holds them."""


def facts(given: Tables) -> SheetFacts:
    """Energy by component class, layers, errors and mappings of every confirmed design, as published."""
    spec = said(given.spec)
    energies = given.parts.filter(
        (pl.col("quantity") == "energy") & (pl.col("node") == "as_published") & pl.col("energy_pj").is_finite()
    ).drop_nulls("component")
    parts, layers = _parts(energies), _layers(given, energies)
    return SheetFacts(
        parts=parts,
        layers=_shortened(layers),
        errors=_errors(given),
        mappings=_mappings(given),
        limits=_limits(parts, layers),
        exact=_exact(given),
        constraints=tuple(limits_of(spec)),
        question={"groups": {name: spec.get(name) for name in SEARCHED}, "rest": _rest(spec)},
        folder=f"results/{given.name}",
        own=tuple(sorted(given.own_networks)),
    )


def _rest(spec: Mapping[str, Any]) -> str:
    """The question without what a design decides, as YAML."""
    import yaml

    kept = {name: value for name, value in spec.items() if name not in (*SEARCHED, "networks", "back_ends")}
    budget = {name: value for name, value in (spec.get("budget") or {}).items() if name not in DROPPED}
    if not kept:
        return ""
    whole = {**kept, "budget": {**budget, "trials": 1}}
    text: str = yaml.safe_dump(whole, sort_keys=False, default_flow_style=None, width=110)
    return text


def _parts(energies: pl.DataFrame) -> Rows:
    if energies.is_empty():
        return []
    classed = energies.with_columns(
        pl.col("component").replace_strict(
            {name: theme.component_class(name) for name in energies["component"].unique().to_list()},
            return_dtype=pl.String,
        ).alias("class")
    )  # fmt: skip
    summed = classed.group_by("design_id", "phase", "class", maintain_order=True).agg(pl.col("energy_pj").sum())
    shared = summed.with_columns(share=_share("energy_pj"))
    ordered = shared.sort("energy_pj", "class", descending=[True, False], maintain_order=True)
    return [
        {
            "id": row["design_id"], "phase": row["phase"], "class": row["class"],
            "text": theme.show(row["energy_pj"], "inference_energy_pj"), "share": rounded(row["share"]),
        }
        for row in ordered.filter(pl.col("energy_pj") > 0).iter_rows(named=True)
    ]  # fmt: skip


def _share(name: str) -> pl.Expr:
    total = pl.col(name).sum().over("design_id", "phase")
    return pl.when(total > 0).then(pl.col(name) / total).otherwise(0.0)


def _layers(given: Tables, energies: pl.DataFrame) -> Rows:
    """Time from the schedule, energy from the parts as shares of all of the design's; a layer of the schedule without
    parts has a dash."""
    keys = ["design_id", "phase", "layer"]
    slowest = pl.col("bound_by").sort_by("batch_latency_ns", descending=True).drop_nulls().first()
    weight = pl.when(pl.col("utilisation_fraction").is_not_null()).then(pl.col("batch_latency_ns"))
    used = (pl.col("utilisation_fraction") * weight).sum() / weight.sum()
    timed = given.layers.filter(pl.col("batch_latency_ns").is_finite()).group_by(keys, maintain_order=True).agg(
        pl.col("batch_latency_ns").sum().alias("time"), slowest.alias("bound_by"), used.alias("used")
    )  # fmt: skip
    spent = energies.group_by(keys, maintain_order=True).agg(pl.col("energy_pj").sum().alias("energy"))
    whole = spent.with_columns(energy_share=_share("energy")).drop_nulls("layer")
    both = timed.join(whole, on=keys, how="left", maintain_order="left")
    shared = both.with_columns(share=_share("time"))
    return [_layer(row) for row in shared.iter_rows(named=True)]


def _layer(row: Mapping[str, Any]) -> dict[str, Any]:
    used = row["used"] if row["used"] is not None and row["used"] == row["used"] else None
    return {
        "id": row["design_id"], "phase": row["phase"], "layer": row["layer"],
        "text": theme.show(row["time"], "batch_latency_ns"), "share": rounded(row["share"]),
        "energy": theme.show(row["energy"], "inference_energy_pj"),
        "energy_share": None if row["energy"] is None else rounded(row["energy_share"]),
        "bound_by": (row["bound_by"] or "–").replace("_", " "), "used": theme.show(used, "utilisation_fraction"),
    }  # fmt: skip


def _shortened(layers: Rows) -> Rows:
    """The slowest layers of each design and phase in the order of the network, the others as one row."""
    found: list[Mapping[str, Any]] = []
    for mine in _by_phase(layers).values():
        kept = sorted(mine, key=lambda row: -(row["share"] or 0.0))[:SHOWN]
        rest = [row for row in mine if not any(row is one for one in kept)]
        found += [row for row in mine if any(row is one for one in kept)]
        if rest:
            time, energy = (sum(row[name] or 0.0 for row in rest) for name in ("share", "energy_share"))
            words = {"layer": OTHERS.format(len(rest)), "text": "–", "energy": "–", "bound_by": "–", "used": "–"}
            found.append({**rest[0], **words, "share": rounded(time), "energy_share": rounded(energy)})
    return found


def _by_phase(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["id"], row["phase"]), []).append(row)
    return found


def _errors(given: Tables) -> Rows:
    """Layers of one design, role and kind with the same numbers share a row; forward belongs to inference."""
    numbers: dict[tuple[str, str, str, str], list[str]] = {}
    for row in given.errors.drop_nulls(["design_id", "layer", "role", "kind", "number", "value"]).iter_rows(named=True):
        key = (row["design_id"], row["role"], row["kind"], row["layer"])
        numbers.setdefault(key, []).append(f"{row['number'].replace('_', ' ')} {row['value']:.4g}")
    alike: dict[tuple[str, str, str, str], list[str]] = {}
    for (design, role, kind, layer), texts in numbers.items():
        alike.setdefault((design, role, kind, ", ".join(texts)), []).append(layer)
    return [
        {
            "id": design, "phase": "inference" if role == "forward" else "training", "role": role.replace("_", " "),
            "layers": ", ".join(layers), "kind": kind.replace("_", " "), "text": text,
        }
        for (design, role, kind, text), layers in alike.items()
    ]  # fmt: skip


def _mappings(given: Tables) -> Rows:
    counts: dict[tuple[str, str], int] = {}
    found = []
    for row in given.mappings.drop_nulls(["design_id", "phase", "layer", "text"]).iter_rows(named=True):
        key = (row["design_id"], row["phase"])
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= SHOWN:
            role = (row["role"] or "forward").replace("_", " ")
            found.append({"id": key[0], "phase": key[1], "layer": row["layer"], "role": role, "text": row["text"]})
    return found


def _exact(given: Tables) -> Rows:
    names = [name for name in tables.parameter_columns(given.trials) if given.trials.schema[name].is_float()]
    wanted = pl.concat([given.front["design_id"], given.confirmed["design_id"]]).drop_nulls().unique()
    rows = given.valid.filter(pl.col("design_id").is_in(wanted.implode()))
    return [
        {"id": row["design_id"], "name": name, "value": row[name]}
        for row in rows.select("design_id", *names).iter_rows(named=True)
        for name in names
        if row[name] is not None and math.isfinite(row[name]) and rounded(row[name]) != row[name]
    ]


def _limits(parts: Rows, layers: Rows) -> Rows:
    spent, timed = _by_phase(parts), _by_phase(layers)
    return [
        {"id": key[0], "phase": key[1], "text": limiting(spent.get(key, []), timed.get(key, []), key[1])}
        for key in sorted(dict.fromkeys((*spent, *timed)), key=lambda key: key[1])
    ]
