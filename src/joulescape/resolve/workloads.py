"""Networks that are priced and never measured: shapes without weights, and states that a publication reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from joulescape.compression.base import Step
from joulescape.errors import Fault, nearest
from joulescape.network.operators import Graph
from joulescape.network.task import TASKS
from joulescape.resolve.steps import StepPlan
from joulescape.spec.document import Document, Keys
from joulescape.spec.network import AnyNetworkSpec, NetworkTraining
from joulescape.spec.space import ACCURACY_METRICS, TRAINING_METRICS, SpaceSpec

REPORTED = "reported"
"""The compression step whose values stand in the network's YAML."""


def workload_faults(spec: AnyNetworkSpec, graph: Graph, document: Document) -> list[Fault]:
    """Faults of one network's YAML: a recipe without data, a physical network without one, layers not reported of."""
    faults: list[Fault] = []
    keys: Keys = ("training",)
    if graph.physical_operators and spec.is_workload:
        expected = "a recipe: a network with physical operators is trained where it runs"
        faults.append(document.fault(keys, "nothing", expected))
    if isinstance(spec.training, NetworkTraining) and not _has_data(spec):
        expected = f"no recipe: the task '{spec.task}' has sizes alone, no data that could be read"
        faults.append(document.fault(keys, "a recipe", expected))
    known = [operator.name for operator in graph.matrix_operators if operator.weight_shape is not None]
    for name in () if spec.reported is None else spec.reported.layers:
        if name not in known:
            expected = f"an operator of the network with weights ({known[0]} ... {known[-1]})"
            faults.append(document.fault(("reported", "layers", name), f"'{name}'", expected, nearest(name, known)))
    return faults


def check_workloads(
    document: Document, spec: SpaceSpec, networks: Mapping[str, AnyNetworkSpec], steps: Sequence[StepPlan]
) -> list[Fault]:
    """Faults of a question that asks for the accuracy of what has none, or prices what nobody reports."""
    return [*_accuracies(document, spec, networks), *_reports(document, spec, networks, steps)]


def with_reported(step: Step, network: AnyNetworkSpec) -> Step:
    """The step with what the network's YAML reports of each layer."""
    if step.method != REPORTED or network.reported is None:
        return step
    said = network.reported
    every = step.settings if said.every is None else said.every.model_dump()
    return replace(step, settings=every, per_layer={name: layer.model_dump() for name, layer in said.layers.items()})


def _accuracies(document: Document, spec: SpaceSpec, networks: Mapping[str, AnyNetworkSpec]) -> list[Fault]:
    shapes = [name for name, network in networks.items() if network.is_workload]
    unseen = [name for name, network in networks.items() if not network.is_workload and not _has_data(network)]
    if not (shapes or unseen) or not spec.needs_accuracy:
        return []
    named: list[Keys] = [("objectives", m) for m in spec.objectives if m in ACCURACY_METRICS]
    named += [("constraints", m) for m in spec.constraints if m in ACCURACY_METRICS]
    if not named:  # training up to a target is measured too
        named = [("training", "target")]
    listed = ", ".join(shapes or unseen)
    missing = "`training:` recipe, so no weights" if shapes else "data (its task has sizes alone), so no measurement"
    expected = f"costs alone: {listed} has no {missing} and no accuracy"
    return [document.fault(keys, f"'{keys[-1]}' asked of {listed}", expected) for keys in named]


def _has_data(network: AnyNetworkSpec) -> bool:
    return network.task not in TASKS or TASKS[network.task].has_data


def _reports(
    document: Document, spec: SpaceSpec, networks: Mapping[str, AnyNetworkSpec], steps: Sequence[StepPlan]
) -> list[Fault]:
    faults: list[Fault] = []
    for step in steps:
        if step.option(REPORTED) is None:
            continue
        keys: Keys = ("compression", step.index)
        silent = [name for name, network in networks.items() if network.reported is None]
        if silent:
            expected = f"`reported:` in the YAML of {', '.join(silent)}, which says nothing of its layers"
            faults.append(document.fault(keys, f"'{REPORTED}'", expected))
        if spec.needs_accuracy:
            asked = sorted((ACCURACY_METRICS | TRAINING_METRICS) & {*spec.objectives, *spec.constraints})
            expected = f"another method for {' and '.join(asked)}: a reported state has no weights to measure"
            faults.append(document.fault(keys, f"'{REPORTED}'", expected))
    return faults
