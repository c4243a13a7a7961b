"""Bills where accuracy was measured: read from the results of a question that was answered.

A design that was confirmed has test accuracy and three corners. One that was not has the validation split of its
search at the typical corner, and says so; its costs at the other corners are moved as far as these corners move them at
nominal statistics. Costs at the typical corner are always those of the statistics that the measurement saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import polars as pl

from joulescape.errors import ResultsError
from joulescape.gap.bills import Bill, Row, Where, added_up
from joulescape.gap.priced import ENDS, Corners, corners_of
from joulescape.gap.states import State, states
from joulescape.resolve.design_space import DesignSpace
from joulescape.spec.sourced import CORNERS, Corner
from joulescape.spec.space import ACCURACY_METRICS
from joulescape.tables import METRICS

FACTS = ("macs", "file_bytes", "assumed_energy_fraction")
"""Columns of the trials that hold of every corner."""

UNCONFIRMED = "searched on the validation split, not confirmed"
MOVED = "not confirmed: costs moved as this corner moves them at nominal statistics"

NAMES = ("trials", "confirmed", "parts", "layers")


@dataclass(frozen=True)
class Results:
    """The tables of a question's folder."""

    trials: pl.DataFrame
    confirmed: pl.DataFrame
    parts: pl.DataFrame
    layers: pl.DataFrame


def measured_bills(space: DesignSpace, folder: Path) -> list[Bill]:
    """Every state of every pair, in the order of the question; ResultsError where its results are not there."""
    results = read_results(space, folder)
    every = [state for pair in space.pairs for state in states(space, pair)]
    known = {candidate.candidate_id for state in every for candidate in state.candidates}
    if known.isdisjoint(results.trials["candidate_id"]):
        raise ResultsError(f"{folder} holds no design of {space.name} as it is now: answer the question again")
    return [_bill(space, state, results) for state in every]


def read_results(space: DesignSpace, folder: Path) -> Results:
    """The question's tables; ResultsError with the command that makes them where one is missing."""
    missing = [name for name in NAMES if not (folder / f"{name}.parquet").is_file()]
    if missing:
        command = f"snakemake --cores 2 results/{space.name}/report.html"
        raise ResultsError(f"{folder} has no {missing[0]}.parquet: answer {space.name} first ({command})")
    return Results(*(pl.read_parquet(folder / f"{name}.parquet") for name in NAMES))


def _bill(space: DesignSpace, state: State, results: Results) -> Bill:
    """The design of least energy x latency in this state, a confirmed one where there is one."""
    family = space.back_ends[state.back_end].family
    ids = [candidate.candidate_id for candidate in state.candidates]
    searched, confirmed = (_of(table, ids) for table in (results.trials, results.confirmed))
    if searched.is_empty():
        return Bill(state, family, {}, None)
    chosen = _cheapest(searched if confirmed.is_empty() else confirmed.filter(pl.col("corner") == "typical"))
    design, trial = chosen["design_id"], searched.filter(pl.col("design_id") == chosen["design_id"]).to_dicts()[0]
    corners = confirmed.filter(pl.col("design_id") == design).to_dicts()
    facts = {name: trial[name] for name in FACTS}
    found: Corners = {cast(Corner, row["corner"]): {**row, **facts} for row in corners}
    where = _where(space, design, results)
    return Bill(state, family, found or _unconfirmed(space, state, trial), where, trial["accuracy_fraction"])


def _unconfirmed(space: DesignSpace, state: State, trial: Row) -> Corners:
    candidate = next(one for one in state.candidates if one.candidate_id == trial["candidate_id"])
    nominal = corners_of(space, candidate, trial["variant_id"], CORNERS)
    typical = {**trial, "reason": trial["reason"] or UNCONFIRMED}
    return {"typical": typical, **{corner: _moved(typical, nominal, corner) for corner in ENDS}}


def _moved(typical: Row, nominal: Corners, corner: Corner) -> Row:
    """The typical row with every cost moved as its corner moves it without data; what cannot be built says why."""
    there, here = nominal[corner], nominal["typical"]
    if typical["state"] != "valid" or there["state"] != "valid":
        return {"state": "infeasible", "reason": there["reason"] or typical["reason"]}
    costs = [name for name in METRICS if name not in ACCURACY_METRICS and typical[name] and here[name] and there[name]]
    moved = {name: typical[name] * there[name] / here[name] for name in costs}
    return {**{name: typical[name] for name in FACTS}, **moved, "state": "valid", "reason": MOVED}


def _of(table: pl.DataFrame, ids: list[str]) -> pl.DataFrame:
    return table.filter(pl.col("candidate_id").is_in(ids))


def _cheapest(table: pl.DataFrame) -> Row:
    product = pl.col("inference_energy_pj") * pl.col("inference_latency_ns")
    return table.sort(pl.col("state") != "valid", product, nulls_last=True, maintain_order=True).to_dicts()[0]


def _where(space: DesignSpace, design: str, results: Results) -> Where | None:
    """Where it goes at the typical corner, CMOS parts at the question's node; None where it was not confirmed."""
    node = space.spec.node
    shown = f"{node} nm" if isinstance(node, int) and node == space.spec.normalise_to_nm else "as_published"
    parts = results.parts.filter((pl.col("design_id") == design) & (pl.col("node") == shown))
    energies = parts.filter((pl.col("quantity") == "energy") & (pl.col("phase") == "inference"))
    times = results.layers.filter((pl.col("design_id") == design) & (pl.col("phase") == "inference"))
    if energies.is_empty() or times.is_empty():
        return None
    return Where(
        energy=added_up(energies.select("component", "energy_pj").iter_rows()),
        time=added_up(times.select("bound_by", "batch_latency_ns").iter_rows()),
        area=added_up(parts.filter(pl.col("quantity") == "area").select("component", "area_mm2").iter_rows()),
    )
