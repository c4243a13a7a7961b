"""Laws of training on the machine: rounding, feedback, targets, masks and grids; the same run from the same streams."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy import on_machine
from joulescape.accuracy.backward import Feedback, Rounded
from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.fine_tuning import masks, straight_through
from joulescape.accuracy.machine_layers import numerics
from joulescape.accuracy.measure import measure
from joulescape.accuracy.module import initial
from joulescape.accuracy.on_machine import LAST_EVALUATIONS, Trained, train_on_machine
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, batches
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, projector
from joulescape.errors import SimulatorError
from joulescape.network.build import build_graph
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.fidelity import Fidelity
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)
Make = Callable[..., Any]
STEPS_AN_EPOCH = math.ceil(1077 / 32)
PRUNE = Step("prune", {"density": 0.3}, {})


@pytest.fixture
def train(small: Graph, recipe: Make, fixed_point: Make) -> Callable[..., Trained]:
    """Trains `small` on a whole-number machine."""
    data = load_task("digits").shaped((64,))

    def run(training: dict[str, Any], steps: tuple[Step, ...] = (), seed: int = 0, **widths: float) -> Trained:
        network = describe(small, steps)
        how = recipe(training={"epochs": 3, **training}, equivalence=training.get("equivalence", "exact"))
        fidelity = Fidelity(trainings=int(training.get("trainings", 1)), trains_on_machine=True)
        return train_on_machine(network, fixed_point(network.graph, **widths), how, fidelity, seed, data)

    return run


# Rounding


def test_the_narrower_the_update_the_more_random_rounding_gains(train: Callable[..., Trained]) -> None:
    """Steps smaller than half a level vanish when rounded to nearest: at 8 bits learning stops, at 16 both learn."""
    gains = {}
    for bits in (8, 16):
        reached = {
            rounding: train(
                {"rounding": rounding, "learning_rate": 0.1, "epochs": 5}, update_bits=bits
            ).accuracy_fraction[0]
            for rounding in ("stochastic", "nearest")
        }
        gains[bits] = reached["stochastic"] - reached["nearest"]
        assert reached["stochastic"] > 0.75
    assert gains[8] > 0.1 > abs(gains[16])


def test_rounding_to_nearest_draws_nothing_and_is_done_once(train: Callable[..., Trained]) -> None:
    assert len(train({"rounding": "nearest", "trainings": 3, "epochs": 1}).accuracy_fraction) == 1
    assert len(train({"rounding": "stochastic", "trainings": 3, "epochs": 1}).accuracy_fraction) == 3
    assert (
        len(train({"rounding": "nearest", "trainings": 2, "epochs": 1, "equivalence": "approximate"}).accuracy_fraction)
        == 2
    )


def test_a_recipe_silent_about_rounding_rounds_at_random_in_every_draw(
    small: Graph, recipe: Make, fixed_point: Make
) -> None:
    how = recipe(training={"epochs": 1})
    silent = dataclasses.replace(how, training={k: v for k, v in how.training.items() if k != "rounding"})
    data, fidelity = load_task("digits").shaped((64,)), Fidelity(trainings=2)
    spoken, unspoken = (
        train_on_machine(describe(small, ()), fixed_point(small, update_bits=8), r, fidelity, 0, data)
        for r in (how, silent)
    )
    assert spoken == unspoken and len(unspoken.accuracy_fraction) == 2


def test_stored_weights_stand_on_the_machines_grid_after_every_write(
    small: Graph, recipe: Make, fixed_point: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fresh weights too: they are written before the first step."""
    machine, written = numerics("fixed_point"), []
    honest = type(machine).update

    def spied(self: Any, weight: Any, step: Any, errors: Any, generator: Any) -> Any:
        written.append((errors.operator, bool(step.any()), honest(self, weight, step, errors, generator)))
        return written[-1][2]

    monkeypatch.setattr(type(machine), "update", spied)
    data, how = load_task("digits").shaped((64,)), recipe(training={"epochs": 1})
    train_on_machine(describe(small, ()), fixed_point(small, update_bits=6), how, Fidelity(trainings=1), 0, data)
    assert [(name, moved) for name, moved, _ in written[:2]] == [("fc1", False), ("fc2", False)]
    assert len(written) == 2 + 2 * STEPS_AN_EPOCH
    for _, _, weight in written:
        level = weight / (2.0 / 32)
        assert torch.equal(level, level.round()) and float(level.abs().max()) <= 31


# Feedback


def test_random_feedback_reaches_the_machine_and_is_rounded_there(
    small: Graph, recipe: Make, fixed_point: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the machine is asked to round on the way back lies in the row space of the fixed random matrix."""
    seen: list[torch.Tensor] = []
    machine = numerics("fixed_point")
    honest = type(machine).gradient

    def spied(self: Any, gradient: Any, errors: Any, generator: Any) -> Any:
        if errors.role == "input_gradient":
            seen.append(gradient.clone())
        return honest(self, gradient, errors, generator)

    monkeypatch.setattr(type(machine), "gradient", spied)
    data = load_task("digits").shaped((64,))
    for feedback in ("dfa", "backprop"):
        seen.clear()
        how = recipe(training={"epochs": 1, "feedback": feedback})
        train_on_machine(describe(small, ()), fixed_point(small), how, Fidelity(trainings=1), 0, data)
        assert len(seen) == STEPS_AN_EPOCH
        fixed = Feedback(small, generator(0, "feedback", 0))
        fixed.set_error(torch.eye(10) * 5, torch.arange(10))
        basis = torch.linalg.qr(fixed.error(("fc2", 0), torch.Size((10, 24))).T).Q[:, :9]
        outside = seen[0] - seen[0] @ basis @ basis.T
        is_random = float(outside.norm() / seen[0].norm()) < 1e-3
        assert is_random == (feedback == "dfa")


def test_a_machine_that_loses_every_error_teaches_hidden_layers_nothing(
    small: Graph, recipe: Make, fixed_point: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the feedback, hidden weights move only by errors that passed the machine."""
    machine, moved = numerics("fixed_point"), {"fc1": 0.0, "fc2": 0.0}

    def lost(self: Any, gradient: Any, errors: Any, generator: Any) -> Any:
        if errors.role == "weight_gradient":
            moved[errors.operator] += float(gradient.abs().sum())
        return torch.zeros_like(gradient) if errors.role == "input_gradient" else gradient

    monkeypatch.setattr(type(machine), "gradient", lost)
    data = load_task("digits").shaped((64,))
    for feedback in ("dfa", "backprop"):
        how = recipe(training={"epochs": 1, "feedback": feedback})
        train_on_machine(describe(small, ()), fixed_point(small), how, Fidelity(trainings=1), 0, data)
        assert moved["fc1"] == 0.0 < moved["fc2"]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 99), batch=st.integers(1, 9))
def test_feedback_carries_the_error_of_the_mean_cross_entropy(seed: int, batch: int) -> None:
    """Its error is autograd's gradient of the loss by the logits, spread by a matrix that never changes."""
    content = {"about": "a", "task": "digits", "input": [5], "training": {"epochs": 1}}
    layers = [{"name": "a", "kind": "dense", "out_features": 7}, {"name": "b", "kind": "dense", "out_features": 4}]
    graph = build_graph("net", NetworkSpec.model_validate({**content, "operators": layers}))
    feedback = Feedback(graph, generator(seed, "feedback"))
    matrix = torch.randn(4, 7, generator=generator(seed, "feedback")) / 2.0
    stream = generator(seed, "test")
    logits = torch.randn(batch, 4, generator=stream, requires_grad=True)
    labels = torch.randint(0, 4, (batch,), generator=stream)
    (wanted,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, labels), logits)
    feedback.set_error(logits, labels)
    assert torch.allclose(feedback.error(("b", 0), torch.Size((batch, 7))), wanted @ matrix, atol=1e-6)


def test_both_inputs_of_a_product_get_feedback_of_their_own_shape() -> None:
    layers: list[dict[str, Any]] = [
        {"name": "a", "kind": "dense", "out_features": 3},
        {"name": "b", "kind": "dense", "out_features": 8, "inputs": ["input"]},
        {"name": "m", "kind": "matmul", "inputs": ["b", "a"]},
        {"name": "flat", "kind": "flatten"},
        {"name": "fc", "kind": "dense", "out_features": 10},
    ]
    content = {"about": "a", "task": "digits", "input": [8, 8], "operators": layers, "training": {"epochs": 1}}
    graph = build_graph("attention", NetworkSpec.model_validate(content))
    feedback = Feedback(graph, generator(0, "feedback"))
    feedback.set_error(torch.randn(2, 10), torch.tensor([1, 2]))
    left, right = torch.randn(2, 8, 8, requires_grad=True), torch.randn(2, 8, 3, requires_grad=True)
    seen = feedback.replaced(graph.operator("m"), (left, right))
    back = torch.autograd.grad((seen[0] @ seen[1]).sum(), (left, right))
    assert [tuple(error.shape) for error in back] == [(2, 8, 8), (2, 8, 3)]
    assert float(back[0].abs().sum()) > 0 < float(back[1].abs().sum())


def test_rounding_backward_uses_its_own_stream_in_order() -> None:
    spec = ErrorSpec("fixed_point", "fc", "input_gradient", {"gradient_bits": 3, "is_stochastic": 1.0})
    x, error = torch.randn(50, requires_grad=True), torch.randn(50)
    plugin = numerics("fixed_point")
    stream = generator(0, "rounding")
    found = []
    for _ in range(2):
        y = Rounded.apply(x, plugin, spec, stream)  # type: ignore[no-untyped-call]
        found.append(torch.autograd.grad(y, x, error)[0])
    again = generator(0, "rounding")
    wanted = [plugin.gradient(error, spec, again) for _ in range(2)]
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    assert not torch.equal(found[0], found[1])


# Targets


@pytest.mark.parametrize("target", [0.3, 0.6, 0.85])
def test_a_target_stops_at_the_first_epoch_that_reaches_it(train: Callable[..., Trained], target: float) -> None:
    """A run that stops is a prefix of the run that does not: one epoch less would not have been enough."""
    found = train({"epochs": 6, "target": {"accuracy_fraction": target}})
    assert found.reached_target is True and found.steps % STEPS_AN_EPOCH == 0
    epochs = found.steps // STEPS_AN_EPOCH
    assert found.accuracy_fraction[0] >= target
    if epochs > 1:
        shorter = train({"epochs": epochs - 1, "target": {"accuracy_fraction": target}})
        assert shorter.reached_target is False and shorter.steps == (epochs - 1) * STEPS_AN_EPOCH


def test_harder_targets_never_take_fewer_steps(train: Callable[..., Trained]) -> None:
    steps = [train({"epochs": 5, "target": {"accuracy_fraction": t}}).steps for t in (0.2, 0.5, 0.8, 0.9, 1.0)]
    assert steps == sorted(steps) and steps[-1] == 5 * STEPS_AN_EPOCH


def test_every_draw_must_reach_the_target_and_the_longest_is_paid(train: Callable[..., Trained]) -> None:
    goal = {"epochs": 4, "target": {"accuracy_fraction": 0.85}}
    alone, three = train({**goal, "trainings": 1}), train({**goal, "trainings": 3})
    assert len(three.accuracy_fraction) == 3 and three.accuracy_fraction[0] == alone.accuracy_fraction[0]
    assert three.steps >= alone.steps
    impossible = train({"epochs": 1, "trainings": 2, "target": {"accuracy_fraction": 1.0}})
    assert impossible.reached_target is False


def test_without_a_target_the_last_evaluations_are_averaged(
    train: Callable[..., Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[float] = []
    honest = on_machine.fraction
    monkeypatch.setattr(on_machine, "fraction", lambda right: reached.append(honest(right)) or reached[-1])
    found = train({"epochs": 5})
    assert len(reached) == LAST_EVALUATIONS and found.reached_target is None
    assert found.accuracy_fraction[0] == pytest.approx(sum(reached) / LAST_EVALUATIONS)


def test_training_on_the_machine_repeats_and_seeds_differ(train: Callable[..., Trained]) -> None:
    one, same, other = (train({"epochs": 1}, seed=seed, update_bits=8) for seed in (0, 0, 1))
    assert one == same and one.accuracy_fraction != other.accuracy_fraction


def test_a_rate_that_diverges_is_a_failure(small: Graph, recipe: Make, networks_dir: Path) -> None:
    fidelity, how = Fidelity(trains_on_machine=True), recipe({"epochs": 0}, {"learning_rate": 1e30})
    with pytest.raises(SimulatorError, match="diverged|NaN"):
        measure(describe(small, ()), {}, how, fidelity, 0, networks_dir)


# Compressed training


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), density=st.floats(0.05, 0.9))
def test_masks_are_the_zeros_of_pruned_layers(small: Graph, seed: int, density: float) -> None:
    network = describe(small, [Step("prune", {"density": density}, {"fc2": {"density": 1.0}})])
    fresh = projector(network, False)(initial(small, generator(seed, "w")))
    found = masks(network, fresh)
    assert set(found) == {"fc1.weight"}
    assert int(found["fc1.weight"].sum()) == max(1, round(density * 24 * 64))
    assert torch.equal(fresh["fc1.weight"] * found["fc1.weight"], fresh["fc1.weight"])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), bits=st.integers(1, 8))
def test_straight_through_has_the_grids_values_and_the_leaves_gradients(small: Graph, seed: int, bits: int) -> None:
    network = describe(small, [Step("quantize", {"weight_bits": bits, "activation_bits": 8}, {})])
    leaves = {n: t.requires_grad_() for n, t in initial(small, generator(seed, "w")).items()}
    projection = projector(network, True)
    seen = straight_through(leaves, projection)
    wanted = projection({name: leaf.detach() for name, leaf in leaves.items()})
    assert all(torch.allclose(seen[name], wanted[name], atol=1e-6) for name in leaves)
    assert seen["fc1.bias"] is leaves["fc1.bias"], "what is not projected is the leaf itself"
    error = torch.randn(leaves["fc1.weight"].shape, generator=generator(seed, "e"))
    (gradient,) = torch.autograd.grad((seen["fc1.weight"] * error).sum(), leaves["fc1.weight"])
    assert torch.equal(gradient, error)


def test_pruned_weights_are_never_written_while_training(
    small: Graph, recipe: Make, fixed_point: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    honest = on_machine.program_training

    def spied(graph: Any, tensors: Any, *rest: Any) -> Any:
        seen.append(tensors["fc1.weight"].detach().clone())
        return honest(graph, tensors, *rest)

    monkeypatch.setattr(on_machine, "program_training", spied)
    data, how = load_task("digits").shaped((64,)), recipe(training={"epochs": 1})
    train_on_machine(describe(small, [PRUNE]), fixed_point(small, update_bits=8), how, Fidelity(trainings=1), 0, data)
    zeros = seen[0] == 0
    assert float(zeros.float().mean()) >= 0.69
    kept = describe(small, [PRUNE]).formats["fc1"].weight_density
    for weight in seen:
        assert int(torch.count_nonzero(weight)) <= round(kept * weight.numel())
    assert not torch.equal(seen[0], seen[-1]), "and the others are"


@given(samples=st.integers(1, 300), size=st.integers(1, 64), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_an_epoch_shows_every_sample_once(samples: int, size: int, seed: int) -> None:
    found = batches(samples, size, generator(seed, "batches"))
    assert sorted(torch.cat(list(found)).tolist()) == list(range(samples))
    assert len(found) == TrainingRun(1, size, 0.1).steps_per_epoch(samples)
    assert all(len(one) == size for one in found[:-1])


@pytest.mark.parametrize(
    "steps",
    [
        (Step("prune", {"density": 0.3, "criterion": "first_order"}, {}),),
        (Step("prune", {"granularity": "channel", "criterion": "first_order"}, {}),),
        (Step("incremental", {}, {}),), (Step("share", {"bits": 3}, {}),), (Step("ternary", {"rule": "ttq"}, {}),),
        (Step("low_rank", {"rank_fraction": 0.5}, {}), Step("logarithmic", {}, {})),
        (Step("circulant", {"block": 2}, {}), Step("quantize", {"weight_bits": 4}, {})),
    ],
    ids=lambda steps: "+".join(step.method for step in steps),
)  # fmt: skip
def test_every_compression_can_be_trained_on_the_machine(
    train: Callable[..., Trained], steps: tuple[Step, ...]
) -> None:
    found = train({"epochs": 3}, steps)
    assert found.accuracy_fraction[0] > 0.35
