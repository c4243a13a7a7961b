"""Shelves: names are files, the root is the folder that holds them."""

from __future__ import annotations

import pytest
from stand_in_project import FILES

from joulescape.errors import SpecError
from joulescape.resolve import shelves


def test_the_root_is_the_nearest_folder_with_hwlib(project):
    assert shelves.find_root(project / "spaces" / "s.yaml") == project
    assert shelves.find_root(project) == project
    inner = project / "spaces" / "inner"
    (inner / "hwlib").mkdir(parents=True)
    assert shelves.find_root(inner / "s.yaml") == inner


def test_no_root_is_a_fault(tmp_path):
    with pytest.raises(SpecError, match="no folder hwlib/"):
        shelves.find_root(tmp_path / "s.yaml")


def test_names_are_files(project):
    (project / "models" / "notes.txt").write_text("")
    assert shelves.network_names(project) == ("broken", "letters", "mlp", "narrow", "optical")
    assert shelves.back_end_names(project) == ("electronic/core", "electronic/grid", "physical/lens")
    assert shelves.component_names(project) == ("lpddr4",)
    assert shelves.space_names(project) == ()


def test_every_name_has_its_file(project):
    paths = [shelves.network_path(project, name) for name in shelves.network_names(project)]
    paths += [shelves.back_end_path(project, name) for name in shelves.back_end_names(project)]
    paths += [shelves.component_path(project, name) for name in shelves.component_names(project)]
    assert {path.relative_to(project).as_posix() for path in paths} == set(FILES)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("isaac", "memristive/isaac"), ("memristive/isac", "memristive/isaac"), ("memristor/isaac", "memristive/isaac"),
     ("zzz", None)],
)  # fmt: skip
def test_nearest_name(name, nearest):
    assert shelves.nearest_name(name, ("electronic/systolic_int8", "memristive/isaac")) == nearest


def test_a_file_that_cannot_be_read_gives_its_faults(project):
    faults = []
    assert shelves.read_or_fault(project / "models" / "none.yaml", faults) is None
    (fault,) = faults
    assert fault.file == "models/none.yaml"
