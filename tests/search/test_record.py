"""Tables of a search: every drawn value comes back, seconds add up, nothing half-written is taken for whole."""

from __future__ import annotations

import dataclasses
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_fakes import PAIRS, FakeSpace, judge, make_space

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.network.fidelity import Fidelity
from joulescape.resolve.candidate import Parameter
from joulescape.search.confirm import candidate_of
from joulescape.search.outcome import Job, Outcome, run_job
from joulescape.search.record import as_drawn, provenance, trials_table, write_json, write_resolved, writing
from joulescape.search.study import Ask
from joulescape.spec.domain import ChoiceDomain, IntDomain

BITS = Parameter("compression.1.quantize.weight_bits", IntDomain(kind="int", low=2, high=8))
scalars = st.one_of(
    st.booleans(), st.integers(-5, 5), st.floats(-2, 2).map(lambda x: round(x, 3)), st.text("ab4", max_size=3)
)


class MixedSpace(FakeSpace):
    """One choice whose options may be of several kinds."""

    options = (1, 2.5)

    def parameters(self, pair):
        return (BITS, Parameter("compression.2.how", ChoiceDomain(kind="choice", options=self.options)))


def mixed(options, **changes):
    space = make_space(".", pairs=PAIRS[:1], **changes)
    found = MixedSpace(space.spec, space.root, pairs=space.pairs)
    object.__setattr__(found, "options", tuple(options))
    return found


def asked(space, option, trial=0, bits=8):
    drawn = {"pair": space.pairs[0].name, BITS.name: bits, "compression.2.how": option}
    return Ask(trial, 0, space.pairs[0].name, drawn, space.candidate(drawn))


def outcome_of(ask, space, seconds=0.0):
    found = run_job(Job(ask.candidate, Fidelity()), space, 0, judge, None, 10.0)
    return dataclasses.replace(found, seconds=seconds)


def spelling(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_distinct(options):
    """No two options that a column of text or of numbers could not tell apart."""
    plain = [o for o in options if not isinstance(o, (bool, str))]
    return len({spelling(o) for o in options}) == len(options) and len({float(o) for o in plain}) == len(plain)


@given(st.lists(scalars, min_size=1, max_size=4).filter(is_distinct))
@settings(deadline=None, max_examples=60)
def test_every_drawn_option_comes_back_from_the_table_as_the_same_candidate(options):
    space = mixed(options)
    asks = [asked(space, option, index) for index, option in enumerate(options)]
    table = trials_table(space, [(ask, outcome_of(ask, space)) for ask in asks])
    for ask, row in zip(asks, table.iter_rows(named=True), strict=True):
        assert candidate_of(space, row).candidate_id == ask.candidate.candidate_id
        back = as_drawn(ChoiceDomain(kind="choice", options=tuple(options)), row["compression.2.how"])
        assert (back, type(back)) == (ask.genes["compression.2.how"], type(ask.genes["compression.2.how"]))


@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ((1, 2), pl.Int64), ((1, 2.5), pl.Float64), ((0.5, 2.0), pl.Float64), ((True, False), pl.Boolean),
        (("a", "b"), pl.String), ((1, "all"), pl.String), ((True, 2), pl.String),
    ],
)  # fmt: skip
def test_a_column_has_the_narrowest_kind_that_holds_every_option(options, dtype):
    space = mixed(options)
    asks = [asked(space, option, index) for index, option in enumerate(options)]
    table = trials_table(space, [(ask, outcome_of(ask, space)) for ask in asks])
    assert table.schema["compression.2.how"] == dtype
    assert table["compression.2.how"].null_count() == 0


def test_the_seconds_of_an_evaluation_are_shared_among_its_rows():
    """An evaluation times itself too; its own figure must not stand in every row."""
    space = mixed((1, 2))

    def timed(*args):
        metrics = [{"accuracy_fraction": 0.9 - i / 10, "inference_energy_pj": 9.0 - i} for i in range(3)]
        found = [dataclasses.replace(e, metrics=m) for e, m in zip(judge(*args), metrics, strict=True)]
        return [dataclasses.replace(e, facts={**e.facts, "seconds": 99.0}) for e in found]

    ask = asked(space, 1)
    outcome = run_job(Job(ask.candidate, Fidelity()), space, 0, timed, None, 10.0)
    assert len(outcome.evaluations) == 3
    table = trials_table(space, [(ask, dataclasses.replace(outcome, seconds=6.0))])
    assert table["seconds"].to_list() == [2.0, 2.0, 2.0]


def test_an_empty_search_has_an_empty_table_of_the_same_columns():
    space = mixed((1, 2))
    empty = trials_table(space, [])
    one = trials_table(space, [((ask := asked(space, 1)), outcome_of(ask, space))])
    assert len(empty) == 0
    assert [name for name in one.columns if not name.startswith("hardware.")] == empty.columns
    assert empty.columns[: len(tables.TRIALS)] == list(tables.TRIALS)


def test_rows_of_equal_designs_are_all_on_the_front():
    space = mixed((1, 2))
    asks = [asked(space, option, index) for index, option in enumerate((1, 2))]
    table = trials_table(space, [(ask, outcome_of(ask, space)) for ask in asks])
    assert table["is_front"].to_list() == [True, True]


def test_a_full_disk_leaves_the_earlier_file_and_says_what_to_do(tmp_path, monkeypatch):
    path = tmp_path / "resolved.json"
    write_json({"a": 1}, path)

    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.write_text", full)
        with pytest.raises(ResultsError, match=r"No space left.*finished evaluations are kept"), writing(tmp_path):
            write_json({"a": 2}, path)
    assert json.loads(path.read_text()) == {"a": 1}


def test_numbers_that_json_does_not_know_are_refused_before_the_file_is_touched(tmp_path):
    path = tmp_path / "resolved.json"
    write_json({"a": 1}, path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"a": float("nan")}, path)
    assert json.loads(path.read_text()) == {"a": 1}


def test_provenance_names_versions_and_a_folder_without_git_has_no_commit(tmp_path):
    found = provenance(tmp_path)
    assert {"joulescape", "python", "torch", "optuna"} <= set(found["versions"])
    assert found["git_commit"] is None
    assert found["machine"]["cores"] >= 1


def test_an_outcome_of_an_infeasible_candidate_is_one_row_without_swept_values():
    space = mixed((1, 2))
    ask = asked(space, 1)
    evaluation = dataclasses.replace(
        outcome_of(ask, space).evaluations[0], state="infeasible", variant={}, violation=2.0
    )
    table = trials_table(space, [(ask, Outcome((evaluation,), 1.0))])
    assert table["is_front"].to_list() == [False]
    assert not [name for name in table.columns if name.startswith("hardware.")]


@pytest.mark.parametrize(("task", "counts"), [("digits", {"validation": 360, "test": 360}), ("imagenet", {})])
def test_resolved_tells_how_many_samples_an_accuracy_rests_on(tmp_path, monkeypatch, task, counts):
    """A task of sizes alone is never measured on any."""
    space = make_space(tmp_path, pairs=PAIRS[:1])
    space = dataclasses.replace(space, spec=space.spec.model_copy(update={"task": task}))
    monkeypatch.setattr("joulescape.search.record.weights_digest", lambda _: {})
    write_resolved(space, tmp_path / "resolved.json", {})
    assert json.loads((tmp_path / "resolved.json").read_text())["samples"] == counts
