"""Trains a network from fresh weights on the machine itself: its products, its gradients, its way of rewriting weights.

Forward products run on the machine's numerics. Errors travel back through the weights as the machine that forms input
gradients realises them, through exact ones where a host does (or, with direct feedback alignment, Nokland 2016, through
fixed random matrices), and are read by the roles input_gradient and weight_gradient. Role `update` moves the stored
weights. Mismatch from fabrication stays through a training; what a write of a cell misses is drawn anew at each step.
Plain stochastic gradient descent; biases and normalisation stay float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.accuracy.activations import TRAINING_ROWS, Calibration, calibrate
from joulescape.accuracy.backward import Feedback, Rounded
from joulescape.accuracy.datasets import Data, Part
from joulescape.accuracy.fine_tuning import begun, masks, straight_through
from joulescape.accuracy.machine_layers import MachineLayers, numerics, program_training
from joulescape.accuracy.module import Inputs, Tensors, initial, run
from joulescape.accuracy.pulsed import PulsedUpdates
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, as_leaves, batches, correct, fraction
from joulescape.compression.base import Described
from joulescape.compression.pipeline import projector
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.fidelity import Detail, Fidelity, Recipe
from joulescape.network.lower import reads_trained
from joulescape.network.operators import Operator, Role
from joulescape.numerics.base import Chance

LAST_EVALUATIONS = 3
"""The final accuracy is the mean over the last so many epochs: low precision is not monotone."""


@dataclass(frozen=True)
class Trained:
    """Per device draw the accuracy reached; steps of the longest draw; whether every draw reached the target."""

    accuracy_fraction: tuple[float, ...]
    steps: int
    reached_target: bool | None


def train_on_machine(
    network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity, seed: int, data: Data
) -> Trained:
    """Train once per device draw; with a target, until the first epoch whose accuracy on training data reaches it."""
    is_random = _rounding(recipe) == "stochastic" or recipe.equivalence != "exact"
    draws = range(fidelity.trainings if is_random else 1)
    runs = [_Run(network, errors, recipe, fidelity, seed, draw, data).result() for draw in draws]
    has_target = bool(recipe.training.get("target"))
    return Trained(
        tuple(accuracy for accuracy, _, _ in runs),
        max(steps for _, steps, _ in runs),
        all(reached for _, _, reached in runs) if has_target else None,
    )


class _Run:
    """One network being trained on one device."""

    def __init__(
        self,
        network: Described,
        errors: Errors,
        recipe: Recipe,
        fidelity: Fidelity,
        seed: int,
        draw: int,
        data: Data,
    ) -> None:
        self._network, self._fidelity, self._data = network, fidelity, data
        self._how = TrainingRun.of(recipe.training)
        self._target = recipe.training.get("target")
        self._errors = _with_rounding(errors, _rounding(recipe))
        self._seed, self._draw, self._writes = seed, draw, 0
        self._streams = {p: generator(seed, p, draw) for p in ("training read", "rounding", "training batches")}
        fresh = begun(network, initial(network.original, generator(seed, "initial weights", draw)), data.train)
        self._again = projector(network, True)
        self._masks = masks(network, fresh)
        self._leaves = as_leaves(fresh)
        self._pulsed = PulsedUpdates(self._leaves, self._errors, generator(seed, "pulsed cells", draw))
        self._move({name: torch.zeros_like(leaf) for name, leaf in self._leaves.items() if leaf.requires_grad})
        self._calibration = self._calibrated()
        is_dfa = recipe.training.get("feedback") == "dfa"
        returning = frozenset() if is_dfa else reads_trained(network.graph)
        self._stored = {key: spec for key, spec in self._errors.items() if _meets_weights(key, returning)}
        self._feedback = Feedback(network.graph, generator(seed, "feedback", draw)) if is_dfa else None

    def result(self) -> tuple[float, int, bool]:
        """(accuracy, steps, whether the target was reached)."""
        per_epoch = self._how.steps_per_epoch(len(self._data.train.labels))
        reached: list[float] = []
        for epoch in range(1, self._how.epochs + 1):
            self._epoch()
            self._calibration = self._calibrated()
            if self._target and self._evaluate(self._data.monitor) >= self._target["accuracy_fraction"]:
                return self._evaluate(self._judged()), epoch * per_epoch, True
            if epoch > self._how.epochs - LAST_EVALUATIONS:
                reached.append(self._evaluate(self._judged()))
        return fmean(reached), self._how.epochs * per_epoch, False

    def _judged(self) -> Part:
        return self._data.part(self._fidelity.split).first(self._fidelity.samples)

    def _epoch(self) -> None:
        train, order = self._data.train, self._streams["training batches"]
        for chosen in batches(len(train.labels), self._how.batch, order):
            self._step(train.images[chosen], train.labels[chosen])

    def _step(self, images: Tensor, labels: Tensor) -> None:
        seen = straight_through(self._leaves, self._again)
        self._device = self._programmed(seen, "merged")
        self._rule = self._device.straight_through(seen)
        logits = run(self._network.graph, seen, images, self._with_backward, is_training=True)
        loss = nnf.cross_entropy(logits, labels)
        if not bool(torch.isfinite(loss)):
            raise SimulatorError(f"training on the machine diverged: the loss is {float(loss.detach())}")
        if self._feedback is not None:
            self._feedback.set_error(logits, labels)
        moved = {name: leaf for name, leaf in self._leaves.items() if leaf.requires_grad}
        gradients = torch.autograd.grad(loss, list(moved.values()))
        self._move({n: -self._how.learning_rate * g for n, g in zip(moved, gradients, strict=True)}, is_gradient=True)

    def _with_backward(self, operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
        """The machine's product; on the way back the error may be replaced by random feedback, and is rounded."""
        spec = self._errors.get((operator.name, "input_gradient"))
        if spec is not None:
            rounding = self._streams["rounding"]
            inputs = tuple(Rounded.apply(x, numerics(spec.kind), spec, rounding) for x in inputs)  # type: ignore[no-untyped-call]
        if self._feedback is not None:
            # After the rounding on the way there, so before it on the way back: random feedback is rounded as well.
            inputs = self._feedback.replaced(operator, inputs)
        # Pulses come from inputs as the device is driven by them, on their grid where the network has one.
        driven = self._calibration.on_grid(operator, inputs)
        return self._pulsed.watched(operator, driven, self._rule(operator, inputs, tensors))

    def _move(self, steps: Mapping[str, Tensor], is_gradient: bool = False) -> None:
        """Add `steps` to the stored values, as the machine can."""
        self._writes += 1
        with torch.no_grad():
            for name, step in steps.items():
                leaf = self._leaves[name]
                operator, short = name.rsplit(".", 1)
                leaf.copy_(self._rewritten(operator, leaf, step, is_gradient) if short == "weight" else leaf + step)
                if name in self._masks:
                    leaf.mul_(self._masks[name])

    def _rewritten(self, name: str, weight: Tensor, step: Tensor, is_gradient: bool) -> Tensor:
        gradient, update = (self._errors.get((name, role)) for role in _WRITING)
        stream = self._streams["rounding"]
        rows, change = weight.reshape(len(weight), -1), step.reshape(len(weight), -1)
        if gradient is not None and is_gradient:
            change = numerics(gradient.kind).gradient(change, gradient, stream)
        if update is None:
            return (rows + change).reshape(weight.shape)
        if name in self._pulsed:
            moved = self._pulsed.moved(name, change, self._how.learning_rate, stream) if is_gradient else None
            return (self._pulsed.weight(name) if moved is None else moved).reshape(weight.shape)
        return numerics(update.kind).update(rows, change, update, stream).reshape(weight.shape)

    def _calibrated(self) -> Calibration:
        seen = self._again({name: leaf.detach() for name, leaf in self._leaves.items()})
        return calibrate(self._network, seen, self._data.train.images, rows=TRAINING_ROWS)

    def _programmed(self, seen: Tensors, detail: Detail) -> MachineLayers:
        """The same device each time: its static errors are drawn again from the start of the same streams, and what a
        write missed from a stream of the last update.

        Steps use the merged form, as in the search; what they reach is evaluated in the fidelity's own detail.
        """
        purposes = ("device", "backward device", f"write {self._writes}", "write 0")
        chance = Chance(*(generator(self._seed, purpose, self._draw) for purpose in purposes))
        reading = self._streams["training read"]
        return program_training(self._network.graph, seen, self._stored, self._calibration, chance, reading, detail)

    def _evaluate(self, part: Part) -> float:
        seen = self._again({name: leaf.detach() for name, leaf in self._leaves.items()})
        machine = self._programmed(seen, self._fidelity.detail)
        with torch.no_grad():
            return fraction(correct(run(self._network.graph, seen, part.images, machine.rule), part.labels))


_WRITING: tuple[Role, Role] = ("weight_gradient", "update")


def _meets_weights(key: tuple[str, Role], returning: frozenset[str]) -> bool:
    """Whether a role multiplies by stored weights or moves them: of input gradients, those of operators `returning`."""
    return key[1] != "input_gradient" or key[0] in returning


def _rounding(recipe: Recipe) -> str:
    return str(recipe.training.get("rounding", "stochastic"))


def _with_rounding(errors: Errors, rounding: str) -> dict[tuple[str, Role], ErrorSpec]:
    """How a low-precision value is rounded is the training's choice: it joins the numbers of every backward role."""
    number: Mapping[str, Any] = {"is_stochastic": 1.0 if rounding == "stochastic" else 0.0}
    return {
        key: spec if key[1] == "forward" else replace(spec, numbers={**number, **spec.numbers})
        for key, spec in errors.items()
    }
