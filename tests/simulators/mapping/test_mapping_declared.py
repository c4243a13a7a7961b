"""Hierarchies as a back end's YAML declares them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from mapping_cases import ALEXNET
from pydantic import ValidationError

from joulescape.errors import Infeasible
from joulescape.simulators._mapping.declared import OFF_CHIP_BITS, HierarchyDeclaration
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.mapper import map_layer
from joulescape.simulators.base import OffChip
from joulescape.spec.sourced import Sourced

TEXT = """
array:
  dimensions: {rows: 12, columns: 14}
  mac_pj: {value: 1.0, basis: derived, source: chen2017, where: unit}
memories:
  filter_spad:
    bytes: 448
    holds: [weight]
    area_mm2: {value: 0.1, basis: derived, source: chen2017, where: unit}
    leakage_mw: {value: 0.1, basis: derived, source: chen2017, where: unit}
    word_bits: 16
    read_pj: {value: 1.0, basis: derived, source: chen2017, where: unit}
    write_pj: {value: 1.0, basis: derived, source: chen2017, where: unit}
  sum_spad:
    bytes: 48
    holds: [output]
    area_mm2: {value: 0.1, basis: derived, source: chen2017, where: unit}
    leakage_mw: {value: 0.1, basis: derived, source: chen2017, where: unit}
    word_bits: 16
    ports: each
    read_pj: {value: 1.0, basis: derived, source: chen2017, where: unit}
    write_pj: {value: 1.0, basis: derived, source: chen2017, where: unit}
  buffer:
    bytes: 102400
    holds: [input, output]
    area_mm2: {value: 0.1, basis: derived, source: chen2017, where: unit}
    leakage_mw: {value: 0.1, basis: derived, source: chen2017, where: unit}
    serves: [rows, columns]
    word_bits: 64
    least_bits: 16
    ports: one
    buffering: always
    read_pj: {value: 24.0, basis: derived, source: chen2017, where: unit}
    write_pj: {value: 24.0, basis: derived, source: chen2017, where: unit}
    wire_pj_per_bit: {value: 0.1, low: 0.05, high: 0.2, basis: assumed, source: joulescape, where: unit}
"""


def sourced(value: float) -> Sourced:
    """A number that is known exactly."""
    return Sourced(value=value, basis="derived", source="joulescape")


OFF_CHIP = OffChip("ddr3", sourced(20.0), sourced(25.0), sourced(64.0))


def raw() -> dict[str, Any]:
    """The declaration as YAML has it."""
    found: dict[str, Any] = yaml.safe_load(TEXT)
    return found


def declared(clock_ghz: float = 1.0) -> Hierarchy:
    """What the mapper works on."""
    return HierarchyDeclaration.model_validate(raw()).hierarchy("chip", OFF_CHIP, clock_ghz)


def test_memories_in_order_with_off_chip_memory_above() -> None:
    hierarchy = declared()
    assert [memory.name for memory in hierarchy.memories] == ["filter_spad", "sum_spad", "buffer", "off_chip_memory"]
    assert hierarchy.levels == {"O": (1, 2, 3), "W": (0, 3), "I": (2, 3)}
    assert hierarchy.array.size == {"rows": 12, "columns": 14}


def test_ports_by_kind() -> None:
    filters, sums, buffer, outer = declared().memories
    assert [port.name for port in filters.ports] == ["r", "w"]
    assert (filters.port_index("W", "to_low"), filters.port_index("W", "from_high")) == (0, 1)
    assert len(sums.ports) == 4
    assert len({sums.port_index("O", d) for d in ("to_low", "from_low", "to_high", "from_high")}) == 4  # type: ignore
    assert len(buffer.ports) == len(outer.ports) == 1
    assert (buffer.ports[0].bits, buffer.ports[0].least_bits) == (64, 16)
    assert filters.ports[0].least_bits == 16


def test_units_of_room_and_wires() -> None:
    buffer = declared().memories[2]
    assert (buffer.size_bits, buffer.buffering, buffer.wire_pj_per_bit) == (819200, "always", 0.1)


@pytest.mark.parametrize(("clock_ghz", "bits"), [(1.0, 64), (0.5, 128), (2.0, 32)])
def test_off_chip_bits_a_cycle_follow_the_clock(clock_ghz: float, bits: int) -> None:
    outer = declared(clock_ghz).memories[-1]
    assert outer.ports[0].bits == bits
    assert outer.read_pj == 20.0 * bits
    assert outer.write_pj == 25.0 * bits
    assert outer.size_bits == OFF_CHIP_BITS


def test_a_memory_slower_than_a_bit_a_cycle_is_refused_with_the_clock_it_could_serve() -> None:
    with pytest.raises(Infeasible, match="could serve 64 GHz"):
        declared(100.0)


def test_a_declared_machine_maps_a_layer() -> None:
    mapped = map_layer(ALEXNET["conv5"], declared(), (("rows", (("FY", 3), ("C", 4))), ("columns", (("OY", 12),))))
    assert not mapped.is_truncated
    assert mapped.spatial.used_units == 144


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("memories", "buffer", "serves"), ["rows", "depth"], "depth"),
        (("array", "systolic"), ["depth"], "depth"),
        (("memories", "filter_spad", "bytes"), 0, "greater than or equal to 1"),
        (("memories", "filter_spad", "word_bits"), 0, "greater than or equal to 1"),
        (("memories", "filter_spad", "holds"), [], "at least 1"),
        (("memories", "filter_spad", "holds"), ["weights"], "weight"),
        (("memories", "buffer", "least_bits"), 48, "divide"),
        (("memories", "sum_spad", "ports"), "two", "each"),
        (("array", "dimensions"), {}, "at least 1"),
    ],
)
def test_bad_declarations_are_refused(path: tuple[Any, ...], value: Any, said: str) -> None:
    broken = raw()
    place: Any = broken
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValidationError, match=said):
        HierarchyDeclaration.model_validate(broken)


def test_no_memory_takes_the_name_of_the_one_above() -> None:
    broken = raw()
    broken["memories"]["off_chip_memory"] = broken["memories"].pop("filter_spad")
    with pytest.raises(ValidationError, match="above those of the chip"):
        HierarchyDeclaration.model_validate(broken)


def test_operands_that_stay_on_the_chip_end_in_its_outermost_memory() -> None:
    declaration = HierarchyDeclaration.model_validate(raw())
    kept = declaration.hierarchy("chip", OFF_CHIP, 1.0, frozenset({"weight", "output"}))
    assert kept.levels == {"O": (1, 2, 3), "W": (0, 3), "I": (2,)}
