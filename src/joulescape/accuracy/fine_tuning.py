"""Compressed weights: projected, then trained a little with the compressed forward pass, straight-through gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from joulescape.accuracy.activations import TRAINING_ROWS, Calibration, calibrate
from joulescape.accuracy.alike import fine_tuning_acts, is_noise_aware
from joulescape.accuracy.datasets import Part
from joulescape.accuracy.machine_layers import program
from joulescape.accuracy.module import plain, run
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, as_leaves, fit
from joulescape.compression.base import Described
from joulescape.compression.pipeline import projector
from joulescape.network.error_spec import Errors

KEPT = 64
"""Fine-tuned networks that a process holds: those of one batch, between one rung and the next."""


def untuned(network: Described, reference: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The network's weights after compression alone."""
    whole: Mapping[str, Tensor] = projector(network, None)(reference)
    return whole


def tuned(
    network: Described,
    reference: Mapping[str, Tensor],
    how: Mapping[str, Any],
    part: Part,
    errors: Errors,
    seed: int,
    key: str,
) -> Mapping[str, Tensor]:
    """`compressed`, remembered in this process under `key`, the digest of everything it follows from."""
    return _kept(_Asked(key, lambda: compressed(network, reference, how, part, errors, seed)))


def compressed(
    network: Described, reference: Mapping[str, Tensor], how: Mapping[str, Any], part: Part, errors: Errors, seed: int
) -> Mapping[str, Tensor]:
    """The network's weights after compression and fine-tuning.

    Masks and removed channels are fixed by the reference weights; grids are found anew at every step. With
    `noise_aware` each mini-batch meets a freshly drawn device. A network without steps and without noise is left alone.
    """
    if not fine_tuning_acts(network, how, errors):
        return untuned(network, reference)
    once, again = (projector(network, repeated) for repeated in (False, True))
    met = errors if is_noise_aware(how, errors) else {}
    tuning = _Tuning(network, once(reference), again, part, met, seed)
    fit(tuning.leaves, tuning.logits, part, TrainingRun.of(how), generator(seed, "fine-tune"), tuning.after_step)
    return untuned(network, {name: leaf.detach() for name, leaf in tuning.leaves.items()})


@dataclass(frozen=True)
class _Asked:
    """A fine-tuning by its key; how it is done does not tell two of one key apart."""

    key: str
    make: Callable[[], Mapping[str, Tensor]] = field(compare=False)


@lru_cache(maxsize=KEPT)
def _kept(asked: _Asked) -> Mapping[str, Tensor]:
    return asked.make()


class _Tuning:
    """The state of one fine-tuning: latent weights, fixed masks, fixed input grids."""

    def __init__(
        self, network: Described, latent: Mapping[str, Tensor], again: Any, part: Part, errors: Errors, seed: int
    ) -> None:
        self.leaves = as_leaves(latent)
        self._network, self._again, self._errors, self._seed = network, again, errors, seed
        self._masks = masks(network, latent)
        self._batch = 0
        self._calibration: Calibration = calibrate(
            network, again(latent), part.images, rows=TRAINING_ROWS if errors else 0
        )

    def logits(self, samples: Tensor) -> Tensor:
        seen = straight_through(self.leaves, self._again)
        graph, self._batch = self._network.graph, self._batch + 1
        if not self._errors:
            return run(graph, seen, samples, self._calibration.quantised(plain), is_training=True)
        device_stream = generator(self._seed, "tuning device", self._batch)
        reading = generator(self._seed, "tuning read", self._batch)
        device = program(graph, seen, self._errors, self._calibration, device_stream, reading, "merged")
        return run(graph, seen, samples, device.straight_through(seen), is_training=True)

    def after_step(self) -> None:
        with torch.no_grad():
            for name, mask in self._masks.items():
                self.leaves[name].mul_(mask)


def masks(network: Described, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Where unstructured zeros must stay, by tensor name."""
    pruned = [name for name, form in network.formats.items() if form.weight_structure == "unstructured"]
    return {f"{name}.weight": (tensors[f"{name}.weight"] != 0).float() for name in pruned}


def straight_through(leaves: Mapping[str, Tensor], projection: Any) -> dict[str, Tensor]:
    """Projected values whose gradient goes to the leaves as if nothing had been projected."""
    latent = {name: leaf.detach() for name, leaf in leaves.items()}
    projected = projection(latent)
    return {
        name: leaf if projected[name] is latent[name] else leaf + (projected[name] - latent[name])
        for name, leaf in leaves.items()
    }
