"""LeNet-5 on MNIST, where its files are: the published orders of magnitude, in a tenth of the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.datasets import Data, Part, TaskError, load_task
from joulescape.accuracy.fine_tuning import compressed
from joulescape.accuracy.module import plain, run
from joulescape.accuracy.stored import written
from joulescape.accuracy.training import TrainingRun, correct, fraction, train_weights
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.compression.storage import read
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.network.task import data_directories
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

MODEL = Path(__file__).parents[2] / "models" / "lenet5.yaml"
TRAINED_ON = 20_000
"""Training samples of this test; the figures of the documentation have them all."""


@pytest.fixture(scope="module")
def lenet() -> Graph:
    return build_graph("lenet5", NetworkSpec.model_validate(yaml.safe_load(MODEL.read_text())))


@pytest.fixture(scope="module")
def data() -> Data:
    if not any((place / "mnist" / "train-images-idx3-ubyte.gz").is_file() for place in data_directories()):
        pytest.skip("MNIST's idx files are in no data directory")
    try:
        whole = load_task("mnist")
    except TaskError as error:
        pytest.skip(str(error))
    return Data(whole.train.first(TRAINED_ON), whole.validation.first(2000), whole.test)


@pytest.fixture(scope="module")
def reference(lenet: Graph, data: Data) -> dict[str, torch.Tensor]:
    return train_weights(lenet, TrainingRun(2, 128, 0.004), data.train, 0)


def accuracy(network: Any, tensors: Any, part: Part, train: Part) -> float:
    calibration = calibrate(network, tensors, train.images, rows=0)
    with torch.no_grad():
        return fraction(correct(run(network.graph, tensors, part.images, calibration.quantised(plain)), part.labels))


def test_the_network_is_the_published_one(lenet: Graph) -> None:
    assert lenet.parameter_count == 61_706 and lenet.macs == 416_520
    caffe = yaml.safe_load((MODEL.parent / "caffe_lenet.yaml").read_text())
    assert build_graph("caffe", NetworkSpec.model_validate(caffe)).parameter_count == 431_080


@pytest.mark.slow
@pytest.mark.parametrize(
    ("steps", "ratio", "points"),
    [
        (
            [
                ("prune", {"density": 0.1, "scope": "global", "schedule": "gradual", "index_bits": 6}),
                ("share", {"bits": 3}), ("huffman", {}),
            ], 35.0, 2.5,
        ),
        ([("ternary", {"rule": "ttq", "activation_bits": 32})], 14.0, 2.0),
        ([("quantize", {"weight_bits": 4, "activation_bits": 4})], 7.0, 1.0),
    ],
    ids=["deep_compression", "ternary", "w4a4"],
)  # fmt: skip
def test_one_short_epoch_comes_near_the_figures(
    lenet: Graph, data: Data, reference: dict[str, torch.Tensor], steps: Any, ratio: float, points: float
) -> None:
    base = accuracy(describe(lenet, []), reference, data.test, data.train)
    assert base > 0.97
    network = describe(lenet, [Step(name, settings, {}) for name, settings in steps])
    how = {"epochs": 1, "learning_rate": 0.003, "batch": 64}
    found = compressed(network, reference, how, data.train, {}, 0)
    file = written(network, found).data
    assert 4 * lenet.parameter_count / len(file) >= ratio
    assert 100 * (base - accuracy(network, found, data.test, data.train)) <= points
    for name, array in read(network, file).items():
        np.testing.assert_allclose(array, found[name].numpy(), rtol=1e-5, atol=1e-7)
