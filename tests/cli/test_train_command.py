"""`joulescape train`: keeps weights and metrics, reports both splits, names what it does not know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from joulescape.cli.train_command import train_command
from joulescape.errors import SpecError

NETWORK = """
about: tiny
task: digits
input: [64]
operators:
  - {name: fc, kind: dense, out_features: 10}
training: {epochs: 3, batch: 128, learning_rate: 0.05}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one network, and the working folder inside it."""
    (tmp_path / "hwlib").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny.yaml").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*arguments: str) -> str:
    app = typer.Typer()
    app.command("train")(train_command)
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_it_keeps_weights_and_metrics(project: Path) -> None:
    said = invoke("tiny", "--seeds", "2")
    kept = json.loads((project / "results" / "networks" / "tiny.json").read_text())
    assert (project / "results" / "networks" / "tiny.npz").is_file()
    assert kept["seeds_count"] == 2 and kept["test_accuracy_mean_fraction"] > 0.7
    assert f"test {kept['test_accuracy_mean_fraction']:.4f}" in said and "over 2 seeds, 650 parameters" in said


def test_a_path_and_a_folder_may_be_given(project: Path) -> None:
    said = invoke("models/tiny.yaml", "--seeds", "1", "--out", "kept")
    assert "over 1 seed," in said and (project / "kept" / "tiny.npz").is_file()


def test_an_unknown_network_is_named_with_the_nearest(project: Path) -> None:
    with pytest.raises(SpecError, match="'tinny', expected one of tiny; did you mean 'tiny'"):
        invoke("tinny")


def test_a_network_that_cannot_be_built_is_a_fault(project: Path) -> None:
    broken = NETWORK.replace("kind: dense, out_features: 10", "kind: conv, out_channels: 4, kernel: 3")
    (project / "models" / "tiny.yaml").write_text(broken)
    with pytest.raises(SpecError, match=r"operator 'fc' \(conv\): reads"):
        invoke("tiny")
    (project / "models" / "tiny.yaml").write_text(NETWORK.replace("epochs", "epoch"))
    with pytest.raises(SpecError, match="epoch"):
        invoke("tiny")
