"""Networks from ONNX files compute what onnxruntime computes, and what we have no operator for is named."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper
from onnx_files import node, save, small_cnn

from joulescape.accuracy.module import run
from joulescape.interchange.onnx_file import OnnxError
from joulescape.interchange.onnx_network import network_of, read_onnx
from joulescape.network.build import build_graph
from joulescape.spec.network import OnnxNetworkSpec


def graph_of(path: Path):
    spec = network_of(OnnxNetworkSpec(about="made", task="digits", onnx=path.name), path.parent)
    return build_graph("made", spec)


def ours(path: Path, samples: np.ndarray) -> np.ndarray:
    tensors = {name: torch.tensor(array) for name, array in read_onnx(path).arrays.items()}
    return run(graph_of(path), tensors, torch.tensor(samples)).numpy()


def theirs(path: Path, samples: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: samples})[0]


def normal(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


def test_a_network_has_the_files_operators_shapes_and_weights(tmp_path):
    path = small_cnn(tmp_path / "made.onnx")
    found, graph = read_onnx(path), graph_of(path)
    kinds = ["conv", "norm", "relu", "max_pool", "conv", "relu", "global_avg_pool", "flatten", "dense"]
    assert [operator.kind for operator in graph.operators] == kinds
    assert found.input_shape == graph.input_shape == (1, 8, 8)
    assert graph.parameter_count == 8 * 9 + 8 + 16 + 12 * 4 * 3 * 2 + 120 + 10
    assert graph.macs == 8 * 9 * 64 + 12 * 4 * 6 * (2 * 3) + 120
    assert [operator.name for operator in graph.matrix_operators] == ["conv1", "conv2", "m"]
    assert set(found.arrays) == {
        "conv1.weight", "conv1.bias", "b1.weight", "b1.bias", "b1.mean", "b1.variance", "conv2.weight", "m.weight",
        "m.bias",
    }  # fmt: skip


def test_it_computes_what_onnxruntime_computes(tmp_path):
    path, samples = small_cnn(tmp_path / "made.onnx"), normal(5, 1, 8, 8)
    np.testing.assert_allclose(ours(path, samples), theirs(path, samples), rtol=1e-4, atol=1e-5)


SINGLE = {
    "uneven window": (
        [node("Conv", "x w", "y", strides=[1, 2], pads=[1, 0, 1, 0])], {"w": normal(4, 2, 3, 1)}, (4, 6, 3),
    ),
    "same padding": ([node("Conv", "x w", "y", auto_pad="SAME_UPPER")], {"w": normal(4, 2, 3, 3)}, (4, 6, 6)),
    "no padding": ([node("Conv", "x w", "y", auto_pad="VALID")], {"w": normal(4, 2, 3, 3)}, (4, 4, 4)),
    "average pool": ([node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[3, 3])], {}, (2, 2, 2)),
    "padded pool": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])], {}, (2, 3, 3),
    ),
    "padded mean pool": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)],
        {}, (2, 3, 3),
    ),
    "rounded up pool": (
        [node("MaxPool", "x", "y", kernel_shape=[4, 4], strides=[4, 4], ceil_mode=1)], {}, (2, 2, 2),
    ),
    "mean": (
        [node("ReduceMean", "x axes", "m", keepdims=0), node("Sigmoid", "m", "y")], {"axes": np.array([2, 3])}, (2,),
    ),
    "two ways": (
        [node("Relu", "x", "a"), node("Clip", "x zero", "b"), node("Add", "a b", "y")],
        {"zero": np.float32(0)}, (2, 6, 6),
    ),
    "to six": ([node("Clip", "x zero six", "y")], {"zero": np.float32(0), "six": np.float32(6)}, (2, 6, 6)),
    "side by side": ([node("Relu", "x", "a"), node("Concat", "a x", "y", axis=1)], {}, (4, 6, 6)),
    "flat by reshape": (
        [node("Reshape", "x sizes", "f"), node("Gemm", "f w b", "y", alpha=0.5, beta=2.0, transB=1)],
        {"sizes": np.array([-1, 72]), "w": normal(3, 72), "b": normal(3)}, (3,),
    ),
    "flat by its shape": (
        [
            node("Shape", "x", "s"), node("Gather", "s first", "n"), node("Unsqueeze", "n axes", "u"),
            node("Concat", "u rest", "sizes", axis=0), node("Reshape", "x sizes", "f"), node("Softmax", "f", "y"),
        ],
        {"first": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}, (72,),
    ),
    "dequantised weights": (
        [
            node("DequantizeLinear", "levels scale zero", "w", axis=0), node("Flatten", "x", "f"),
            node("Gemm", "f w", "y", transB=1),
        ],
        {
            "levels": np.random.default_rng(0).integers(-127, 128, (3, 72)).astype(np.int8),
            "scale": np.array([0.1, 0.2, 0.3], np.float32), "zero": np.array([1, 0, -2], np.int8),
        },
        (3,),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGLE)
def test_every_operator_computes_what_onnxruntime_computes(name, tmp_path):
    nodes, constants, out_shape = SINGLE[name]
    path = save(tmp_path / "one.onnx", nodes, constants, (2, 6, 6), out_shape)
    samples = 4 * normal(3, 2, 6, 6)
    np.testing.assert_allclose(ours(path, samples), theirs(path, samples), rtol=1e-4, atol=1e-5)


def test_what_pytorch_writes_is_read(tmp_path):
    torch.manual_seed(0)
    layers = torch.nn
    body = layers.Sequential(
        layers.Conv2d(1, 4, 3, padding=1, bias=False), layers.BatchNorm2d(4), layers.ReLU6(), layers.MaxPool2d(2),
        layers.Conv2d(4, 4, 3, padding=1, groups=4), layers.ReLU(), layers.AdaptiveAvgPool2d(1), layers.Flatten(),
        layers.Dropout(0.2), layers.Linear(4, 10),
    ).eval()  # fmt: skip
    path = tmp_path / "torch.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(body, (torch.zeros(1, 1, 8, 8),), str(path), dynamo=False, dynamic_axes={"input.1": {0: "n"}})
    samples = normal(3, 1, 8, 8)
    expected = body(torch.tensor(samples)).detach().numpy()
    np.testing.assert_allclose(ours(path, samples), expected, rtol=1e-4, atol=1e-5)


def test_every_operator_that_we_have_not_is_named_with_its_share_of_the_macs(tmp_path):
    constants = {"w": normal(4, 2, 3, 3), "up": normal(4, 2, 2, 2), "half": np.float32(0.5)}
    nodes = [
        node("Conv", "x w", "c", dilations=[2, 2]),
        node("ConvTranspose", "c up", "t", strides=[2, 2]),
        node("Tanh", "t", "h1"),
        node("Tanh", "h1", "h2"),
        node("Mul", "h2 half", "y"),
    ]
    path = save(tmp_path / "odd.onnx", nodes, constants, (2, 6, 6), (2, 4, 4))
    with pytest.raises(OnnxError) as caught:
        read_onnx(path)
    conv, up = 4 * 2 * 9 * 4, 4 * 2 * 4 * 4
    first, *lines = str(caught.value).splitlines()
    assert first.endswith("holds operators that this project has not, 100.0 % of its MACs:")
    assert lines[0] == f"  Conv (c): dilated; {100 * conv / (conv + up):.1f} % of the MACs"
    assert lines[1].startswith("  ConvTranspose (t):")
    assert lines[1].endswith(f"{100 * up / (conv + up):.1f} % of the MACs")
    assert "  Tanh (h1, h2): no operator of this kind; 0.0 % of the MACs" in lines
    assert len(lines) == 4


def refusal(path: Path) -> list[str]:
    with pytest.raises(OnnxError) as caught:
        read_onnx(path)
    return str(caught.value).splitlines()


def test_products_of_whole_numbers_are_no_arithmetic_of_shapes(tmp_path):
    """What dynamic quantisation writes: products that give INT32, of weights in INT8."""
    r = np.random.default_rng(0)
    constants = {
        "w1": r.normal(size=(4, 2, 3, 3)).astype(np.float32), "w2": r.integers(-127, 128, (64, 10)).astype(np.int8),
        "w3": r.integers(-127, 128, (5, 4, 3, 3)).astype(np.int8), "zero": np.int8(0), "scale": np.float32(0.01),
        "w4": r.normal(size=(10, 3)).astype(np.float32),
    }  # fmt: skip
    nodes = [
        node("Conv", "x w1", "c"),
        helper.make_node("DynamicQuantizeLinear", ["c"], ["q", "q_scale", "q_zero"], name="q"),
        node("Flatten", "q", "flat"),
        node("MatMulInteger", "flat w2 q_zero zero", "products"),
        node("Cast", "products", "floats", to=1),
        node("Mul", "floats scale", "m"),
        node("MatMul", "m w4", "y"),
    ]
    first, *lines = refusal(save(tmp_path / "dynamic.onnx", nodes, constants, (2, 6, 6), (3,)))
    conv, whole, last = 4 * 2 * 9 * 16, 64 * 10, 10 * 3
    share = 100 * whole / (conv + whole + last)
    assert lines[0] == f"  MatMulInteger (products): no operator of this kind; {share:.1f} % of the MACs"
    assert first.endswith(f"{share:.1f} % of its MACs:")

    nodes = [*nodes[:2], node("ConvInteger", "q w3 q_zero zero", "products"), node("Cast", "products", "y", to=1)]
    _, *lines = refusal(save(tmp_path / "dynamic.onnx", nodes, constants, (2, 6, 6), (5, 2, 2)))
    whole = 5 * 4 * 9 * 4
    assert lines[0] == (
        f"  ConvInteger (products): no operator of this kind; {100 * whole / (conv + whole):.1f} % of the MACs"
    )


def test_whole_numbers_that_follow_from_data_are_named(tmp_path):
    """Places of the largest, truths and casts of data: only what starts from shapes is arithmetic of shapes."""
    nodes = [
        node("ArgMax", "x", "places", axis=1, keepdims=1), node("Cast", "places", "a", to=1),
        node("Cast", "x", "bytes", to=2), node("Cast", "bytes", "b", to=1), node("Greater", "x half", "truths"),
        node("Where", "truths x x", "w"), node("Sum", "a b w", "y"),
    ]  # fmt: skip
    lines = refusal(save(tmp_path / "places.onnx", nodes, {"half": np.float32(0.5)}, (2, 6, 6), (2, 6, 6)))
    assert [line.split(":")[0] for line in lines[1:]] == [
        "  ArgMax (places)", "  Cast (bytes)", "  Greater (truths)", "  Where (w)", "  Sum (y)",
    ]  # fmt: skip


def test_an_operator_of_another_domain_is_none_of_onnx(tmp_path):
    made = [
        node("Conv", "x w", "c"), node("Relu", "c", "r", domain="com.acme"), node("Conv", "r w2", "d"),
        node("Flatten", "d", "y"),
    ]  # fmt: skip
    constants = {"w": normal(4, 2, 3, 3), "w2": normal(1, 4, 3, 3)}
    path = save(tmp_path / "acme.onnx", made, constants, (2, 6, 6), (4,), domains=["com.acme"])
    reason = "of another domain than ONNX's own, so nothing says what it computes"
    first, *lines = refusal(path)
    assert f"  com.acme::Relu (r): {reason}; its share of the MACs is unknown" in lines
    assert first.endswith("% of those of its MACs that can be counted:")
    treated = {"com.acme::Relu": {"runs_on": "host", "ops_per_element": 1.0}}
    spec = OnnxNetworkSpec(about="made", task="digits", onnx=path.name, treat_as=treated)
    with pytest.raises(OnnxError, match=re.escape(reason)):
        network_of(spec, tmp_path)

    model = onnx.load(save(path, [node("Relu", "x", "y", domain="com.acme")], {}, (4,), (4,), domains=["com.acme"]))
    del model.opset_import[0]
    onnx.save(model, path)
    with pytest.raises(OnnxError, match="it states no opset of it"):
        read_onnx(path)


@pytest.mark.parametrize("is_inner", [False, True])
def test_weights_in_other_files_are_refused_until_they_are_brought_in(is_inner, tmp_path):
    path = small_cnn(tmp_path / "made.onnx")
    samples, model = normal(2, 1, 8, 8), onnx.load(path)
    before = ours(path, samples)
    if is_inner:
        (matrix,) = (item for item in model.graph.initializer if item.name == "matrix")
        model.graph.initializer.remove(matrix)
        model.graph.node.insert(0, helper.make_node("Constant", [], ["matrix"], value=matrix))
    onnx.save(
        model, path, save_as_external_data=True, location="made.data", size_threshold=64, convert_attribute=is_inner
    )
    with pytest.raises(OnnxError, match=r"made.onnx keeps weights in made.data, expected one file") as caught:
        read_onnx(path)
    (tmp_path / "made.data").rename(tmp_path / "away.data")
    with pytest.raises(OnnxError, match="keeps weights in made.data"):
        read_onnx(path)
    (tmp_path / "away.data").rename(tmp_path / "made.data")
    program = str(caught.value).split('"')[1]
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(ours(tmp_path / "whole.onnx", samples), before)


REFUSED = {
    "pads": ([node("Conv", "x w", "y", pads=[0, 0, 1, 1])], {"w": normal(4, 2, 3, 3)}, "padded unevenly (0, 0, 1, 1)"),
    "tensors": ([node("Reshape", "x sizes", "y")], {"sizes": np.array([-1, 12, 6])}, "only flattening"),
    "limits": (
        [node("Clip", "x low high", "y")], {"low": np.float32(-1), "high": np.float32(1)}, "limits to -1.0 .. 1.0",
    ),
    "axis": ([node("Softmax", "x", "y", axis=1)], {}, "not over the last axis"),
    "constant": ([node("Add", "x one", "y")], {"one": np.float32(1)}, "adds a constant to what is no product"),
    "mean": ([node("ReduceMean", "x axes", "y")], {"axes": np.array([1])}, "means over other than height and width"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_operator_does_not_take_is_said(name, tmp_path):
    nodes, constants, words = REFUSED[name]
    path = save(tmp_path / "one.onnx", nodes, constants, (2, 6, 6), ("a", "b", "c")[: 2 if name == "tensors" else 3])
    with pytest.raises(OnnxError, match=re.escape(words)):
        read_onnx(path)


def test_a_file_that_is_missing_cut_off_or_something_else_is_said(tmp_path):
    whole = small_cnn(tmp_path / "made.onnx").read_bytes()
    with pytest.raises(OnnxError, match=r"there is no file .*none\.onnx"):
        read_onnx(tmp_path / "none.onnx")
    for name, data in {"cut": whole[: len(whole) // 2], "text": b"about: no model\n", "empty": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(OnnxError, match=rf"{name} is no whole ONNX file"):
            read_onnx(tmp_path / name)


def test_a_file_with_two_inputs_is_refused(tmp_path):
    path = save(tmp_path / "two.onnx", [node("Add", "x z", "y")], {}, (4,), (4,), inputs=("x", "z"))
    with pytest.raises(OnnxError, match="expected one of each"):
        read_onnx(path)


def test_a_changed_file_is_another_network_and_refused_where_its_checksum_is_stated(tmp_path):
    path = small_cnn(tmp_path / "made.onnx")
    before = read_onnx(path).sha256
    spec = OnnxNetworkSpec(about="made", task="digits", onnx="made.onnx", sha256=before)
    assert network_of(spec, tmp_path).training.sha256 == before
    small_cnn(path, seed=1)
    assert read_onnx(path).sha256 != before
    with pytest.raises(OnnxError, match=f"expected {before}"):
        network_of(spec, tmp_path)
