"""Reads a question with everything it names, and collects every fault on the way.

Where the space's own shape is broken, the broken top-level keys are replaced by neutral ones, so that the faults of all
other parts still show in the same run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joulescape.errors import Fault
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.network.task import TASKS
from joulescape.resolve.back_end import BackEnd, resolve_back_end
from joulescape.resolve.candidate import Pair
from joulescape.resolve.cautions import machine_cautions
from joulescape.resolve.exactness import drawing_faults
from joulescape.resolve.filling import fixed_domains
from joulescape.resolve.hardware import HardwarePlan, read_hardware
from joulescape.resolve.metrics import check_metrics
from joulescape.resolve.networks import read_network
from joulescape.resolve.pairs import Refused, dropped_steps, hosted_products, sort_pairs
from joulescape.resolve.rungs import check_rungs, rung_notes
from joulescape.resolve.shelves import (
    BACK_END_FILE,
    NETWORK_FILE,
    back_end_names,
    nearest_name,
    network_names,
    network_path,
    unknown_name,
)
from joulescape.resolve.steps import StepPlan, misfits, read_steps
from joulescape.resolve.training import TrainingPlan, read_training
from joulescape.resolve.workloads import check_workloads, workload_faults
from joulescape.spec.document import Document, Keys
from joulescape.spec.faults import checked, one_of
from joulescape.spec.network import AnyNetworkSpec
from joulescape.spec.space import SpaceSpec

_NEUTRAL: Mapping[str, Any] = {
    "question": "?", "task": "?", "networks": ["?"], "back_ends": ["?"], "phases": ["inference", "training"],
    "objectives": {"area_mm2": "minimize"}, "budget": {"trials": 1}, "lifecycle": {"inferences": 1},
}  # fmt: skip
"""Stand-ins for broken top-level keys: they raise no fault of their own."""


@dataclass
class Question:
    """What was read so far; usable only where `faults` is empty."""

    document: Document
    root: Path
    needs_designs: bool
    spec: SpaceSpec
    broken: frozenset[str]
    """Top-level keys whose shape is broken."""
    faults: list[Fault]
    networks: dict[str, AnyNetworkSpec] = field(default_factory=dict)
    graphs: dict[str, Graph] = field(default_factory=dict)
    back_ends: dict[str, BackEnd] = field(default_factory=dict)
    hardware: dict[str, HardwarePlan] = field(default_factory=dict)
    steps: tuple[StepPlan, ...] = ()
    training: TrainingPlan = field(init=False)
    pairs: tuple[Pair, ...] = ()
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()


def read_question(document: Document, root: Path, needs_designs: bool) -> Question:
    """The question of a space file; `needs_designs` refuses back ends that only serve as host, and settings that no
    search moves."""
    question = _shaped(document, root, needs_designs)
    _check_known_task(question)
    if "networks" not in question.broken:
        _read_networks(question)
    if "back_ends" not in question.broken:
        _read_back_ends(question)
        _check_reserves(question)
    question.steps = read_steps(question.document, question.faults)
    question.hardware = read_hardware(question.document, question.back_ends, question.faults, is_open=not needs_designs)
    question.back_ends = {name: plan.back_end for name, plan in question.hardware.items()}
    question.training = read_training(question.document, question.spec.training, question.faults)
    question.faults.extend(check_metrics(question.document, question.spec))
    if not question.broken:
        question.faults.extend(check_rungs(question.document, question.spec))
        question.faults.extend(check_workloads(question.document, question.spec, question.networks, question.steps))
    if not question.faults:
        question.faults.extend(misfits(question.document, question.steps, question.graphs.values()))
    _pair(question)
    return question


def _check_known_task(question: Question) -> None:
    if question.spec.task not in TASKS and "task" not in question.broken:
        question.faults.append(unknown_name(question.document, ("task",), question.spec.task, tuple(TASKS)))


def _shaped(document: Document, root: Path, needs_designs: bool) -> Question:
    faults: list[Fault] = []
    spec = checked(SpaceSpec, document, faults)
    if spec is not None:
        return Question(document, root, needs_designs, spec, frozenset(), faults)
    broken = frozenset(fault.path.partition(".")[0] for fault in faults)
    kept = {key: value for key, value in document.content.items() if key not in broken}
    stand_ins = {key: value for key, value in _NEUTRAL.items() if key in broken}
    whole = Document(document.file, {**kept, **stand_ins}, document.lines)
    return Question(whole, root, needs_designs, SpaceSpec(**whole.content), broken, faults)


def _listed(question: Question, shelf: str, known: tuple[str, ...], file: str) -> dict[str, Keys]:
    """Names below `shelf` that exist, each once, with their place; the others are faults."""
    document, found = question.document, dict[str, Keys]()
    for index, name in enumerate(document.content[shelf]):
        keys: Keys = (shelf, index)
        if name not in known:
            question.faults.append(unknown_name(document, keys, name, known, file))
        elif name in found:
            question.faults.append(document.fault(keys, f"'{name}' a second time", "each name once"))
        else:
            found[name] = keys
    return found


def _read_networks(question: Question) -> None:
    for name, keys in _listed(question, "networks", network_names(question.root), NETWORK_FILE).items():
        found = read_network(network_path(question.root, name), question.faults)
        if found is None:
            continue
        document, spec = found
        _check_task(question, name, spec, keys)
        graph = _graph(name, spec, document, question.faults)
        if graph is not None:
            question.faults.extend(_misfits(question.spec.task, spec, graph, document))
            question.faults.extend(workload_faults(spec, graph, document))
            question.networks[name], question.graphs[name] = spec, graph


def _check_task(question: Question, name: str, spec: AnyNetworkSpec, keys: Keys) -> None:
    if spec.task != question.spec.task in TASKS:
        expected = f"a network of the task '{question.spec.task}'"
        question.faults.append(question.document.fault(keys, f"'{name}' of the task '{spec.task}'", expected))


def _misfits(task: str, spec: AnyNetworkSpec, graph: Graph, document: Document) -> list[Fault]:
    """Data that the network cannot read, or an output that is not one number a class."""
    if spec.task != task or task not in TASKS or spec.is_workload:
        return []  # a workload says by itself how large its samples and its output are
    sizes, faults = TASKS[task], list[Fault]()
    if math.prod(spec.input) != math.prod(sizes.input_shape):
        expected = f"{math.prod(sizes.input_shape)}, the size of one sample of '{task}'"
        faults.append(document.fault(("input",), f"{math.prod(spec.input)} values a sample", expected))
    if graph.output.out_shape != (sizes.classes,):
        shape = " x ".join(str(size) for size in graph.output.out_shape)
        keys: Keys = ("operators", len(spec.operators) - 1)
        faults.append(document.fault(keys, f"an output of {shape}", f"{sizes.classes}, one a class of '{task}'"))
    return faults


def _graph(name: str, spec: AnyNetworkSpec, document: Document, faults: list[Fault]) -> Graph | None:
    try:
        return build_graph(name, spec)
    except ValueError as error:
        named = [i for i, entry in enumerate(spec.operators) if re.search(f"operator '{entry.name}['_]", str(error))]
        position = max(named, key=lambda i: len(spec.operators[i].name), default=None)
        keys: Keys = ("operators",) if position is None else ("operators", position)
        faults.append(document.fault(keys, "an operator that does not fit", f"this to hold: {error}"))
        return None


def _read_back_ends(question: Question) -> None:
    for name, keys in _listed(question, "back_ends", back_end_names(question.root), BACK_END_FILE).items():
        back_end = resolve_back_end(question.root, name, question.faults)
        if back_end is None:
            continue
        if question.needs_designs and not back_end.spec.is_design:
            expected = "a back end that is a design of its own"
            question.faults.append(question.document.fault(keys, f"'{name}', which only serves as host", expected))
        question.back_ends[name] = back_end


def _check_reserves(question: Question) -> None:
    """Asks may be reserved only for back ends of the question."""
    listed, known = question.spec.budget.per_back_end, question.spec.back_ends
    for name in listed if isinstance(listed, dict) else ():
        if name not in known:
            keys: Keys = ("budget", "per_back_end", name)
            near = nearest_name(name, tuple(question.back_ends))  # not one that is itself misspelt
            question.faults.append(question.document.fault(keys, f"'{name}'", one_of(known), near))


def _pair(question: Question) -> None:
    """Sort the pairs; a network or back end that meets nobody is a fault where everything listed could be read."""
    question.pairs, question.refused = sort_pairs(question.spec, question.graphs, question.back_ends, question.steps)
    question.notes = (
        *fixed_domains(question.document),
        *dropped_steps(question.graphs, question.steps),
        *hosted_products(question.pairs, question.graphs, question.hardware),
        *(() if question.faults else machine_cautions(question.hardware)),
        *rung_notes(question.spec),
    )
    if not question.faults:
        question.faults.extend(drawing_faults(question.document, question.pairs, question.graphs, question.hardware))
    content = question.document.content
    found = {"networks": tuple(question.graphs), "back_ends": tuple(question.back_ends)}
    if question.broken or any(len(names) < len(content[shelf]) for shelf, names in found.items()):
        return
    said: set[str] = set()
    for shelf in ("back_ends", "networks"):
        for name in found[shelf]:
            _check_lonely(question, shelf, name, said)


def _check_lonely(question: Question, shelf: str, name: str, said: set[str]) -> None:
    """A fault for a network or back end without a partner, unless its reason was `said` of the other side."""
    if any(name in (pair.network, pair.back_end) for pair in question.pairs):
        return
    reason = next(r.reason for r in question.refused if name in (r.pair.network, r.pair.back_end))
    if reason in said:
        return
    said.add(reason)
    keys: Keys = (shelf, question.document.content[shelf].index(name))
    expected = f"at least one {'back end' if shelf == 'networks' else 'network'} that meets it: {reason}"
    would_do = _physical_networks(question, question.back_ends[name]) if shelf == "back_ends" else ()
    advice = f"; {' or '.join(would_do)} would do" if would_do else ""
    question.faults.append(question.document.fault(keys, f"'{name}'", expected + advice))


def _physical_networks(question: Question, back_end: BackEnd) -> tuple[str, ...]:
    """Networks of the shelf with a physical operator that a machine which is its own network takes; broken ones are
    no advice."""
    if back_end.spec.equivalence != "own":
        return ()
    machine, found = back_end.machine(question.spec.boundary), list[str]()
    for name in network_names(question.root):
        read = read_network(network_path(question.root, name), [])
        graph = _graph(name, read[1], read[0], []) if read is not None else None
        if graph is not None and any(machine.own.takes(operator, "forward") for operator in graph.physical_operators):
            found.append(name)
    return tuple(found)
