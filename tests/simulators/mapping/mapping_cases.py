"""Hierarchies and layers that the mapper's tests share, and every mapping of a small layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.frame import Frame
from joulescape.simulators._mapping.hierarchy import Array, Direction, Hierarchy, Memory, Port, bind
from joulescape.simulators._mapping.lattice import factors
from joulescape.simulators._mapping.layer import DIMS, OPERANDS, Layer, Operand, Widths
from joulescape.simulators._mapping.nest import Loop, Nest
from joulescape.simulators._mapping.unrolling import Unrolling
from joulescape.simulators._mapping.zigzag_energy import Moves

WEIGHT_BINDINGS: tuple[tuple[Operand, Direction, int], ...] = (("W", "to_low", 0), ("W", "from_high", 1))
OUTPUT_BINDINGS: tuple[tuple[Operand, Direction, int], ...] = (
    ("O", "to_low", 0),
    ("O", "to_high", 1),
    ("O", "from_high", 2),
    ("O", "from_low", 3),
)
BUFFER_BINDINGS: tuple[tuple[Operand, Direction, int], ...] = (
    ("I", "to_low", 0),
    ("I", "from_high", 1),
    ("O", "to_low", 0),
    ("O", "to_high", 0),
    ("O", "from_high", 1),
    ("O", "from_low", 1),
)
DRAM_BINDINGS = (*bind(("I",), 0), *bind(("W",), 0), *bind(("O",), 0))

GRID = (("D1", 32), ("D2", 32))
BOTH = ("D1", "D2")

TPU_LIKE = Hierarchy(
    "tpu_like",
    Array(GRID, 0.04, BOTH),
    (
        Memory("rf_128B", 1024, 0.095, 0.095, (Port("r", 8, 8), Port("w", 8, 8)), WEIGHT_BINDINGS),
        Memory("rf_2B", 16, 0.021, 0.021, tuple(Port(str(i), 16, 16) for i in range(4)), OUTPUT_BINDINGS),
        Memory("sram_2MB", 16777216, 416.16, 378.4, (Port("r", 2048, 64), Port("w", 2048, 64)), BUFFER_BINDINGS, BOTH),
        Memory("dram", 10_000_000_000, 700, 750, (Port("rw", 64, 64),), DRAM_BINDINGS, BOTH),
    ),
)
"""What zigzag-dse ships as tpu_like."""

EYERISS_LIKE = Hierarchy(
    "eyeriss_like",
    Array((("D1", 14), ("D2", 12)), 0.5),
    (
        Memory(
            "rf_64B_A", 512, 1.0, 1.5, (Port("r", 8, 8), Port("w", 8, 8)), (("I", "to_low", 0), ("I", "from_high", 1))
        ),
        Memory("rf_64B_W", 512, 1.0, 1.5, (Port("r", 8, 8), Port("w", 8, 8)), WEIGHT_BINDINGS),
        Memory(
            "rf_16B",
            128,
            1.5,
            2.0,
            (Port("r", 24, 24), Port("w", 24, 24)),
            (("O", "to_low", 0), ("O", "to_high", 0), ("O", "from_high", 1), ("O", "from_low", 1)),
        ),
        Memory("sram_8KB", 65536, 10.0, 15.0, (Port("rw", 128, 128),), bind(("O",), 0), BOTH),
        Memory("sram_64KB", 524288, 20, 25, (Port("r", 128, 128), Port("w", 128, 128)), WEIGHT_BINDINGS, BOTH),
        Memory("sram_1M", 8388608, 100, 130, (Port("rw", 384, 384),), (*bind(("I",), 0), *bind(("O",), 0)), BOTH),
        Memory("dram", 10_000_000_000, 1000, 1000, (Port("rw", 64, 64),), DRAM_BINDINGS, BOTH),
    ),
)
"""What zigzag-dse ships as eyeriss_like."""

K_BY_C: Unrolling = (("D1", (("K", 32),)), ("D2", (("C", 32),)))

ALEXNET = {
    "conv1": Layer(Loops(K=96, C=3, OY=54, OX=54, FY=11, FX=11, stride_y=4, stride_x=4), Widths(), 224, 224),
    "conv2": Layer(Loops(G=2, K=128, C=48, OY=26, OX=26, FY=5, FX=5), Widths(), 26, 26),
    "conv3": Layer(Loops(K=384, C=256, OY=12, OX=12, FY=3, FX=3), Widths(), 12, 12),
    "conv4": Layer(Loops(G=2, K=192, C=192, OY=12, OX=12, FY=3, FX=3), Widths(), 12, 12),
    "conv5": Layer(Loops(G=2, K=128, C=192, OY=12, OX=12, FY=3, FX=3), Widths(), 12, 12),
    "fc6": Layer(Loops(K=4096, C=9216)),
    "fc7": Layer(Loops(K=4096, C=4096)),
    "fc8": Layer(Loops(K=1000, C=4096)),
}
"""AlexNet in the shapes of zigzag-dse's file."""


def small(sizes: tuple[int, int, int], buffering: str = "never", ports: int = 16) -> Hierarchy:
    """Two units by two, a register file for weights and one for sums, a shared buffer, off-chip memory."""
    words = tuple(Port(str(i), ports, 8) for i in range(2))
    own = {"buffering": buffering}
    return Hierarchy(
        "small",
        Array((("D1", 2), ("D2", 2)), 0.1),
        (
            Memory("weights", sizes[0], 0.3, 0.4, words, WEIGHT_BINDINGS, **own),
            Memory("sums", sizes[1], 0.2, 0.3, words, tuple((o, d, i % 2) for o, d, i in OUTPUT_BINDINGS), **own),
            Memory("buffer", sizes[2], 5.0, 6.0, words, BUFFER_BINDINGS, BOTH, **own),
            Memory("dram", 10**9, 90.0, 110.0, (Port("rw", 8, 8),), DRAM_BINDINGS, BOTH),
        ),
    )


def deep(sizes: tuple[int, int, int]) -> Hierarchy:
    """Sums pass a buffer of their own before the one that they share with inputs."""
    plain = small((sizes[0], sizes[1], 900))
    word = (Port("rw", 16, 8),)
    own = Memory("output", sizes[2], 1.0, 1.5, word, bind(("O",), 0), BOTH, "never")
    return replace(plain, memories=(*plain.memories[:2], own, *plain.memories[2:]))


def every_nest(sizes: tuple[int, ...], hierarchy: Hierarchy) -> Iterator[Nest]:
    """All orders of prime loops with all cuts."""
    primes: list[Loop] = [
        (DIMS[dim], prime) for dim, size in enumerate(sizes) for prime, power in factors(size) for _ in range(power)
    ]
    places = range(len(primes) + 1)
    cuts = [
        [ends for ends in itertools.product(places, repeat=len(hierarchy.levels[op]) - 1) if list(ends) == sorted(ends)]
        for op in OPERANDS
    ]
    for loops in sorted(set(itertools.permutations(primes))):
        for chosen in itertools.product(*cuts):
            yield Nest(loops, dict(zip(OPERANDS, chosen, strict=True)))


def fits(frame: Frame, nest: Nest, doubled: frozenset[tuple[Operand, int]] = frozenset()) -> bool:
    """Whether every memory holds its tiles, counted loop by loop."""
    moves, hierarchy = Moves.of(frame, nest), frame.spatial.hierarchy
    used = [0.0] * len(hierarchy.memories)
    for operand in OPERANDS:
        for level, index in enumerate(hierarchy.levels[operand]):
            top = level == len(hierarchy.levels[operand]) - 1
            is_partial = operand == "O" and moves.is_partial[level] and not top
            bits = moves.amounts[operand][level + 1] * frame.spatial.layer.widths.of(operand, is_partial)
            used[index] += bits * (2 if (operand, level) in doubled else 1)
    return all(bits <= memory.size_bits for bits, memory in zip(used, hierarchy.memories, strict=True))
