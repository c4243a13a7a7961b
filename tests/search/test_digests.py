"""What is remembered under which name: what can change a result is in it, what cannot is not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import get_args

import pytest
from real_project import ROOT, SPACE, make_project

import joulescape
from joulescape import source
from joulescape.resolve.design_space import load_space
from joulescape.search import digests
from joulescape.search.digests import code_digest, evaluator_digest, space_digest, weights_digest, workflow_digest
from joulescape.spec.space import SamplerName


@pytest.fixture(scope="module")
def shelves(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("shelves"))


def question(shelves, text, name="tiny"):
    path = shelves / "spaces" / f"{name}.yaml"
    path.write_text(text)
    return load_space(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("question: Which of two", "question: What of two"),
        ("trials: 12", "trials: 500"),
        ("population: 4", "population: 9"),
        ("per_back_end: 4", "per_back_end: {memristive/isaac: 9}"),
        ("draws: 1,", "draws: 1, lag: 2, failed_share: 0.9, seconds: 5, samples: 100,"),
        ("confirm: {draws: 2", "confirm: {draws: 7"),
        ("question:", "normalise_to_nm: 45\nquestion:"),
    ],
)
def test_budget_picks_and_words_change_no_evaluation(shelves, old, new):
    assert old in SPACE
    before = space_digest(question(shelves, SPACE))
    assert space_digest(question(shelves, SPACE.replace(old, new, 1))) == before
    assert space_digest(question(shelves, SPACE, "another_name")) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("epochs: 0", "epochs: 1"),
        ("activation_bits: 8", "activation_bits: 6"),
        ("weight_bits: {kind: int, low: 3", "weight_bits: {kind: int, low: 4"),
        ("inference_energy_pj: minimize", "inference_latency_ns: minimize"),
        ("question:", "boundary: core\nquestion:"),
        ("question:", "batch: 4\nquestion:"),
        ("question:", "node: 28\nquestion:"),
        ("question:", "constraints: {area_mm2: {at_most: 5}}\nquestion:"),
        ("question:", "phases: [inference, training]\nquestion:"),
        ("question:", "corner: pessimistic\nquestion:"),
    ],
)
def test_all_else_of_a_question_does(shelves, old, new):
    assert old in SPACE
    assert space_digest(question(shelves, SPACE.replace(old, new, 1))) != space_digest(question(shelves, SPACE))


@pytest.mark.parametrize(
    "file", ["models/digits_mlp.yaml", "hwlib/memristive/isaac.yaml", "hwlib/electronic/systolic_int8.yaml"]
)
def test_a_file_that_the_question_names_changes_it(tmp_path, file):
    folder = make_project(tmp_path)
    before = space_digest(load_space(folder / "spaces" / "tiny.yaml"))
    path = folder / file
    path.write_text(path.read_text().replace("about: ", "about: Not so. ", 1))
    assert space_digest(load_space(folder / "spaces" / "tiny.yaml")) != before


def test_the_place_of_the_project_and_files_that_it_does_not_name_change_nothing(tmp_path, shelves):
    folder = make_project(tmp_path / "elsewhere", source=shelves)
    (folder / "models" / "digits_lenet.yaml").unlink()
    assert load_space(folder / "spaces" / "tiny.yaml").digest() == question(shelves, SPACE).digest()


def test_reference_weights_count_by_content(shelves):
    space = question(shelves, SPACE)
    networks = space.networks_dir
    networks.mkdir(parents=True, exist_ok=True)
    found = [weights_digest(space)]
    for content in (b"one", b"two", b"one"):
        (networks / "digits_mlp.npz").write_bytes(content)
        (networks / "digits_lenet.npz").write_bytes(content + b"more")
        found.append(weights_digest(space))
    assert len(set(found)) == 3
    assert found[1] == found[3]


def test_reference_weights_do_not_count_where_costs_alone_are_asked_for(shelves):
    text = SPACE.replace("accuracy_fraction: maximize", "area_mm2: minimize")
    space = question(shelves, text, "costs")
    assert not space.spec.needs_accuracy
    before = weights_digest(space)
    space.networks_dir.mkdir(parents=True, exist_ok=True)
    (space.networks_dir / "digits_mlp.npz").write_bytes(b"trained for another question")
    assert weights_digest(space) == before != weights_digest(question(shelves, SPACE))


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package") / "joulescape"
    shutil.copytree(ROOT / "src" / "joulescape", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize(
    ("file", "evaluations", "tables"),
    [
        ("evaluation/__init__.py", True, True),
        ("simulators/base.py", True, True),
        ("accuracy/measure.py", True, True),
        ("front.py", True, True),
        ("search/outcome.py", True, True),
        ("search/study.py", False, True),
        ("search/picks.py", False, True),
        *[(f"search/samplers/{name}.py", False, True) for name in get_args(SamplerName)],
        ("report/figure.py", False, False),
        ("cli/search_command.py", False, False),
        ("testing.py", False, False),
    ],
)
def test_code_counts_where_it_can_change_something(package, monkeypatch, file, evaluations, tables):
    path = next(p for p in (package / file, package / file.removesuffix(".py") / "__init__.py") if p.exists())
    monkeypatch.setattr(joulescape, "__file__", str(package / "__init__.py"))
    monkeypatch.setattr(digests, "code_digest", code_digest.__wrapped__)
    before = code_digest.__wrapped__(), workflow_digest.__wrapped__()
    text = path.read_text()
    path.write_text(text + "\n# changed\n")
    after = code_digest.__wrapped__(), workflow_digest.__wrapped__()
    path.write_text(text)
    assert (before[0] != after[0], before[1] != after[1]) == (evaluations, tables)


@pytest.mark.parametrize(
    ("package_name", "evaluations"),
    [("torch", True), ("numpy", True), ("moocore", True), ("array-api-compat", True), ("optuna", False)],
)
def test_another_version_of_a_package_counts(monkeypatch, package_name, evaluations):
    monkeypatch.setattr(digests, "code_digest", code_digest.__wrapped__)
    before = code_digest.__wrapped__(), workflow_digest.__wrapped__()
    real = source.distribution

    class Newer:
        version = "99.0"

    monkeypatch.setattr(source, "distribution", lambda name: Newer if name == package_name else real(name))
    after = code_digest.__wrapped__(), workflow_digest.__wrapped__()
    assert (before[0] != after[0], before[1] != after[1]) == (evaluations, True)


def test_results_of_one_evaluator_are_not_taken_for_another_s():
    assert evaluator_digest(make_project) != evaluator_digest(load_space)
    assert evaluator_digest(Path.exists) == f"{Path.exists.__module__}.Path.exists"
