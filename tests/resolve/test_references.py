"""Every number names a key of the bibliography, and a shelf that holds nothing says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import bibtexparser
import pytest
from stand_in_project import FILES, SPACE

from joulescape.errors import SpecError
from joulescape.resolve.design_space import load_space
from joulescape.resolve.references import reference_keys, references_path
from joulescape.resolve.single import single

ROOT = Path(__file__).resolve().parents[2]
GRID = "hwlib/electronic/grid.yaml"
ROW = "published:\n  - {what: peak_tops, value: 1.0, role: input, source: a2200, where: Table I}\n"


def said(project: Path) -> list[str]:
    (project / "spaces" / "s.yaml").write_text(SPACE)
    with pytest.raises(SpecError) as caught:
        load_space("spaces/s.yaml")
    return [str(fault) for fault in caught.value.faults]


def test_the_keys_are_those_of_a_full_bibtex_reader():
    path = references_path(ROOT)
    with path.open(encoding="utf-8") as text:
        assert reference_keys(path) == {entry["ID"] for entry in bibtexparser.load(text).entries}


def test_comments_and_strings_are_no_entries(tmp_path):
    path = tmp_path / "r.bib"
    path.write_text("@string{ieee, x}\n@comment{no,}\n @Article { a2020 ,\n title = {see @b}}\n@misc{c-d:1,}\n")
    assert reference_keys(path) == {"a2020", "c-d:1"}


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [(GRID, FILES[GRID].replace("a2020", "a2002"), f"{GRID}:10: at 'parameters.adc.energy_pj.source' found 'a2002'"),
     (GRID, FILES[GRID] + ROW, f"{GRID}:12: at 'published.0.source' found 'a2200'"),
     ("hwlib/components/lpddr4.yaml", FILES["hwlib/components/lpddr4.yaml"].replace("a2020", "a20", 1),
      "hwlib/components/lpddr4.yaml:3: at 'read_pj_per_bit.source' found 'a20'")],
)  # fmt: skip
def test_an_unknown_source_is_a_fault_that_names_the_nearest(project, file, text, expected):
    (project / file).write_text(text)
    assert said(project) == [f"{expected}, expected a key of hwlib/references.bib; did you mean 'a2020'?"]


def test_a_missing_bibliography_is_one_fault(project):
    (project / "hwlib" / "references.bib").unlink()
    expected = "the bibliography that every `source` is a key of"
    assert said(project) == [
        f"hwlib/references.bib: found no readable file (no such file or directory), expected {expected}"
    ]


@pytest.mark.parametrize(
    ("shelf", "place", "file"),
    [("models", "spaces/s.yaml:3: at 'networks.0' found 'mlp'", "models/<name>.yaml"),
     ("hwlib/electronic", "spaces/s.yaml:4: at 'back_ends.0' found 'electronic/grid'", "hwlib/<family>/<name>.yaml"),
     ("hwlib/components", "hwlib/electronic/core.yaml:4: at 'off_chip' found 'lpddr4'",
      "hwlib/components/<name>.yaml")],
)  # fmt: skip
def test_an_empty_shelf_says_that_it_is_empty(project, shelf, place, file):
    shutil.rmtree(project / "hwlib" / "physical")
    shutil.rmtree(project / shelf)
    assert f"{place}, expected the name of a file {file}, of which there is none" in said(project)
    assert "no key here" not in "".join(said(project))


def test_one_design_says_it_too(project):
    shutil.rmtree(project / "models")
    with pytest.raises(SpecError, match="the name of a file models/<name>.yaml, of which there is none"):
        single("mlp", "electronic/grid", project, {})
