"""Spiking networks against loops over steps, layers and neurons that share no code with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from joulescape.accuracy.module import initial
from joulescape.accuracy.spiking_plan import SpikingMachine, programmed
from joulescape.accuracy.spiking_run import answered
from joulescape.network.build import build_graph
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

Array = NDArray[np.float64]
OPERATORS: list[dict[str, Any]] = [
    {"name": "conv", "kind": "conv", "out_channels": 2, "kernel": 3, "padding": 1},
    {"name": "r1", "kind": "relu"},
    {"name": "pool", "kind": "max_pool", "kernel": 2},
    {"name": "flat", "kind": "flatten"},
    {"name": "fc1", "kind": "dense", "out_features": 6},
    {"name": "r2", "kind": "relu"},
    {"name": "fc2", "kind": "dense", "out_features": 4},
]
SIDE = 4


def graph() -> Graph:
    content = {"about": "t", "task": "digits", "input": [1, SIDE, SIDE], "operators": OPERATORS,
               "training": {"epochs": 1, "batch": 8, "learning_rate": 0.1}}  # fmt: skip
    return build_graph("small", NetworkSpec.model_validate(content))


def machine(samples: Tensor, seed: int, **numbers: float) -> SpikingMachine:
    made = graph()
    all_of = {"threshold_percentile": 95.0, **numbers}
    errors: dict[Any, ErrorSpec] = {
        (o.name, "forward"): ErrorSpec("spiking", o.name, "forward", all_of) for o in made.matrix_operators
    }
    tensors = initial(made, torch.Generator().manual_seed(seed))
    biased = {
        name: tensor + 0.05 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(seed + 1))
        for name, tensor in tensors.items()
    }
    return programmed(made, biased, errors, samples, torch.Generator().manual_seed(seed + 2))


def arrays(held: SpikingMachine) -> dict[str, Array]:
    return {name: tensor.double().numpy() for name, tensor in held.tensors.items()}


def convolved(image: Array, weights: Mapping[str, Array]) -> Array:
    """3 x 3 with a border of zeros, written out."""
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
    found = np.zeros((len(weights["conv.weight"]), SIDE, SIDE))
    for k, kernel in enumerate(weights["conv.weight"]):
        for y in range(SIDE):
            for x in range(SIDE):
                found[k, y, x] = (kernel * padded[:, y : y + 3, x : x + 3]).sum() + weights["conv.bias"][k]
    return found


class Neurons:
    """Integrate and fire, half charged, soft reset."""

    def __init__(self, top: Array | float, shape: tuple[int, ...]) -> None:
        self.top = np.broadcast_to(np.asarray(top, dtype=float), shape)
        self.potential = self.top / 2

    def fire(self, current: Array) -> Array:
        self.potential = self.potential + current
        fired = (self.potential >= self.top).astype(float)
        self.potential = self.potential - fired * self.top
        return fired


def as_array(top: float | Tensor) -> Array | float:
    return top.double().numpy() if isinstance(top, Tensor) else top


def by_rate(held: SpikingMachine, image: Array, steps: int, is_current: bool) -> tuple[Array, dict[str, float]]:
    """Mean current into the last layer and spikes at each matrix, one sample, one step after the other."""
    weights, actual, nominal = arrays(held), held.actual, held.nominal
    inputs = Neurons(1.0, image.shape)
    first = Neurons(as_array(actual["r1"]), (2, SIDE, SIDE))
    second = Neurons(as_array(actual["r2"]), (6,))
    sent, emitted = np.zeros((2, SIDE, SIDE)), np.zeros((2, SIDE // 2, SIDE // 2))
    total, spikes = np.zeros(4), {"conv": 0.0, "fc1": 0.0, "fc2": 0.0}
    for _ in range(steps):
        entering = image if is_current else inputs.fire(image)
        spikes["conv"] += float(np.count_nonzero(entering)) / image.size
        sent += first.fire(convolved(entering, weights))
        busiest = sent.reshape(2, SIDE // 2, 2, SIDE // 2, 2).max(axis=(2, 4))
        pooled, emitted = busiest - emitted, busiest
        assert pooled.max() <= 1, "a pool never sends two spikes at a time"
        spikes["fc1"] += float(pooled.mean())
        hidden = second.fire(weights["fc1.weight"] @ (pooled.ravel() * nominal["r1"]) + weights["fc1.bias"])
        spikes["fc2"] += float(hidden.mean())
        total += weights["fc2.weight"] @ (hidden * nominal["r2"]) + weights["fc2.bias"]
    return total / steps, spikes


def by_first_spikes(held: SpikingMachine, image: Array, steps: int) -> Array:
    """Spike times of each layer from a falling threshold; listeners add a weight at each step from its spike on."""
    weights, nominal = arrays(held), held.nominal

    def times(potential: Array, top: Array | float) -> Array:
        found = np.full(potential.shape, steps)
        for step in reversed(range(steps)):
            found[potential >= np.asarray(top) * (1 - (step + 0.5) / steps)] = step
        found[potential <= 0] = steps
        return found

    def heard(when: Array) -> Array:
        found: Array = np.sum([when <= step for step in range(steps)], axis=0) / steps
        return found

    sensed = heard(times(image, 1.0))
    first = heard(times(convolved(sensed, weights), as_array(held.actual["r1"]))) * nominal["r1"]
    pooled = first.reshape(2, SIDE // 2, 2, SIDE // 2, 2).max(axis=(2, 4)).ravel()
    current = weights["fc1.weight"] @ pooled + weights["fc1.bias"]
    second = heard(times(current, as_array(held.actual["r2"]))) * nominal["r2"]
    logits: Array = weights["fc2.weight"] @ second + weights["fc2.bias"]
    return logits


def samples(seed: int, count: int = 6) -> Tensor:
    return torch.rand((count, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("is_current", [True, False], ids=["current", "regular"])
@pytest.mark.parametrize("steps", [1, 2, 7, 8, 9, 17])
@pytest.mark.parametrize("sigma", [0.0, 0.2])
def test_the_rate_code_is_the_simulation_by_hand(steps: int, is_current: bool, sigma: float) -> None:
    images = samples(steps)
    held = machine(
        images, steps, timesteps=float(steps), is_current=float(is_current), threshold_sigma_fraction=sigma,
        weight_sigma_fraction=sigma,
    )  # fmt: skip
    found = answered(held, images, torch.Generator())
    by_hand = [by_rate(held, image, steps, is_current) for image in images.double().numpy()]
    wanted = torch.tensor(np.stack([logits for logits, _ in by_hand]), dtype=torch.float32)
    assert torch.allclose(found.logits, wanted, atol=1e-4)
    for name in ("conv", "fc1", "fc2"):
        assert found.spikes[name] == pytest.approx(np.mean([spikes[name] for _, spikes in by_hand]), abs=1e-6)


@pytest.mark.parametrize("steps", [1, 3, 16])
@pytest.mark.parametrize("sigma", [0.0, 0.2])
def test_first_spikes_are_the_simulation_by_hand(steps: int, sigma: float) -> None:
    images = samples(steps + 50)
    held = machine(images, steps, timesteps=float(steps), is_first_spike=1.0, threshold_sigma_fraction=sigma)
    found = answered(held, images, torch.Generator())
    wanted = [by_first_spikes(held, image, steps) for image in images.double().numpy()]
    assert torch.allclose(found.logits, torch.tensor(np.stack(wanted), dtype=torch.float32), atol=1e-4)
    assert max(found.spikes.values()) <= 1
    assert all(3 * steps < when <= 4 * steps for when in found.decided.tolist()), "three windows, then the answer's"


def test_poisson_inputs_are_right_on_average() -> None:
    """Mean current of the first layer over many steps: what the mean of its spikes would give."""
    images = samples(5, 2)
    held = machine(images, 5, timesteps=3000.0, is_poisson=1.0)
    regular = machine(images, 5, timesteps=3000.0)
    random_, even = (answered(one, images, torch.Generator().manual_seed(1)) for one in (held, regular))
    assert random_.spikes["conv"] == pytest.approx(float(images.mean()) * 3000, rel=0.03)
    assert float((random_.logits - even.logits).abs().max()) < 0.1 * float(even.logits.abs().max())


def test_the_law_of_one_layer_bounds_a_network_from_below() -> None:
    """Depth and unevenness add to 1 / (T sqrt 12) of the range; they never help on average."""
    images = samples(9, 40)
    for steps in (4, 16):
        held = machine(images, 9, timesteps=float(steps), is_current=0.0)
        many = machine(images, 9, timesteps=512.0, is_current=0.0)
        gap = answered(held, images, torch.Generator()).logits - answered(many, images, torch.Generator()).logits
        weights = held.tensors["fc2.weight"]
        one_layer = float(weights.norm(dim=1).mean()) * held.nominal["r2"] / (steps * math.sqrt(12))
        assert float(gap.square().mean().sqrt()) > 0.5 * one_layer
