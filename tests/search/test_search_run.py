"""The search is a pure function of (space, seed): workers, kills and reruns change nothing."""

from __future__ import annotations

import json
import logging

import polars as pl
import pytest
from search_fakes import PAIRS, judge, make_space

from joulescape import tables
from joulescape.errors import ResultsError, SimulatorError
from joulescape.search.cache import locked
from joulescape.search.driver import Means
from joulescape.search.fidelities import search_fidelity
from joulescape.search.run import search


def table(result):
    return result.trials.drop("seconds")


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    root = tmp_path_factory.mktemp("searched")
    return root, search(make_space(root), root / "results" / "fake", Means(), judge)


def test_the_budget_is_spent_on_distinct_candidates(found):
    _, result = found
    assert result.trials["candidate_id"].n_unique() == 60
    assert result.trials["trial"].unique().sort().to_list() == list(range(60))
    assert result.judged == 60


def test_same_seed_same_trials_other_seed_others(found, tmp_path):
    _, result = found
    again = search(make_space(tmp_path), tmp_path / "out", Means(), judge)
    other = search(make_space(tmp_path, budget={"seed": 4}), tmp_path / "other", Means(), judge)
    assert table(again).equals(table(result))
    assert not table(other).equals(table(result))


def test_a_rerun_judges_nothing_and_leaves_the_same_tables(found):
    root, result = found
    again = search(make_space(root), root / "results" / "fake", Means(), judge)
    assert (again.judged, again.reused) == (0, 60)
    assert again.trials.equals(result.trials)
    assert again.history.equals(result.history)


def test_a_bigger_budget_goes_on_where_the_smaller_ended(found):
    root, result = found
    bigger = search(make_space(root, budget={"trials": 80}), root / "results" / "bigger", Means(), judge)
    assert bigger.reused == 60
    assert bigger.judged == 20
    first = bigger.trials.filter(pl.col("trial") < 60)
    assert first.drop("is_front", "seconds").equals(result.trials.drop("is_front", "seconds"))


@pytest.mark.parametrize("trials", [1, 5, 12, 31])
def test_a_short_search_is_a_prefix(found, tmp_path, trials):
    _, result = found
    short = search(make_space(tmp_path, budget={"trials": trials}), tmp_path / "out", Means(), judge)
    prefix = result.trials.filter(pl.col("trial") < trials)
    assert short.trials["candidate_id"].to_list() == prefix["candidate_id"].to_list()


def test_every_pair_is_in_the_first_batch_and_every_back_end_has_its_reserve(found):
    _, result = found
    first = result.trials.filter(pl.col("batch") == 0).unique("candidate_id")
    assert first.group_by("pair").len()["len"].to_list() == [3] * len(PAIRS)
    counts = result.trials.unique("candidate_id").group_by("back_end").len()
    assert counts["len"].min() >= 12


def test_rows_are_whole_and_only_valid_designs_are_on_the_front(found):
    _, result = found
    trials = result.trials
    assert set(tables.TRIALS) <= set(trials.columns)
    assert set(trials["state"]) == {"valid", "infeasible", "failed"}
    assert trials.filter(pl.col("is_front"))["state"].unique().to_list() == ["valid"]
    assert result.front.equals(trials.filter(pl.col("is_front")))
    lost = trials.filter(pl.col("state") != "valid")
    assert lost["accuracy_fraction"].null_count() == len(lost)
    assert lost["reason"].null_count() == 0
    assert lost["candidate_id"].n_unique() == len(lost)
    assert trials.filter(pl.col("state") == "failed")["reason"][0].startswith("ZeroDivisionError: three bits")
    assert (trials.filter(pl.col("state") == "infeasible")["violation"] > 0).all()


def test_only_non_dominated_variants_are_kept_and_inactive_parameters_are_null(found):
    _, result = found
    valid = result.trials.filter(pl.col("state") == "valid")
    assert valid["variant_id"].unique().to_list() == [1]
    none = valid.filter(pl.col("compression.0") == "none")
    assert none["compression.0.prune.density"].null_count() == len(none) > 0
    cells = valid.filter(pl.col("back_end") == "memristive/cells")
    assert cells["hardware.memristive/cells.adc.bits"].null_count() == 0
    assert cells["hardware.memristive/cells.rows"].unique().to_list() == [16]


def test_history_never_loses_hypervolume(found):
    _, result = found
    assert result.history["hypervolume"].diff().drop_nulls().min() >= 0
    assert result.history["trials_told"].to_list() == [12, 24, 36, 48, 60]
    counts = result.history.select("valid_count", "infeasible_count", "failed_count").sum_horizontal()
    assert counts.to_list() == result.history["trials_told"].to_list()


def test_files_say_what_was_asked_and_with_what(found):
    root, result = found
    folder = root / "results" / "fake"
    resolved = json.loads((folder / "resolved.json").read_text())
    assert resolved["spec"]["budget"]["trials"] == 60
    assert resolved["refused"] == [{"network": "lenet", "back_end": "photonic/mesh", "reason": "too wide"}]
    assert {"joulescape", "python", "optuna", "polars"} <= set(resolved["versions"])
    assert resolved["run"]["ended"] == "the budget of trials is spent"
    assert pl.read_parquet(folder / "trials.parquet").equals(result.trials)
    assert pl.read_parquet(folder / "history.parquet").columns == list(tables.HISTORY)


def test_lag_two_is_exact_too_and_breeds(tmp_path):
    space = make_space(tmp_path, budget={"lag": 2, "trials": 72})
    once = search(space, tmp_path / "a", Means(cache=tmp_path / "a.sqlite"), judge)
    twice = search(space, tmp_path / "b", Means(cache=tmp_path / "b.sqlite"), judge)
    assert table(once).equals(table(twice))
    lag_one = search(make_space(tmp_path, budget={"trials": 72}), tmp_path / "c", Means(), judge)
    batches = [r.trials.filter(pl.col("batch") == 2)["candidate_id"].to_list() for r in (once, lag_one)]
    assert batches[0] != batches[1]
    assert once.history["hypervolume"][-1] > once.history["hypervolume"][1]


def test_a_space_that_runs_dry_ends_early(tmp_path):
    space = make_space(tmp_path, pairs=PAIRS[:1], budget={"trials": 60})
    narrow = [p for p in space.parameters(PAIRS[0]) if p.name.endswith("weight_bits")]
    type(space).parameters, before = (lambda self, pair: tuple(narrow)), type(space).parameters
    try:
        result = search(space, tmp_path / "out", Means(), judge)
    finally:
        type(space).parameters = before
    assert result.ended == "the space is exhausted"
    assert sorted(result.trials["compression.1.quantize.weight_bits"]) == [2, 3, 4, 5, 6, 7, 8]


def test_too_many_failures_stop_the_search_and_leave_the_tables(tmp_path):
    space = make_space(tmp_path, budget={"failed_share": 0.01})
    with pytest.raises(SimulatorError, match=r"candidates failed .* allows 1%.*three bits never work"):
        search(space, tmp_path / "out", Means(), judge)
    left = pl.read_parquet(tmp_path / "out" / "trials.parquet")
    assert (left["state"] == "failed").any()


def test_no_feasible_design_gives_an_empty_front(tmp_path):
    def nothing(candidate, space, fidelity, seed, memory=None):
        return judge(candidate, space, fidelity, seed, memory)[:0] or _refuse()

    result = search(make_space(tmp_path, budget={"trials": 12}), tmp_path / "out", Means(), nothing)
    assert len(result.front) == 0
    assert set(result.trials["state"]) <= {"infeasible", "failed"}
    assert result.history["hypervolume"].to_list() == [None]


def _refuse():
    from joulescape.errors import Infeasible

    raise Infeasible("never fits", 2.0)


def test_seconds_stop_between_batches(tmp_path):
    result = search(make_space(tmp_path, budget={"seconds": 1e-6}), tmp_path / "out", Means(), judge)
    assert result.ended == "the budget of seconds is spent"
    assert result.trials["batch"].unique().to_list() == [0]


def test_two_searches_in_one_folder_are_refused(tmp_path):
    with locked(tmp_path / "out"), pytest.raises(ResultsError, match="another run works in"):
        search(make_space(tmp_path), tmp_path / "out", Means(), judge)


def test_the_machine_trains_only_where_a_training_metric_is_asked(tmp_path):
    assert not search_fidelity(make_space(tmp_path).spec).trains_on_machine
    limited = make_space(tmp_path, constraints={"training_energy_pj": {"at_most": 1.0}})
    assert search_fidelity(limited.spec).trains_on_machine
    assert search_fidelity(make_space(tmp_path).spec).split == "validation"
