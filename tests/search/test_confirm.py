"""Confirm: test split, three corners, one row a (design, corner)."""

from __future__ import annotations

import dataclasses
import json
import logging

import polars as pl
import pytest
from search_fakes import PAIRS, explain, judge, make_space

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.search.confirm import EXPLAINED, candidate_of, confirm, read_trials
from joulescape.search.driver import Means
from joulescape.search.fidelities import ConfirmPlan
from joulescape.search.picks import pick
from joulescape.search.run import search


@pytest.fixture(autouse=True)
def quiet(caplog):
    caplog.set_level(logging.CRITICAL, logger="joulescape.search")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    root = tmp_path_factory.mktemp("confirmed")
    space = make_space(root, confirm={"designs": 10, "draws": 2})
    found = search(space, root / "out", Means(), judge)
    return space, root / "out", found, confirm(space, root / "out", Means(), judge, explain)


def test_every_pick_has_three_corners_of_the_test_split(done):
    _, _, _, found = done
    table = found.confirmed
    assert len(table) == 30
    assert set(table["split"]) == {"test"}
    assert table.group_by("design_id").agg(pl.col("corner").n_unique())["corner"].to_list() == [3] * 10
    assert table.columns == list(tables.CONFIRMED)
    assert table["paired_loss_fraction"].to_list() == [0.01] * 30


def test_corners_order_the_energy(done):
    _, _, _, found = done
    wide = found.confirmed.pivot("corner", index="design_id", values="inference_energy_pj")
    assert (wide["optimistic"] < wide["typical"]).all()
    assert (wide["typical"] < wide["pessimistic"]).all()


def test_the_best_of_each_back_end_is_confirmed(done):
    _, _, searched, found = done
    assert set(found.confirmed["back_end"]) == set(searched.trials["back_end"])
    typical = found.confirmed.filter(pl.col("corner") == "typical")
    joined = typical.join(searched.trials, on="design_id")
    assert joined["search_accuracy_fraction"].equals(
        joined["accuracy_fraction_right"].rename("search_accuracy_fraction")
    )


def test_parts_and_layers_belong_to_the_confirmed_designs(done):
    _, out, _, found = done
    assert set(found.parts["design_id"]) == set(found.confirmed["design_id"]) == set(found.layers["design_id"])
    for name, schema in EXPLAINED.items():
        kept = pl.read_parquet(out / f"{name}.parquet")
        assert kept.columns == list(schema) and set(kept["design_id"]) == set(found.confirmed["design_id"])
    provenance = json.loads((out / "provenance.json").read_text())
    assert (provenance["confirm"]["draws"], provenance["confirm"]["designs"]) == (2, 10)


def test_a_second_confirm_is_a_replay(done):
    space, out, _, found = done

    def never(*_):
        raise AssertionError("judged again")

    never.__module__, never.__qualname__ = judge.__module__, judge.__qualname__
    again = confirm(space, out, Means(), never, explain)
    assert again.confirmed.equals(found.confirmed)


def test_a_variant_that_is_gone_is_not_replaced_by_another(done):
    space, out, _, _ = done

    def moved(*args):
        return tuple(dataclasses.replace(item, variant_id=item.variant_id + 100) for item in judge(*args))

    with pytest.raises(ResultsError, match="is gone: search again"):
        confirm(space, out, Means(), moved, explain)


def test_every_row_leads_back_to_its_candidate(done):
    space, _, searched, _ = done
    for row in searched.trials.iter_rows(named=True):
        assert candidate_of(space, row).candidate_id == row["candidate_id"]


def test_trials_of_another_space_are_refused(done):
    space, _, searched, _ = done
    row = searched.trials.row(0, named=True)
    with pytest.raises(ResultsError, match="another version of space"):
        candidate_of(space, {**row, "compression.1.quantize.weight_bits": 7, "compression.0": "none"})
    with pytest.raises(ResultsError, match="search again"):
        candidate_of(make_space(space.root, pairs=PAIRS[1:]), {**row, "pair": PAIRS[0].name})


def test_missing_and_torn_trials_are_named(tmp_path):
    space = make_space(tmp_path)
    with pytest.raises(ResultsError, match="run `joulescape search` first"):
        confirm(space, tmp_path, Means(), judge, explain)
    (tmp_path / "trials.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(ResultsError, match="cannot be read"):
        confirm(space, tmp_path, Means(), judge, explain)


def test_a_design_that_fails_at_a_corner_keeps_its_row_and_has_no_parts_there(tmp_path):
    def fragile(candidate, space, fidelity, seed, memory=None):
        if fidelity.split == "test" and candidate.back_end == "electronic/grid":
            raise ValueError("breaks at test")
        return judge(candidate, space, fidelity, seed, memory)

    space = make_space(tmp_path, confirm={"designs": 8})
    search(space, tmp_path / "out", Means(), fragile)
    found = confirm(space, tmp_path / "out", Means(), fragile, explain)
    broken = found.confirmed.filter(pl.col("back_end") == "electronic/grid")
    assert set(broken["reason"]) == {"ValueError: breaks at test"}
    assert len(broken) > 0
    assert not set(broken["design_id"]) & set(found.parts["design_id"])


def test_an_empty_front_confirms_nothing_and_leaves_empty_tables(tmp_path):
    def hopeless(*_):
        raise ValueError("always")

    space = make_space(tmp_path, budget={"failed_share": 1.0, "trials": 5})
    search(space, tmp_path / "out", Means(), hopeless)
    found = confirm(space, tmp_path / "out", Means(), hopeless, explain)
    assert (len(found.confirmed), len(found.parts), len(found.layers)) == (0, 0, 0)


def test_training_is_measured_at_confirm_where_the_phase_is_asked(tmp_path):
    both = make_space(tmp_path, phases=("inference", "training"))
    search(both, tmp_path / "out", Means(), judge)
    picks = pick(list(read_trials(tmp_path / "out").iter_rows(named=True)), both.spec.objectives, 8)
    plan = ConfirmPlan.of(both, picks)
    assert 0 < len(plan.shown) <= both.spec.confirm.trained_designs
    assert {p.row["back_end"] for p in picks if p.row["candidate_id"] in plan.shown} == {
        p.row["back_end"] for p in picks
    }
    for row in (p.row for p in picks):
        typical, other = (plan.fidelity(candidate_of(both, row), corner) for corner in ("typical", "optimistic"))
        assert typical.trains_on_machine == (row["candidate_id"] in plan.shown)
        assert not other.trains_on_machine
        assert (other.draws, typical.trainings) == (both.spec.confirm.draws, both.spec.confirm.trainings)
    assert not ConfirmPlan.of(make_space(tmp_path), picks).shown


def test_a_question_that_changed_since_the_search_is_refused_and_a_bigger_budget_is_not(tmp_path):
    space = make_space(tmp_path)
    search(space, tmp_path / "out", Means(), judge)
    bigger = make_space(tmp_path, budget={"trials": 500}, confirm={"designs": 3})
    assert confirm(bigger, tmp_path / "out", Means(), judge, explain).confirmed["design_id"].n_unique() == 3
    other = make_space(tmp_path, constraints={"area_mm2": {"at_most": 1.0}})
    with pytest.raises(ResultsError, match="another version of space 'fake': search again"):
        confirm(other, tmp_path / "out", Means(), judge, explain)


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"digests": {}}'])
def test_a_search_without_its_question_is_refused(tmp_path, text):
    space = make_space(tmp_path)
    search(space, tmp_path / "out", Means(), judge)
    path = tmp_path / "out" / "resolved.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ResultsError, match=r"resolved\.json cannot be read .*search` again"):
        confirm(space, tmp_path / "out", Means(), judge, explain)


def test_a_disk_that_is_full_at_the_end_keeps_what_was_confirmed(tmp_path, monkeypatch):
    space = make_space(tmp_path, confirm={"designs": 4})
    search(space, tmp_path / "out", Means(), judge)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pl.DataFrame, "write_parquet", full)
        with pytest.raises(ResultsError, match="No space left"):
            confirm(space, tmp_path / "out", Means(), judge, explain)
    assert not (tmp_path / "out" / "confirmed.parquet").exists()

    def never(*_):
        raise AssertionError("judged again")

    never.__module__, never.__qualname__ = judge.__module__, judge.__qualname__
    assert len(confirm(space, tmp_path / "out", Means(), never, explain).confirmed) == 12
