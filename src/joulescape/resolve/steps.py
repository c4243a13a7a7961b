"""The ordered compression steps of a space: parsed, checked against their methods, and resolved for one network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape import registry
from joulescape.compression.base import Method, Step
from joulescape.errors import Fault
from joulescape.network.operators import Graph
from joulescape.resolve.candidate import Parameter
from joulescape.resolve.filling import Field, check_fields, read_fields
from joulescape.resolve.shelves import unknown_name
from joulescape.spec.document import Document, Keys, shown
from joulescape.spec.domain import ChoiceDomain, Scalar

METHODS = "joulescape.compression"
NONE = "none"
"""The empty option of a choice."""

_FORM = "a step: {method: {fields}} or {choice: {none: {}, method: {fields}}}"


@dataclass(frozen=True)
class Option:
    """One method with its settings, as a step or as one option of a choice; `method` None is the empty option."""

    name: str
    method: Method[Any] | None
    fields: tuple[Field, ...]

    def operators(self, graph: Graph) -> tuple[str, ...]:
        """Operators of the uncompressed graph that the method acts on.

        A network of physical systems is trained anew on its machine, digital layers and all: only a method that takes
        systems acts on it, for no weights are there before.
        """
        method, systems = self.method, graph.physical_operators
        if method is None or (systems and not any(method.takes(one) for one in systems)):
            return ()
        return tuple(o.name for o in graph.operators if method.takes(o))

    def misfit(self, graph: Graph) -> str | None:
        """Why layers of the graph cannot take these fields, or which of them count at no value; None where all do.

        Each domain is tried at each of its points, the others at their first; all layers have the same values.
        """
        taken = self.operators(graph)
        if self.method is None or not taken:
            return None
        first = {field.path: next(field.points())[1] for field in self.fields}
        points = [{**first, field.path: value} for field in self.fields for _, value in field.points()]
        spanned = [self.method.Settings(**values) for values in (first, *points)]
        for at in spanned:
            why = self.method.misfit(graph, dict.fromkeys(taken, at))
            if why is not None:
                return why
        return self.method.unused(graph, spanned)


@dataclass(frozen=True)
class BoundOption:
    """One method on one network: (path, fixed value, parameter or None) and, by layer, (operator, path, parameter)."""

    name: str
    plain: tuple[tuple[str, Any, str | None], ...]
    layers: tuple[tuple[str, str, str], ...]

    def step(self, values: Mapping[str, Scalar]) -> Step:
        """The resolved step for drawn values."""
        settings = {path: value if name is None else values[name] for path, value, name in self.plain}
        per_layer: dict[str, dict[str, Any]] = {}
        for operator, path, name in self.layers:
            per_layer.setdefault(operator, {})[path] = values[name]
        return Step(self.name, settings, per_layer)


@dataclass(frozen=True)
class BoundStep:
    """One step on one network; `parameter` None means that nothing is chosen and `only` stands."""

    parameter: str | None
    only: str
    options: Mapping[str, BoundOption]

    def step(self, values: Mapping[str, Scalar]) -> Step | None:
        """The resolved step for drawn values; None where the empty option was drawn."""
        option = self.options.get(self.only if self.parameter is None else str(values[self.parameter]))
        return None if option is None else option.step(values)


@dataclass(frozen=True)
class StepPlan:
    """One step of the space: a method, or a choice between several."""

    index: int
    options: tuple[Option, ...]

    @property
    def name(self) -> str:
        """Parameter of the choice."""
        return f"compression.{self.index}"

    def options_for(self, graph: Graph) -> tuple[str, ...]:
        """Names of the options left on this network: a method that takes none of its operators acts as `none`."""
        names = (option.name if option.operators(graph) else NONE for option in self.options)
        return tuple(dict.fromkeys(names))

    def option(self, name: str) -> Option | None:
        """The option called `name`; None for the empty one."""
        return next((option for option in self.options if option.name == name and option.method is not None), None)

    def parameters(self, graph: Graph) -> tuple[Parameter, ...]:
        """What is drawn for this step on this network."""
        options = self.options_for(graph)
        is_drawn = len(options) > 1
        found: list[Parameter] = []
        if is_drawn:
            found.append(Parameter(self.name, ChoiceDomain(kind="choice", options=options)))
        for name in options:
            option = self.option(name)
            for field in () if option is None else option.fields:
                names = () if option is None else self._names(option, field, graph)
                parent = (self.name, name) if is_drawn else (None, None)
                found.extend(Parameter(each, field.domain, *parent) for each in names if field.domain is not None)
        return tuple(found)

    def step(self, graph: Graph, values: Mapping[str, Scalar]) -> Step | None:
        """The resolved step for drawn values; None where it is empty on this network."""
        return self.on(graph).step(values)

    def on(self, graph: Graph) -> BoundStep:
        """The step on one network, ready to take drawn values."""
        options = self.options_for(graph)
        bound = {name: self._bound(option, graph) for name in options if (option := self.option(name)) is not None}
        return BoundStep(self.name if len(options) > 1 else None, options[0], bound)

    def _bound(self, option: Option, graph: Graph) -> BoundOption:
        plain: list[tuple[str, Any, str | None]] = []
        layers: list[tuple[str, str, str]] = []
        for field in option.fields:
            names = self._names(option, field, graph)
            if field.domain is None or field.domain.per is None:
                plain.append((field.path, field.value, None if field.domain is None else names[0]))
            else:
                layers += [(o, field.path, name) for o, name in zip(option.operators(graph), names, strict=True)]
        return BoundOption(option.name, tuple(plain), tuple(layers))

    def _names(self, option: Option, field: Field, graph: Graph) -> tuple[str, ...]:
        base = f"{self.name}.{option.name}.{field.path}"
        if field.domain is None or field.domain.per is None:
            return (base,)
        return tuple(f"{base}.{graph.name}.{operator}" for operator in option.operators(graph))


def read_steps(document: Document, faults: list[Fault]) -> tuple[StepPlan, ...]:
    """Every compression step of the space; faults of form, names and settings are added to `faults`."""
    steps = document.content.get("compression") or []
    plans = (_plan(document, index, faults) for index in range(len(steps)))
    return tuple(plan for plan in plans if plan is not None)


def misfits(document: Document, plans: Sequence[StepPlan], graphs: Iterable[Graph]) -> list[Fault]:
    """Settings that pass alone, but that layers of a network cannot take, or that do nothing there."""
    faults: list[Fault] = []
    for graph in graphs:
        for option in (option for plan in plans for option in plan.options if option.method and option.fields):
            why = option.misfit(graph)
            if why is not None:
                faults.append(document.fault(option.fields[0].keys[:-1], option.name, f"this to hold: {why}"))
    return list(dict.fromkeys(faults))


def _plan(document: Document, index: int, faults: list[Fault]) -> StepPlan | None:
    keys: Keys = ("compression", index)
    content = document.at(keys)
    if len(content) != 1:
        faults.append(document.fault(keys, f"{len(content)} keys", _FORM))
        return None
    (name,) = content
    keys = (*keys, name)
    if name != "choice":
        return StepPlan(index, _options(document, keys[:-1], faults))
    if not isinstance(content[name], dict) or len(content[name]) < 2:
        faults.append(
            document.fault(keys, shown(content[name] or None), "at least two options: {none: {}, method: {fields}}")
        )
        return None
    return StepPlan(index, _options(document, keys, faults))


def _options(document: Document, keys: Keys, faults: list[Fault]) -> tuple[Option, ...]:
    is_choice = keys[-1] == "choice"
    found = (_option(document, (*keys, name), is_choice, faults) for name in document.at(keys))
    return tuple(option for option in found if option is not None)


def _option(document: Document, keys: Keys, is_choice: bool, faults: list[Fault]) -> Option | None:
    name, content = str(keys[-1]), document.at(keys)
    known = registry.names(METHODS)
    if name not in known and not (is_choice and name == NONE):
        faults.append(unknown_name(document, keys, name, (*known, *((NONE,) if is_choice else ("choice",)))))
        return None
    if not isinstance(content, dict):
        faults.append(document.fault(keys, shown(content), "a mapping of the method's fields ({} for none)"))
        return None
    if name == NONE and is_choice:
        if content:
            faults.append(document.fault(keys, "fields", "{} (the empty option has no fields)"))
        return Option(NONE, None, ())
    method: Method[Any] = registry.load(METHODS, name)
    fields = read_fields(document, keys, faults)
    complete = len(fields) == len(content)
    faults.extend(check_fields(method.Settings, {}, fields, document, keys) if complete else ())
    return Option(name, method, fields)
