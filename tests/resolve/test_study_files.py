"""A study names questions, baselines, constants and published points; each wrong name is a fault with its place."""

from __future__ import annotations

import pytest
from stand_in_project import SPACE

from joulescape.errors import SpecError
from joulescape.resolve import shelves
from joulescape.resolve.design_space import load_space
from joulescape.resolve.study import load_study
from joulescape.resolve.trends import load_trend

STUDY = """\
study: gap
question: How far?
questions:
  bridge: costs
baselines: [electronic/grid]
metrics: [inference_energy_pj]
shores:
  trends: [chips]
overtake:
  machines:
    - back_end: electronic/grid
      parameters: [adc.energy_pj]
"""
TREND = """\
about: chips
quantities:
  rate: {label: Rate, unit: GOPS}
  area: {label: Area, unit: mm2}
  density: {label: Density, quotient: [rate, area]}
series:
  by_year:
    about: density
    x: year
    law: exponential
    groups:
      all: {about: all, y: density, kinds: [chip]}
points:
  - {name: a, kind: chip, year: 2010, values: {rate: {value: 1, source: a2020, where: T1, confidence: high}}}
"""


@pytest.fixture
def study(project):
    """Writes the study, its question and its points; the loaded study, or the faults as text."""
    (project / "spaces" / "costs.yaml").write_text(SPACE)
    (project / "hwlib" / "trends").mkdir()

    def load(text=STUDY, trend=TREND):
        (project / "spaces" / "far.yaml").write_text(text)
        (project / "hwlib" / "trends" / "chips.yaml").write_text(trend)
        return load_study("spaces/far.yaml")

    return load


def faults(call, *texts, **more):
    with pytest.raises(SpecError) as caught:
        call(*texts, **more)
    return [str(fault) for fault in caught.value.faults]


def test_a_study_brings_all_that_it_names(study, project):
    found = study()
    assert (found.name, found.file) == ("far", "spaces/far.yaml")
    assert found.spaces["bridge"].name == "costs"
    assert found.baseline("bridge") == "electronic/grid"
    assert found.networks() == ("mlp",)
    assert found.results("bridge") == project / "results" / "costs"
    assert list(found.trends) == ["chips"]
    assert found.spec.shores.first_span_until == 2018


def test_a_study_may_leave_questions_out(study):
    found = study(STUDY.replace("  bridge: costs\n", "  {}\n").partition("overtake:")[0])
    assert found.spaces == {}
    assert found.networks() == ()


def test_a_question_that_is_resolved_already_is_not_read_again(study):
    known = {"costs": study().spaces["bridge"]}
    assert load_study("spaces/far.yaml", known).spaces["bridge"] is known["costs"]


def test_the_digest_follows_what_a_study_names(study, project):
    first = study().digest()
    assert study().digest() == first
    assert study(STUDY.replace("How far?", "How far now?")).digest() != first
    assert study(trend=TREND.replace("value: 1,", "value: 2,")).digest() != first
    (project / "spaces" / "costs.yaml").write_text(SPACE.replace("trials: 10", "trials: 11"))
    assert study().digest() != first


def test_studies_are_told_from_questions(study, project):
    study()
    (project / "spaces" / "torn.yaml").write_text("study: [")
    assert shelves.study_names(project) == ("far",)
    assert shelves.space_names(project) == ("costs", "torn")
    assert shelves.trend_names(project) == ("chips",)
    (said,) = faults(load_space, "spaces/far.yaml")
    assert "spaces/far.yaml:1: at 'study' found the study 'far', expected a question; `joulescape gap`" in said
    (said,) = faults(load_study, "spaces/costs.yaml")
    assert "found a question, expected a study" in said


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("bridge: costs", "bridge: cots", "4: at 'questions.bridge'", "did you mean 'costs'?"),
        ("bridge: costs", "bridge: far", "4: at 'questions.bridge'", "expected a question; this is a study itself"),
        ("bridge: costs", "brigde: costs", "4: at 'questions.brigde'", "did you mean 'bridge'?"),
        ("[electronic/grid]", "[electronic/gird]", "5: at 'baselines.0'", "did you mean 'electronic/grid'?"),
        ("[inference_energy_pj]", "[inference_energy_nj]", "6: at 'metrics.0'", "did you mean 'inference_energy_pj'?"),
        ("trends: [chips]", "trends: [chip]", "8: at 'shores.trends.0'", "did you mean 'chips'?"),
        ("trends: [chips]", "trends: [chips, chips]", "8: at 'shores.trends.1'", "each name once"),
        ("adc.energy_pj", "adc.energy", "12: at 'overtake.machines.0.parameters.0'", "mean 'adc.energy_pj'?"),
        (
            "- back_end: electronic/grid",
            "- back_end: grid",
            "11: at 'overtake.machines.0.back_end'",
            "'electronic/grid'?",
        ),
        ("study: gap", "study: gpa", "1: at 'study'", "did you mean 'gap'?"),
        ("question: How far?\n", "", "1: at 'question'", "expected this required key"),
        ("metrics:", "networks: [mpl]\nmetrics:", "6: at 'networks.0'", "did you mean 'mlp'?"),
        (
            "parameters: [adc",
            "networks: [mpl]\n      parameters: [adc",
            "12: at 'overtake.machines.0.networks.0'",
            "'mlp'?",
        ),
        ("  machines:", "  networks: [mpl]\n  machines:", "10: at 'overtake.networks.0'", "did you mean 'mlp'?"),
        (
            "    - back_end: electronic/grid",
            "    - metrics: [gops_per_mm2]\n      back_end: electronic/grid",
            "11: at 'overtake.machines.0.metrics.0'",
            "'inference_energy_pj'",
        ),
        (
            "overtake:",
            "lifecycle: {priced: [{network: mpl}]}\novertake:",
            "9: at 'lifecycle.priced.0.network'",
            "did you mean 'mlp'?",
        ),
        (
            "overtake:",
            "lifecycle: {priced: [{network: mlp}, {network: mlp}]}\novertake:",
            "9: at 'lifecycle.priced.1.network'",
            "each network once",
        ),
        (
            "overtake:",
            "lifecycle: {splits: [1.0]}\novertake:",
            "9: at 'lifecycle.splits.0'",
            "expected a value < 1",
        ),
        ("overtake:", "lifecycle: {splits: []}\novertake:", "9: at 'lifecycle.splits'", "at least one entry"),
        ("trends: [chips]", "trends: []", "8: at 'shores.trends'", "at least one entry"),
        ("  trends: [chips]", "  trends: [chips]\n  first_span_until: 1066", "9: at 'shores.first_span_until'", "1950"),
        (
            "      parameters: [adc.energy_pj]",
            "      parameters: []",
            "12: at 'overtake.machines.0.parameters'",
            "at least one entry",
        ),
    ],
)
def test_a_wrong_name_is_a_fault_with_its_place(study, old, new, place, words):
    assert STUDY.count(old) >= 1
    said = faults(study, STUDY.replace(old, new, 1))
    assert any(f"spaces/far.yaml:{place}" in fault and words in fault for fault in said), said


def test_faults_of_a_question_show_with_those_of_the_study(study, project):
    (project / "spaces" / "costs.yaml").write_text(SPACE.replace("[mlp]", "[mpl]"))
    said = faults(study, STUDY.replace("trends: [chips]", "trends: [chip]"))
    assert any("spaces/costs.yaml:3" in fault and "did you mean 'mlp'?" in fault for fault in said)
    assert any("spaces/far.yaml:8" in fault for fault in said)


def test_a_question_without_a_baseline_is_a_fault(study, project):
    (project / "spaces" / "light.yaml").write_text(
        SPACE.replace("[mlp]", "[optical]").replace("electronic/grid", "physical/lens")
    )
    (said,) = faults(study, STUDY.replace("bridge: costs", "bridge: costs\n  measured: light"))
    assert "'questions.measured' found 'light', expected a question with one of the baselines electronic/grid" in said


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("kinds: [chip]", "kinds: [chips]", "at 'series.by_year.groups.all.kinds.0'", "did you mean 'chip'?"),
        ("y: density", "y: densiti", "at 'series.by_year.groups.all.y'", "did you mean 'density'?"),
        ("quotient: [rate, area]", "quotient: [rate, aera]", "at 'quantities.density.quotient.1'", "'area'?"),
        ("values: {rate:", "values: {rates:", "at 'points.0.values.rates'", "did you mean 'rate'?"),
        ("source: a2020", "source: a2002", "at 'points.0.values.rate.source'", "did you mean 'a2020'?"),
        ("confidence: high", "confidence: sure", "at 'points.0.values.rate.confidence'", "'high', 'medium'"),
        ("value: 1,", "value: 0,", "at 'points.0.values.rate.value'", "expected a value > 0"),
        ("law: exponential", "law: power", "at 'series.by_year'", "an exponential law runs over years"),
        ("kinds: [chip]", "names: [b]", "at 'series.by_year.groups.all.names.0'", "expected one of a"),
        ("year: 2010", "year: twenty", "at 'points.0.year'", "expected a whole number"),
        ("x: year\n", "x: yaer\n", "at 'series.by_year'", "runs over years"),
        ("value: 1,", "", "at 'points.0.values.rate.value'", "this required key"),
    ],
)
def test_a_wrong_point_is_a_fault_with_its_place(study, old, new, place, words):
    assert TREND.count(old) == 1
    said = faults(study, trend=TREND.replace(old, new))
    assert any("hwlib/trends/chips.yaml:" in fault and place in fault and words in fault for fault in said), said


def test_a_point_stated_twice_is_a_fault(study):
    (said,) = faults(study, trend=TREND + TREND.splitlines()[-1] + "\n")
    assert "hwlib/trends/chips.yaml:15: at 'points.1.name' found 'a', expected each point of a kind once" in said


def test_a_missing_file_of_points_is_a_fault(project):
    (said,) = faults(load_trend, project, "chips")
    assert said.startswith("hwlib/trends/chips.yaml: found no readable file")


@pytest.mark.parametrize(
    ("hardware", "place", "words"),
    [
        ("{electronic/gird: {}}", "priced.0.hardware.electronic/gird", "did you mean 'electronic/grid'?"),
        ("{electronic/grid: {adc.energy: 1}}", "priced.0.hardware.electronic/grid.adc.energy", "'adc.energy_pj'?"),
    ],
)
def test_a_priced_training_sets_what_the_machine_has(study, hardware, place, words):
    priced = f"lifecycle: {{priced: [{{network: mlp, hardware: {hardware}}}]}}\novertake:"
    text = STUDY.replace("bridge: costs", "bridge: costs\n  training: costs").replace("overtake:", priced)
    (said,) = faults(study, text)
    assert place in said and words in said
