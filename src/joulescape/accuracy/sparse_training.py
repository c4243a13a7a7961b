"""Training that makes weights superfluous before a step takes them out: group lasso, sparse variational dropout.

group lasso (Wen et al. 2016): cross entropy + strength * sum over channels of sqrt(n) |w|, where w are the n weights
that go with a channel: its filters, and what reads it. How many channels a layer loses is announced, so the sum is over
those that are to go; the others stay free to make up for them

variational dropout (Molchanov, Ashukha, Vetrov 2017): each weight is drawn from N(theta, sigma^2) by the local
reparameterisation, cross entropy + strength / samples * KL(alpha), alpha = sigma^2 / theta^2, with
-KL = k1 sigmoid(k2 + k3 log alpha) - log(1 + 1 / alpha) / 2 - k1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from joulescape.accuracy.datasets import Part
from joulescape.accuracy.module import Inputs, plain, run
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, as_leaves, fit
from joulescape.compression.base import Described, Regularised
from joulescape.compression.prune.channel_scores import channel_norms
from joulescape.network.operators import Operator

_K1, _K2, _K3 = 0.63576, 1.87320, 1.48695
"""Constants of the divergence's approximation (Molchanov et al. 2017, eq. 14)."""

_START = -6.0
"""Logarithm of sigma^2 before training: a deviation of 5 % of a weight of magnitude one."""

_GAIN = 20.0
"""Logarithms of variances have to move by several units where weights move by hundredths: they are this many times a
trained number, so that one learning rate (Adam's steps are as large as it) suits both."""

_TINY = 1e-12


def sparsely_trained(
    network: Described, tensors: Mapping[str, Tensor], training: Regularised, how: TrainingRun, part: Part, seed: int
) -> Mapping[str, Tensor]:
    """The network's weights after `training.epochs` with the term in the loss; zeros of earlier steps stay."""
    masks = {
        f"{name}.weight": (tensors[f"{name}.weight"] != 0).float()
        for name, form in network.formats.items()
        if form.weight_structure != "dense"
    }
    kind = _GroupLasso if training.kind == "group_lasso" else _Variational
    trained = kind(network, tensors, training, len(part.labels), seed)

    def masked() -> None:
        with torch.no_grad():
            for name, mask in masks.items():
                trained.leaves[name].mul_(mask)

    run_ = replace(how, epochs=training.epochs)
    fit(trained.leaves, trained.logits, part, run_, generator(seed, training.kind), masked, trained.penalty)
    return trained.result()


class _GroupLasso:
    def __init__(
        self, network: Described, tensors: Mapping[str, Tensor], training: Regularised, _samples: int, _seed: int
    ) -> None:
        self._graph, self._strengths, self._densities = network.graph, training.strengths, training.densities
        self.leaves = as_leaves(tensors)

    def logits(self, samples: Tensor) -> Tensor:
        return run(self._graph, self.leaves, samples, is_training=True)

    def penalty(self) -> Tensor:
        """Of every free channel group, its strength times the norms of those to go, at this moment the smallest.

        Operators that share channels have the largest of their strengths and densities.
        """
        total = torch.zeros(())
        for norms in channel_norms(self.leaves, self._graph):
            asked = [name for name in norms.producers if name in self._strengths]
            if asked:
                strength, density = (max(of[name] for name in asked) for of in (self._strengths, self._densities))
                kept = max(1, round(density * len(norms.squares)))
                going = torch.sqrt(norms.squares + _TINY).sort(descending=True).values[kept:]
                total = total + strength * norms.weights_each**0.5 * going.sum()
        return total

    def result(self) -> Mapping[str, Tensor]:
        return {name: leaf.detach() for name, leaf in self.leaves.items()}


class _Variational:
    def __init__(
        self, network: Described, tensors: Mapping[str, Tensor], training: Regularised, samples: int, seed: int
    ) -> None:
        self._graph, self._strengths, self._samples = network.graph, training.strengths, samples
        self._stream = generator(seed, "variational noise")
        starts = {
            f"{name}.noise": torch.full_like(tensors[f"{name}.weight"], _START / _GAIN) for name in training.strengths
        }
        self.leaves = as_leaves({**tensors, **starts})

    def logits(self, samples: Tensor) -> Tensor:
        return run(self._graph, self.leaves, samples, self._noisy, is_training=True)

    def penalty(self) -> Tensor:
        return sum(
            (
                strength / self._samples * divergence(self._log_alpha(name))
                for name, strength in self._strengths.items()
            ),
            start=torch.zeros(()),
        )

    def result(self) -> Mapping[str, Tensor]:
        with torch.no_grad():
            # log(1 + theta^2 / sigma^2): the order of the ratio, which may be too large for a float.
            known = {n: torch.nn.functional.softplus(-self._log_alpha(n)) for n in self._strengths}
        kept = {name: leaf.detach() for name, leaf in self.leaves.items() if not name.endswith(".noise")}
        return {**kept, **{f"{name}.signal_to_noise": value for name, value in known.items()}}

    def _log_alpha(self, name: str) -> Tensor:
        weight = self.leaves[f"{name}.weight"]
        return _GAIN * self.leaves[f"{name}.noise"] - torch.log(weight * weight + _TINY)

    def _noisy(self, operator: Operator, inputs: Inputs, tensors: Mapping[str, Tensor]) -> Tensor:
        """Outputs drawn with the mean and the variance that noisy weights give them."""
        mean = plain(operator, inputs, tensors)
        if operator.name not in self._strengths:
            return mean
        variance = torch.exp(_GAIN * tensors[f"{operator.name}.noise"])
        spread = plain(operator, (inputs[0] ** 2,), {f"{operator.name}.weight": variance})
        return mean + torch.sqrt(spread + _TINY) * torch.randn(mean.shape, generator=self._stream)


def divergence(log_alpha: Tensor) -> Tensor:
    """Sum of KL(q | log-uniform) over weights, up to a constant; 0 for pure noise, larger the surer a weight is."""
    minus = _K1 * torch.sigmoid(_K2 + _K3 * log_alpha) - torch.nn.functional.softplus(-log_alpha) / 2 - _K1
    return -minus.sum()
