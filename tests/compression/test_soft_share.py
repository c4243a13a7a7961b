"""Soft weight sharing: the mixture against SciPy and its own laws, what it draws together, what is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from compressible import arrays_of, shipped
from scipy.special import logsumexp
from scipy.stats import norm

from joulescape.compression._mixture import LEAST_SPREAD, Mixture, assigned, fitted, followed, log_likelihood
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project, stages
from joulescape.compression.storage import measured_bytes

torch.set_num_threads(1)


def mixture(means: list[float], spreads: list[float], shares: list[float], zero: float) -> Mixture:
    return Mixture(np.array(means), np.log(spreads), np.log(shares), zero)


def three_clusters(count: int = 900, spread: float = 0.01) -> np.ndarray:
    """A third of the weights each near -0.5, 0 and 0.8."""
    rng = np.random.default_rng(0)
    return (rng.choice([-0.5, 0.0, 0.8], count) + spread * rng.standard_normal(count)).astype(np.float32)


def test_the_likelihood_is_that_of_the_densities() -> None:
    made = mixture([-0.5, 0.7], [0.1, 0.2, 0.05], [0.3, 0.1], 0.6)
    weight = np.random.default_rng(1).standard_normal(50)
    shares, means, spreads = np.array([0.6, 0.3, 0.1]), np.array([0.0, -0.5, 0.7]), np.array([0.1, 0.2, 0.05])
    rows = np.log(shares)[:, None] + norm.logpdf(weight[None, :], means[:, None], spreads[:, None])
    wanted = logsumexp(rows, axis=0).sum() + 50 * np.log(2 * np.pi) / 2
    assert float(log_likelihood(weight, made)) == pytest.approx(wanted, rel=1e-9)


def test_expectation_maximisation_finds_the_clusters() -> None:
    found = fitted(three_clusters(), 3, 1 / 3)
    assert np.sort(found.means) == pytest.approx([-0.5, 0.8], abs=0.01)
    assert np.exp(found.log_spreads) == pytest.approx([0.01] * 3, rel=0.3)
    assert np.exp(found.log_shares) == pytest.approx([0.5, 0.5], abs=0.05)


@pytest.mark.parametrize("components", [2, 3])
@pytest.mark.parametrize("zero", [0.2, 0.6])
def test_a_round_never_lowers_the_likelihood(components: int, zero: float) -> None:
    """Where no bound is met expectation maximisation climbs."""
    start = mixture([0.4, -0.3, 0.9][: components - 1], [0.1] * components, [1.0] * (components - 1), zero)
    weight, seen = three_clusters(spread=0.05), []
    for rounds in range(6):
        now = followed(weight, start, rounds)
        seen.append(float(log_likelihood(weight.astype(np.float64), now)))
        spreads = np.exp(np.asarray(now.log_spreads))
        if spreads.min() < 1.01 * LEAST_SPREAD or spreads.max() > 0.99 * np.ptp(weight) / (2 * components):
            break
    assert len(seen) >= 3 and seen[:-1] == sorted(seen[:-1])


def test_numbers_are_those_of_the_nearest_cluster() -> None:
    weight = three_clusters()
    codes, book = assigned(weight, fitted(weight, 3, 1 / 3))
    values = np.concatenate([[0.0], book])[codes]
    assert np.abs(values - weight).max() < 0.06
    assert ((codes == 0) == (np.abs(weight) < 0.2)).all()


def test_a_larger_share_at_zero_prunes_more() -> None:
    weight = np.random.default_rng(3).standard_normal(2000).astype(np.float32)
    zeros = [int((assigned(weight, fitted(weight, 8, share))[0] == 0).sum()) for share in (0.1, 0.5, 0.9, 0.999)]
    assert zeros == sorted(zeros) and zeros[-1] > 2 * zeros[0]


def test_components_that_stand_on_zero_are_zero() -> None:
    close = mixture([0.0005, 0.9], [0.001, 0.001, 0.001], [0.5, 0.5], 0.5)
    codes, _ = assigned(np.array([0.0004, 0.0006, 0.9]), close)
    assert codes.tolist() == [0, 0, 2]


def test_one_weight_of_a_layer_stays() -> None:
    codes, book = assigned(np.array([0.01, -0.03, 0.0]), mixture([-1.0, 1.0], [0.5, 0.01, 0.01], [0.5, 0.5], 0.99))
    assert np.count_nonzero(codes) == 1 and codes[1] != 0 and book[codes[1] - 1] == -1.0


def steps(**values: Any) -> list[Step]:
    return [Step("soft_share", {"bits": 3, **values}, {}), Step("huffman", {}, {})]


def test_following_the_prior_alone_gathers_the_weights() -> None:
    """Gradient descent on the penalty and rounds of its mixture: after a while hardly a weight is off its mean."""
    graph = shipped("digits_mlp")
    stage = stages(describe(graph, steps(strength=30.0)))[0]
    held = dict(project({n: torch.from_numpy(0.2 * a) for n, a in arrays_of(graph).items()}, stage.after))
    held["fc2.weight"] = torch.from_numpy(0.2 * arrays_of(graph)["fc2.weight"]).requires_grad_(True)
    chosen = {"fc2": stage.settings["fc2"]}

    def off() -> float:
        weight = held["fc2.weight"].detach()
        means = torch.cat([torch.zeros(1), held["fc2.means"]])
        return float((weight.reshape(-1, 1) - means).abs().min(dim=1).values.mean())

    before, optimizer = off(), torch.optim.Adam([held["fc2.weight"]], 0.003)
    for turn in range(200):
        optimizer.zero_grad()
        stage.method.penalty(held, stage.after, chosen).backward()
        optimizer.step()
        if turn % 10 == 0:
            free = {name: tensor.detach() for name, tensor in held.items()}
            held.update(stage.method.followed(free, stage.after, chosen))
    assert off() < 0.1 * before


def test_values_and_zeros_are_stored_by_number() -> None:
    graph = shipped("digits_lenet")
    described = describe(graph, steps(zero_share=0.99))
    found = project(arrays_of(graph), described)
    for layer in ("conv1", "conv2", "fc1", "fc2"):
        weight, codes, book = (found[f"{layer}.{short}"] for short in ("weight", "codes", "codebook"))
        assert np.array_equal(np.concatenate([[np.float32(0)], book])[codes], weight) and len(book) == 7
        assert 0 < np.count_nonzero(weight) < weight.size
        held = measured_bytes(described, found)[layer]
        assert held.weight_bytes <= (described.formats[layer].weight_bytes or 0)


def test_pruned_weights_stay_pruned() -> None:
    graph = shipped("digits_mlp")
    found = project(arrays_of(graph), describe(graph, [Step("prune", {"density": 0.2}, {}), *steps(zero_share=0.1)]))
    for layer in ("fc1", "fc2"):
        assert np.count_nonzero(found[f"{layer}.weight"]) <= round(0.2 * found[f"{layer}.weight"].size)


def test_means_that_training_moved_are_what_counts() -> None:
    graph = shipped("digits_mlp")
    described = describe(graph, steps())
    found = dict(project(arrays_of(graph), described))
    found["fc1.codebook"] = found["fc1.codebook"] * np.float32(1.5)
    again = project(found, described)
    np.testing.assert_allclose(again["fc1.weight"], 1.5 * found["fc1.weight"], rtol=1e-6)
