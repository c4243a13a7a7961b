"""Which network meets which back end, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulescape.network.operators import ROLES, Graph, Role
from joulescape.resolve.back_end import BackEnd
from joulescape.resolve.candidate import Pair
from joulescape.resolve.hardware import HardwarePlan
from joulescape.resolve.steps import StepPlan
from joulescape.spec.space import SpaceSpec

DYNAMIC_PRODUCTS = "dynamic_products"
"""The setting by which a machine takes products of two activations, or does not."""


@dataclass(frozen=True)
class Refused:
    """A pair that cannot meet; it is listed and never drawn."""

    pair: Pair
    reason: str


def roles_of(spec: SpaceSpec) -> tuple[Role, ...]:
    """Roles that the asked phases need."""
    return ROLES if "training" in spec.phases else ("forward",)


def sort_pairs(
    spec: SpaceSpec, graphs: Mapping[str, Graph], back_ends: Mapping[str, BackEnd], steps: Sequence[StepPlan]
) -> tuple[tuple[Pair, ...], tuple[Refused, ...]]:
    """Every pair in the order of the space, as (those that meet, those that are refused)."""
    met: list[Pair] = []
    refused: list[Refused] = []
    for network in graphs:
        for name, back_end in back_ends.items():
            reason = _reason(spec, graphs[network], back_end, steps)
            pair = Pair(network, name)
            if reason is None:
                met.append(pair)
            else:
                refused.append(Refused(pair, reason))
    return tuple(met), tuple(refused)


def dropped_steps(graphs: Mapping[str, Graph], steps: Sequence[StepPlan]) -> Iterator[str]:
    """A note for each method that acts on no operator of a network, and is dropped there."""
    for name, graph in graphs.items():
        for step in steps:
            for option in step.options:
                if option.method is not None and not option.method.is_whole and not option.operators(graph):
                    place = f"compression.{step.index}.{option.name}"
                    yield f"{place} acts on no operator of {name} and is dropped there"


def hosted_products(
    pairs: Sequence[Pair], graphs: Mapping[str, Graph], plans: Mapping[str, HardwarePlan]
) -> Iterator[str]:
    """A note for each pair whose host runs products of two activations, unless the question lets that be drawn."""
    for pair in pairs:
        plan, products = plans[pair.back_end], [o for o in graphs[pair.network].operators if o.kind == "matmul"]
        if any(found.path == DYNAMIC_PRODUCTS for found in plan.drawn):
            continue
        machine = plan.back_end.machine("system", plan.settings(plan.fixed, ({},), "typical"))
        hosted = [o.name for o in products if (station := machine.station(o, "forward")) and station.is_host]
        if hosted:
            said = f"{pair.back_end} leaves products of two activations to its host"
            yield f"{said}: {', '.join(hosted)} of {pair.network}"


def _reason(spec: SpaceSpec, graph: Graph, back_end: BackEnd, steps: Sequence[StepPlan]) -> str | None:
    for step in steps:
        for option in step.options:
            if option.method is not None and option.method.is_whole and not option.operators(graph):
                return f"{option.name} must act on the whole network and takes no operator of {graph.name}"
    machine = back_end.machine(spec.boundary)
    if back_end.spec.equivalence == "own":
        physical = graph.physical_operators
        if not any(machine.own.takes(operator, "forward") for operator in physical):
            return f"{back_end.name} is its own network, and {graph.name} holds none of its physical operators"
    return machine.meets(graph, roles_of(spec))
