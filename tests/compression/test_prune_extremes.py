"""Bad input and extreme densities: clear errors, and never a number that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from compressible import arrays_of, shipped

from joulescape import load_space
from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.module import plain, run
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.compression.storage import read, write
from joulescape.errors import SimulatorError, SpecError

torch.set_num_threads(1)

ROOT = Path(__file__).parents[2]

LEAST: list[dict[str, Any]] = [
    {"density": 1e-9}, {"density": 1e-9, "scope": "global"}, {"granularity": "channel", "density": 1e-9},
    {"granularity": "n_of_m", "density": 1e-9, "group": 8},
    {"granularity": "channel", "density": 1e-9, "scope": "energy", "energy_fraction": 0.25},
]  # fmt: skip
GRIDS = [
    ("quantize", {"weight_bits": 4, "activation_bits": 4}), ("quantize", {"weight_bits": 2, "scale_per": "layer"}),
    ("fixed_point", {"weight_bits": 4}), ("logarithmic", {"weight_bits": 3}), ("ternary", {}),
    ("ternary", {"rule": "ttq"}), ("binary", {}), ("dorefa", {"weight_bits": 2}),
    ("share", {"bits": 2}), ("circulant", {"block": 4}), ("low_rank", {"rank_fraction": 0.01}),
]  # fmt: skip


def nearly_dead() -> dict[str, np.ndarray]:
    """Channels of zeros, and of numbers so small that their squares vanish."""
    arrays = arrays_of(shipped("digits_lenet"))
    for layer in ("conv1", "conv2", "fc1"):
        arrays[f"{layer}.weight"][1:] *= np.float32(1e-25)
        arrays[f"{layer}.weight"][1] = 0.0
    return arrays


@pytest.mark.parametrize("least", LEAST, ids=str)
@pytest.mark.parametrize(("method", "values"), GRIDS, ids=str)
def test_what_is_left_of_a_dead_channel_is_a_number(least: dict[str, Any], method: str, values: dict[str, Any]) -> None:
    graph = shipped("digits_lenet")
    described = describe(graph, [Step("prune", least, {}), Step(method, values, {})])
    tensors = {name: torch.from_numpy(array) for name, array in nearly_dead().items()}
    found = project(tensors, described)
    assert all(bool(torch.isfinite(tensor.float()).all()) for tensor in found.values())
    samples = torch.rand(8, *graph.input_shape, generator=torch.Generator().manual_seed(0))
    calibration = calibrate(described, found, samples, rows=0)
    assert bool(torch.isfinite(run(described.graph, found, samples, calibration.quantised(plain))).all())
    arrays = {name: tensor.numpy() for name, tensor in found.items()}
    again = read(described, write(described, arrays))
    assert all(np.allclose(again[name], arrays[name], rtol=1e-5, atol=1e-7) for name in again)


def test_at_least_one_stays() -> None:
    graph = shipped("digits_lenet")
    for values in LEAST:
        described = describe(graph, [Step("prune", values, {})])
        found = project(arrays_of(graph), described)
        assert all(np.count_nonzero(array) >= 1 for name, array in found.items() if name.endswith("weight"))
        assert all(o.out_shape[0] >= 1 for o in described.graph.operators)


def test_equal_weights_do_not_break_the_density() -> None:
    """After a binary grid all magnitudes of a layer are its best: still only as many stay as were announced."""
    graph = shipped("digits_lenet")
    arrays = {name: np.sign(array) for name, array in arrays_of(graph).items()}
    described = describe(graph, [Step("prune", {"scope": "global", "density": 0.2}, {})])
    weights = [array for name, array in project(arrays, described).items() if name.endswith("weight")]
    wanted = sum(round(0.2 * array.size) for array in weights)
    assert wanted <= sum(np.count_nonzero(array) for array in weights) <= wanted + len(weights)


def test_a_negative_zero_is_stored_as_a_zero() -> None:
    """Masked weights are products with zero, and keep their sign."""
    graph = shipped("digits_lenet")
    described = describe(graph, [Step("prune", {"density": 0.1}, {})])
    arrays = project(arrays_of(graph), described)
    signed = {name: np.where(array == 0, np.float32(-0.0), array) for name, array in arrays.items()}
    assert len(write(described, signed)) == len(write(described, arrays))


def test_outputs_that_are_no_numbers_are_refused() -> None:
    """Ten classes of NaN would be right for a tenth of the samples."""
    from joulescape.accuracy.training import correct

    with pytest.raises(SimulatorError, match="NaN"):
        correct(torch.full((4, 10), torch.nan), torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize("group", [16, 40, 64])
def test_a_group_longer_than_the_row_does_not_spare_it(group: int) -> None:
    """conv1 has nine inputs a channel: of a group of 64 at a half, 32 may stay, but of nine only half."""
    graph = shipped("digits_lenet")
    described = describe(graph, [Step("prune", {"granularity": "n_of_m", "group": group, "density": 0.5}, {})])
    weight = project(arrays_of(graph), described)["conv1.weight"]
    fan_in = weight[0].size
    assert fan_in < group
    assert (np.count_nonzero(weight.reshape(len(weight), -1), axis=1) == round(0.5 * fan_in)).all()
    assert described.formats["conv1"].weight_density == pytest.approx(round(0.5 * fan_in) / fan_in)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"density": 0.0}, ["prune.density", "found 0.0", "a value > 0.0"]),
        ({"density": {"kind": "float", "low": 0.0, "high": 1.0}}, ["density.low", "a value > 0.0"]),
        ({"criterion": "thinet"}, ["criterion", "thinet", "reconstruction"]),
        ({"granularity": "channel", "criterion": "lamp"}, ["channels go at once", "group_lasso"]),
        ({"granularity": "filter"}, ["granularity", "filter", "channel"]),
    ],
    ids=["zero", "domain", "criterion", "combination", "granularity"],
)
def test_the_question_names_the_fault(tmp_path: Path, values: dict[str, Any], said: list[str]) -> None:
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(ROOT / shelf)
    (tmp_path / "spaces").mkdir()
    question = {
        "question": "Can nothing be enough?", "task": "digits", "networks": ["digits_mlp"],
        "back_ends": ["electronic/systolic_int8"], "compression": [{"prune": values}],
        "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"}, "budget": {"trials": 2},
    }  # fmt: skip
    path = tmp_path / "spaces" / "q.yaml"
    path.write_text(yaml.safe_dump(question))
    with pytest.raises(SpecError) as caught:
        load_space(path)
    text = str(caught.value)
    assert "compression" in text and all(word in text for word in said), text
