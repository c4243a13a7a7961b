"""A search as an Optuna study: its best trials are the front, and nothing that was judged is lost on the way."""

from __future__ import annotations

import math

import optuna
import polars as pl
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from search_fakes import judge, make_space

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.search.driver import Means
from joulescape.search.export import VIOLATION, export
from joulescape.search.run import search

OBJECTIVES = {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"}


def opened(path):
    """The study of a file, as anybody would open it."""
    storage = JournalStorage(JournalFileBackend(str(path)))
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("searched")
    search(make_space(root, budget={"trials": 120, "per_back_end": 30}), root / "out", Means(), judge)
    return root / "out"


@pytest.fixture(scope="module")
def study(folder):
    export(folder, folder / "study.log")
    return opened(folder / "study.log")


@pytest.fixture(scope="module")
def rows(folder):
    return list(pl.read_parquet(folder / "trials.parquet").iter_rows(named=True))


def test_directions_and_names_are_those_of_the_question(study):
    assert [direction.name.lower() for direction in study.directions] == list(OBJECTIVES.values())
    assert study.metric_names == list(OBJECTIVES)
    assert study.study_name == "fake"
    assert study.user_attrs["question"] == "which?"
    assert study.user_attrs["seed"] == 3


def test_the_best_trials_are_the_front(study, rows):
    front = {row["design_id"] for row in rows if row["is_front"]}
    assert {trial.user_attrs["design_id"] for trial in study.best_trials} == front
    assert {t.user_attrs["candidate_id"] for t in study.best_trials} == {
        row["candidate_id"] for row in rows if row["is_front"]
    }
    assert len(front) > 3


def test_every_design_is_a_trial_with_its_state(study, rows):
    assert len(study.trials) == len(rows)
    for trial, row in zip(study.trials, rows, strict=True):
        assert trial.user_attrs["design_id"] == row["design_id"]
        if row["state"] == "valid":
            assert trial.state is TrialState.COMPLETE
            assert trial.values == [row[name] for name in OBJECTIVES]
            assert trial.constraints == {VIOLATION: 0.0}
        elif row["state"] == "failed":
            assert trial.state is TrialState.FAIL
            assert "three bits never work" in trial.user_attrs["reason"]
        else:
            assert trial.state is TrialState.PRUNED
            assert trial.constraints[VIOLATION] == row["violation"] > 0
    assert {row["state"] for row in rows} >= {"valid", "infeasible", "failed"}


def test_every_drawn_and_swept_value_is_a_parameter_and_every_metric_an_attribute(study, rows):
    for trial, row in zip(study.trials, rows, strict=True):
        drawn = {name: value for name, value in row.items() if name.startswith(tables.PARAMETER_PREFIXES)}
        given = {name: value for name, value in {"pair": row["pair"], **drawn}.items() if value is not None}
        assert trial.params == given
        metrics = {name: row[name] for name in tables.METRICS if row[name] is not None}
        assert {name: trial.user_attrs.get(name) for name in metrics} == metrics
        assert math.isclose(
            (trial.datetime_complete - trial.datetime_start).total_seconds(), row["seconds"], abs_tol=1e-5
        )


def test_a_design_that_breaks_a_limit_is_complete_but_never_best(tmp_path):
    """Its cost is known, it would dominate, and Optuna must see why it does not count."""
    space = make_space(tmp_path)
    search(space, tmp_path / "out", Means(), judge)
    path = tmp_path / "out" / "trials.parquet"
    trials = pl.read_parquet(path)
    best = trials.filter(pl.col("is_front")).sort("inference_energy_pj")[0]
    breaking = best.with_columns(
        state=pl.lit("infeasible"), violation=pl.lit(0.5), inference_energy_pj=pl.lit(1e-9), is_front=pl.lit(False)
    )
    screened = best.with_columns(state=pl.lit("screened"), inference_energy_pj=pl.lit(1e-9), is_front=pl.lit(False))
    tables.write(pl.concat([trials, breaking, screened]), path)
    assert export(tmp_path / "out", tmp_path / "s.log") == len(trials) + 2
    study = opened(tmp_path / "s.log")
    assert study.trials[-2].state is TrialState.COMPLETE
    assert study.trials[-2].constraints == {VIOLATION: 0.5}
    assert study.trials[-1].state is TrialState.PRUNED
    front = set(trials.filter(pl.col("is_front"))["design_id"])
    assert {trial.user_attrs["design_id"] for trial in study.best_trials} == front


def test_a_second_export_takes_the_place_of_the_first(folder, tmp_path):
    for _ in range(2):
        export(folder, tmp_path / "deep" / "s.log")
    assert len(opened(tmp_path / "deep" / "s.log").trials) == len(pl.read_parquet(folder / "trials.parquet"))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["s.log"]


def test_a_search_without_a_design_exports_an_empty_study(folder, tmp_path):
    (tmp_path / "resolved.json").write_text((folder / "resolved.json").read_text())
    tables.write(pl.read_parquet(folder / "trials.parquet").clear(), tmp_path / "trials.parquet")
    assert export(tmp_path, tmp_path / "s.log") == 0
    assert opened(tmp_path / "s.log").trials == []


def test_the_study_can_be_gone_on_with(study):
    """It is a study like any other: Optuna's own tools take it."""
    with pytest.warns(UserWarning, match="importances of params"):
        importance = optuna.importance.get_param_importances(study, target=lambda trial: trial.values[1])
    assert set(importance) <= {name for trial in study.trials for name in trial.params}


@pytest.mark.parametrize("missing", ["resolved.json", "trials.parquet"])
def test_a_folder_without_a_search_is_named(folder, tmp_path, missing):
    for name in {"resolved.json", "trials.parquet"} - {missing}:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(ResultsError, match=missing):
        export(tmp_path, tmp_path / "s.log")
    assert not (tmp_path / "s.log").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x"}'])
def test_a_broken_record_is_named(folder, tmp_path, text):
    (tmp_path / "resolved.json").write_text(text)
    with pytest.raises(ResultsError, match=r"resolved\.json"):
        export(tmp_path, tmp_path / "s.log")


def test_tables_are_written_for_spreadsheets_too(folder):
    for name in ("trials", "front"):
        table = pl.read_parquet(folder / f"{name}.parquet")
        again = pl.read_csv(folder / f"{name}.csv", schema=table.schema)
        assert again.equals(table)
    with (folder / "trials.csv").open() as lines:
        assert next(lines).startswith("design_id,candidate_id,")
