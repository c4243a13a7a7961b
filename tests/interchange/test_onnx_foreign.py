"""Operators that a user leaves to the host: computed as ONNX defines them, priced on the host, never differentiated."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnxruntime
import pytest
import torch
from onnx_files import node, save
from pydantic import ValidationError

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.as_onnx import written
from joulescape.accuracy.datasets import Part
from joulescape.accuracy.given import given_weights
from joulescape.accuracy.module import run
from joulescape.compression.pipeline import describe
from joulescape.errors import SimulatorError, SpecError
from joulescape.interchange.onnx_file import OnnxError
from joulescape.interchange.onnx_network import network_of
from joulescape.network.build import build_graph
from joulescape.pricing import cost
from joulescape.resolve.design_space import load_space
from joulescape.resolve.schema import network_schema
from joulescape.spec.network import NetworkSpec, OnnxNetworkSpec

HOSTED = {
    "Tanh": {"runs_on": "host", "ops_per_element": 5.0},
    "Mul": {"runs_on": "host", "ops_per_element": 1.0},
    "LeakyRelu": {"runs_on": "host", "ops_per_element": 2.0},
}


@pytest.fixture
def file(tmp_path):
    r = np.random.default_rng(0)
    constants = {
        "w1": r.normal(size=(6, 1, 3, 3)).astype(np.float32), "half": np.float32(0.5),
        "w2": 0.1 * r.normal(size=(10, 384)).astype(np.float32),
    }  # fmt: skip
    nodes = [
        node("Conv", "x w1", "c", pads=[1, 1, 1, 1]),
        node("Tanh", "c", "t"),
        node("Mul", "t t", "square"),
        node("Mul", "square half", "m"),
        node("LeakyRelu", "m", "l", alpha=0.2),
        node("Flatten", "l", "f"),
        node("Gemm", "f w2", "y", transB=1),
    ]
    return save(tmp_path / "odd.onnx", nodes, constants, (1, 8, 8), (10,))


@pytest.fixture
def found(file):
    spec = network_of(OnnxNetworkSpec(about="odd", task="digits", onnx=file.name, treat_as=HOSTED), file.parent)
    graph = build_graph("odd", spec)
    samples = Part(torch.rand((4, 1, 8, 8), generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 3]))
    return graph, given_weights(graph, {**spec.recipe, "file": str(file)}, samples), samples.images


def theirs(data, samples):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: samples.numpy()})[0]


def test_they_compute_what_onnxruntime_computes_and_go_back_to_onnx(file, found):
    graph, tensors, samples = found
    assert [o.kind for o in graph.operators].count("foreign") == 4
    ours = run(graph, tensors, samples)
    np.testing.assert_allclose(ours.numpy(), theirs(file.read_bytes(), samples), rtol=1e-4, atol=1e-5)
    network = describe(graph, [])
    again = written(network, tensors, calibrate(network, tensors, samples, rows=0)).data
    np.testing.assert_allclose(theirs(again, samples), ours.numpy(), rtol=1e-4, atol=1e-5)


def test_a_gradient_through_them_is_an_error(found):
    graph, tensors, samples = found
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in tensors.items()}
    with pytest.raises(SimulatorError, match="which treat_as leaves to the host: set fine_tune.epochs to 0"):
        run(graph, leaves, samples).sum().backward()


def test_only_the_host_takes_them_and_their_operations_are_those_stated(file, tmp_path, root):
    content = {"about": "odd", "task": "digits", "onnx": "odd.onnx", "treat_as": HOSTED}
    shutil.copytree(root / "hwlib", tmp_path / "hwlib")
    (tmp_path / "models").mkdir()
    file.rename(tmp_path / "models" / "odd.onnx")
    (tmp_path / "models" / "odd.yaml").write_text(json.dumps(content))
    report = cost("odd", "memristive/isaac", root=tmp_path)
    host = {row["layer"]: row["station"] for row in report.layers if row["layer"] in ("t", "square", "m", "l")}
    assert len(host) == 4
    assert set(host.values()) == {"electronic/scalar_core"}

    spent = {(row["layer"], row["component"]): row["energy_pj"] for row in report.energy}
    assert spent["t", "host_instructions"] == pytest.approx(5 * spent["m", "host_instructions"])

    (tmp_path / "spaces").mkdir()
    (tmp_path / "spaces" / "q.yaml").write_text(
        "{question: Trained?, task: digits, networks: [odd], back_ends: [memristive/isaac], "
        "phases: [inference, training], objectives: {training_energy_pj: minimize}, budget: {trials: 1}}"
    )
    with pytest.raises(SpecError, match=r"takes operator .* \(foreign\) in role input_gradient"):
        load_space(tmp_path / "spaces" / "q.yaml")


def test_what_the_host_cannot_take_either_is_said(file):
    def take(**treated):
        return network_of(OnnxNetworkSpec(about="o", task="digits", onnx=file.name, treat_as=treated), file.parent)

    with pytest.raises(OnnxError, match="LeakyRelu") as caught:
        take(Tanh=HOSTED["Tanh"], Mul=HOSTED["Mul"])
    assert "Tanh" not in str(caught.value)
    with pytest.raises(OnnxError, match="holds no Erf, which treat_as names"):
        take(**HOSTED, Erf=HOSTED["Tanh"])
    save(file, [node("Transpose", "x", "y", perm=[0, 2, 3, 1])], {}, (1, 8, 8), (8, 8, 1))
    with pytest.raises(OnnxError, match="left to the host, but it changes the shape of what it reads"):
        take(Transpose=HOSTED["Mul"])


def test_no_yaml_can_say_foreign(found):
    graph, _, _ = found
    foreign = next(operator for operator in graph.operators if operator.kind == "foreign")
    line = {"name": "t", "kind": "foreign", **foreign.attributes}
    with pytest.raises(ValidationError, match="literal_error"):
        NetworkSpec(about="a", task="digits", input=(1, 8, 8), operators=[line])
    hidden = NetworkSpec(
        about="a", task="digits", input=(1, 8, 8), blocks={"b": ({**line, "inputs": ["input"]},)},
        operators=[{"name": "b", "block": "b"}],
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"operator 'b_t' of block 'b': kind"):
        build_graph("hidden", hidden)
    schema = json.dumps(network_schema())
    assert "foreign" not in schema and "ops_per_element" not in json.dumps(network_schema()["$defs"]["OperatorSpec"])


def test_weights_of_a_file_that_changed_since_it_was_read_are_refused(file, found):
    graph, _, images = found
    recipe = {"onnx": file.name, "sha256": "0" * 64, "treat_as": HOSTED, "file": str(file)}
    with pytest.raises(OnnxError, match=f"expected {'0' * 64}: it changed since it was read"):
        given_weights(graph, recipe, Part(images, torch.tensor([0, 1, 2, 3])))
