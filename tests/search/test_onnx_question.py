"""A network of one's own as ONNX on one's own data: checked, searched, exported, and judged by onnxruntime."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from real_project import ROOT, joulescape
from sklearn.datasets import load_digits

from joulescape.errors import SpecError
from joulescape.resolve.design_space import load_space
from joulescape.search.digests import space_digest
from joulescape.search.driver import Means
from joulescape.search.export_design import export_design
from joulescape.search.record import read_trials
from joulescape.search.run import search

sys.path.insert(0, str(Path(__file__).parents[1] / "interchange"))
from onnx_files import node, save

SPACE = """\
question: Which compression recognises my digits for less energy?
task: marks
networks: [mine]
back_ends: [electronic/systolic_int8]
compression:
  - prune: {granularity: channel, density: {kind: float, low: 0.8, high: 1.0}}
  - quantize: {weight_bits: {kind: int, low: 4, high: 8}, activation_bits: 8}
fine_tune: {epochs: 1, learning_rate: 0.005}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 2, population: 2, draws: 1, rungs: [full]}
confirm: {draws: 2, designs: 1}
"""
TASK = """\
about: my own digits
file: marks.npz
input: [1, 8, 8]
classes: 10
train_count: 1197
validation_count: 300
test_count: 300
"""


def ridge_cnn(path: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """Random filters, rectified and pooled, and the classes by least squares: good weights without any training."""
    r = np.random.default_rng(0)
    filters = r.normal(size=(12, 1, 3, 3)).astype(np.float32)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded[:, 0], (3, 3), axis=(1, 2))
    seen = np.maximum(np.einsum("nyxij,kij->nkyx", windows, filters[:, 0]), 0)
    pooled = seen.reshape(len(seen), 12, 4, 2, 4, 2).max((3, 5)).reshape(len(seen), -1)
    wanted = np.eye(10)[labels]
    inner = pooled.T @ pooled + 10 * np.eye(pooled.shape[1])
    weight = np.linalg.solve(inner, pooled.T @ wanted).astype(np.float32)
    nodes = [
        node("Conv", "x filters", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f"),
        node("MatMul", "f classes", "y"),
    ]
    return save(path, nodes, {"filters": filters, "classes": weight}, (1, 8, 8), (10,))


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "hwlib", tmp_path / "hwlib")
    for name in ("models", "spaces", "data"):
        (tmp_path / name).mkdir()
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    np.savez(tmp_path / "data" / "marks.npz", x=images, y=labels)
    (tmp_path / "data" / "marks.yaml").write_text(TASK)
    (tmp_path / "spaces" / "mine.yaml").write_text(SPACE)
    (tmp_path / "models" / "mine.yaml").write_text("about: mine\ntask: marks\nonnx: mine.onnx\n")
    ridge_cnn(tmp_path / "models" / "mine.onnx", images[:1000], labels[:1000])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_searched_and_a_design_goes_back_to_onnx(project):
    space, out = load_space(project / "spaces" / "mine.yaml"), project / "results" / "mine"
    search(space, out, Means())
    reference = json.loads((project / "results" / "networks" / "mine.json").read_text())
    assert reference["seeds_count"] == 1
    assert reference["validation_accuracy_mean_fraction"] > 0.93
    trials = read_trials(out)
    assert set(trials["state"]) == {"valid"}
    assert trials["accuracy_fraction"].max() > 0.8

    best = trials.filter(trials["is_front"]).sort("accuracy_fraction")["design_id"][-1]
    code, text = joulescape(project, "export", "results/mine", "--onnx", "out/best.onnx", "--design", best[:6])
    assert code == 0, text
    assert text.startswith(f"out/best.onnx: design {best}, {(project / 'out' / 'best.onnx').stat().st_size} bytes")
    session = onnxruntime.InferenceSession((project / "out" / "best.onnx").read_bytes())
    held = np.load(project / "data" / "marks.npz")
    right = session.run(None, {"input": held["x"]})[0].argmax(1) == held["y"]
    assert right.mean() == pytest.approx(trials["accuracy_fraction"].max(), abs=0.08)
    (project / "out" / "best.onnx").unlink()
    assert export_design(out, project / "out" / "best.onnx").design_id == best
    code, text = joulescape(project, "export", "results/mine", "--onnx", "x.onnx", "--design", "zzz")
    assert code == 2
    assert "holds 0 such designs; expected one design whose id begins with 'zzz'" in text


def test_another_file_is_another_question_and_its_folder_is_not(project):
    before = space_digest(load_space(project / "spaces" / "mine.yaml"))
    moved = project.parent / "moved"
    shutil.copytree(project, moved)
    assert space_digest(load_space(moved / "spaces" / "mine.yaml")) == before
    model = onnx.load(project / "models" / "mine.onnx")
    weights = model.graph.initializer[1]
    changed = numpy_helper.to_array(weights) * 1.01
    weights.CopyFrom(numpy_helper.from_array(changed.astype(np.float32), weights.name))
    onnx.save(model, project / "models" / "mine.onnx")
    assert space_digest(load_space(project / "spaces" / "mine.yaml")) != before


def test_check_names_what_it_cannot_take(project):
    weight = np.ones((10, 1, 8, 8), np.float32)
    nodes = [node("Conv", "x w", "c"), node("Tanh", "c", "t"), node("Flatten", "t", "y")]
    save(project / "models" / "mine.onnx", nodes, {"w": weight}, (1, 8, 8), (10,))
    with pytest.raises(SpecError, match=re.escape("Tanh (t): no operator of this kind; 0.0 % of the MACs")) as caught:
        load_space(project / "spaces" / "mine.yaml")
    assert [(fault.file, fault.line, fault.path) for fault in caught.value.faults] == [("models/mine.yaml", 3, "onnx")]
    (project / "models" / "mine.onnx").unlink()
    with pytest.raises(SpecError, match=r"there is no file .*mine\.onnx"):
        load_space(project / "spaces" / "mine.yaml")


def test_a_file_whose_operators_compute_something_else_here_is_refused(project, monkeypatch):
    from joulescape.accuracy import given
    from joulescape.accuracy.reference import ensure
    from joulescape.interchange.onnx_file import OnnxError

    space = load_space(project / "spaces" / "mine.yaml")
    monkeypatch.setattr(given, "outputs_of", lambda data, samples: np.ones((1, 10), np.float32))
    with pytest.raises(OnnxError, match="where its operators here give"):
        ensure(space.graphs["mine"], space.reference("mine"), "marks", space.networks_dir)
    assert not (space.networks_dir / "mine.npz").exists()
