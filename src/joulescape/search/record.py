"""The files that a search leaves: resolved.json, trials.parquet, front.parquet, history.parquet."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import joulescape
from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.evaluation import Evaluation
from joulescape.front import nondominated, objective_matrix
from joulescape.network.digest import canonical
from joulescape.network.task import TASKS
from joulescape.search.constants import sources_of
from joulescape.search.digests import code_digest, space_digest, weights_digest
from joulescape.search.outcome import Outcome
from joulescape.search.study import Ask
from joulescape.spec.domain import AnyDomain, ChoiceDomain, FloatDomain, IntDomain, Scalar

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

PACKAGES = ("numpy", "scipy", "polars", "optuna", "moocore", "ray", "torch", "scikit-learn", "snakemake", "altair")
"""Packages whose version may matter to a result."""

Row = dict[str, Any]


def trials_table(space: DesignSpace, judged: Sequence[tuple[Ask, Outcome]]) -> pl.DataFrame:
    """One row a design, in ask order: every non-dominated variant, or the one row of what is infeasible or failed."""
    rows = [_row(space, ask, outcome, item) for ask, outcome in judged for item in outcome.evaluations]
    _mark_front(rows, space.spec.objectives)
    schema = parameter_schema(space, rows)
    return tables.make([_spelt_row(row, schema) for row in rows], tables.TRIALS, schema)


def as_drawn(domain: AnyDomain, value: Scalar) -> Scalar:
    """The drawn value that a table spells as `value`: options of several kinds share a column of one."""
    if not isinstance(domain, ChoiceDomain):
        return value
    dtype = _domain_dtype(domain)
    return next((option for option in domain.options if _spelt(option, dtype) == value), value)


def front_of(trials: pl.DataFrame) -> pl.DataFrame:
    """The rows on the front."""
    return trials.filter(pl.col("is_front"))


def parameter_schema(space: DesignSpace, rows: Sequence[Row]) -> dict[str, Any]:
    """Columns of drawn parameters in the order of the space, then of swept ones in the order of their first row."""
    drawn = {
        p.name: _domain_dtype(p.domain) for pair in space.pairs for p in space.parameters(pair) if p.name != "pair"
    }
    swept: dict[str, list[Any]] = {}
    for row in rows:
        for name in row:
            if name not in drawn and name.startswith(tables.PARAMETER_PREFIXES):
                swept.setdefault(name, []).append(row[name])
    return {**drawn, **{name: _dtype(values) for name, values in swept.items()}}


def write_resolved(space: DesignSpace, path: Path, run: Mapping[str, Any]) -> None:
    """The space as it was understood, with versions and digests, and what is known of the run."""
    task = TASKS[space.spec.task]
    resolved = {
        "name": space.name,
        "spec": canonical(space.spec),
        "pairs": [{"network": p.network, "back_end": p.back_end} for p in space.pairs],
        "refused": [
            {"network": r.pair.network, "back_end": r.pair.back_end, "reason": r.reason} for r in space.refused
        ],
        "notes": list(space.notes),
        "samples": {"validation": task.validation_count, "test": task.test_count} if task.has_data else {},
        "sources": sources_of(space),
        "digests": {"space": space_digest(space), "code": code_digest(), "weights": weights_digest(space)},
        **provenance(space.root),
        "run": dict(run),
    }
    write_json(resolved, path)


def provenance(root: Path) -> Row:
    """Versions, the machine that computed, and the commit if the project lies in a git repository."""
    machine = {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()}
    return {"versions": _versions(), "machine": machine, "git_commit": _commit(root)}


def read_trials(out: Path) -> pl.DataFrame:
    """The trials of an earlier search."""
    path = out / "trials.parquet"
    if not path.exists():
        raise ResultsError(f"{path} is missing: run `joulescape search` first")
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ResultsError(f"{path} cannot be read ({error}): run `joulescape search` again") from error


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what a full or closed disk says while tables are written into a ResultsError with a remedy."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ResultsError(
            f"{folder} cannot be written ({error}); finished evaluations are kept: free the disk, then run again"
        ) from error


def write_json(content: Mapping[str, Any], path: Path) -> None:
    """Write atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """Write a table for spreadsheets, atomically; a missing value is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    table.write_csv(draft)
    draft.replace(path)


def _row(space: DesignSpace, ask: Ask, outcome: Outcome, item: Evaluation) -> Row:
    candidate, spec = ask.candidate, space.back_ends[ask.candidate.back_end].spec
    values = {name: value for name, value in candidate.values.items() if name != "pair"}
    facts = {name: value for name, value in item.facts.items() if name in tables.TRIALS}
    return {
        "design_id": item.design_id, "candidate_id": item.candidate_id, "variant_id": item.variant_id,
        "trial": ask.trial, "batch": ask.batch, "pair": ask.pair,
        "network": candidate.network, "back_end": candidate.back_end,
        "family": space.back_ends[candidate.back_end].family, "equivalence": spec.equivalence,
        "state": item.state, "reason": item.reason, "violation": item.violation, "fidelity": item.fidelity,
        **item.metrics, **facts, "seconds": outcome.seconds / len(outcome.evaluations), "is_front": False,
        **values, **item.variant,
    }  # fmt: skip


def _spelt_row(row: Row, schema: Mapping[str, Any]) -> Row:
    return {name: _spelt(value, schema[name]) if name in schema else value for name, value in row.items()}


def _spelt(value: Any, dtype: Any) -> Any:
    """A parameter as its column holds it: as text where options are of several kinds."""
    if value is None or isinstance(value, str):
        return value
    if dtype == pl.String:
        return str(value).lower() if isinstance(value, bool) else str(value)
    return float(value) if dtype == pl.Float64 else value


def _mark_front(rows: Sequence[Row], objectives: Mapping[Any, str]) -> None:
    """Only valid designs may be on the front; a search measures all of them at one fidelity, its top."""
    valid = [row for row in rows if row["state"] == "valid"]
    for row, is_front in zip(valid, nondominated(objective_matrix(valid, objectives)), strict=True):
        row["is_front"] = bool(is_front)


def _domain_dtype(domain: AnyDomain) -> Any:
    if isinstance(domain, IntDomain):
        return pl.Int64
    return pl.Float64 if isinstance(domain, FloatDomain) else _dtype(domain.options)


def _dtype(values: Sequence[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool}:
        return pl.Boolean
    if kinds <= {int}:
        return pl.Int64
    return pl.Float64 if kinds <= {int, float} else pl.String


def _versions() -> dict[str, str]:
    found = {"joulescape": joulescape.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit(root: Path) -> str | None:
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
