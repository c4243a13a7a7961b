"""What was measured once is never measured again, whatever question asks: only what can change a number counts."""

from __future__ import annotations

import logging
import shutil

import pytest
from real_project import make_project, with_weights

from joulescape.resolve.design_space import load_space
from joulescape.search.driver import Means
from joulescape.search.holdings import holdings
from joulescape.search.run import search

BASE = """\
question: Which of two machines recognises digits for less energy?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8, memristive/isaac]
compression:
  - quantize: {weight_bits: {kind: int, low: 4, high: 6}, activation_bits: 8}
fine_tune: {epochs: 0}
hardware:
  electronic/systolic_int8: {array.rows: {kind: choice, options: [16, 32]}}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 6, population: 3, per_back_end: 3, draws: 2, samples: 40, sampler: grid, rungs: [full]}
"""
COUNT = 6
"""Candidates of the question: every run asks them all, so that nothing but the question differs."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def quiet():
    logger = logging.getLogger("joulescape.search")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A project whose question was searched once."""
    project = with_weights(make_project(tmp_path_factory.mktemp("first"), BASE))
    found = ask(project)
    assert (found["judged"], found["measured"]) == (COUNT, COUNT)
    return project


@pytest.fixture
def project(first, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(first, tmp_path / "project")


def ask(project, text=None, name="tiny"):
    """Search a question of the project; how many evaluations were made and remembered, and measurements made."""
    path = project / "spaces" / f"{name}.yaml"
    if text is not None:
        path.write_text(text)
    space = load_space(path)
    cache = Means().cache_of(space)
    before = measured(cache)
    found = search(space, project / "results" / name, Means())
    return {"judged": found.judged, "reused": found.reused, "measured": measured(cache) - before, "found": found}


def measured(cache):
    return sum(one.count for one in holdings(cache) if one.kind == "measurements")


def changed(old, new):
    assert old in BASE
    return BASE.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("question: Which of two", "question: What of two"),
        ("trials: 6", "trials: 60"),
        ("per_back_end: 3", "per_back_end: 1"),
        ("population: 3", "population: 2"),
        ("question:", "confirm: {designs: 3}\nquestion:"),
        ("question:", "normalise_to_nm: 45\nquestion:"),
        ("draws: 2", "time_out_s: 5000, failed_share: 0.9, stall: {batches: 90}, draws: 2"),
    ],
)
def test_a_change_of_words_budget_or_picks_judges_nothing_again(project, old, new):
    found = ask(project, changed(old, new))
    assert (found["judged"], found["measured"]) == (0, 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("inference_energy_pj: minimize", "inference_latency_ns: minimize"),
        ("inference_energy_pj: minimize", "inference_energy_pj: minimize, area_mm2: minimize"),
        ("question:", "constraints: {accuracy_fraction: {at_least: 0.9}}\nquestion:"),
        ("question:", "constraints: {inference_latency_ns: {at_most: 1.0e-6}}\nquestion:"),
        ("sampler: grid", "sampler: nsga2"),
        ("sampler: grid", "sampler: random"),
        ("question:", "boundary: core\nquestion:"),
        ("question:", "batch: 4\nquestion:"),
        ("question:", "node: 28\nquestion:"),
        ("question:", "corner: typical\nquestion:"),
        ("question:", "phases: [inference, training]\nquestion:"),
        ("options: [16, 32]", "options: [8, 16]"),
        ("rungs: [full]", "rungs: [closed_form, full]"),
        ("fine_tune: {epochs: 0}", "fine_tune: {epochs: 0, learning_rate: 0.5, batch: 8}"),
    ],
)
def test_a_change_of_what_is_asked_of_designs_measures_nothing_again(project, old, new):
    found = ask(project, changed(old, new))
    assert found["measured"] == 0
    assert found["found"].trials["candidate_id"].n_unique() == COUNT


@pytest.mark.parametrize(
    ("old", "new", "count"),
    [
        ("activation_bits: 8", "activation_bits: 7", COUNT),
        ("samples: 40", "samples: 41", COUNT),
        ("draws: 2", "draws: 3", COUNT // 2),  # an exact machine draws nothing
        ("population: 3", "population: 3, seed: 1", COUNT),
        ("fine_tune: {epochs: 0}", "fine_tune: {epochs: 1}", COUNT),
        ("low: 4, high: 6", "low: 5, high: 7", COUNT // 3),
    ],
)
def test_what_can_change_a_number_is_measured_and_nothing_else(project, old, new, count):
    assert ask(project, changed(old, new))["measured"] == count


def test_another_question_shares_what_both_ask(project):
    other = changed("networks: [digits_mlp]", "networks: [digits_mlp, digits_lenet]")
    found = ask(project, other.replace("trials: 6", "trials: 12").replace("Which of two", "How"), "other")
    assert found["found"].trials["candidate_id"].n_unique() == 2 * COUNT
    assert found["measured"] == COUNT


@pytest.mark.parametrize(
    ("file", "old", "new", "count"),
    [
        ("hwlib/memristive/isaac.yaml", "about: ", "about: Not so. ", 0),
        ("hwlib/electronic/systolic_int8.yaml", "about: ", "about: Not so. ", 0),
        ("models/digits_mlp.yaml", "about: ", "about: Not so. ", 0),
    ],
)
def test_a_file_of_the_shelf_that_changes_no_number_measures_nothing_again(project, file, old, new, count):
    path = project / file
    path.write_text(path.read_text().replace(old, new, 1))
    found = ask(project)
    assert (found["judged"], found["measured"]) == (COUNT, count)
