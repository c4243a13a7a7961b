"""The ladder with the true evaluation: real networks on real machines, in one process and in Ray workers."""

from __future__ import annotations

import logging
import re

import polars as pl
import pytest
from real_project import SPACE, joulescape, make_project, with_weights

from joulescape.resolve.design_space import load_space
from joulescape.search.driver import Means
from joulescape.search.run import search

pytestmark = pytest.mark.slow
BUDGET = "budget: {trials: 16, population: 8, per_back_end: 8, draws: 2, rungs: [merged, tuned, full], audit: 3}"
OTHER = SPACE[SPACE.index("budget:") : SPACE.index("\nconfirm:")]
LADDER = SPACE.replace(OTHER, BUDGET).replace("epochs: 0", "epochs: 1")


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Searched once in one process, through the command line, which says what the rungs agree on."""
    folder = with_weights(make_project(tmp_path_factory.mktemp("ladder"), LADDER), every_seed=True)
    code, text = joulescape(folder, "search", "spaces/tiny.yaml")
    assert code == 0, text
    assert "rungs merged and full: Spearman" in text
    assert "designs judged for each" in text
    return folder


def table(project, name="trials"):
    return pl.read_parquet(project / "results" / "tiny" / f"{name}.parquet")


def test_the_front_was_simulated_in_full(project):
    front = table(project, "front")
    assert front["fidelity"].unique().to_list() == ["full/validation/2"]
    assert front["accuracy_fraction"].max() > 0.9


def test_fine_tuning_lifts_what_the_lowest_rung_saw(project):
    rows = {(row["low_rung"], row["high_rung"]): row for row in table(project, "audit").to_dicts()}
    row = rows["merged", "full"]
    assert row["designs_count"] >= 3
    assert 0 < row["mean_abs_error"] < 0.6
    assert row["low_seconds"] < row["high_seconds"] or row["low_seconds"] < 1


def test_ray_workers_give_the_same_rows(project, tmp_path):
    space = load_space(project / "spaces" / "tiny.yaml")
    found = search(space, tmp_path / "out", Means(2, "ray", cache=tmp_path / "ray.sqlite"))
    assert found.reused == 0
    assert found.trials.drop("seconds").equals(table(project).drop("seconds"))
    seconds = ("low_seconds", "high_seconds")
    assert found.audit.drop(seconds).equals(table(project, "audit").drop(seconds))


def test_another_share_or_rung_finds_its_measurements(project):
    """Budgets are no part of an evaluation: a wider share measures only what had stayed behind."""
    path = project / "spaces" / "tiny.yaml"
    path.write_text(LADDER.replace("audit: 3", "audit: 3, promote: 1"))
    code, text = joulescape(project, "search", "spaces/tiny.yaml", "--out", "results/wider")
    assert code == 0, text
    assert int(re.findall(r"(\d+) remembered\)", text)[-1]) >= 16
    wider = pl.read_parquet(project / "results" / "wider" / "trials.parquet")
    assert "screened" not in set(wider["state"])
    path.write_text(LADDER)


def test_confirm_takes_the_front_to_the_test_split(project):
    code, text = joulescape(project, "confirm", "spaces/tiny.yaml")
    assert code == 0, text
    confirmed = table(project, "confirmed")
    assert set(confirmed["design_id"]) <= set(table(project).filter(pl.col("state") == "valid")["design_id"])
    assert confirmed["split"].unique().to_list() == ["test"]
