"""Densities go where a machine's energy is, at the energy that the plain ones leave."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from compressible import arrays_of, shipped
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project, settings_of
from joulescape.compression.prune import plugin
from joulescape.compression.prune.energy import by_energy
from joulescape.network.channels import channel_groups
from joulescape.testing import check_compression

SOME = settings(max_examples=40, deadline=None)
LAYERS = ("conv1", "conv2", "fc1", "fc2")
SHARES = st.lists(st.integers(1, 60), min_size=4, max_size=4)


def told(shares: list[int], **values: Any) -> Step:
    per_layer = {name: {"energy_fraction": share / 100} for name, share in zip(LAYERS, shares, strict=True)}
    return Step("prune", {"scope": "energy", **values}, per_layer)


def densities(shares: list[int], network: str = "digits_lenet", **values: Any) -> dict[str, float]:
    graph = shipped(network)
    found = by_energy(graph, settings_of(plugin, told(shares, **values), graph))
    return {name: at.density for name, at in found.items()}


def energy_of_channels(shares: list[int], density: dict[str, float], is_fixed: tuple[str, ...] = ("fc2",)) -> float:
    chain = [1.0, *(1.0 if name in is_fixed else density[name] for name in LAYERS)]
    return sum(e / 100 * into * out for e, into, out in zip(shares, chain, chain[1:], strict=False))


@SOME
@given(SHARES, st.floats(0.05, 0.95), st.floats(0.0, 1.0))
def test_weights_keep_the_energy_and_heavy_layers_less(shares: list[int], density: float, tilt: float) -> None:
    found = densities(shares, density=density, tilt=tilt)
    left = sum(e * found[name] for name, e in zip(LAYERS, shares, strict=True))
    assert left == pytest.approx(density * sum(shares), rel=1e-6)
    ranked = [found[name] for _, name in sorted(zip(shares, LAYERS, strict=True))]
    assert all(light >= heavy - 1e-12 for light, heavy in pairwise(ranked))
    assert all(0 < value <= 1 for value in ranked)


@SOME
@given(SHARES, st.floats(0.05, 0.95))
def test_channels_keep_the_energy_of_products(shares: list[int], density: float) -> None:
    found = densities(shares, granularity="channel", density=density)
    uniform = energy_of_channels(shares, dict.fromkeys(LAYERS, density))
    assert energy_of_channels(shares, found) == pytest.approx(uniform, rel=1e-6)


@pytest.mark.parametrize("granularity", ["element", "n_of_m", "channel"])
def test_no_tilt_or_alike_layers_leave_the_density_as_it_is(granularity: str) -> None:
    free = LAYERS[:3] if granularity == "channel" else LAYERS
    for shares, tilt in (([5, 60, 20, 15], 0.0), ([25, 25, 25, 25], 0.5)):
        if granularity == "channel" and tilt:
            continue  # alike layers are not alike groups: the ends have one neighbour less
        found = densities(shares, granularity=granularity, density=0.4, tilt=tilt)
        assert [found[name] for name in free] == pytest.approx([0.4] * len(free))


def test_a_tilt_of_a_half_is_least_sum_of_inverse_densities() -> None:
    """No other densities of that energy have a lower sum of 1 / d: the layers' losses are balanced."""
    shares, rng = [5, 55, 25, 15], np.random.default_rng(0)
    found = np.array([densities(shares, density=0.3)[name] for name in LAYERS])
    assert found.max() < 1.0
    energy = np.array(shares) @ found
    for _ in range(200):
        other = np.clip(found * np.exp(rng.normal(0, 0.3, 4)), 1e-3, 1.0)
        other *= energy / (np.array(shares) @ other)
        if other.max() <= 1.0:
            assert (1 / other).sum() >= (1 / found).sum() - 1e-9


def test_shared_channels_have_one_density() -> None:
    graph = shipped("digits_resnet")
    step = Step("prune", {"scope": "energy", "granularity": "channel", "density": 0.5, "energy_fraction": 0.1}, {})
    smaller = describe(graph, [step])
    for group in channel_groups(graph).groups:
        assert len({smaller.graph.operator(name).out_shape[0] for name in group.producers}) <= 1
    arrays = project(arrays_of(graph), smaller)
    assert all(arrays[f"{o.name}.weight"].shape == o.weight_shape for o in smaller.graph.matrix_operators)


@pytest.mark.parametrize("granularity", ["element", "channel"])
def test_the_laws_hold(granularity: str) -> None:
    at = plugin.Settings(scope="energy", granularity=granularity, density=0.3, energy_fraction=0.2)
    check_compression(plugin, at)


def test_a_layer_that_takes_nothing_is_left_whole_and_one_that_takes_all_goes_down_to_the_density() -> None:
    found = densities([0, 100, 0, 0], density=0.2)
    assert found["conv1"] == found["fc1"] == found["fc2"] == 1.0 and found["conv2"] == pytest.approx(0.2, abs=0.02)


def test_without_shares_the_layer_is_named() -> None:
    with pytest.raises(ValueError, match="pruning 'conv1' by energy needs its share of a machine's energy"):
        describe(shipped("digits_lenet"), [Step("prune", {"scope": "energy"}, {})])
