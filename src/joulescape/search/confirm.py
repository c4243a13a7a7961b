"""Measures the search's best designs again: on the test split, with more draws, at every corner."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.evaluation import Breakdown, Evaluation
from joulescape.evaluation import breakdown as real_breakdown
from joulescape.evaluation import evaluate as real_evaluate
from joulescape.network.digest import digest
from joulescape.search.cache import WorkerMemory, locked
from joulescape.search.digests import code_digest, measured_version, space_digest, weights_digest
from joulescape.search.driver import Driver, Means
from joulescape.search.fidelities import ConfirmPlan
from joulescape.search.outcome import Evaluate, Job, Outcome
from joulescape.search.picks import Pick, pick
from joulescape.search.progress import log
from joulescape.search.record import as_drawn, provenance, read_trials, write_csv, write_json, writing
from joulescape.search.sampler import active
from joulescape.spec.sourced import CORNERS, Corner

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace

EXPLAINED: dict[str, tables.Schema] = {
    "parts": tables.PARTS, "layers": tables.LAYERS, "errors": tables.ERRORS, "mappings": tables.MAPPINGS,
}  # fmt: skip
"""What is kept of each confirmed design beside its metrics."""

Explain = Callable[..., Breakdown]
"""`joulescape.evaluation.breakdown`, or a stand-in with the same arguments."""


@dataclass(frozen=True)
class Confirmation:
    """The tables that confirm leaves."""

    confirmed: pl.DataFrame
    parts: pl.DataFrame
    layers: pl.DataFrame
    errors: pl.DataFrame
    mappings: pl.DataFrame


def confirm(
    space: DesignSpace,
    out: Path,
    means: Means | None = None,
    evaluate: Evaluate = real_evaluate,
    explain: Explain = real_breakdown,
) -> Confirmation:
    """Confirm the picks of `out`/trials.parquet and leave confirmed, parts, layers, errors and mappings beside it.

    Raises ResultsError when the trials are missing, or were written for another space.
    """
    trials = read_trials(out)
    check_question(space, out / "resolved.json")
    picks = pick(list(trials.iter_rows(named=True)), space.spec.objectives, space.spec.confirm.designs)
    if not picks:
        log.warning("no design of %s is feasible: there is nothing to confirm", space.name)
    with locked(out), Driver(space, means or Means(), evaluate) as driver:
        candidates = {p.row["candidate_id"]: candidate_of(space, p.row) for p in picks}
        plan = ConfirmPlan.of(space, picks)
        outcomes = _measure(plan, driver, picks, candidates)
        if evaluate is real_evaluate and space.spec.needs_accuracy:
            _complete_references(space, {candidate.network for candidate in candidates.values()})
        confirmed = _confirmed(picks, outcomes)
        memory = WorkerMemory(driver.means.cache_of(space), measured_version())
        found = Confirmation(confirmed, *_explained(plan, explain, memory, picks, candidates, confirmed))
        with writing(out):
            _write(space, out, found)
    return found


def _complete_references(space: DesignSpace, networks: Iterable[str]) -> None:
    """The other training seeds of the networks behind the picks, where a search has made the first one alone."""
    from joulescape.accuracy.reference import complete

    for name in sorted(networks):
        complete(space.graphs[name], space.reference(name), space.spec.task, space.networks_dir)


def check_question(space: DesignSpace, path: Path) -> None:
    """Refuse trials of a question that has changed since (constants of the shelf included); budget and picks may."""
    try:
        searched = json.loads(path.read_text(encoding="utf-8"))["digests"]["space"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} cannot be read ({error}): run `joulescape search` again") from error
    if searched != space_digest(space):
        raise ResultsError(f"{path.parent} was searched in another version of space '{space.name}': search again")


def candidate_of(space: DesignSpace, row: Mapping[str, Any]) -> Candidate:
    """The candidate of one row of trials.parquet; ResultsError when the space has changed since."""
    pair = next((pair for pair in space.pairs if pair.name == row["pair"]), None)
    if pair is not None:
        parameters = space.parameters(pair)
        genes = {p.name: as_drawn(p.domain, row[p.name]) for p in parameters if row.get(p.name) is not None}
        candidate = space.candidate({"pair": pair.name, **active(genes, parameters)})
        if candidate.candidate_id == row["candidate_id"]:
            return candidate
    raise ResultsError(
        f"design {row['design_id']} was searched in another version of space '{space.name}': search again"
    )


def _measure(
    plan: ConfirmPlan, driver: Driver, picks: Sequence[Pick], candidates: Mapping[str, Candidate]
) -> dict[tuple[str, Corner], Outcome]:
    """One job a (candidate, corner) for all of its picked variants."""
    wanted = {name: _variants(picks, name) for name in candidates}
    keys: list[tuple[str, Corner]] = [(name, corner) for name in candidates for corner in CORNERS]
    jobs = [Job(candidates[name], plan.fidelity(candidates[name], corner), wanted[name]) for name, corner in keys]
    log.info("confirming %d designs of %d candidates at %d corners", len(picks), len(candidates), len(CORNERS))
    return dict(zip(keys, driver.run(jobs), strict=True))


def _variants(picks: Sequence[Pick], candidate_id: str) -> tuple[int, ...]:
    return tuple(sorted(int(p.row["variant_id"]) for p in picks if p.row["candidate_id"] == candidate_id))


def _confirmed(picks: Sequence[Pick], outcomes: Mapping[tuple[str, Corner], Outcome]) -> pl.DataFrame:
    rows = [
        _row(chosen, corner, _of_variant(outcomes[chosen.row["candidate_id"], corner], int(chosen.row["variant_id"])))
        for chosen in picks
        for corner in CORNERS
    ]
    return tables.make(rows, tables.CONFIRMED)


def _of_variant(outcome: Outcome, variant_id: int) -> Evaluation:
    """The evaluation of one variant; of a candidate refused or failed as a whole, its only one."""
    found = next((e for e in outcome.evaluations if e.variant_id == variant_id), None)
    if found is not None:
        return found
    only = outcome.evaluations[0]
    if only.state == "valid" or any(value is not None for value in only.metrics.values()):
        raise ResultsError(f"variant {variant_id} of candidate {only.candidate_id} is gone: search again")
    return only


def _row(chosen: Pick, corner: Corner, found: Evaluation) -> dict[str, Any]:
    same = ("design_id", "candidate_id", "back_end", "family", "network")
    facts = {name: value for name, value in found.facts.items() if name in tables.CONFIRMED}
    return {
        **{name: chosen.row[name] for name in same},
        "pick": chosen.reason,
        "corner": corner,
        "split": "test" if found.fidelity != "closed_form" else None,
        **found.metrics,
        **facts,
        "search_accuracy_fraction": chosen.row["accuracy_fraction"],
        "state": found.state,
        "reason": found.reason,
    }


def _explained(
    plan: ConfirmPlan,
    explain: Explain,
    memory: WorkerMemory,
    picks: Sequence[Pick],
    candidates: Mapping[str, Candidate],
    confirmed: pl.DataFrame,
) -> tuple[pl.DataFrame, ...]:
    """Parts, layers, errors and mappings of every confirmed design that has costs at the typical corner."""
    wanted = set(confirmed.filter((pl.col("corner") == "typical") & _has_energy())["design_id"])
    chosen = [
        (candidates[p.row["candidate_id"]], int(p.row["variant_id"])) for p in picks if p.row["design_id"] in wanted
    ]
    seed = plan.space.spec.budget.seed
    found = [explain(c, plan.space, v, plan.fidelity(c, "typical"), seed, memory) for c, v in chosen]
    return tuple(
        tables.make((row for item in found for row in getattr(item, name)), EXPLAINED[name]) for name in EXPLAINED
    )


def _has_energy() -> pl.Expr:
    return pl.any_horizontal(pl.col("inference_energy_pj", "training_energy_pj").is_not_null())


def _write(space: DesignSpace, out: Path, found: Confirmation) -> None:
    written = {
        "space": space.name,
        "confirmed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": space.spec.budget.seed,
        "confirm": space.spec.confirm.model_dump(),
        "digests": {"space": space_digest(space), "code": code_digest(), "weights": weights_digest(space)},
        "tables_digest": digest([found.confirmed.to_dicts()]) if len(found.confirmed) else None,
        **provenance(space.root),
    }
    for name in EXPLAINED:
        tables.write(getattr(found, name), out / f"{name}.parquet")
    write_csv(found.confirmed, out / "confirmed.csv")
    tables.write(found.confirmed, out / "confirmed.parquet")
    write_json(written, out / "provenance.json")
