"""What a fresh question may start from: a network of the shelf and back ends that run it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from joulescape.compression.pipeline import describe
from joulescape.errors import Fault, Infeasible, SpecError
from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.resolve.back_end import BackEnd, resolve_back_end
from joulescape.resolve.networks import read_network
from joulescape.resolve.shelves import back_end_names, network_names, network_path
from joulescape.spec.document import display
from joulescape.spec.network import AnyNetworkSpec

MOST_BACK_ENDS = 2

AT_HAND = "digits"
"""The task whose data need no file."""


@dataclass(frozen=True)
class ExampleNames:
    """A task, one network of it, and back ends that take the network forward, one a family."""

    task: str
    network: str
    back_ends: tuple[str, ...]


def example_names(root: Path) -> ExampleNames:
    """The first network of the shelf that at least one design runs; SpecError where there is none."""
    faults: list[Fault] = []
    loaded = (resolve_back_end(root, name, faults) for name in back_end_names(root))
    designs = [back_end for back_end in loaded if back_end is not None and back_end.spec.is_design]
    for spec, graph in _networks(root, faults):
        met = sorted({design.family: design.name for design in reversed(designs) if _runs(design, graph)}.values())
        if met:
            return ExampleNames(spec.task, graph.name, tuple(met[:MOST_BACK_ENDS]))
    nothing = Fault(display(root), None, "", "no network that any back end runs", "one in models/ and one in hwlib/")
    raise SpecError([*faults, nothing])


def _networks(root: Path, faults: list[Fault]) -> Iterator[tuple[AnyNetworkSpec, Graph]]:
    for name in sorted(network_names(root), key=lambda name: (not _is_at_hand(root, name), name)):
        found = read_network(network_path(root, name), faults)
        if found is not None and not found[1].is_workload:
            yield found[1], build_graph(name, found[1])


def _is_at_hand(root: Path, name: str) -> bool:
    """Whether its task's data come with the project: a first question should need no download."""
    found = read_network(network_path(root, name), [])
    return found is not None and found[1].task == AT_HAND


def _runs(design: BackEnd, graph: Graph) -> bool:
    """Whether it runs the graph forward as a matrix machine within its limits; physical networks are no plain start."""
    machine = design.machine("system")
    if design.spec.equivalence == "own" or machine.meets(graph, ("forward",)) is not None:
        return False
    network = describe(graph, ())
    try:
        limits = machine.limits(network, lower(graph, network.formats, "inference", 1, {}))
    except Infeasible:
        return False
    return not any(np.any(np.asarray(limit.overshoot) > 0) for limit in limits)
