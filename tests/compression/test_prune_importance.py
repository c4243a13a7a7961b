"""What the final responses hear of a channel (NISP), and what a reader loses with it (ThiNet), against brute force."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from compressible import arrays_of, built, shipped
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy.module import plain, run
from joulescape.accuracy.needs import with_activations
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project, stages
from joulescape.compression.prune.importance import inf_fs, with_importance
from joulescape.compression.prune.reconstruction import gram_of, scales, staying

torch.set_num_threads(1)

SOME = settings(max_examples=10, deadline=None)


class Samples:
    """As many training samples as are looked at."""

    def __init__(self, shape: tuple[int, ...], count: int = 40) -> None:
        self.images = torch.rand(count, *shape, generator=torch.Generator().manual_seed(1))


def measured(network: Any, seed: int = 0) -> dict[str, Any]:
    """Arrays of a network with the activations that random samples give."""
    arrays = {name: torch.from_numpy(array) for name, array in arrays_of(network, seed).items()}
    found = with_activations(network, arrays, Samples(network.input_shape))  # type: ignore[arg-type]
    return {name: tensor.numpy() for name, tensor in found.items()}


def pruned(network: Any, arrays: dict[str, Any], **values: Any) -> dict[str, Any]:
    return dict(project(arrays, describe(network, [Step("prune", {"granularity": "channel", **values}, {})])))


# Final responses


def test_importance_goes_back_as_gradients_of_magnitudes_do() -> None:
    """s_in = |W|^T s_out, layer by layer, is the gradient of the network of magnitudes without its nonlinearities."""
    network = built(
        [
            {"name": "conv1", "kind": "conv", "out_channels": 4, "kernel": 3},
            {"name": "relu1", "kind": "relu"},
            {"name": "pool1", "kind": "avg_pool", "kernel": 2},
            {"name": "conv2", "kind": "conv", "out_channels": 6, "kernel": 2},
            {"name": "flat", "kind": "flatten"},
            {"name": "fc1", "kind": "dense", "out_features": 9},
            {"name": "relu2", "kind": "relu"},
            {"name": "fc2", "kind": "dense", "out_features": 10},
        ],
        (1, 8, 8),
    )
    arrays = measured(network)
    found = with_importance(arrays, network)
    final = inf_fs(np.asarray(arrays["fc2.activations"], dtype=float)[0])
    assert found["fc1.importance"] == pytest.approx(final, rel=1e-5)
    magnitudes = {n: torch.from_numpy(a).abs().double() for n, a in arrays.items() if n.endswith("weight")}
    for layer, channels in (("conv1", 4), ("conv2", 6)):
        shift = torch.zeros(channels, 1, 1, dtype=torch.float64, requires_grad=True)
        heard = (shifted(network, magnitudes, layer, shift) * torch.from_numpy(final)).sum()
        heard.backward()  # type: ignore[no-untyped-call]
        assert shift.grad is not None
        assert found[f"{layer}.importance"] == pytest.approx(shift.grad.flatten().numpy(), rel=1e-4)


def shifted(network: Any, tensors: Any, layer: str, shift: torch.Tensor) -> torch.Tensor:
    """fc1's output for an image of ones, `shift` added to a layer's output channels."""
    seen: dict[str, torch.Tensor] = {}

    def rule(operator: Any, inputs: Any, held: Any) -> torch.Tensor:
        seen[operator.name] = plain(operator, inputs, held) + (shift if operator.name == layer else 0.0)
        return seen[operator.name]

    run(network, tensors, torch.ones(1, *network.input_shape, dtype=torch.float64), rule)
    return seen["fc1"]


def test_an_addition_hands_importance_to_all_and_a_normalisation_stretches_it() -> None:
    network = shipped("digits_resnet")
    arrays = measured(network)
    found = with_importance(arrays, network)
    fc = found["b_conv2.importance"]
    slopes = {
        norm: np.abs(arrays[f"{norm}.weight"]) / np.sqrt(arrays[f"{norm}.variance"] + 1e-5)
        for norm in ("b_norm2", "b_short_norm")
    }
    assert fc / slopes["b_norm2"] == pytest.approx(found["b_short.importance"] / slopes["b_short_norm"], rel=1e-5)


def test_nisp_keeps_what_is_heard_and_takes_what_is_not() -> None:
    network = shipped("digits_lenet")
    arrays = measured(network)
    arrays["conv2.weight"][:, [0, 3]] *= 1e-3  # what nobody reads may be loud itself
    arrays["conv1.weight"][[0, 3]] *= 9.0
    kept = pruned(network, arrays, criterion="nisp", density=0.75)["conv1.weight"]
    assert np.array_equal(kept, arrays["conv1.weight"][[1, 2, 4, 5, 6, 7]])
    by_magnitude = pruned(network, arrays, density=0.75)["conv1.weight"]
    assert not np.array_equal(by_magnitude, kept)
    single = project(arrays, describe(network, [Step("prune", {"criterion": "nisp", "density": 0.3}, {})]))
    assert all(not name.endswith("importance") for name in single)
    assert np.count_nonzero(single["fc1.weight"]) == round(0.3 * arrays["fc1.weight"].size)


def test_features_that_repeat_or_never_move_matter_least() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random((200, 5))
    rows[:, 1] = rows[:, 0] ** 3  # the same order: Spearman's correlation is 1
    rows[:, 4] = 0.7
    found = inf_fs(rows)
    assert found[4] == 0.0 and max(found[:2]) < min(found[2:4])
    assert np.array_equal(inf_fs(np.full((9, 3), 2.0)), np.ones(3)), "where nothing moves all are alike"


# Reconstruction


@SOME
@given(st.integers(0, 99))
def test_the_cost_of_removal_is_the_change_of_the_readers_output(seed: int) -> None:
    network = shipped("digits_lenet")
    arrays = measured(network, seed)
    rng = np.random.default_rng(seed)
    for reader, channels in (("conv2", 8), ("fc1", 16)):
        gone = rng.choice(channels, 3, replace=False)
        rows = arrays[f"{reader}.activations"][0].astype(float)
        weight = arrays[f"{reader}.weight"].astype(float).reshape(arrays[f"{reader}.weight"].shape[0], -1)
        silent = rows.reshape(len(rows), channels, -1).copy()
        silent[:, gone] = 0.0
        change = ((rows - silent.reshape(rows.shape)) @ weight.T) ** 2
        gram = gram_of(network.operator(reader), arrays, channels)
        assert gram[np.ix_(gone, gone)].sum() == pytest.approx(change.sum(), rel=1e-6)


@SOME
@given(st.integers(0, 99), st.integers(1, 6))
def test_channels_go_greedily_and_what_stays_is_scaled_to_the_least_squares(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    parts = rng.standard_normal((60, 7))
    gram = parts.T @ parts
    kept = np.sort(staying(gram, count))
    one_more = [np.delete(np.arange(7), index) for index in range(7)]
    cheapest = min(one_more, key=lambda left: gram[np.ix_(*2 * (np.setdiff1d(np.arange(7), left),))].sum())
    assert set(staying(gram, 6)) == set(cheapest)
    assert set(kept) <= set(staying(gram, count + 1)) and len(kept) == count
    factors = scales(gram, kept)
    fitted, *_ = np.linalg.lstsq(parts[:, kept], parts.sum(axis=1), rcond=None)
    assert factors == pytest.approx(fitted, abs=1e-4)
    plain = parts.sum(axis=1) - parts[:, kept].sum(axis=1)
    assert ((parts.sum(axis=1) - parts[:, kept] @ factors) ** 2).sum() <= (plain**2).sum() * (1 + 1e-6)


def test_greedy_is_near_the_best_of_all_choices() -> None:
    network = shipped("digits_lenet")
    gram = gram_of(network.operator("conv2"), measured(network), 8)

    def cost(left: tuple[int, ...]) -> float:
        gone = [c for c in range(8) if c not in left]
        return float(gram[np.ix_(gone, gone)].sum())

    found = cost(tuple(int(c) for c in staying(gram, 4)))
    every = sorted(cost(left) for left in combinations(range(8), 4))
    assert found <= every[len(every) // 10]


def test_a_channel_that_never_fires_goes_first_and_for_nothing() -> None:
    network = shipped("digits_lenet")
    arrays = {n: a for n, a in measured(network).items() if not n.endswith("activations")}
    arrays["conv1.weight"][6], arrays["conv1.bias"][6] = -9.0, 0.0  # loud, but no input is negative
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    data = Samples(network.input_shape)
    seen = with_activations(network, tensors, data)  # type: ignore[arg-type]
    values = {"granularity": "channel", "criterion": "reconstruction", "density": 1.0}
    described = describe(network, [Step("prune", values, {"conv1": {"density": 7 / 8}})])
    found = {name: tensor for name, tensor in project(seen, described).items() if not name.endswith("activations")}
    assert torch.equal(found["conv1.weight"], tensors["conv1.weight"][[0, 1, 2, 3, 4, 5, 7]])
    whole, small = (run(g, t, data.images) for g, t in ((network, tensors), (described.graph, found)))
    assert torch.allclose(whole, small, atol=1e-4 * float(whole.abs().max()))
    assert torch.allclose(found["conv2.weight"], tensors["conv2.weight"][:, [0, 1, 2, 3, 4, 5, 7]], rtol=1e-4)


def test_shared_channels_are_chosen_by_all_their_readers() -> None:
    network = shipped("digits_resnet")
    arrays = measured(network)
    small = pruned(network, arrays, criterion="reconstruction", density=0.5)
    described = describe(network, [Step("prune", {"granularity": "channel", "density": 0.5}, {})])
    for operator in described.graph.matrix_operators:
        assert small[f"{operator.name}.weight"].shape == operator.weight_shape
        assert np.isfinite(small[f"{operator.name}.weight"]).all()
    named = {name: array for name, array in small.items() if not name.endswith("activations")}
    again = pruned(network, named, criterion="reconstruction", density=0.5)
    assert all(np.array_equal(again[name], named[name]) for name in named), "twice is once, without any data"


# What is asked for


@pytest.mark.parametrize(
    ("values", "need"),
    [
        ({}, set()), ({"criterion": "first_order"}, {"saliency"}), ({"criterion": "nisp"}, {"activations"}),
        ({"granularity": "channel", "criterion": "reconstruction"}, {"activations"}),
        ({"scope": "energy", "criterion": "first_order"}, {"saliency", "layer_energy"}),
    ],
)  # fmt: skip
def test_needs_are_declared(values: dict[str, Any], need: set[str]) -> None:
    described = describe(shipped("digits_mlp"), [Step("prune", {**values, "energy_fraction": 0.5}, {})])
    (stage,) = stages(described)
    assert stage.method.needs(stage.settings) == need and stage.method.regularised(stage.settings) is None


@pytest.mark.parametrize("criterion", ["nisp", "reconstruction"])
def test_what_was_not_measured_is_named(criterion: str) -> None:
    arrays = arrays_of(shipped("digits_lenet"))
    with pytest.raises(ValueError, match=f"by {criterion} needs its .* on training data"):
        pruned(shipped("digits_lenet"), arrays, criterion=criterion)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"density": 0.0}, "greater than 0"), ({"density": 1.1}, "less than or equal to 1"),
        ({"criterion": "reconstruction"}, "reconstruction is for channels"),
        ({"criterion": "group_lasso", "granularity": "n_of_m"}, "group_lasso is for channels"),
        ({"criterion": "variational", "granularity": "channel"}, "channels go at once, by magnitude, first_order"),
        ({"criterion": "nisp", "scope": "global"}, "its scope is layer"),
        ({"criterion": "variational", "schedule": "gradual"}, "its schedule is one_shot"),
        ({"granularity": "channel", "scope": "global"}, "shapes and groups must be known"),
        ({"strength": 0.0, "criterion": "variational"}, "greater than 0"),
        ({"sparse_epochs": 0}, "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_impossible_settings_are_faults_of_the_question(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        describe(shipped("digits_mlp"), [Step("prune", values, {})])
