"""A space resolved: every name found, every value checked, every pair sorted; ready to be drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joulescape.errors import Fault, SpecError
from joulescape.network.build import build_graph
from joulescape.network.digest import digest
from joulescape.network.fidelity import Recipe
from joulescape.network.operators import Graph
from joulescape.resolve.back_end import BackEnd, resolve_back_end
from joulescape.resolve.candidate import Candidate, Pair, Parameter
from joulescape.resolve.hardware import HardwarePlan, read_hardware
from joulescape.resolve.machine import Machine
from joulescape.resolve.metrics import check_metrics
from joulescape.resolve.pairs import Refused, dropped_steps, sort_pairs
from joulescape.resolve.shelves import (
    back_end_names,
    find_root,
    network_names,
    network_path,
    read_or_fault,
    unknown_name,
)
from joulescape.resolve.steps import StepPlan, read_steps
from joulescape.resolve.training import TrainingPlan, read_training
from joulescape.spec.document import Document, Keys, read_document
from joulescape.spec.domain import ChoiceDomain, Scalar
from joulescape.spec.faults import checked
from joulescape.spec.network import NetworkSpec
from joulescape.spec.sourced import Corner
from joulescape.spec.space import SpaceSpec


@dataclass(frozen=True)
class DesignSpace:
    """One question, resolved. Everything here has been checked; nothing is checked again."""

    name: str
    root: Path
    spec: SpaceSpec
    networks: Mapping[str, NetworkSpec]
    graphs: Mapping[str, Graph]
    back_ends: Mapping[str, BackEnd]
    pairs: tuple[Pair, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    steps: tuple[StepPlan, ...] = field(repr=False)
    hardware: Mapping[str, HardwarePlan] = field(repr=False)
    training: TrainingPlan = field(repr=False)

    def pair_parameter(self) -> Parameter:
        """The root of all conditional parameters: which pair."""
        return Parameter("pair", ChoiceDomain(kind="choice", options=tuple(pair.name for pair in self.pairs)))

    def parameters(self, pair: Pair) -> tuple[Parameter, ...]:
        """What the search draws once it has drawn this pair, parents before children."""
        graph = self.graphs[pair.network]
        compression = tuple(p for step in self.steps for p in step.parameters(graph))
        training = self.training.parameters() if self._trains(pair) else ()
        return (*compression, *training, *self.hardware[pair.back_end].parameters())

    def candidate(self, values: Mapping[str, Scalar]) -> Candidate:
        """The candidate of drawn values (`pair` among them, under their Optuna names)."""
        network, _, back_end = str(values["pair"]).partition("@")
        pair, graph, plan = Pair(network, back_end), self.graphs[network], self.hardware[back_end]
        steps = (step.step(graph, values) for step in self.steps)
        drawn = {p.name.removeprefix(f"hardware.{back_end}."): values[p.name] for p in plan.parameters()}
        training = self.training.resolved(values) if self._trains(pair) else {}
        return Candidate(
            network=network,
            back_end=back_end,
            compression=tuple(step for step in steps if step is not None),
            training=training,
            hardware={**plan.fixed, **drawn},
            values=dict(values),
        )

    def machine(self, candidate: Candidate, corner: Corner = "typical") -> Machine:
        """The candidate's machine at a corner; its variants are the sweep of the hardware that is not drawn."""
        plan = self.hardware[candidate.back_end]
        settings = plan.settings(candidate.hardware, corner)
        machine = plan.back_end.machine(self.spec.boundary, settings, corner)
        return machine.with_variants(plan.variants())

    def recipe(self, candidate: Candidate) -> Recipe:
        """How the candidate's weights come to be, as plain values."""
        target = self.spec.training.target
        training: dict[str, Any] = {**self.training.plain(), **candidate.training}
        if target is not None:
            training["target"] = target.model_dump()
        return Recipe(
            task=self.spec.task,
            reference=self.networks[candidate.network].training.model_dump(),
            fine_tune=self.spec.fine_tune.model_dump(),
            training=training,
            equivalence=self.back_ends[candidate.back_end].spec.equivalence,
        )

    def digest(self) -> str:
        """Digest of the question with everything it names: space, networks, back ends, hosts, off-chip memories."""
        stations = {s.name: (s.spec, s.settings, s.off_chip.spec) for b in self.back_ends.values() for s in b.stations}
        return digest(self.spec, self.networks, stations)

    def _trains(self, pair: Pair) -> bool:
        """Whether the machine trains: where training is asked, and always where the machine is the network."""
        return "training" in self.spec.phases or self.back_ends[pair.back_end].spec.equivalence == "own"


def load_space(path: Path | str) -> DesignSpace:
    """Read one question with all it names; SpecError with every fault of the space, its networks and back ends."""
    file = Path(path)
    document = read_document(file)
    return resolve_space(document, find_root(file), file.stem)


def resolve_space(document: Document, root: Path, name: str, needs_designs: bool = True) -> DesignSpace:
    """The same from a document in memory; `needs_designs` False also takes back ends that only serve as host."""
    faults: list[Fault] = []
    spec = checked(SpaceSpec, document, faults)
    if spec is None:
        # Names and shapes are independent faults: what can be looked at is looked at, so that one run shows all.
        raise SpecError(sorted(dict.fromkeys((*faults, *_loose_faults(document, root))), key=_order))
    networks, graphs = _networks(document, root, spec.task, faults)
    back_ends = _back_ends(document, root, faults, needs_designs)
    steps = read_steps(document, faults)
    hardware = read_hardware(document, back_ends, faults)
    training = read_training(document, spec.training, faults)
    faults.extend(check_metrics(document, spec))
    pairs, refused = sort_pairs(spec, graphs, back_ends, steps)
    faults.extend(_lonely(document, graphs, back_ends, pairs, refused))
    if faults:
        raise SpecError(sorted(dict.fromkeys(faults), key=_order))
    notes = tuple(dropped_steps(graphs, steps))
    return DesignSpace(name, root, spec, networks, graphs, back_ends, pairs, refused, notes, steps, hardware, training)


def _order(fault: Fault) -> tuple[str, int, str]:
    return (fault.file, fault.line or 0, fault.path)


def _loose_faults(document: Document, root: Path) -> list[Fault]:
    """Faults of the parts of a space whose shape is right although the whole's is not."""
    faults: list[Fault] = []
    content = document.content
    if _is_names(content.get("networks")) and isinstance(content.get("task"), str):
        _networks(document, root, content["task"], faults)
    if _is_names(content.get("back_ends")):
        back_ends = _back_ends(document, root, faults, needs_designs=True)
        hardware = content.get("hardware")
        if isinstance(hardware, dict) and all(isinstance(fields, dict) for fields in hardware.values()):
            read_hardware(document, back_ends, faults)
    steps = content.get("compression")
    if isinstance(steps, list) and all(isinstance(step, dict) for step in steps):
        read_steps(document, faults)
    return faults


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _listed(document: Document, shelf: str, known: tuple[str, ...], faults: list[Fault]) -> list[tuple[Keys, str]]:
    """Names below `shelf` that exist, each once; the others are faults."""
    found: dict[str, Keys] = {}
    for index, name in enumerate(document.content[shelf]):
        keys: Keys = (shelf, index)
        if name not in known:
            faults.append(unknown_name(document, keys, name, known))
        elif name in found:
            faults.append(document.fault(keys, f"'{name}' a second time", "each name once"))
        else:
            found[name] = keys
    return [(keys, name) for name, keys in found.items()]


def _networks(
    document: Document, root: Path, task: str, faults: list[Fault]
) -> tuple[dict[str, NetworkSpec], dict[str, Graph]]:
    specs: dict[str, NetworkSpec] = {}
    graphs: dict[str, Graph] = {}
    for keys, name in _listed(document, "networks", network_names(root), faults):
        network = read_or_fault(network_path(root, name), faults)
        spec = None if network is None else checked(NetworkSpec, network, faults)
        if network is None or spec is None:
            continue
        if spec.task != task:
            expected = f"a network of the space's task '{task}'"
            faults.append(document.fault(keys, f"'{name}', whose task is '{spec.task}',", expected))
        graph = _graph(name, spec, network, faults)
        if graph is not None:
            specs[name], graphs[name] = spec, graph
    return specs, graphs


def _graph(name: str, spec: NetworkSpec, network: Document, faults: list[Fault]) -> Graph | None:
    try:
        return build_graph(name, spec)
    except ValueError as error:
        named = (i for i, operator in enumerate(spec.operators) if f"'{operator.name}'" in str(error))
        position = next(named, None)
        keys: Keys = ("operators",) if position is None else ("operators", position)
        faults.append(network.fault(keys, "a graph that cannot be built", f"a network of matching shapes: {error}"))
        return None


def _back_ends(document: Document, root: Path, faults: list[Fault], needs_designs: bool) -> dict[str, BackEnd]:
    found: dict[str, BackEnd] = {}
    for keys, name in _listed(document, "back_ends", back_end_names(root), faults):
        back_end = resolve_back_end(root, name, faults)
        if back_end is None:
            continue
        if needs_designs and not back_end.spec.is_design:
            faults.append(document.fault(keys, f"'{name}', which only serves as host,", "a back end that is a design"))
        found[name] = back_end
    return found


def _lonely(
    document: Document,
    graphs: Mapping[str, Graph],
    back_ends: Mapping[str, BackEnd],
    pairs: tuple[Pair, ...],
    refused: tuple[Refused, ...],
) -> list[Fault]:
    """A network or a back end that meets nobody, with the first reason."""
    listed = document.content
    faults = []
    for shelf, names in (("networks", graphs), ("back_ends", back_ends)):
        for name in names:
            if any(name in (pair.network, pair.back_end) for pair in pairs):
                continue
            reasons = [r.reason for r in refused if name in (r.pair.network, r.pair.back_end)]
            if reasons:
                other = "back end" if shelf == "networks" else "network"
                keys: Keys = (shelf, listed[shelf].index(name))
                faults.append(document.fault(keys, f"'{name}'", f"at least one {other} that meets it: {reasons[0]}"))
    return faults
