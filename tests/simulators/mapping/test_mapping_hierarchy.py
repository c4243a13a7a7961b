"""Declared hardware: levels, ports, bindings, topology."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mapping_cases import EYERISS_LIKE, TPU_LIKE, small

from joulescape.simulators._mapping.hierarchy import Hierarchy, bind, movements
from joulescape.simulators._mapping.layer import OPERANDS, Widths


@pytest.mark.parametrize(
    ("hierarchy", "levels"),
    [(TPU_LIKE, {"O": 3, "W": 2, "I": 2}), (EYERISS_LIKE, {"O": 4, "W": 3, "I": 3}), (small((8, 24, 160)), {"O": 3})],
    ids=lambda value: getattr(value, "name", ""),
)
def test_each_operand_has_its_own_levels(hierarchy: Hierarchy, levels: dict[str, int]) -> None:
    for operand, count in levels.items():
        assert len(hierarchy.levels[operand]) == count  # type: ignore[index]
        assert list(hierarchy.levels[operand]) == sorted(hierarchy.levels[operand])  # type: ignore[index]
        assert hierarchy.memory(operand, count - 1).name == "dram"  # type: ignore[arg-type]


def test_bindings_say_which_port_moves_what() -> None:
    buffer = TPU_LIKE.memories[2]
    assert buffer.operands == ("O", "I")
    assert buffer.port("I", "to_low").name == "r"
    assert buffer.port_index("O", "from_low") == 1
    assert buffer.access_pj("to_high") == buffer.read_pj
    assert buffer.access_pj("from_high") == buffer.write_pj
    with pytest.raises(KeyError):
        buffer.port("W", "to_low")


def test_inputs_only_come_down() -> None:
    assert movements("W") == movements("I") == ("to_low", "from_high")
    assert len(movements("O")) == 4
    assert bind(("W",), 2) == (("W", "to_low", 2), ("W", "from_high", 2))


def test_topology_forgets_energies_and_sizes_and_keeps_bindings() -> None:
    memories = tuple(replace(m, read_pj=m.read_pj * 2, size_bits=m.size_bits * 2) for m in TPU_LIKE.memories)
    other = replace(TPU_LIKE, memories=memories)
    assert other.topology == TPU_LIKE.topology
    assert other != TPU_LIKE
    assert replace(TPU_LIKE, memories=TPU_LIKE.memories[1:]).topology != TPU_LIKE.topology


def test_equal_hierarchies_are_one_key() -> None:
    same = replace(TPU_LIKE, memories=tuple(TPU_LIKE.memories))
    assert same == TPU_LIKE
    assert hash(same) == hash(TPU_LIKE)
    assert len({same, TPU_LIKE, EYERISS_LIKE}) == 2


def test_arrays_count_their_units() -> None:
    assert TPU_LIKE.array.units == 1024
    assert EYERISS_LIKE.array.size == {"D1": 14, "D2": 12}


def test_widths_of_operands() -> None:
    widths = Widths(4, 8, 24, 16)
    assert [widths.of(operand) for operand in OPERANDS] == [16, 4, 8]
    assert widths.of("O", is_partial=True) == 24
