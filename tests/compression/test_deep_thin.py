"""DeepThin: factors that make the weights, full rank from rank one, bytes of the factors and of what undoes them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from compressible import arrays_of, shipped
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression._thin import expanded, factorised, thin_of
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.compression.storage import packed, read, write
from joulescape.network.work import Thin

torch.set_num_threads(1)


def thin(rank: int = 4) -> Step:
    return Step("deep_thin", {"rank": rank}, {})


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 200), st.integers(2, 200), st.integers(1, 8))
def test_a_width_shares_no_divisor_with_the_inputs_and_fits(out: int, into: int, rank: int) -> None:
    found = thin_of((out, into), rank)
    if found is None:
        assert rank * 2 * math.isqrt(out * into) >= 0.5 * out * into or out * into < 200
        return
    assert math.gcd(found.width, into) == 1
    assert found.rows * found.width >= out * into > (found.rows - 1) * found.width
    assert found.numbers == rank * (found.rows + found.width) < out * into


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 30), st.integers(5, 30), st.integers(1, 4), st.integers(0, 99))
def test_what_factors_made_they_make_again(out: int, into: int, rank: int, seed: int) -> None:
    """Where the last row is filled with zeros the best factors are near, elsewhere exact."""
    rng, shape = np.random.default_rng(seed), (out, into)
    at = Thin(out * into, out * into // 5 if out * into % 5 == 0 else into, rank)
    left, right = rng.standard_normal((at.rows, rank)), rng.standard_normal((rank, at.width))
    weight = expanded(left, right, shape).astype(np.float32)
    assert weight.ravel()[7] == pytest.approx((left @ right).ravel()[7], rel=1e-6)
    np.testing.assert_allclose(expanded(*factorised(weight, at), shape), weight, rtol=1e-3, atol=1e-4)


def test_more_rank_loses_less_and_the_least_for_the_layout() -> None:
    weight, shape = np.random.default_rng(0).standard_normal((40, 30)).astype(np.float32), (40, 30)
    errors = []
    for rank in (1, 4, 8, 12):
        at = thin_of(shape, rank)
        assert at is not None
        errors.append(float(((expanded(*factorised(weight, at), shape) - weight) ** 2).sum()))
        laid = np.pad(weight.ravel(), (0, at.rows * at.width - weight.size)).reshape(at.rows, at.width)
        left_out = float((np.linalg.svd(laid, compute_uv=False)[rank:] ** 2).sum())
        assert errors[-1] <= left_out * 1.0001, "what falls on the filling costs nothing"
    assert errors == sorted(errors, reverse=True)


def test_rank_one_makes_a_weight_of_full_rank() -> None:
    """A low rank of the weight itself of as many numbers has rank one: that is what the re-layout is for."""
    at = thin_of((32, 48), 1)
    assert at is not None and at.numbers < 2 * (32 + 48)
    rng = np.random.default_rng(1)
    weight = expanded(rng.standard_normal((at.rows, 1)), rng.standard_normal((1, at.width)), (32, 48))
    assert np.linalg.matrix_rank(weight) == 32


def test_the_factors_are_what_is_stored() -> None:
    graph = shipped("lenet5")
    described = describe(graph, [thin(8), Step("huffman", {}, {})])
    arrays = project(arrays_of(graph), described)
    found = packed(described, arrays)
    for layer in ("fc1", "fc2", "fc3"):
        form = described.formats[layer].thin
        assert form is not None
        assert found.layers[layer].weight_bytes == 4 * form.numbers == described.formats[layer].weight_bytes
    assert len(found.data) < 0.2 * 4 * graph.parameter_count
    again = read(described, found.data)
    assert all(np.allclose(again[name], arrays[name], rtol=1e-6) for name in again)


def test_a_layer_that_would_not_shrink_stays_whole() -> None:
    graph = shipped("lenet5")
    described = describe(graph, [thin(20)])
    assert described.formats["fc3"].thin is None and described.formats["fc1"].thin is not None
    given_ = arrays_of(graph)
    assert np.array_equal(project(given_, described)["fc3.weight"], given_["fc3.weight"])


@pytest.mark.parametrize(
    "later",
    [
        Step("quantize", {"weight_bits": 4}, {}), Step("prune", {"density": 0.3}, {}), Step("share", {"bits": 3}, {}),
        Step("prune", {"granularity": "channel", "density": 0.5}, {}), Step("circulant", {"block": 4}, {}),
    ],
    ids=lambda step: f"{step.method}-{step.settings}",
)  # fmt: skip
def test_a_later_step_takes_the_whole_weight(later: Step) -> None:
    """Factors of it are gone: it is announced and written as that step leaves it."""
    graph = shipped("digits_mlp")
    described = describe(graph, [thin(), later])
    arrays = project(arrays_of(graph), described)
    held = packed(described, arrays).layers
    for operator in described.graph.matrix_operators:
        announced = described.formats[operator.name].weight_bytes or 0.0
        assert held[operator.name].weight_bytes <= 1.02 * announced + 64
    again = read(described, write(described, arrays))
    assert all(np.allclose(again[name], arrays[name], rtol=1e-5, atol=1e-7) for name in again)


def test_weights_that_factors_do_not_make_are_stored_whole() -> None:
    graph = shipped("digits_mlp")
    described = describe(graph, [thin()])
    arrays = dict(project(arrays_of(graph), described))
    arrays["fc1.weight"] = arrays["fc1.weight"] + np.float32(1)
    assert packed(described, arrays).layers["fc1"].weight_bytes == 4 * arrays["fc1.weight"].size
    np.testing.assert_allclose(read(described, write(described, arrays))["fc1.weight"], arrays["fc1.weight"])


def test_zeros_of_an_earlier_step_are_filled() -> None:
    graph = shipped("digits_mlp")
    described = describe(graph, [Step("prune", {"density": 0.1}, {}), thin()])
    form = described.formats["fc1"]
    assert (form.weight_density, form.weight_structure) == (1.0, "dense")
    assert np.count_nonzero(project(arrays_of(graph), described)["fc1.weight"]) > 0.9 * 64 * 64


def test_gradients_reach_the_factors() -> None:
    graph = shipped("digits_mlp")
    described = describe(graph, [thin(2)])
    held = dict(project({n: torch.from_numpy(a) for n, a in arrays_of(graph).items()}, described))
    for short in ("left", "right"):
        held[f"fc1.{short}"] = held[f"fc1.{short}"].clone().requires_grad_(True)
    project(held, described)["fc1.weight"].square().sum().backward()
    for short in ("left", "right"):
        gradient = held[f"fc1.{short}"].grad
        assert gradient is not None and bool((gradient.abs().sum(dim=0 if short == "left" else 1) > 0).all())
