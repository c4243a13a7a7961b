"""Where a machine's energy goes, layer by layer, for methods that compress there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from joulescape.compression.base import Described, Step
from joulescape.compression.pipeline import describe, method_of, settings_of
from joulescape.network.operators import Graph
from joulescape.pricing.metrics import phase_work

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace
    from joulescape.resolve.machine import Machine

DIGITS = 2
"""Shares are told to a hundredth, so that machines that differ by less share what is measured."""


def described_for(space: DesignSpace, candidate: Candidate) -> Described:
    """The candidate's network after its steps; a step that asks for the layers' energy is told it of the network that
    it meets on the typical machine: corners move costs, never the design."""
    graph, done = space.graphs[candidate.network], tuple[Step, ...]()
    for step in candidate.compression:
        done = (*done, _informed(space, candidate, graph, done, step))
    return describe(graph, done)


def energy_fractions(machine: Machine, network: Described, batch: int) -> Mapping[str, float]:
    """Each operator's share of one inference's energy at nominal statistics; the mean over swept variants, 0 for what
    the machine spends nothing on."""
    cost = machine.cost(network, phase_work(network, "inference", batch, None, {}))
    total = np.asarray(cost.energy_pj(), dtype=float)
    spent = {operator.name: 0.0 for operator in network.graph.operators}
    for run in cost.layers:
        share = sum((energy.energy_pj for energy in run.energies), start=np.zeros_like(total)) / total
        spent[run.cost.layer] += float(np.mean(share))
    return {layer: round(share, DIGITS) for layer, share in spent.items()}


def _informed(space: DesignSpace, candidate: Candidate, graph: Graph, done: tuple[Step, ...], step: Step) -> Step:
    """The step with every layer's share in its settings: part of its name, so of the name of its measurement."""
    method, before = method_of(step), describe(graph, done)
    settings = settings_of(method, step, before.graph)
    if "layer_energy" not in method.needs(settings):
        return step
    shares = energy_fractions(space.machine(candidate), before, space.spec.batch)
    told = {name: {**step.at(name), "energy_fraction": shares[name]} for name in settings}
    return replace(step, per_layer={**step.per_layer, **told})
