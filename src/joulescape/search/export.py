"""A finished search as an Optuna study: one trial a design, in one journal file that `optuna-dashboard` opens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import optuna
import polars as pl
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.search.optuna_studies import experiments
from joulescape.search.record import read_trials, writing
from joulescape.spec.space import Direction

Row = Mapping[str, Any]

VIOLATION = "violation"
"""Name of the constraint: 0 where a design keeps to every limit, else by how much it breaks the worst."""

_EPOCH = datetime(2000, 1, 1)
_NOT_ATTRIBUTES = {"trial", "seconds", VIOLATION}


def export(folder: Path, out: Path) -> int:
    """Write the study of `folder` to `out`, in place of what is there; returns how many trials it has.

    Valid and infeasible designs whose objectives are known are complete trials, with a constraint on the violation, so
    that the best trials are the front; screened designs, and those refused before anything was measured, are pruned
    ones; failed ones have failed. Raises ResultsError when the search's files are missing or cannot be read.
    """
    resolved, trials = _resolved(folder), read_trials(folder)
    objectives: dict[str, Direction] = resolved["spec"]["objectives"]
    journal = _Journal()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    name = str(resolved["name"])
    study = optuna.create_study(
        storage=JournalStorage(journal), study_name=name, directions=list(objectives.values()), load_if_exists=False
    )
    with experiments():
        study.set_metric_names(list(objectives))
    for key, value in _facts(resolved).items():
        study.set_user_attr(key, value)
    study.add_trials(_as_trials(trials, list(objectives)))
    with writing(out.parent):
        journal.write(out)
    return len(trials)


class _Journal(BaseJournalBackend):
    """A journal in memory, written as a whole: Optuna's own waits for the disk at every line."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """What was appended, from a line on."""
        return [json.loads(line) for line in self._lines[log_number_from:]]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Keep further lines."""
        self._lines += [json.dumps(log, separators=(",", ":")) for log in logs]

    def write(self, path: Path) -> None:
        """Write atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.draft")
        draft.write_text("".join(f"{line}\n" for line in self._lines), encoding="utf-8")
        draft.replace(path)


def _as_trials(table: pl.DataFrame, objectives: list[str]) -> Iterator[FrozenTrial]:
    """One trial a row; times begin at an arbitrary day and show how long the evaluations took."""
    names = ["pair", *tables.parameter_columns(table)]
    space = {name: _distribution(table[name]) for name in names if table[name].null_count() < len(table)}
    began = _EPOCH
    for row in table.iter_rows(named=True):
        ended = began if row["seconds"] is None else began + timedelta(seconds=row["seconds"])
        yield _as_trial(row, space, objectives, began, ended)
        began = ended


def _as_trial(
    row: Row, space: Mapping[str, BaseDistribution], objectives: list[str], began: datetime, ended: datetime
) -> FrozenTrial:
    params = {name: row[name] for name in space if row[name] is not None}
    values = [row[name] for name in objectives]
    state = _state(row, None not in values)
    trial = optuna.trial.create_trial(
        state=state,
        values=values if state is TrialState.COMPLETE else None,
        params=params,
        distributions={name: space[name] for name in params},
        user_attrs={n: v for n, v in row.items() if v is not None and n not in space and n not in _NOT_ATTRIBUTES},
        constraints={VIOLATION: row["violation"]} if row["state"] != "failed" else {},
    )
    trial.datetime_start, trial.datetime_complete = began, ended
    return trial


def _state(row: Row, has_values: bool) -> TrialState:
    if row["state"] == "failed":
        return TrialState.FAIL
    return TrialState.COMPLETE if has_values and row["state"] != "screened" else TrialState.PRUNED


def _distribution(column: pl.Series) -> BaseDistribution:
    """The range that a parameter was seen in: what was never drawn is in no table."""
    seen = column.drop_nulls()
    if column.dtype == pl.Int64:
        return IntDistribution(cast(int, seen.min()), cast(int, seen.max()))
    if column.dtype == pl.Float64:
        return FloatDistribution(cast(float, seen.min()), cast(float, seen.max()))
    return CategoricalDistribution(seen.unique(maintain_order=True).to_list())


def _facts(resolved: Row) -> dict[str, Any]:
    """What the study says of itself."""
    run = resolved["run"]
    named = {name: run[name] for name in ("ended", "seed", "fidelity", "sampler") if name in run}
    return {"question": resolved["spec"]["question"], "joulescape": resolved["versions"]["joulescape"], **named}


def _resolved(folder: Path) -> dict[str, Any]:
    path = folder / "resolved.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        named = found["name"], found["spec"]["objectives"], found["spec"]["question"], found["versions"]["joulescape"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} cannot be read ({error}): run `joulescape search` first") from error
    if not all(named) or "run" not in found:
        raise ResultsError(f"{path} holds no search: run `joulescape search` again")
    return found
