"""Reads a hardware file of zigzag-dse into a Hierarchy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from joulescape.errors import Fault, SpecError
from joulescape.simulators._mapping.hierarchy import Array, Direction, Hierarchy, Memory, Port
from joulescape.simulators._mapping.layer import Operand

OPERAND: Mapping[str, Operand] = {"O": "O", "I1": "I", "I2": "W"}
DIRECTION: Mapping[str, Direction] = {"tl": "to_low", "fl": "from_low", "th": "to_high", "fh": "from_high"}


def read_zigzag(path: Path) -> Hierarchy:
    """The machine of a ZigZag hardware file; SpecError where it holds no array or memories."""
    raw = yaml.safe_load(path.read_text())
    if not isinstance(raw, dict) or not {"memories", "operational_array"} <= set(raw):
        expected = "a ZigZag hardware file with `memories` and `operational_array`"
        raise SpecError([Fault(str(path), None, "", type(raw).__name__, expected)])
    array = raw["operational_array"]
    return Hierarchy(
        name=str(raw["name"]),
        array=Array(
            tuple(zip(array["dimensions"], array["sizes"], strict=True)),
            float(array["unit_energy"]),
            tuple(array.get("systolic_dimensions", ())),
        ),
        memories=tuple(_memory(name, fields) for name, fields in raw["memories"].items()),
    )


def _memory(name: str, fields: Mapping[str, Any]) -> Memory:
    ports = fields["ports"]
    moves: dict[str, list[tuple[Direction, int]]] = {operand: [] for operand in fields["operands"]}
    for index, port in enumerate(ports):
        for binding in port["allocation"]:
            operand, direction = binding.split(", ")
            moves[operand].append((DIRECTION[direction], index))
    return Memory(
        name=name,
        size_bits=int(fields["size"]),
        read_pj=float(fields["r_cost"]),
        write_pj=float(fields["w_cost"]),
        ports=tuple(Port(port["name"], int(port["bandwidth_max"]), int(port["bandwidth_min"])) for port in ports),
        bindings=tuple((OPERAND[op], direction, index) for op, found in moves.items() for direction, index in found),
        serves=tuple(fields["served_dimensions"]),
    )
