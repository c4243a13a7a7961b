"""Compressed weights: projected, then trained a little with the compressed forward pass, straight-through gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from joulescape.accuracy.activations import TRAINING_ROWS, Calibration, calibrate
from joulescape.accuracy.alike import fine_tuning_acts, is_noise_aware
from joulescape.accuracy.datasets import Part
from joulescape.accuracy.machine_layers import program
from joulescape.accuracy.module import plain, run
from joulescape.accuracy.needs import Source, without_needs
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.spiking import SurrogateTraining
from joulescape.accuracy.spiking_plan import is_spiking
from joulescape.accuracy.splitting import Splitting
from joulescape.accuracy.training import TrainingRun, as_leaves, fit
from joulescape.compression.base import FREE_SHARE, GRADUAL_SHARE, Described
from joulescape.compression.pipeline import Stage, projector, stages
from joulescape.network.error_spec import Errors

KEPT = 64
"""Fine-tuned networks that a process holds: those of one batch, between one rung and the next."""

GRADUAL_UPDATES = 40
"""A gradual step is taken a little further so many times in one fine-tuning."""


def untuned(network: Described, reference: Mapping[str, Tensor], part: Part) -> Mapping[str, Tensor]:
    """The network's weights after compression alone; gradients are measured on `part` where a criterion asks."""
    return _project(stages(network), reference, Source(part))


def begun(network: Described, tensors: Mapping[str, Tensor], part: Part) -> Mapping[str, Tensor]:
    """The weights after the steps that act once (masks, removed channels, factors): what training starts from."""
    return _project(tuple(stage for stage in stages(network) if not stage.method.is_repeated), tensors, Source(part))


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

    Masks and removed channels are fixed by the reference weights, unless their step is gradual; grids are found
    anew at every step. With `noise_aware` each mini-batch meets a freshly drawn device. A network without steps and
    without noise is left alone.
    """
    if not fine_tuning_acts(network, how, errors):
        return untuned(network, reference, part)
    run_ = TrainingRun.of(how)
    total = run_.epochs * run_.steps_per_epoch(len(part.labels))
    met = errors if is_noise_aware(how, errors) else {}
    tuning = _Tuning(network, reference, Source(part, run_, seed), met, seed, total)
    fit(tuning.leaves, tuning.logits, part, run_, generator(seed, "fine-tune"), tuning.after_step, tuning.penalty)
    return projector(network)({name: leaf.detach() for name, leaf in tuning.leaves.items()})


@dataclass(frozen=True)
class _Asked:
    """A fine-tuning by its key; how it is done does not tell two of one key apart."""

    key: str
    make: Callable[[], Mapping[str, Tensor]] = field(compare=False)


@lru_cache(maxsize=KEPT)
def _kept(asked: _Asked) -> Mapping[str, Tensor]:
    return asked.make()


def _project(
    steps: tuple[Stage, ...], tensors: Mapping[str, Tensor], source: Source | None, progress: float = 1.0
) -> Mapping[str, Tensor]:
    """The weights after these steps, gradual ones at `progress` of their way; without data nothing is measured."""
    for stage in steps:
        settings = stage.settings
        if progress < 1.0 and _is_gradual(stage):
            settings = stage.method.partly(settings, progress)
        if source is not None:
            tensors = source.provided(stage, settings, tensors)
        tensors = without_needs(stage.method.project(tensors, stage.after, settings))
    return tensors


class _Tuning:
    """The state of one fine-tuning: latent weights, fixed masks, fixed input grids."""

    def __init__(
        self,
        network: Described,
        reference: Mapping[str, Tensor],
        source: Source,
        errors: Errors,
        seed: int,
        total: int,
    ) -> None:
        self._network, self._errors, self._seed, self._total = network, errors, seed, total
        self._stages = stages(network)
        self._gradual = tuple(stage for stage in self._stages if _is_gradual(stage))
        self._once, self._grids = (
            tuple(s for s in self._stages if (s.method.is_repeated and not _is_gradual(s)) == is_grid)
            for is_grid in (False, True)
        )
        self._is_settled = not any(_is_gradual(stage) or _is_free(stage) for stage in self._stages)
        is_slow = any(not _is_free(stage) for stage in self._gradual)
        self._settles_at = GRADUAL_SHARE if is_slow else FREE_SHARE
        latent = _project(self._once, reference, source, progress=0.0)
        self._network_tensors = frozenset(latent)
        latent = {**_project(self._grids, latent, None), **latent}
        self.leaves = _without_gradient(as_leaves(latent), _priors(self._grids))
        self._splitting = Splitting(self._stages, self.leaves)
        self._masks = masks(network, latent)
        self._held: dict[str, tuple[Tensor, Tensor]] = {}
        self._batch = 0
        seen = _project(self._grids, latent, None)
        self._calibration: Calibration = calibrate(
            network, seen, source.part.images, rows=TRAINING_ROWS if errors else 0
        )
        self._in_time = SurrogateTraining(network, errors, source.part.images, seed) if is_spiking(errors) else None
        self._go_on(0.0)

    def logits(self, samples: Tensor) -> Tensor:
        seen = self._seen()
        graph, self._batch = self._network.graph, self._batch + 1
        if self._in_time is not None:
            return self._in_time.logits(seen, samples)
        if not self._errors:
            return run(graph, seen, samples, self._calibration.quantised(plain), is_training=True)
        device_stream = generator(self._seed, "tuning device", self._batch)
        reading = generator(self._seed, "tuning read", self._batch)
        device = program(graph, seen, self._errors, self._calibration, device_stream, reading, "merged", is_tuning=True)
        return run(graph, seen, samples, device.straight_through(seen), is_training=True)

    def penalty(self) -> Tensor | None:
        """What the steps add to the loss; of weights that were free nothing once they are projected."""
        acting = [stage for stage in self._stages if not (self._is_settled and _is_free(stage))]
        terms = [stage.method.penalty(self.leaves, stage.after, stage.settings) for stage in acting]
        if not self._is_settled:
            terms.append(self._splitting.penalty(self.leaves))
        found = [term for term in terms if term is not None]
        return torch.stack(found).sum() if found else None

    def after_step(self) -> None:
        with torch.no_grad():
            if self._batch % max(1, self._total // GRADUAL_UPDATES) == 0:
                self._go_on(self._batch / self._total)
            for name, mask in self._masks.items():
                self.leaves[name].mul_(mask)
            for name, (is_held, values) in self._held.items():
                self.leaves[name].copy_(torch.where(is_held, values, self.leaves[name]))

    def _seen(self) -> Mapping[str, Tensor]:
        """The weights on their grids; gradients pass straight through steps that round, and through the others as is.

        Values are shared once no weight is pruned any more; free weights are seen as they are until then.
        """
        seen: Mapping[str, Tensor] = self.leaves
        for stage in self._grids:
            if self._is_settled or not (_is_found_late(stage) or _is_free(stage)):
                step = partial(stage.method.project, described=stage.after, settings=stage.settings)
                seen = step(seen) if stage.method.is_smooth else straight_through(seen, step, stage.method.trained)
        return seen

    def _go_on(self, progress: float) -> None:
        """Take gradual steps to `progress` of their way, and hold what must not move any more."""
        if self._is_settled and not self._gradual:
            return
        latent = {name: leaf.detach() for name, leaf in self.leaves.items()}
        moved = _project(self._once, latent, None, progress)
        for stage in self._gradual:
            settings = stage.method.partly(stage.settings, progress)
            for name, is_held in stage.method.fixed(moved, stage.after, settings).items():
                self._held[name] = (is_held, moved[name].clone())
        if not self._is_settled and progress >= self._settles_at:
            self._settle(moved)
        elif not self._is_settled:
            self._follow(latent)

    def _follow(self, latent: Mapping[str, Tensor]) -> None:
        """Move what free weights are drawn to: copies on the grid, components of a prior."""
        self._splitting.update(latent)
        for stage in self._grids:
            for name, tensor in stage.method.followed(latent, stage.after, stage.settings).items():
                self.leaves[name].data.copy_(tensor)

    def _settle(self, latent: Mapping[str, Tensor]) -> None:
        """Find what grids keep beside the weights (shared values, their numbers) from the weights as they are now."""
        self._is_settled = True
        stay = _priors(self._grids).union(*(s.method.trained for s in self._grids if not _is_found_late(s)))
        kept = {n: tensor for n, tensor in latent.items() if n in self._network_tensors or _short(n) in stay}
        for name, tensor in _project(self._grids, kept, None).items():
            if name not in kept:
                self.leaves[name].data.copy_(tensor)


def _is_gradual(stage: Stage) -> bool:
    return stage.method.is_gradual(stage.settings)


def _is_free(stage: Stage) -> bool:
    return stage.method.is_free(stage.settings)


def _is_found_late(stage: Stage) -> bool:
    """Whether its trained tensors follow from the weights once these are settled (numbers of shared values, say)."""
    return bool(stage.method.trained) and not stage.method.is_smooth


def _priors(steps: tuple[Stage, ...]) -> frozenset[str]:
    return frozenset[str]().union(*(stage.method.prior for stage in steps))


def _without_gradient(leaves: dict[str, Tensor], shorts: frozenset[str]) -> dict[str, Tensor]:
    return {name: leaf.requires_grad_(False) if _short(name) in shorts else leaf for name, leaf in leaves.items()}


def masks(network: Described, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Where zeros of a pruned layer must stay, by tensor name."""
    pruned = [name for name, form in network.formats.items() if form.weight_structure != "dense"]
    return {f"{name}.weight": (tensors[f"{name}.weight"] != 0).float() for name in pruned}


def straight_through(
    leaves: Mapping[str, Tensor], projection: Any, trained: frozenset[str] = frozenset()
) -> dict[str, Tensor]:
    """Projected values whose gradient goes to the leaves as if nothing had been projected.

    Leaves whose short name is in `trained` are parameters of the projection itself: gradients go through it to them.
    """
    latent = {name: leaf if _short(name) in trained else leaf.detach() for name, leaf in leaves.items()}
    projected_ = projection(latent)
    return {
        name: leaf if projected_[name] is latent[name] else leaf + (projected_[name] - latent[name])
        for name, leaf in leaves.items()
    }


def _short(name: str) -> str:
    return name.rpartition(".")[2]
