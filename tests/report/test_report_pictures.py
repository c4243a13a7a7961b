"""Every chart as files: each renders, holds its rows, and is the same bytes twice; redrawing loads nothing heavy."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic import empty, save, synthetic

from joulescape.report.figure import Figure
from joulescape.report.page import Facts
from joulescape.report.pictures import LIST, csv_text, write_pictures

HEAVY = ("torch", "ray", "optuna", "torchvision", "sklearn", "snakemake")
DRAWN = ("energy", "components", "history")
"""A picture takes a quarter of a second; that every chart can be drawn is tested with the charts themselves."""


@pytest.fixture(scope="module")
def facts() -> Facts:
    return Facts.of(synthetic(40))


@pytest.fixture(scope="module")
def written(facts: Facts, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Figure], Path]:
    folder = tmp_path_factory.mktemp("charts")
    figures = {name: figure for name, figure in facts.figures().items() if name in DRAWN}
    assert len(figures) == len(DRAWN)
    write_pictures(figures, {"designs": facts.pareto.rows, "one": [{"one": 1}]}, folder)
    return figures, folder


def test_every_chart_has_a_drawing_a_picture_and_rows(written: tuple[dict[str, Figure], Path]) -> None:
    figures, folder = written
    for name in figures:
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        assert svg.startswith("<svg") and "NaN" not in svg and svg.count("<path") > 3
        picture = (folder / f"{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG") and len(picture) > 5000
        assert len((folder / f"{name}.csv").read_text(encoding="utf-8").splitlines()) > 1


def test_the_list_names_every_file_once_each_chart(written: tuple[dict[str, Figure], Path]) -> None:
    figures, folder = written
    told = json.loads((folder / LIST).read_text(encoding="utf-8"))
    assert [entry["id"] for entry in told] == list(figures)
    named = {name for entry in told for name in entry["files"]}
    assert named | {LIST} == {path.name for path in folder.iterdir()}


def test_rows_are_those_of_the_chart(written: tuple[dict[str, Figure], Path]) -> None:
    figures, folder = written
    figure = figures["components"]
    rows = next(iter(figure.data.values()))
    read = list(csv.DictReader(io.StringIO((folder / "components.csv").read_text(encoding="utf-8"))))
    assert len(read) == len(rows) and set(read[0]) == set(rows[0])
    designs = list(csv.DictReader(io.StringIO((folder / "designs.csv").read_text(encoding="utf-8"))))
    assert len(designs) == synthetic(40).valid.height


def test_the_same_figures_give_the_same_bytes(written: tuple[dict[str, Figure], Path], tmp_path: Path) -> None:
    figures, folder = written
    few = {name: figures[name] for name in ("history",)}
    write_pictures(few, {"one": [{"one": 1}]}, tmp_path)
    for path in tmp_path.iterdir():
        if path.name != LIST:
            assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


def test_a_name_is_no_formula_in_a_spreadsheet() -> None:
    rows = [{"name": "=cmd|' /C calc'!A0", "x": -1.5, "y": None}, {"name": "a,b\n", "x": 2, "y": "@SUM(A1)"}]
    read = list(csv.reader(io.StringIO(csv_text(rows))))
    assert read == [["name", "x", "y"], ["'=cmd|' /C calc'!A0", "-1.5", ""], ["a,b\n", "2", "'@SUM(A1)"]]


def test_a_page_without_charts_writes_an_empty_list(tmp_path: Path) -> None:
    found = Facts.of(empty())
    figures = {name: one for name, one in found.figures().items() if name == "none"}
    assert [path.name for path in write_pictures(figures, {}, tmp_path)] == [LIST]
    assert json.loads((tmp_path / LIST).read_text(encoding="utf-8")) == []


def test_redrawing_needs_neither_torch_nor_ray_nor_optuna(tmp_path: Path) -> None:
    """Page, facts, words, index, comparison and one design explained, where none of these packages can be imported."""
    folder = save(synthetic(40), tmp_path)
    other = save(synthetic(50, seed=1), tmp_path / "other")
    blocked = f"""
import sys
from importlib.machinery import ModuleSpec
class Refused:  # polars asks whether torch is there, and loads it where it is used
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name.partition(".")[0] in {HEAVY!r} else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        raise ImportError(module.__name__ + " may not be loaded here")
sys.meta_path.insert(0, Refused())
from joulescape.cli import main
for words in (
    ["report", {str(folder)!r}],
    ["report", "--index", {str(folder)!r}, "--out", {str(tmp_path / "index.html")!r}],
    ["explain", {str(folder)!r}],
    ["diff", {str(folder)!r}, {str(other)!r}, "--out", {str(tmp_path / "d.html")!r}],
):
    sys.argv = ["joulescape", *words]
    try:
        main()
    except SystemExit as end:
        assert end.code in (0, None), (words, end.code)
"""
    ran = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-2000:]
    for path in (folder / "report.html", tmp_path / "index.html", tmp_path / "d.html"):
        assert path.stat().st_size > 1000
