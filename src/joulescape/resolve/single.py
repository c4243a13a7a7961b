"""One design without a space file: a network, a back end, and the values to set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from joulescape import registry
from joulescape.errors import Fault, SpecError
from joulescape.network.operators import Phase
from joulescape.resolve.candidate import Candidate
from joulescape.resolve.design_space import DesignSpace, resolve_space
from joulescape.resolve.shelves import (
    BACK_END_FILE,
    NETWORK_FILE,
    back_end_names,
    network_names,
    network_path,
    unknown_name,
)
from joulescape.resolve.steps import METHODS, NONE
from joulescape.spec.document import Document, plain, read_document
from joulescape.spec.domain import Scalar
from joulescape.spec.faults import nearest_key, one_of

WHERE = "command line"
_PLAIN = ("batch", "boundary", "node", "normalise_to_nm", "scaling_rule")
_GROUPS = ("hardware", "compression", "training", "lifecycle")


def single(
    network_name: str,
    back_end_name: str,
    root: Path,
    sets: Mapping[str, Scalar],
    batch: int = 1,
    phases: Sequence[Phase] = ("inference",),
    boundary: str = "system",
) -> tuple[DesignSpace, Candidate]:
    """The space that holds exactly one design, and that design.

    `sets` are by parameter name: `batch`, `training.batch`, `compression.quantize.weight_bits` (with the step's index
    where a method comes twice), `hardware.array.rows` (or with the back end's name), `hardware.host.lanes`; a setting
    of one layer ends with `.<network>.<operator>`. A value is plain, or text as on the command line.
    Raises SpecError with every name or value that is wrong.
    """
    content: dict[str, Any] = {
        "question": f"What does {network_name} on {back_end_name} cost?",
        "task": _task(root, network_name, back_end_name),
        "networks": [network_name],
        "back_ends": [back_end_name],
        "boundary": boundary,
        "batch": batch,
        "phases": list(phases),
        "objectives": {"area_mm2": "minimize"},
        "budget": {"trials": 1},
    }
    compression = _Compression(network_name)
    faults = [fault for name, given in sets.items() for fault in _put(content, compression, back_end_name, name, given)]
    if faults:
        raise SpecError(faults)
    content["compression"] = compression.steps()
    space = resolve_space(Document(WHERE, content), root, f"{network_name}_on_{back_end_name}", needs_designs=False)
    values = {"pair": space.pairs[0].name}
    missing = [p.name for p in space.parameters(space.pairs[0]) if p.name not in compression.values]
    if missing:
        raise SpecError([Fault(WHERE, None, name, "nothing", "a value for this layer too") for name in missing])
    return space, space.candidate({**values, **compression.values})


def _task(root: Path, network_name: str, back_end_name: str) -> str:
    names = Document(WHERE, {})
    faults: list[Fault] = []
    if network_name not in network_names(root):
        faults.append(unknown_name(names, ("network",), network_name, network_names(root), NETWORK_FILE))
    if back_end_name not in back_end_names(root):
        faults.append(unknown_name(names, ("back_end",), back_end_name, back_end_names(root), BACK_END_FILE))
    if faults:
        raise SpecError(faults)
    return str(read_document(network_path(root, network_name)).content.get("task", "?"))


def _put(
    content: dict[str, Any], compression: _Compression, back_end_name: str, name: str, given: Scalar
) -> list[Fault]:
    """Put one set into the space's content; the faults of its name. Text is read as YAML reads a plain word."""
    value = plain(given) if isinstance(given, str) else given
    if isinstance(value, float) and not math.isfinite(value):
        return [Fault(WHERE, None, name, repr(value), "a finite number")]
    group, _, rest = name.partition(".")
    if name in _PLAIN:
        content[name] = value
    elif group == "hardware" and rest:
        path = rest.removeprefix(f"{back_end_name}.")
        content.setdefault("hardware", {}).setdefault(back_end_name, {})[path] = value
    elif group in ("training", "lifecycle") and rest:
        _nest(content.setdefault(group, {}), rest, value)
    elif group == "compression" and rest:
        return compression.put(name, rest, value)
    else:
        known = (*_PLAIN, *(f"{other}.<...>" for other in _GROUPS))
        near = nearest_key(group, (*_PLAIN, *_GROUPS))
        return [Fault(WHERE, None, name, f"unknown name '{name}'", one_of(known), near)]
    return []


def _nest(target: dict[str, Any], path: str, value: Any) -> None:
    name, _, rest = path.partition(".")
    if rest:
        _nest(target.setdefault(name, {}), rest, value)
    else:
        target[name] = value


class _Compression:
    """Compression steps in the order in which they are first named, or by their index where one is given."""

    def __init__(self, network_name: str) -> None:
        self._network = network_name
        self._fields: dict[tuple[int, str], dict[str, Any]] = {}
        self._layers: dict[tuple[int, str, str], dict[str, Any]] = {}

    def put(self, name: str, rest: str, value: Any) -> list[Fault]:
        """Take `[<index>.]<method>.<field>[.<network>.<operator>]`, or `<index>=<method>`; the faults of its form."""
        first, _, others = rest.partition(".")
        if first.isdigit() and not others:
            return [] if value == NONE else self.put(name, f"{first}.{value}.", value)
        index, rest = (int(first), others) if first.isdigit() else (None, rest)
        method, _, field = rest.partition(".")
        known = registry.names(METHODS)
        if method not in known:
            return [unknown_name(Document(WHERE, {}), (name,), method, known)]
        if not field and (index is None or not rest.endswith(".")):
            return [Fault(WHERE, None, name, "no field", f"compression.{method}.<field>=VALUE")]
        key = (len(self._fields) if index is None else index, method)
        if index is None:
            key = next((other for other in self._fields if other[1] == method), key)
        field, _, layer = field.partition(f".{self._network}.")
        self._fields.setdefault(key, {})
        if not field:
            return []
        if layer:
            self._layers.setdefault((*key, field), {})[layer] = value
        else:
            self._fields[key][field] = value
        return []

    @property
    def values(self) -> dict[str, Any]:
        """Values of single layers under their Optuna names; the step's index is its position."""
        order = sorted(self._fields)
        return {
            f"compression.{order.index((index, method))}.{method}.{field}.{self._network}.{layer}": value
            for (index, method, field), layers in self._layers.items()
            for layer, value in layers.items()
        }

    def steps(self) -> list[dict[str, Any]]:
        """The space's `compression:`; a field that is set layer by layer is a choice of the values given."""
        steps: list[dict[str, Any]] = []
        for key in sorted(self._fields):
            fields: dict[str, Any] = {}
            for name, value in self._fields[key].items():
                _nest(fields, name, value)
            for (*owner, field), layers in self._layers.items():
                if tuple(owner) == key:
                    options = list(dict.fromkeys(layers.values()))
                    fields[field] = {"kind": "choice", "options": options, "per": "layer"}
            steps.append({key[1]: fields})
        return steps
