"""What a network loses and pays in spikes: law of the rate code, conversion, first spikes, training through time.

    JOULESCAPE_DATA=<data> python benchmarks/spiking.py [section ...]

Sections: law conversion truenorth rolls surrogate early; without names all of them. CPU seconds of one thread.
The tables of docs/spiking.md are printed here; reference weights are those of results/networks, test samples all 10,000
of MNIST (360 of digits) unless a column says otherwise. Designs are chosen on validation samples.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from joulescape.accuracy.datasets import Data, Part, load_task
from joulescape.accuracy.fine_tuning import compressed
from joulescape.accuracy.module import initial, run
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.reference import reference_tensors, single_thread
from joulescape.accuracy.spiking import BALANCING_SAMPLES, PATIENCE, SurrogateTraining, first_decision
from joulescape.accuracy.spiking_plan import programmed
from joulescape.accuracy.spiking_run import Answer, answered
from joulescape.accuracy.training import TrainingRun, as_leaves, correct, fit, fraction
from joulescape.compression.base import Described, Step
from joulescape.compression.pipeline import describe
from joulescape.compression.ternary import TernarySettings
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.network.work import LayerStatistics
from joulescape.numerics.spiking.codes import rate_code
from joulescape.numerics.spiking.neurons import integrate, start
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).parents[1]
TIMES = (4, 8, 16, 32, 64, 128)
ALLOWED = 0.005
"""Half a point."""

EPOCHS = 10
"""Of fine-tuning with ternary weights."""

BREAK_EVEN = 4.6 / 0.9
"""Additions for the energy of one multiply-accumulate, float32 at 45 nm (horowitz2014)."""


class Case:
    """A reference network with its data."""

    def __init__(self, name: str) -> None:
        spec = NetworkSpec.model_validate(yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text()))
        self.graph: Graph = build_graph(name, spec)
        self.data: Data = load_task(spec.task).shaped(self.graph.input_shape)
        self.task, self.recipe = spec.task, spec.recipe
        self.tensors: Mapping[str, Tensor] = reference_tensors(
            self.graph, spec.recipe, spec.task, ROOT / "results/networks"
        )

    def reference(self, part: Part) -> float:
        """Accuracy in float32."""
        with torch.no_grad():
            return fraction(correct(run(self.graph, self.tensors, part.images), part.labels))

    def errors(self, **numbers: float) -> Errors:
        """The same numbers for every product; samples as constant currents unless they say otherwise."""
        all_of = {"threshold_percentile": 99.9, "is_current": 1.0, **numbers}
        return {
            (o.name, "forward"): ErrorSpec("spiking", o.name, "forward", all_of) for o in self.graph.matrix_operators
        }

    def answer(
        self, errors: Errors, part: Part, tensors: Mapping[str, Tensor] | None = None, draw: int = 0,
        patience: int | None = None,
    ) -> tuple[float, Answer, float]:  # fmt: skip
        """Accuracy, what the machine answered, steps to the first decision."""
        device, reading = (generator(0, purpose, draw) for purpose in ("device", "read"))
        with torch.no_grad():
            samples = self.data.train.images[:BALANCING_SAMPLES]
            machine = programmed(self.graph, tensors or self.tensors, errors, samples, device)
            found = answered(machine, part.images, reading, patience)
        return fraction(correct(found.logits, part.labels)), found, first_decision(machine, found)


@cache
def case(name: str) -> Case:
    """Loaded once a run."""
    return Case(name)


def spread(part: Part, count: int) -> Part:
    """Every so manyth sample: the first thousands of MNIST's test split are the harder ones."""
    step = max(1, len(part.labels) // count)
    return Part(part.images[::step][:count], part.labels[::step][:count])


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and its CPU seconds."""
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def energies(
    back_end: str, described: Described, answers: Sequence[Answer], density: Mapping[str, float], **overrides: Any
) -> tuple[float, float, float]:
    """Of one inference: synaptic events, dynamic energy and energy with static power (nJ), from counted spikes."""
    machine = load_back_end(ROOT, back_end, overrides).machine("chip")
    seen = {
        name: LayerStatistics(
            input_spikes=fmean(one.spikes[name] for one in answers),
            weight_density=density.get(name, 1.0),
            synaptic_events=fmean(one.events[name] for one in answers),
        )
        for name in answers[0].sent
    }
    found = machine.cost(described, lower(described.graph, described.formats, "inference", 1, seen))
    parts = [(e.component.name, float(np.asarray(e.energy_pj)[0])) for one in found.layers for e in one.energies]
    own = [(name, pj) for name, pj in parts if not name.startswith("host_")]
    dynamic = sum(pj for name, pj in own if name != "static")
    events = sum(
        o.loops.macs * fmean(one.events[o.name] for one in answers)
        for o in described.graph.matrix_operators
        if o.loops is not None
    )
    return events, dynamic / 1e3, sum(pj for _, pj in own) / 1e3


# --- the law ----------------------------------------------------------------------------------------------------------


def law() -> str:
    """Root mean square error of T steps over uniform activations, closed form and stepped, against 1 / (T sqrt 12)."""
    values, rows = torch.rand(200_000, generator=generator(0, "uniform")), []
    for steps in (*TIMES, 256):
        potential = start(tuple(values.shape), 1.0, is_signed=False)
        stepped = integrate(values.unsqueeze(0), steps, potential, 1.0).mean(0)
        errors = [float((found - values).square().mean().sqrt()) for found in (rate_code(values, steps), stepped)]
        wanted = 1 / (steps * math.sqrt(12))
        rows.append(
            (str(steps), *(f"{e:.5f}" for e in errors), f"{wanted:.5f}", f"{100 * (errors[1] / wanted - 1):+.2f} %")
        )
    return table("T | closed form | step by step | 1 / (T sqrt 12) | off by", rows)


# --- conversion -------------------------------------------------------------------------------------------------------


def conversion() -> str:
    """LeNet-5, digits networks on Loihi: accuracy, spikes and energy against T in both codes."""
    return "\n\n".join(converted(case(name), name) for name in ("lenet5", "digits_lenet", "digits_mlp"))


def converted(one: Case, name: str) -> str:
    """One network; the smallest T within half a point of float32 is chosen on validation samples."""
    rows, told, validation = [], [], spread(one.data.validation, 2000)
    least = one.reference(validation) - ALLOWED
    for code in ("rate", "first_spike"):
        found = [against_time(one, code, steps, validation) for steps in TIMES]
        rows += [row for _, row in found]
        chosen = next((steps for steps, (reached, _) in zip(TIMES, found, strict=True) if reached >= least), None)
        told.append(f"{name}, {code}: the smallest T within half a point on validation samples is {chosen}.")
    told.append(f"{name} in float32: {100 * one.reference(one.data.test):.2f} % of the test samples.")
    head = (
        "code | T | validation % | test % | first decision, steps | spikes a hidden neuron | events a MAC | "
        "below break-even | dynamic nJ | with static nJ | s"
    )
    return " ".join(told) + "\n\n" + table(head, rows)


def against_time(one: Case, code: str, steps: int, validation: Part) -> tuple[float, tuple[str, ...]]:
    """One T: the accuracy on validation samples, and a row of what it reaches and pays."""
    errors = one.errors(timesteps=steps, is_first_spike=float(code == "first_spike"))
    validated, _, _ = one.answer(errors, validation)
    (accuracy, found, decision), seconds = timed(lambda: one.answer(errors, one.data.test))
    events, dynamic, whole = energies(
        "electronic/loihi", describe(one.graph, ()), [found], {}, timesteps=steps, code=code
    )
    first = one.graph.matrix_operators[0].name
    hidden = fmean(value for key, value in found.spikes.items() if key != first)
    each = events / one.graph.macs
    return validated, (
        code, str(steps), f"{100 * validated:.2f}", f"{100 * accuracy:.2f}", f"{decision:.1f}", f"{hidden:.2f}",
        f"{each:.2f}", "yes" if each < BREAK_EVEN else "no", f"{dynamic:.1f}", f"{whole:.1f}", f"{seconds:.2f}",
    )  # fmt: skip


# --- chips ------------------------------------------------------------------------------------------------------------


def tuned(one: Case, errors: Errors, epochs: int, in_spikes: bool) -> tuple[Described, Mapping[str, Tensor]]:
    """Ternary weights, tuned from the reference's, in spikes or without them."""
    described = describe(one.graph, (Step("ternary", TernarySettings(activation_bits=32).model_dump(), {}),))
    how = {"epochs": epochs, "batch": 64, "learning_rate": 0.004, "noise_aware": in_spikes}
    return described, compressed(described, one.tensors, how, one.data.train, errors, 0)


def ternary_row(
    back_end: str, name: str, steps: int, in_spikes: bool, draws: int, numbers: Mapping[str, float]
) -> tuple[str, ...]:
    """One ternary network at one T: what devices make of it, and what it takes."""
    one = case(name)
    errors = one.errors(timesteps=steps, **numbers)
    (described, tensors), seconds = timed(lambda: tuned(one, errors, EPOCHS, in_spikes))
    found = [one.answer(errors, one.data.test, tensors, draw) for draw in range(draws)]
    density = {o.name: float((tensors[f"{o.name}.weight"] != 0).float().mean()) for o in one.graph.matrix_operators}
    answers = [answer for _, answer, _ in found]
    events, dynamic, whole = energies(back_end, described, answers, density, timesteps=steps)
    percents = [100 * accuracy for accuracy, _, _ in found]
    shown = f"{fmean(percents):.2f}" + (f" ± {stdev(percents):.2f}" if draws > 1 else "")
    return (
        name, str(steps), "in spikes" if in_spikes else "without", shown, f"{fmean(d for _, _, d in found):.1f}",
        f"{events / one.graph.macs:.2f}", f"{dynamic:.1f}", f"{whole:.0f}", f"{seconds:.1f}",
    )  # fmt: skip


def on_chip(back_end: str, names: Sequence[str], times: Sequence[int], draws: int, **numbers: float) -> str:
    """Ternary networks on a chip that has no wider weights."""
    rows = [
        ternary_row(back_end, name, steps, in_spikes, draws, numbers)
        for name in names
        for steps in times
        for in_spikes in (False, True)
    ]
    head = (
        "network | T | tuned | test % | first decision, steps | events a MAC | dynamic nJ | with static nJ | tuning s"
    )
    return table(head, rows)


def truenorth() -> str:
    """Regular spikes in, ternary synapses."""
    return on_chip("electronic/truenorth", ("digits_mlp", "digits_lenet"), (4, 16), 1, is_current=0.0)


def rolls() -> str:
    """Poisson spikes in, ternary analog synapses with mismatch, five devices."""
    sigma = {"weight_sigma_fraction": 0.2, "threshold_sigma_fraction": 0.1}
    return on_chip("electronic/rolls", ("digits_mlp",), (16, 64), 5, is_current=0.0, is_poisson=1.0, **sigma)


# --- training through time --------------------------------------------------------------------------------------------


def surrogate() -> str:
    """With surrogate gradients, from fresh weights and from a trained network's, beside its plain conversion."""
    plans = (
        ("digits_mlp", 20, 10, 0.01, (1, 2, 4, 8, 16)),
        ("digits_lenet", 20, 10, 0.01, (1, 2, 4, 8, 16)),
        ("mnist_mlp", 2, 1, 0.004, (1, 4)),
        ("lenet5", 1, 1, 0.004, (1, 4)),
    )
    rows = [
        surrogate_row(name, fresh, more, rate, steps) for name, fresh, more, rate, times in plans for steps in times
    ]
    head = (
        "network | T | converted % | then trained in spikes % | epochs, s | from fresh weights % | epochs, s | "
        "spikes a neuron, converted | trained from it"
    )
    return table(head, rows)


def surrogate_row(name: str, fresh: int, more: int, rate: float, steps: int) -> tuple[str, ...]:
    """One network at one T."""
    one = case(name)
    errors, described = one.errors(timesteps=steps), describe(one.graph, ())
    leaves = as_leaves(initial(one.graph, generator(0, "initial weights")))
    training = SurrogateTraining(described, errors, one.data.train.images, 0)
    how, stream = TrainingRun(fresh, 64, rate), generator(0, "batches")
    _, fresh_s = timed(lambda: fit(leaves, lambda x: training.logits(leaves, x), one.data.train, how, stream))
    tune = {"epochs": more, "batch": 64, "learning_rate": 0.004 if more > 1 else 0.001, "noise_aware": True}
    tuned_, tuned_s = timed(lambda: compressed(described, one.tensors, tune, one.data.train, errors, 0))
    weights = (one.tensors, tuned_, {key: leaf.detach() for key, leaf in leaves.items()})
    plain, hybrid, alone = (one.answer(errors, one.data.test, tensors) for tensors in weights)
    return (
        name, str(steps), f"{100 * plain[0]:.2f}", f"{100 * hybrid[0]:.2f}", f"{more}, {tuned_s:.1f}",
        f"{100 * alone[0]:.2f}", f"{fresh}, {fresh_s:.1f}", f"{fmean(plain[1].spikes.values()):.2f}",
        f"{fmean(hybrid[1].spikes.values()):.2f}",
    )  # fmt: skip


# --- stopping early ---------------------------------------------------------------------------------------------------


def early() -> str:
    """What a search saves by letting samples go whose decision has stood for PATIENCE steps."""
    rows = []
    for name in ("digits_lenet", "lenet5"):
        one = case(name)
        part = spread(one.data.test, 1000)
        for steps in (32, 64, 128):
            errors = one.errors(timesteps=steps)
            (whole, _, _), full_s = timed(lambda: one.answer(errors, part))  # noqa: B023
            (soon, found, _), early_s = timed(lambda: one.answer(errors, part, patience=PATIENCE))  # noqa: B023
            rows.append((
                name, str(steps), f"{100 * whole:.2f}", f"{100 * soon:.2f}", f"{float(found.steps.mean()):.1f}",
                f"{full_s:.2f}", f"{early_s:.2f}",
            ))  # fmt: skip
    return table("network, 1,000 samples | T | all steps % | let go % | steps seen | s | s let go", rows)


SECTIONS = {
    "law": law, "conversion": conversion, "truenorth": truenorth, "rolls": rolls, "surrogate": surrogate,
    "early": early,
}  # fmt: skip


def main(names: Sequence[str]) -> None:
    """Print the sections asked for."""
    single_thread()
    for name in names or tuple(SECTIONS):
        sys.stdout.write(f"## {name}\n\n{SECTIONS[name]()}\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
