"""A space resolved: every name found, every value checked, every pair sorted; ready to be drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from joulescape.errors import Fault, SpecError
from joulescape.network.digest import digest
from joulescape.network.fidelity import Recipe
from joulescape.network.operators import Graph
from joulescape.resolve.back_end import BackEnd
from joulescape.resolve.candidate import Candidate, Pair, Parameter
from joulescape.resolve.drawn import drawn_faults
from joulescape.resolve.hardware import HardwarePlan
from joulescape.resolve.machine import Machine
from joulescape.resolve.networks import reference_of
from joulescape.resolve.pairs import Refused
from joulescape.resolve.question import read_question
from joulescape.resolve.samplers import check_sampler
from joulescape.resolve.shelves import find_root
from joulescape.resolve.steps import BoundStep, StepPlan
from joulescape.resolve.training import TrainingPlan
from joulescape.resolve.workloads import with_reported
from joulescape.spec.document import Document, display, read_document
from joulescape.spec.domain import ChoiceDomain, Scalar
from joulescape.spec.network import AnyNetworkSpec
from joulescape.spec.sourced import Corner
from joulescape.spec.space import SpaceSpec
from joulescape.spec.study import STUDY, is_study


@dataclass(frozen=True)
class Drawing:
    """What all candidates of one pair have in common."""

    pair: Pair
    parameters: tuple[Parameter, ...]
    known: Mapping[str, Parameter]
    """The same by name, `pair` among them."""
    steps: tuple[BoundStep, ...]
    fixed: Mapping[str, Scalar]
    hardware: tuple[tuple[str, str], ...]
    """Drawn hardware as (path, parameter)."""
    trains: bool
    own_recipe: Mapping[str, Scalar] | None


@dataclass(frozen=True)
class DesignSpace:
    """One question, resolved. Everything here has been checked; nothing is checked again."""

    name: str
    root: Path
    spec: SpaceSpec
    networks: Mapping[str, AnyNetworkSpec]
    graphs: Mapping[str, Graph]
    back_ends: Mapping[str, BackEnd]
    pairs: tuple[Pair, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    steps: tuple[StepPlan, ...] = field(repr=False)
    hardware: Mapping[str, HardwarePlan] = field(repr=False)
    training: TrainingPlan = field(repr=False)

    @property
    def networks_dir(self) -> Path:
        """Where reference weights live: `results/networks` below the project's root."""
        return self.root / "results" / "networks"

    def pair_parameter(self) -> Parameter:
        """The root of all conditional parameters: which pair."""
        return Parameter("pair", ChoiceDomain(kind="choice", options=tuple(pair.name for pair in self.pairs)))

    def parameters(self, pair: Pair) -> tuple[Parameter, ...]:
        """What the search draws once it has drawn this pair, parents before children."""
        return self._drawings[pair.name].parameters

    def candidate(self, values: Mapping[str, Scalar]) -> Candidate:
        """The candidate of drawn values (`pair` among them, under their Optuna names).

        Raises SpecError with every parameter that is missing, unknown or outside its domain.
        """
        drawing = self._checked(values)
        steps, network = (step.step(values) for step in drawing.steps), self.networks[drawing.pair.network]
        drawn = {path: values[name] for path, name in drawing.hardware}
        training = self.training.resolved(values, drawing.own_recipe) if drawing.trains else {}
        return Candidate(
            network=drawing.pair.network,
            back_end=drawing.pair.back_end,
            compression=tuple(with_reported(step, network) for step in steps if step is not None),
            training=training,
            hardware={**drawing.fixed, **drawn},
            values=dict(values),
        )

    def machine(
        self, candidate: Candidate, corner: Corner = "typical", kept: tuple[Mapping[str, Scalar], ...] = ()
    ) -> Machine:
        """The candidate's machine at a corner; its variants are the sweep of the hardware that is not drawn, or `kept`
        of them."""
        plan = self.hardware[candidate.back_end]
        variants = kept or plan.variants()
        settings = plan.settings(candidate.hardware, variants, corner)
        return plan.back_end.machine(self.spec.boundary, settings, corner).with_variants(variants)

    def recipe(self, candidate: Candidate) -> Recipe:
        """How the candidate's weights come to be, as plain values."""
        target = self.spec.training.target
        training: dict[str, Any] = {**self.training.plain(), **candidate.training}
        if target is not None:
            training["target"] = target.model_dump()
        return Recipe(
            task=self.spec.task,
            reference=self.reference(candidate.network),
            fine_tune=self.spec.fine_tune.model_dump(),
            training=training,
            equivalence=self.back_ends[candidate.back_end].spec.equivalence,
        )

    def reference(self, network: str) -> dict[str, Any]:
        """How a network's reference weights come to be, as plain values."""
        return reference_of(network, self.networks[network], self.root)

    def digest(self) -> str:
        """Digest of the question with everything it names: space, networks, back ends, hosts, off-chip memories."""
        stations = {s.name: (s.spec, s.settings, s.off_chip.spec) for b in self.back_ends.values() for s in b.stations}
        return digest(self.spec, self.networks, stations)

    def _checked(self, values: Mapping[str, Scalar]) -> Drawing:
        """The pair that the values belong to; SpecError with every fault of theirs."""
        where, drawing = f"candidate of {self.name}", self._drawings.get(str(values.get("pair")))
        if drawing is None:  # which other parameters there are depends on the pair
            given = {name: value for name, value in values.items() if name == "pair"}
            raise SpecError(drawn_faults(where, {"pair": self.pair_parameter()}, given))
        faults = drawn_faults(where, drawing.known, values)
        if faults:
            raise SpecError(faults)
        return drawing

    @cached_property
    def _drawings(self) -> dict[str, Drawing]:
        """By name of the pair; worked out once, not for every candidate."""
        return {pair.name: self._drawing(pair) for pair in self.pairs}

    def _drawing(self, pair: Pair) -> Drawing:
        graph, plan, trains = self.graphs[pair.network], self.hardware[pair.back_end], self._trains(pair)
        compression = tuple(p for step in self.steps for p in step.parameters(graph))
        training = self.training.parameters(self._is_own(pair)) if trains else ()
        parameters = (*compression, *training, *plan.parameters())
        return Drawing(
            pair=pair,
            parameters=parameters,
            known={p.name: p for p in (self.pair_parameter(), *parameters)},
            steps=tuple(step.on(graph) for step in self.steps),
            fixed=plan.fixed,
            hardware=tuple((p.name.removeprefix(f"hardware.{pair.back_end}."), p.name) for p in plan.parameters()),
            trains=trains,
            own_recipe=self.networks[pair.network].recipe if self._is_own(pair) else None,
        )

    def _trains(self, pair: Pair) -> bool:
        """Whether the machine trains: where training is asked, and always where the machine is the network."""
        return "training" in self.spec.phases or self._is_own(pair)

    def _is_own(self, pair: Pair) -> bool:
        return self.back_ends[pair.back_end].spec.equivalence == "own"


def load_space(path: Path | str) -> DesignSpace:
    """Read one question with all it names; SpecError with every fault of the space, its networks and back ends."""
    file = Path(path)
    if file.is_dir():
        near = Path("spaces") / f"{file.resolve().name}.yaml"
        expected = "the question's own file, a YAML file in spaces/"
        fault = Fault(display(file), None, "", "a folder", expected, str(near) if near.is_file() else None)
        raise SpecError([fault])
    document = read_document(file)
    if is_study(document):
        expected = "a question; `joulescape gap` answers a study"
        raise SpecError([document.fault((STUDY,), f"the study '{file.stem}'", expected)])
    return resolve_space(document, find_root(file), file.stem)


def resolve_space(document: Document, root: Path, name: str, needs_designs: bool = True) -> DesignSpace:
    """The same from a document in memory; `needs_designs` False, for one design, also takes back ends that only serve
    as host and values of settings that no search moves."""
    question = read_question(document, root, needs_designs)
    if question.faults:
        raise SpecError(sorted(dict.fromkeys(question.faults), key=lambda f: (f.file, f.line or 0, f.path)))
    space = DesignSpace(
        name=name,
        root=root,
        spec=question.spec,
        networks=question.networks,
        graphs=question.graphs,
        back_ends=question.back_ends,
        pairs=question.pairs,
        refused=question.refused,
        notes=question.notes,
        steps=question.steps,
        hardware=question.hardware,
        training=question.training,
    )
    refused = check_sampler(document, space.spec, [space.parameters(pair) for pair in space.pairs])
    if refused:
        raise SpecError(refused)
    return space
