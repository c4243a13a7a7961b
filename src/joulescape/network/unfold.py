"""Writes out the blocks of a network: a list of operators with every name and attribute known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from joulescape.errors import nearest
from joulescape.spec.network import FOREIGN, BaseNetworkSpec, ForeignOperatorSpec, OneOperator, OperatorSpec

DATA = "input"
"""The name under which operators read the data; in a block, what the block reads."""

_STRUCTURE = frozenset({"name", "kind", "inputs", "block", "repeat", "values"})

_TEXTS = frozenset({"onnx", "system", "measurements", "sha256"})
"""Attributes that are text themselves, and never name a value."""

Line = Mapping[str, Any]
"""One line of an operator list as plain values."""


def unfolded(spec: BaseNetworkSpec) -> tuple[OneOperator, ...]:
    """The operators of a network in order, blocks written out and inputs named.

    Raises ValueError naming the place: a block that is unknown or within itself, a value that is missing or unknown.
    """
    lines = [entry.model_dump(exclude_none=True) for entry in spec.operators]
    return tuple(_operators(lines, _Scope(spec.blocks)))


@dataclass
class _Scope:
    """Where a list of operators stands: at the top of the file, or in a block that is put somewhere."""

    blocks: Mapping[str, tuple[Line, ...]]
    prefix: str = ""
    source: str = DATA
    values: Mapping[str, Any] = field(default_factory=dict)
    inside: tuple[str, ...] = ()
    outputs: dict[str, str] = field(default_factory=dict)
    """By name in this list: the operator that is read."""

    def fault(self, name: str, reason: str) -> ValueError:
        """The error that names the operator, and the block that it stands in."""
        where = f" of block '{self.inside[-1]}'" if self.inside else ""
        return ValueError(f"operator '{self.prefix}{name}'{where}: {reason}")

    def read(self, name: str, source: str) -> str:
        """The operator that `source` means here; at the top of the file the graph knows what is not there."""
        if source == DATA:
            return self.source
        if source not in self.outputs and self.inside:
            raise self.fault(name, f"no earlier operator '{source}' in the block to read from")
        return self.outputs.get(source, source)

    def value(self, name: str, key: str, value: Any) -> Any:
        """An attribute as it stands, or the value that it names; of `sizes` each one."""
        if isinstance(value, dict):
            return {inner: self.value(name, inner, one) for inner, one in value.items()}
        if not isinstance(value, str) or key in _TEXTS:
            return value
        if value not in self.values:
            raise self.fault(name, f"{key} is '{value}', a value that is not given{_hint(value, self.values)}")
        return self.values[value]


def _operators(lines: Iterable[Line], scope: _Scope) -> Iterator[OneOperator]:
    previous = scope.source
    for line in lines:
        name = str(line.get("name"))
        inputs = tuple(scope.read(name, source) for source in line["inputs"]) if "inputs" in line else (previous,)
        if "block" in line:
            for part in _put(line, name, inputs[0], scope):
                previous = part.name
                yield part
        else:
            values = {k: scope.value(name, k, v) for k, v in line.items() if k not in _STRUCTURE}
            given = {**values, "name": f"{scope.prefix}{name}", "kind": line.get("kind"), "inputs": inputs}
            yield _operator(name, given, scope)
            previous = f"{scope.prefix}{name}"
        scope.outputs[name] = previous


def _put(use: Line, name: str, source: str, scope: _Scope) -> Iterator[OneOperator]:
    """The operators of a block, as often as it is put there."""
    block, count = str(use["block"]), int(scope.value(name, "repeat", use.get("repeat", 1)))
    if block not in scope.blocks:
        raise scope.fault(name, f"there is no block '{block}'{_hint(block, scope.blocks)}")
    if block in scope.inside:
        raise scope.fault(name, f"block '{block}' stands within itself")
    values = {key: scope.value(name, key, value) for key, value in use.get("values", {}).items()}
    unknown = sorted(set(values) - _named(scope.blocks[block]))
    if unknown:
        raise scope.fault(name, f"block '{block}' names no value {', '.join(unknown)}")
    whole = f"{scope.prefix}{name}"
    for index in range(count):
        prefix = f"{whole}_{index + 1}_" if count > 1 else f"{whole}_"
        inner = _Scope(scope.blocks, prefix, source, values, (*scope.inside, block))
        for part in _operators(scope.blocks[block], inner):
            source = part.name
            yield part


def _named(lines: Iterable[Line]) -> frozenset[str]:
    """The values that a block names."""
    found: set[str] = set()
    for line in lines:
        attributes = {key: value for key, value in line.items() if key not in _STRUCTURE or key == "repeat"}
        found.update(value for value in {**attributes, **line.get("values", {})}.values() if isinstance(value, str))
    return frozenset(found)


def _operator(name: str, given: Line, scope: _Scope) -> OneOperator:
    """The checked operator; a foreign one stands at the top only, where the reader of an ONNX file put it."""
    is_foreign = given["kind"] == FOREIGN and not scope.inside
    try:
        return (ForeignOperatorSpec if is_foreign else OperatorSpec).model_validate(given, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(key) for key in first["loc"])
        raise scope.fault(name, f"{place}: {first['msg']}") from error


def _hint(name: str, known: Iterable[str]) -> str:
    close = nearest(name, tuple(known))
    return f"; did you mean '{close}'?" if close else ""
