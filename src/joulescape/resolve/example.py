"""What a fresh question may start from: a network of the shelf and back ends that run it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
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
    """The first network of the shelf that at least one design runs; SpecError where there is none.

    Back ends are read one by one, until those of two families run it.
    """
    faults: list[Fault] = []
    for spec, graph in _networks(root, faults):
        met = list(islice(_first_of_families(root, graph, faults), MOST_BACK_ENDS))
        if met:
            return ExampleNames(spec.task, graph.name, tuple(met))
    nothing = Fault(display(root), None, "", "no network that any back end runs", "one in models/ and one in hwlib/")
    raise SpecError([*faults, nothing])


def _first_of_families(root: Path, graph: Graph, faults: list[Fault]) -> Iterator[str]:
    """The first design of each family, by name, that runs the graph."""
    for _, names in groupby(back_end_names(root), key=lambda name: name.partition("/")[0]):
        designs = (resolve_back_end(root, name, faults) for name in names)
        running = (one.name for one in designs if one is not None and one.spec.is_design and _runs(one, graph))
        yield from islice(running, 1)


def _networks(root: Path, faults: list[Fault]) -> Iterator[tuple[AnyNetworkSpec, Graph]]:
    """Networks whose data come with the project first, as a first question should need no download; of these, those
    without products of two activations, which few machines run themselves."""
    read = ((name, read_network(network_path(root, name), faults)) for name in network_names(root))
    measured = [(name, found[1]) for name, found in read if found is not None and not found[1].is_workload]
    ready = [(spec, build_graph(name, spec)) for name, spec in measured if spec.task == AT_HAND]
    yield from sorted(ready, key=lambda found: any(one.kind == "matmul" for one in found[1].operators))
    yield from ((spec, build_graph(name, spec)) for name, spec in measured if spec.task != AT_HAND)


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
