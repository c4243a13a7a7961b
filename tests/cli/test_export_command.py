"""`joulescape export`: one file, and how to look at it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "search"))
from search_fakes import judge, make_space

from joulescape.errors import ResultsError
from joulescape.search import export_design
from joulescape.search.driver import Means
from joulescape.search.run import search


def export(folder, *arguments):
    command = [str(Path(sys.executable).with_name("joulescape")), "export", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "file"), [((), "out/study.log"), (("--optuna", "deep/other.log"), "deep/other.log")]
)
def test_a_search_is_exported_and_the_next_command_is_said(tmp_path, arguments, file):
    found = search(make_space(tmp_path, budget={"trials": 12}), tmp_path / "out", Means(), judge)
    code, text = export(tmp_path, "out", *arguments)
    assert code == 0
    assert text.strip() == f"{file}: {len(found.trials)} trials; to look at them: optuna-dashboard {file}"
    assert len((tmp_path / file).read_text().splitlines()) > len(found.trials)


def test_a_folder_without_a_search_is_told_what_to_do(tmp_path):
    code, text = export(tmp_path, "nowhere")
    assert code == 2
    assert "run `joulescape search` first" in text


def test_a_design_as_onnx_wants_a_search_and_a_file(tmp_path):
    code, text = export(tmp_path, "nowhere", "--onnx", "best.onnx")
    assert code == 2
    assert "nowhere/resolved.json cannot be read" in text and "run `joulescape search` first" in text
    code, text = export(tmp_path, "nowhere", "--design", "abc")
    assert code == 2
    assert "found 'abc' alone, expected --onnx FILE beside it" in text


def test_a_design_that_was_never_measured_has_no_weights(tmp_path, monkeypatch):
    space = make_space(tmp_path, budget={"trials": 4})
    search(space, tmp_path / "out", Means(), judge)
    table = pl.read_parquet(tmp_path / "out" / "trials.parquet")
    table.with_columns(fidelity=pl.lit("closed_form")).write_parquet(tmp_path / "out" / "trials.parquet")
    monkeypatch.setattr(export_design, "_space", lambda folder: space)
    with pytest.raises(ResultsError, match="was never measured: it has costs, and no weights"):
        export_design.export_design(tmp_path / "out", tmp_path / "x.onnx", table["design_id"][0])
    assert not (tmp_path / "x.onnx").exists()
