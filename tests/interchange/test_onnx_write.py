"""Compressed networks as ONNX files: onnxruntime computes from them what our forward pass computes, on real digits."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.as_onnx import as_onnx, written
from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.fine_tuning import untuned
from joulescape.accuracy.module import initial, plain, run
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, train_weights
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.interchange.onnx_file import OnnxError
from joulescape.interchange.onnx_network import read_onnx
from joulescape.network.build import build_graph
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.spec.network import NetworkSpec

OPERATORS = [
    {"name": "conv1", "kind": "conv", "out_channels": 8, "kernel": 3, "padding": 1, "bias": False},
    {"name": "norm1", "kind": "norm"},
    {"name": "relu1", "kind": "relu"},
    {"name": "pool1", "kind": "max_pool"},
    {"name": "conv2", "kind": "conv", "out_channels": 8, "kernel": 3, "padding": 1},
    {"name": "sum", "kind": "add", "inputs": ["conv2", "pool1"]},
    {"name": "relu2", "kind": "relu"},
    {"name": "flat", "kind": "flatten"},
    {"name": "fc1", "kind": "dense", "out_features": 24},
    {"name": "bend", "kind": "sigmoid"},
    {"name": "fc2", "kind": "dense", "out_features": 10},
]


def network_spec(operators, shape=(1, 8, 8)):
    content = {"about": "small", "task": "digits", "input": list(shape), "operators": operators}
    return NetworkSpec.model_validate({**content, "training": {"epochs": 4, "learning_rate": 0.02}})


@pytest.fixture(scope="module")
def digits():
    return load_task("digits")


@pytest.fixture(scope="module")
def trained(digits):
    torch.set_num_threads(1)
    spec = network_spec(OPERATORS)
    graph = build_graph("small", spec)
    return graph, train_weights(graph, TrainingRun.of(spec.recipe), digits.train, 0)


METHODS = {
    "plain": [],
    "quantize": [("quantize", {"weight_bits": 8, "activation_bits": 8})],
    "few bits": [("quantize", {"weight_bits": 3, "activation_bits": 5, "scale_per": "layer"})],
    "wide": [("quantize", {"weight_bits": 12, "activation_bits": 11})],
    "pruned": [
        ("prune", {"granularity": "element", "density": 0.3}), ("quantize", {"weight_bits": 4, "activation_bits": 4}),
    ],
    "channels": [("prune", {"granularity": "channel", "density": 0.5}), ("quantize", {"weight_bits": 6})],
    "low rank": [("low_rank", {"rank_fraction": 0.5}), ("quantize", {"weight_bits": 8, "activation_bits": 8})],
    "fixed point": [("fixed_point", {"weight_bits": 8, "activation_bits": 8})],
    "ternary": [("ternary", {"activation_bits": 8})],
    "two scales": [("ternary", {"rule": "ttq"})],
    "binary": [("binary", {"activations": "binary", "ends": "keep"})],
    "powers": [("logarithmic", {"weight_bits": 4})],
    "deep compression": [
        ("prune", {"granularity": "element", "density": 0.3}), ("share", {"bits": 4}), ("huffman", {}),
    ],
    "circulant": [("circulant", {"block": 4, "ends": "keep"}), ("quantize", {"weight_bits": 8})],
}  # fmt: skip
NOTED = {
    "pruned": "pruned weights are written as zeros, without an index",
    "two scales": "its weights are shared values; written as the float32 values",
    "powers": "its weights are powers of two; written as the float32 values",
    "deep compression": "written without its Huffman code",
    "circulant": "circulant blocks are written out in full",
}


def compressed(trained, digits, steps):
    graph, tensors = trained
    network = describe(graph, [Step(method, settings, {}) for method, settings in steps])
    weights = untuned(network, tensors, digits.train)
    return network, weights, calibrate(network, weights, digits.train.images, rows=0)


def theirs(data, samples):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": samples.numpy()})[0]


@pytest.mark.parametrize("method", METHODS)
def test_onnxruntime_gives_what_our_forward_pass_gives(method, trained, digits):
    network, weights, seen = compressed(trained, digits, METHODS[method])
    file, samples = written(network, weights, seen), digits.test.images
    with torch.no_grad():
        ours = run(network.graph, weights, samples, seen.quantised(plain)).numpy()
    found = theirs(file.data, samples)
    # A value half way between two levels of an input may fall to either side; nearly all must agree to the last bits.
    apart = np.abs(found - ours).max(axis=1) > 1e-4 * np.abs(ours).max()
    assert apart.mean() <= 0.02
    assert np.mean(found.argmax(1) == ours.argmax(1)) >= 0.99
    assert any(NOTED[method] in note for note in file.notes) if method in NOTED else not file.notes


@pytest.mark.parametrize(("method", "name"), [("few bits", "INT4"), ("quantize", "INT8"), ("wide", "INT16")])
def test_weights_stand_as_whole_numbers_of_their_width(method, name, trained, digits):
    model = onnx.load_from_string(written(*compressed(trained, digits, METHODS[method])).data)
    held = {item.name: onnx.TensorProto.DataType.Name(item.data_type) for item in model.graph.initializer}
    assert {held[f"{layer}.weight.levels"] for layer in ("conv1", "conv2", "fc1", "fc2")} == {name}
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("QuantizeLinear") == 4
    assert kinds.count("DequantizeLinear") == 8


def test_four_bits_take_half_the_bytes_of_eight(trained, digits):
    eight, four = (
        len(written(*compressed(trained, digits, [("quantize", {"weight_bits": bits})])).data) for bits in (8, 4)
    )
    assert eight - four == pytest.approx(trained[0].parameter_count / 2, rel=0.1)


def test_a_plain_network_is_read_again_as_it_was(trained, digits, tmp_path):
    graph, tensors = trained
    path = tmp_path / "small.onnx"
    path.write_bytes(written(*compressed(trained, digits, [])).data)
    again = read_onnx(path)
    assert [o.kind for o in again.operators] == [o.kind for o in graph.operators]
    assert set(again.arrays) == set(tensors)
    for name, array in again.arrays.items():
        np.testing.assert_allclose(array, tensors[name].numpy(), rtol=1e-6)


TOKENS = [
    {"name": "cut", "kind": "patches", "kernel": 2},
    {"name": "embed", "kind": "dense", "out_features": 12},
    {"name": "place", "kind": "position"},
    {"name": "ln", "kind": "layer_norm"},
    {"name": "q", "kind": "dense", "inputs": ["ln"], "out_features": 12},
    {"name": "k", "kind": "dense", "inputs": ["ln"], "out_features": 12, "bias": False},
    {"name": "v", "kind": "dense", "inputs": ["ln"], "out_features": 12},
    {"name": "qh", "kind": "split_heads", "inputs": ["q"], "heads": 3},
    {"name": "kh", "kind": "split_heads", "inputs": ["k"], "heads": 3},
    {"name": "kt", "kind": "transpose"},
    {"name": "vh", "kind": "split_heads", "inputs": ["v"], "heads": 3},
    {"name": "score", "kind": "matmul", "inputs": ["qh", "kt"], "scale": 0.5},
    {"name": "share", "kind": "softmax"},
    {"name": "mix", "kind": "matmul", "inputs": ["share", "vh"]},
    {"name": "heads", "kind": "merge_heads"},
    {"name": "on", "kind": "add", "inputs": ["heads", "place"]},
    {"name": "gelu", "kind": "gelu"},
    {"name": "mean", "kind": "mean_tokens"},
    {"name": "fc", "kind": "dense", "out_features": 10},
]
IMAGES = [
    {"name": "a", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
    {"name": "lrn", "kind": "local_response_norm"},
    {"name": "b", "kind": "channel_slice", "out_channels": 2, "first": 1},
    {"name": "c", "kind": "concat", "inputs": ["lrn", "b"]},
    {"name": "d", "kind": "channel_shuffle", "groups": 3},
    {"name": "e", "kind": "avg_pool", "kernel": 3, "stride": 2, "padding": 1},
    {"name": "f", "kind": "relu6"},
    {"name": "g", "kind": "global_avg_pool"},
    {"name": "h", "kind": "scale_offset", "out_features": 6},
    {"name": "i", "kind": "dense", "out_features": 10},
]


def untrained(operators):
    graph = build_graph("made", network_spec(operators))
    tensors = initial(graph, generator(0, "initial weights"))
    return graph, {n: t + 0.1 * torch.arange(t.numel()).reshape(t.shape).sin() for n, t in tensors.items()}


@pytest.mark.parametrize("operators", [TOKENS, IMAGES], ids=["tokens", "images"])
def test_every_other_operator_is_written_too(operators, digits):
    network, weights, seen = compressed(untrained(operators), digits, [])
    samples = digits.test.images[:50]
    ours = run(network.graph, weights, samples).numpy()
    np.testing.assert_allclose(theirs(written(network, weights, seen).data, samples), ours, rtol=1e-4, atol=1e-5)


def test_attention_is_read_again_as_it_was(digits, tmp_path):
    operators = [{"name": "tokens", "kind": "dense", "out_features": 12}, *TOKENS[2:]]
    graph = build_graph("made", network_spec(operators, (8, 8)))
    tensors = initial(graph, generator(0, "initial weights"))
    network = describe(graph, [])
    path = tmp_path / "tokens.onnx"
    rows = digits.train.images.reshape(-1, 8, 8)
    path.write_bytes(written(network, tensors, calibrate(network, tensors, rows, rows=0)).data)
    again = read_onnx(path)
    assert [o.kind for o in again.operators] == [o.kind for o in graph.operators]
    read = build_graph("made", network_spec([o.model_dump(exclude_none=True) for o in again.operators], (8, 8)))
    assert read.macs == graph.macs
    found = run(read, {name: torch.tensor(a) for name, a in again.arrays.items()}, rows[:20])
    torch.testing.assert_close(found, run(graph, tensors, rows[:20]), rtol=1e-4, atol=1e-5)


def test_a_machine_of_its_own_has_no_onnx_form(tmp_path):
    operators = [
        {"name": "shg1", "kind": "shg", "bins": 96, "data_bins": 64, "out_features": 64, "chirp_rad": 10.0},
        {"name": "scale1", "kind": "scale_offset", "out_features": 64},
        {"name": "classes", "kind": "spectral_sum", "out_features": 10},
    ]
    network = describe(build_graph("own", network_spec(operators, (64,))), [])
    with pytest.raises(OnnxError, match="'own' is a machine of its own"):
        as_onnx(network, {}, Recipe("digits", {}, {}, {}, "own"), Fidelity(), 0, tmp_path)
