"""Shared values: k-means on a line against scikit-learn's, numbers and values that travel with the weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from compressible import arrays_of, shipped
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.compression.share import centroids

torch.set_num_threads(1)


def error_of(values: np.ndarray, book: np.ndarray) -> float:
    return float(np.abs(values[:, None] - book).min(axis=1).__pow__(2).sum())


@pytest.mark.parametrize("count", [2, 7, 16])
def test_values_are_those_of_a_library_from_the_same_start(count: int) -> None:
    values = np.random.default_rng(count).standard_normal(600)
    start = np.linspace(values.min(), values.max(), count)[:, None]
    with threadpool_limits(1):
        oracle = KMeans(count, init=start, n_init=1, max_iter=300, tol=0.0).fit(values[:, None])
    np.testing.assert_allclose(centroids(values, count), np.sort(oracle.cluster_centers_[:, 0]), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 20), st.integers(0, 99))
def test_each_value_is_the_mean_of_its_weights(elements: int, count: int, seed: int) -> None:
    values = np.random.default_rng(seed).standard_normal(elements)
    book = centroids(values, count)
    assert len(book) <= count and np.array_equal(book, np.sort(book))
    nearest = np.abs(values[:, None] - book).argmin(axis=1)
    for number, value in enumerate(book):
        assert values[nearest == number].mean() == pytest.approx(value, abs=1e-9)


def test_more_values_lose_less_and_enough_lose_nothing() -> None:
    values = np.random.default_rng(1).standard_normal(400)
    errors = [error_of(values, centroids(values, count)) for count in (1, 2, 4, 8, 16, 32)]
    assert errors == sorted(errors, reverse=True)
    few = np.random.default_rng(1).choice([-0.5, 0.25, 3.0], 100)
    assert np.array_equal(centroids(few, 8), [-0.5, 0.25, 3.0])


def test_numbers_and_values_make_the_weights() -> None:
    graph = shipped("digits_lenet")
    steps = [Step("prune", {"density": 0.3}, {}), Step("share", {"bits": 4}, {})]
    found = project(arrays_of(graph), describe(graph, steps))
    for layer in ("conv1", "conv2", "fc1", "fc2"):
        weight, codes, book = (found[f"{layer}.{short}"] for short in ("weight", "codes", "codebook"))
        assert codes.shape == weight.shape and len(book) == 15
        assert np.array_equal(codes == 0, weight == 0), "zero has a number of its own"
        assert np.array_equal(np.concatenate([[np.float32(0)], book])[codes], weight)


def test_values_that_training_moved_are_what_counts() -> None:
    graph = shipped("digits_mlp")
    described = describe(graph, [Step("share", {"bits": 2}, {})])
    found = dict(project(arrays_of(graph), described))
    found["fc1.codebook"] = found["fc1.codebook"] + np.float32(1)
    again = project(found, described)
    np.testing.assert_allclose(again["fc1.weight"], found["fc1.weight"] + 1, rtol=1e-6)
    assert np.array_equal(again["fc1.codes"], found["fc1.codes"])


def test_gradients_of_weights_that_share_add_up() -> None:
    graph = shipped("digits_mlp")
    described = describe(graph, [Step("share", {"bits": 2}, {})])
    tensors = {name: torch.from_numpy(array) for name, array in arrays_of(graph).items()}
    found = dict(project(tensors, described))
    book = found["fc1.codebook"].clone().requires_grad_(True)
    slope = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    (project({**found, "fc1.codebook": book}, described)["fc1.weight"] * slope).sum().backward()
    wanted = [float(slope[found["fc1.codes"] == number + 1].sum()) for number in range(4)]
    assert book.grad is not None
    np.testing.assert_allclose(book.grad.numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_channels_that_go_take_their_numbers_along() -> None:
    graph = shipped("digits_mlp")
    steps = [Step("share", {"bits": 3}, {}), Step("prune", {"granularity": "channel", "density": 0.5}, {})]
    described = describe(graph, steps)
    found = project(arrays_of(graph), described)
    assert found["fc1.weight"].shape == (32, 64) and len(np.unique(found["fc1.weight"])) <= 8
    again = project(found, described)
    assert again["fc1.codes"].shape == (32, 64), "numbers of another shape are found anew"
    np.testing.assert_allclose(again["fc1.weight"], found["fc1.weight"], rtol=1e-6)
