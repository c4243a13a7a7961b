"""Whatever name of a study is misspelt: one fault, at its place and line, with the name that was meant."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.errors import Fault
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.study import _CHECKS
from joulescape.spec.base import Shape
from joulescape.spec.document import Document, Keys, dotted, read_document
from joulescape.spec.sourced import Sourced
from joulescape.spec.study import Role, StudySpec

TEXT = """\
study: gap
question: How far?
questions: {bridge: costs, measured: accuracies, training: trainings}
baselines:
  - electronic/systolic
metrics: [inference_energy_pj]
networks:
  - digits_mlp
  - wide_resnet
shores: {trends: [chips]}
overtake:
  networks:
    - digits_mlp
  machines:
    - back_end: photonic/mesh
      parameters:
        - laser.wall_plug_fraction
        - receiver.energy_pj
      networks:
        - wide_resnet
lifecycle:
  priced:
    - network: wide_resnet
      hardware:
        electronic/systolic:
          laser.wall_plug_fraction: 0.2
"""
NAMES: tuple[Keys, ...] = (
    ("baselines", 0), ("networks", 0), ("networks", 1), ("overtake", "networks", 0),
    ("overtake", "machines", 0, "back_end"), ("overtake", "machines", 0, "parameters", 0),
    ("overtake", "machines", 0, "parameters", 1), ("overtake", "machines", 0, "networks", 0),
    ("lifecycle", "priced", 0, "network"),
)  # fmt: skip
"""Places of all names that are values; those that are keys follow."""
KEYS: tuple[Keys, ...] = (
    ("lifecycle", "priced", 0, "hardware", "electronic/systolic"),
    ("lifecycle", "priced", 0, "hardware", "electronic/systolic", "laser.wall_plug_fraction"),
)


def constant() -> Sourced:
    return Sourced(value=0.1, low=0.05, high=0.2, basis="assumed", source="joulescape", where="here")


class Laser(Shape):
    wall_plug_fraction: Sourced


class Receiver(Shape):
    energy_pj: Sourced


class Machine(Shape):
    laser: Laser
    receiver: Receiver


def spaces() -> dict[Role, DesignSpace]:
    """Three questions about the same two networks on the same two machines."""
    machine = Machine(laser=Laser(wall_plug_fraction=constant()), receiver=Receiver(energy_pj=constant()))
    back_ends = {name: SimpleNamespace(settings=machine) for name in ("electronic/systolic", "photonic/mesh")}
    networks = dict.fromkeys(("digits_mlp", "wide_resnet"))
    roles: tuple[Role, ...] = ("bridge", "measured", "training")
    return {
        role: cast(DesignSpace, SimpleNamespace(name=role, networks=networks, back_ends=back_ends)) for role in roles
    }


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    path: Path = tmp_path_factory.mktemp("study") / "far.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return read_document(path)


def faults_of(document: Document, known: dict[Role, DesignSpace] | None = None) -> list[Fault]:
    spec = StudySpec.model_validate(document.content)
    return [fault for check in _CHECKS for fault in check(document, spec, spaces() if known is None else known)]


def misspelt(name: str, place: int, how: str) -> str:
    """The name without a letter, with one twice, or with one in another's place; never in its first three."""
    at = 3 + place % (len(name) - 3)
    middle = {"lost": "", "twice": 2 * name[at], "other": "q"}[how]
    return name[:at] + middle + name[at + 1 :]


def renamed(document: Document, keys: Keys, name: str, is_key: bool) -> Document:
    content: Any = copy.deepcopy(document.content)
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    if not is_key:
        inner[keys[-1]] = name
        return Document(document.file, content, document.lines)
    inner[name] = inner.pop(keys[-1])
    lines = {(*keys[:-1], name) if found == keys else found: line for found, line in document.lines.items()}
    return Document(document.file, content, lines)


def test_the_study_as_it_is_has_no_fault_and_all_its_names_are_tried(document: Document) -> None:
    assert faults_of(document) == []
    assert all(document.at(keys) is not None for keys in (*NAMES, *KEYS))


@pytest.mark.parametrize("keys", [*NAMES, *KEYS], ids=dotted)
@given(place=st.integers(0, 30), how=st.sampled_from(["lost", "twice", "other"]))
@settings(max_examples=8, deadline=None)
def test_a_misspelt_name_is_one_fault_that_knows_better(document: Document, keys: Keys, place: int, how: str) -> None:
    is_key = keys in KEYS
    meant = str(keys[-1]) if is_key else document.at(keys)
    wrong = misspelt(meant, place, how)
    changed = renamed(document, keys, wrong, is_key)
    found = faults_of(changed)
    where = (*keys[:-1], wrong) if is_key else keys
    (fault,) = [one for one in found if one.path == dotted(where)]
    assert found == [fault]
    assert (fault.line, fault.nearest) == (document.line(keys), meant)
    assert repr(wrong) in fault.value
    assert f"found '{wrong}', expected " in str(fault) and str(fault).endswith(f"did you mean '{meant}'?")


@given(st.sets(st.sampled_from(NAMES[1:4]), min_size=1))
@settings(max_examples=6, deadline=None)
def test_faults_of_several_names_come_at_once_in_their_places(places: set[Keys]) -> None:
    content: Any = {
        "study": "gap", "question": "?", "questions": {"bridge": "costs"}, "baselines": ["electronic/systolic"],
        "metrics": ["inference_energy_pj"], "networks": ["digits_mlp", "wide_resnet"],
        "shores": {"trends": ["chips"]}, "overtake": {"networks": ["digits_mlp"]},
    }  # fmt: skip
    document = Document("spaces/far.yaml", content)
    for keys in places:
        document = renamed(document, keys, "unheard_of", is_key=False)
    found = faults_of(document)
    assert {fault.path for fault in found} == {dotted(keys) for keys in places}
    assert all("digits_mlp" in fault.expected and "wide_resnet" in fault.expected for fault in found)
    assert len(found) == len(places)


def test_a_network_that_is_priced_twice_is_told_at_the_second(document: Document) -> None:
    content = copy.deepcopy(document.content)
    content["lifecycle"]["priced"] *= 3
    found = faults_of(Document(document.file, content, document.lines))
    assert [fault.path for fault in found] == [f"lifecycle.priced.{place}.network" for place in (1, 2)]
    assert {fault.expected for fault in found} == {"each network once"}


def test_a_question_without_any_baseline_is_told_by_its_part(document: Document) -> None:
    known = spaces()
    alone = cast(Any, known["training"]).back_ends
    known["training"] = cast(
        DesignSpace, SimpleNamespace(name="trainings", networks={}, back_ends={"photonic/mesh": alone["photonic/mesh"]})
    )
    said = {fault.path: fault for fault in faults_of(document, known)}
    assert said["questions.training"].value == "'trainings'"
    assert "one of the baselines electronic/systolic among its back ends" in said["questions.training"].expected
    assert said.keys() == {"questions.training", dotted(KEYS[0])}
