"""Laws of the ladder: who climbs is a pure function of what was told, nobody unmeasured is on the front, and the rest
goes on whatever fails."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from ladder_fakes import climbing_judge, contrary_judge, flat_judge, ladder_space
from search_fakes import PAIRS

from joulescape import tables
from joulescape.search.climb import SCREENED
from joulescape.search.driver import Means
from joulescape.search.run import search

AUDIT = {"audit": 12}


def once(space, where, evaluate=climbing_judge, name="one"):
    return search(space, where / name, Means(cache=where / f"{name}.sqlite"), evaluate)


def rows(result):
    return result.trials.drop("seconds")


def candidates(result):
    """One row a candidate: its trial, batch, state and the rung that it was measured on last."""
    rung = pl.col("fidelity").str.split("/").list.first().alias("rung")
    return result.trials.unique("candidate_id").sort("trial").with_columns(rung)


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    where = tmp_path_factory.mktemp("ladder")
    return where, once(ladder_space(where, budget=AUDIT), where)


def test_every_candidate_is_told_once_and_counts_once(found):
    _, result = found
    assert result.trials["candidate_id"].n_unique() == 96
    assert candidates(result)["trial"].to_list() == list(range(96))
    last = result.history.row(-1, named=True)
    states = dict(candidates(result).group_by("state").len().iter_rows())
    assert {s: last[f"{s}_count"] for s in states} == states
    assert sum(states.values()) == last["trials_told"] == 96


def test_only_what_was_measured_at_the_top_is_valid_or_on_the_front(found):
    _, result = found
    told = candidates(result)
    assert told.filter(pl.col("state") == "valid")["rung"].unique().to_list() == ["full"]
    assert set(told.filter(pl.col("state") == "screened")["rung"]) <= {"merged", "tuned"}
    assert result.front["state"].unique().to_list() == ["valid"]
    assert len(told.filter(pl.col("state") == "screened")) > 10


def test_a_screened_candidate_is_one_row_with_a_reason_and_a_tiny_violation(found):
    _, result = found
    screened = result.trials.filter(pl.col("state") == "screened")
    assert screened["candidate_id"].n_unique() == len(screened)
    assert screened["reason"].str.contains(r"^not promising enough on rung (merged|tuned): rank \d+ of \d+$").all()
    assert screened["violation"].is_between(0, SCREENED, closed="none").all()
    assert screened["accuracy_fraction"].null_count() == 0


def test_what_climbed_further_is_told_as_the_better(found):
    _, result = found
    told = candidates(result).filter(pl.col("state") == "screened")
    by_rung = dict(told.group_by("rung").agg(pl.col("violation").max()).iter_rows())
    least = dict(told.group_by("rung").agg(pl.col("violation").min()).iter_rows())
    assert by_rung["tuned"] < least["merged"]


def test_the_first_batches_climb_whole_and_later_ones_by_their_share(found):
    _, result = found
    told = candidates(result).filter(pl.col("state").is_in(["valid", "screened"]))
    assert "merged" not in set(told.filter(pl.col("batch") <= 1)["rung"])
    for number in range(3, 8):
        batch = told.filter(pl.col("batch") == number)
        stayed = len(batch.filter(pl.col("rung") == "merged"))
        assert 0 < stayed <= len(batch) - math.ceil(0.5 * len(batch))


def test_the_promising_climb(found):
    """On the lowest rung no candidate that stayed dominates one of its batch that climbed by its promise."""
    _, result = found
    told = candidates(result).filter((pl.col("state") == "screened") & (pl.col("rung") == "merged"))
    ranks = told["reason"].str.extract(r"rank (\d+)").cast(pl.Int64)
    of = told["reason"].str.extract(r"of (\d+)").cast(pl.Int64)
    assert (ranks > of * 0.5).all()


def test_an_exact_machine_is_measured_twice_at_most_and_its_rungs_are_one(found):
    where, result = found
    with sqlite3.connect(where / "one.sqlite") as cache:
        outcomes = [json.loads(text) for (text,) in cache.execute("SELECT outcome FROM evaluations")]
    rungs: dict[str, set[str]] = {}
    for outcome in outcomes:
        first = outcome["evaluations"][0]
        rungs.setdefault(first["candidate_id"], set()).add(first["fidelity"].split("/")[0])
    exact = set(result.trials.filter(pl.col("back_end") == "electronic/grid")["candidate_id"])
    assert set().union(*(rungs[name] for name in exact)) == {"merged", "full"}
    assert any(rungs[name] == {"merged", "tuned", "full"} for name in rungs.keys() - exact)
    assert result.judged == len(outcomes)


def test_a_machine_that_is_its_own_network_is_measured_on_the_top_rung_alone(tmp_path):
    result = once(ladder_space(tmp_path, own=True), tmp_path)
    own = candidates(result).filter(pl.col("back_end") == "photonic/mesh")
    assert set(own["rung"]) == {"full"}
    assert set(own["state"]) <= {"valid", "infeasible"}


def test_without_fine_tuning_the_lower_rungs_are_one(tmp_path):
    result = once(ladder_space(tmp_path, fine_tune={"epochs": 0}), tmp_path)
    assert set(candidates(result)["rung"]) == {"tuned", "full"}
    exact = candidates(result).filter(pl.col("back_end") == "electronic/grid")
    assert set(exact["rung"]) == {"full"}


@pytest.mark.parametrize("budget", [{}, {"lag": 2}, {"rungs": ("closed_form", "merged", "full")}, {"promote": 0.2}])
def test_the_ladder_is_a_pure_function_of_the_question(tmp_path, budget):
    space = ladder_space(tmp_path, budget=budget)
    one, two = (once(space, tmp_path, name=name) for name in ("a", "b"))
    assert rows(one).equals(rows(two))
    assert one.history.equals(two.history)
    assert one.audit.drop("low_seconds", "high_seconds").equals(two.audit.drop("low_seconds", "high_seconds"))


@pytest.mark.parametrize("kept", [1, 17, 60])
@pytest.mark.parametrize("lag", [1, 2])
def test_a_search_that_lost_its_end_ends_the_same(tmp_path, kept, lag):
    """Whatever part of the evaluations is remembered, on whichever rungs, the rest is made and the tables are equal."""
    space = ladder_space(tmp_path, budget={"lag": lag})
    whole = once(space, tmp_path)
    with sqlite3.connect(tmp_path / "one.sqlite") as cache:
        keys = [key for (key,) in cache.execute("SELECT key FROM evaluations ORDER BY key")]
        cache.executemany("DELETE FROM evaluations WHERE key = ?", [(key,) for key in keys[kept:]])
    again = search(space, tmp_path / "again", Means(cache=tmp_path / "one.sqlite"), climbing_judge)
    assert again.reused == kept
    assert again.judged == whole.judged - kept
    assert rows(again).equals(rows(whole))
    assert again.history.equals(whole.history)


def test_a_rerun_is_a_replay_with_the_same_audit(found):
    where, result = found
    again = search(
        ladder_space(where, budget=AUDIT), where / "again", Means(cache=where / "one.sqlite"), climbing_judge
    )
    assert again.judged == 0
    assert again.trials.equals(result.trials)
    assert again.audit.equals(result.audit)


def test_rungs_that_agree_keep_the_share(found):
    _, result = found
    assert result.history["promote_fraction"].unique().to_list() == [0.5]
    low, high = (result.audit.row(i, named=True) for i in (0, 2))
    assert (low["low_rung"], low["high_rung"], high["low_rung"]) == ("merged", "tuned", "tuned")
    assert low["designs_count"] >= 12
    assert low["spearman"] > 0.9
    assert 0.1 < low["mean_abs_error"] < 0.2
    assert high["mean_abs_error"] < 0.05


def test_rungs_that_disagree_widen_the_share_and_say_so(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="joulescape.search")
    result = once(ladder_space(tmp_path, budget={"promote": 0.25}), tmp_path, contrary_judge)
    shares = result.history["promote_fraction"].to_list()
    assert shares[0] == 0.25
    assert shares[-1] == 1.0
    assert all(after in (before, 2 * before) for before, after in pairwise(shares))
    said = [record.message for record in caplog.records if "50% of a batch climbs" in record.message]
    assert len(said) == 1
    assert said[0].startswith("rungs merged and full: Spearman -")
    assert result.audit.filter(pl.col("low_rung") == "merged")["promote_fraction"].to_list() == [1.0, 1.0]


def test_a_rung_from_which_all_climb_is_measured_by_lot_alone(tmp_path):
    """It decides nothing any more; the audit goes on seeing whether it would."""
    result = once(
        ladder_space(tmp_path, pairs=PAIRS[2:3], budget={"trials": 144, "failed_share": 1.0}), tmp_path, contrary_judge
    )
    with sqlite3.connect(tmp_path / "one.sqlite") as cache:
        outcomes = [json.loads(text) for (text,) in cache.execute("SELECT outcome FROM evaluations")]
    first = [outcome["evaluations"][0] for outcome in outcomes]
    lowest = {one["candidate_id"] for one in first if one["fidelity"].startswith("merged") and one["state"] == "valid"}
    batch = dict(result.trials.select("candidate_id", "batch").iter_rows())
    share = dict(result.history.select("batch", "promote_fraction").iter_rows())
    told = [name for name, number in batch.items() if number > 0 and share[number - 1] == 1.0]
    watched = lowest & set(told)
    assert 0 < len(watched) < len(told) / 4
    merged = result.audit.filter((pl.col("low_rung") == "merged") & (pl.col("high_rung") == "tuned"))
    assert merged["designs_count"].item() > 20


def test_nobody_watches_where_no_audit_is_asked(tmp_path):
    result = once(ladder_space(tmp_path, budget={"audit": 0, "promote": 0.25}), tmp_path, contrary_judge)
    assert result.history["promote_fraction"].unique().to_list() == [0.25]
    assert result.audit["designs_count"].to_list() == [0, 0, 0]
    first = candidates(result).filter((pl.col("batch") == 0) & (pl.col("rung") != "merged"))
    assert set(first.filter(pl.col("state") != "infeasible")["pair"]) >= {pair.name for pair in PAIRS[:2]}
    assert len(first) < 12


def test_the_closed_form_stops_what_the_most_accurate_beat_in_every_cost(tmp_path):
    result = once(ladder_space(tmp_path, budget={"rungs": ("closed_form", "full")}), tmp_path, flat_judge)
    stopped = candidates(result).filter(pl.col("state") == "screened")
    assert stopped["rung"].unique().to_list() == ["closed_form"]
    assert stopped["accuracy_fraction"].null_count() == len(stopped) > 0
    best = result.trials.filter((pl.col("state") == "valid") & (pl.col("accuracy_fraction") == 0.9))
    for batch, energy in stopped.select("batch", "inference_energy_pj").iter_rows():
        assert energy > best.filter(pl.col("batch") < batch)["inference_energy_pj"].min()
    assert len(result.audit) == 0


def test_before_anything_was_measured_the_closed_form_stops_nothing(tmp_path):
    space = ladder_space(tmp_path, budget={"rungs": ("closed_form", "full"), "trials": 12})
    assert "screened" not in set(once(space, tmp_path, flat_judge).trials["state"])


def test_accuracy_limits_only_rank_below_the_top(tmp_path):
    """Fine-tuning may lift what the lowest rung sees below the limit; at the top the limit holds."""
    space = ladder_space(
        tmp_path,
        objectives={"inference_energy_pj": "minimize"},
        constraints={"accuracy_fraction": {"at_least": 0.85}},
    )

    def strict(candidate, space, fidelity, seed, memory=None):
        found = climbing_judge(candidate, space, fidelity, seed, memory)
        poor = [item.metrics["accuracy_fraction"] < 0.85 for item in found]
        if fidelity.is_screening or not any(poor):
            return found
        return tuple(replace(item, state="infeasible", reason="poor", violation=0.1) for item in found)

    result = once(space, tmp_path, strict)
    valid = result.trials.filter(pl.col("state") == "valid")
    assert len(valid) > 0
    assert valid["accuracy_fraction"].min() >= 0.85
    assert (result.trials.filter(pl.col("state") == "infeasible")["fidelity"].str.starts_with("full")).any()


def test_one_exception_in_a_hundred_is_counted_and_the_rest_goes_on(tmp_path):
    calls = {"tuned": 0}

    def sometimes(candidate, space, fidelity, seed, memory=None):
        calls["tuned"] += fidelity.rung == "tuned"
        if fidelity.rung == "tuned" and calls["tuned"] == 3:
            raise RuntimeError("this one broke")
        found = climbing_judge(candidate, space, fidelity, seed, memory)
        if fidelity.rung == "tuned" and calls["tuned"] == 5:
            return tuple(_nan(item) for item in found)
        return found

    result = once(ladder_space(tmp_path), tmp_path, sometimes)
    failed = result.trials.filter(pl.col("state") == "failed")
    broken = [reason for reason in failed["reason"] if not reason.startswith("ZeroDivisionError")]
    assert len(broken) == 2
    assert broken[0] == "RuntimeError: this one broke"
    assert "its objectives are" in broken[1] or "cannot be stored" in broken[1]
    assert result.trials["candidate_id"].n_unique() == 96
    assert result.ended == "the budget of trials is spent"


def _nan(item):
    return replace(item, metrics={**item.metrics, "accuracy_fraction": float("nan")})


def test_a_top_rung_below_the_full_simulation_is_audited_at_the_end(tmp_path):
    space = ladder_space(tmp_path, budget={"rungs": ("tuned",), "audit": 9})
    result = once(space, tmp_path)
    (row,) = result.audit.to_dicts()
    assert (row["low_rung"], row["high_rung"], row["designs_count"]) == ("tuned", "full", 9)
    assert row["promote_fraction"] is None
    assert row["spearman"] > 0.9
    assert set(candidates(result)["rung"]) == {"tuned"}
    assert result.judged == 96 + 9


def test_where_all_is_exact_one_rung_is_all_there_is(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="joulescape.search")
    space = ladder_space(tmp_path, pairs=PAIRS[:2], budget={"rungs": ("tuned",), "trials": 24})
    result = once(space, tmp_path)
    assert len(result.audit) == 0
    assert "one rung only (tuned): there is nothing to audit" in [record.message for record in caplog.records]


def test_files_tell_what_the_measurements_bought(found):
    where, result = found
    run = json.loads((where / "one" / "resolved.json").read_text())["run"]
    assert pl.read_parquet(where / "one" / "audit.parquet").equals(result.audit)
    assert run["audit"] == result.audit.to_dicts()
    assert run["measurements_count"] == result.history["measured_count"][-1] <= result.judged
    assert run["designs_judged_count"] == result.history["designs_judged_count"][-1]
    assert run["designs_per_measurement"] == run["designs_judged_count"] / run["measurements_count"]
    with_costs = candidates(result).filter(pl.col("inference_energy_pj").is_not_null())
    assert run["designs_judged_count"] == 3 * len(with_costs)
    assert with_costs["variants_count"].unique().to_list() == [3]
    assert set(tables.AUDIT) == set(result.audit.columns)


def test_a_stalled_hypervolume_ends_between_batches(tmp_path):
    space = ladder_space(tmp_path, budget={"trials": 600, "stall": {"batches": 3, "gain_fraction": 0.05}})
    result = once(space, tmp_path)
    assert result.ended == "the hypervolume stalled: 3 batches added less than 5.00%"
    volumes = result.history["hypervolume"].to_list()
    assert volumes[-1] - volumes[-4] < 0.05 * volumes[-1]
    assert volumes[-2] - volumes[-5] >= 0.05 * volumes[-2] if len(volumes) > 4 else True
    assert len(result.trials["candidate_id"].unique()) == 12 * len(volumes)
