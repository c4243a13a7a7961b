"""Parts off the shelf: what a reference to one stands for, and what is refused."""

from __future__ import annotations

import pytest
from stand_in_project import FILES

from joulescape.errors import SpecError
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.shelves import component_names, part_names

GRID = "hwlib/electronic/grid.yaml"
PART = "hwlib/components/memristive/converter.yaml"
CONSTANT = "energy_pj: {value: 2.5, low: 1.0, high: 4.0, basis: measured, source: a2020, where: Table I}"
REFERENCE = FILES[GRID].split("  adc:")[0] + "  adc: {component: memristive/converter, bits: 6}\n"


@pytest.fixture
def shelf(project):
    """The small project with one part of another family, which the array refers to."""
    path = project / PART
    path.parent.mkdir(parents=True)
    path.write_text(f"kind: adc\nabout: a converter\nparameters:\n  bits: 8\n  {CONSTANT}\n")
    (project / GRID).write_text(REFERENCE)
    return project


def faults_of(root):
    with pytest.raises(SpecError) as caught:
        load_back_end(root, "electronic/grid")
    return [str(fault) for fault in caught.value.faults]


def test_a_part_stands_for_its_parameters_and_keys_beside_it_replace_them(shelf):
    adc = load_back_end(shelf, "electronic/grid").settings.adc
    assert adc.energy_pj.value == 2.5
    assert adc.bits == 6


def test_overrides_reach_into_a_part(shelf):
    assert load_back_end(shelf, "electronic/grid", {"adc.energy_pj.value": 3.0}).settings.adc.energy_pj.value == 3.0


def test_corners_move_a_part(shelf):
    machine = load_back_end(shelf, "electronic/grid").machine("system", corner="pessimistic")
    assert machine.own.settings.adc.energy_pj.value == 4.0


def test_parts_are_named_by_family_and_are_no_memories(shelf):
    assert part_names(shelf) == ("memristive/converter",)
    assert component_names(shelf) == ("lpddr4",)


def test_an_unknown_part_names_the_nearest(shelf):
    (shelf / GRID).write_text(REFERENCE.replace("memristive/converter", "memristive/convertor"))
    found = faults_of(shelf)[0]
    assert found.startswith(f"{GRID}:8: at 'parameters.adc.component' found 'memristive/convertor'")
    assert found.endswith("did you mean 'memristive/converter'?")


def test_what_an_unknown_part_would_have_brought_is_no_fault_of_its_own(shelf):
    """Its keys are missing because it is misspelt: the cause alone is named, and faults elsewhere still are."""
    misspelt = REFERENCE.replace("memristive/converter", "memristive/convertor")
    (shelf / GRID).write_text(misspelt)
    assert len(faults_of(shelf)) == 1
    (shelf / GRID).write_text(f"{misspelt}  colour: red\n")
    cause, other = sorted(faults_of(shelf), key=lambda fault: "colour" in fault)
    assert "adc.component" in cause and "parameters.colour" in other


def test_a_reference_must_be_text(shelf):
    (shelf / GRID).write_text(REFERENCE.replace("memristive/converter", "3"))
    assert "found 3, expected the name of a file hwlib/components/<family>/<name>.yaml" in faults_of(shelf)[0]


def test_a_part_that_is_none_is_a_fault_of_its_own_file(shelf):
    (shelf / PART).write_text("kind: adc\nparameters: {bits: 8}\n")
    assert any(text.startswith(f"{PART}") and "'about'" in text for text in faults_of(shelf))


def test_sources_of_a_part_are_checked_in_its_own_file(shelf):
    path = shelf / PART
    path.write_text(path.read_text().replace("a2020", "a2002"))
    assert faults_of(shelf) == [
        f"{PART}:5: at 'parameters.energy_pj.source' found 'a2002', expected a key of hwlib/references.bib; "
        "did you mean 'a2020'?"
    ]


def test_what_a_simulator_does_not_know_of_a_part_is_a_fault_at_the_reference(shelf):
    path = shelf / PART
    path.write_text(path.read_text() + "  colour: red\n")
    assert any(text.startswith(f"{GRID}:8: at 'parameters.adc.colour'") for text in faults_of(shelf))


def test_the_digest_of_a_question_follows_its_parts(shelf, ask):
    from stand_in_project import SPACE

    before = ask(SPACE).digest()
    path = shelf / PART
    path.write_text(path.read_text().replace("value: 2.5", "value: 2.6"))
    assert ask(SPACE).digest() != before
