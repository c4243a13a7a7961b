"""The closed forms of cycles and traffic against a loop nest that is walked, tile by tile and register by register."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.simulators.systolic.product import Product
from joulescape.simulators.systolic.tiling import Counts, Room, Tiles, candidate_tiles, counts

KEPT = ("weight", "input", "output")
INNERMOST = {"weight": "positions", "input": "outputs", "output": "reduction"}


def product(
    positions: int, outputs: int, reduction: int, groups: int = 1, passes: int = 1, bits: float = 8.0
) -> Product:
    return Product(
        groups, positions, outputs, reduction, outputs * reduction * bits / 8, positions * reduction * bits / 8,
        positions * outputs * bits / 8, 4.0, passes, bits / 8, bits / 8,
    )  # fmt: skip


def room(rows: int, columns: int, stationary: bool, buffers: tuple[float, float, float] = (1e9, 1e9, 1e9)) -> Room:
    values = (rows, columns, stationary, *buffers, False, False)
    return Room(*(np.reshape(np.asarray(v, dtype=bool if isinstance(v, bool) else float), (1, 1, 1)) for v in values))


def tiles(outputs: int, reduction: int, positions: int) -> Tiles:
    return Tiles(*(np.full((1, 1, 1), float(v)) for v in (outputs, reduction, positions)), np.ones((1, 1, 1), bool))


def spans(size: int, step: int) -> list[tuple[int, int]]:
    return [(start, min(start + step, size)) for start in range(0, size, step)]


@dataclass
class Walk:
    """What a walked loop nest saw, of all groups and passes."""

    cycles: float = 0.0
    weight_fetch: float = 0.0
    input_fetch: float = 0.0
    spill_write: float = 0.0
    spill_read: float = 0.0
    weight_read: float = 0.0
    input_read: float = 0.0
    sums: float = 0.0
    shifted: float = 0.0
    streams: list[int] = field(default_factory=list)


def walk(p: Product, r: Room, tile: tuple[int, int, int], order: tuple[str, str, str]) -> Walk:
    """Every loop of the nest, outermost first in `order`; one tile of each operand is held between iterations."""
    rows, columns, stationary = int(r.rows.item()), int(r.columns.item()), bool(r.is_output_stationary.item())
    sizes = {"outputs": p.outputs, "reduction": p.reduction, "positions": p.positions}
    steps = dict(zip(("outputs", "reduction", "positions"), tile, strict=True))
    per_weight, per_input = p.weight_bytes / (p.outputs * p.reduction), p.input_bytes / (p.positions * p.reduction)
    seen = Walk()
    for _ in range(p.groups):
        held: dict[str, object] = {}
        left: dict[object, int] = {}
        for choice in itertools.product(*(spans(sizes[name], steps[name]) for name in order)):
            at = dict(zip(order, choice, strict=True))
            length = {name: end - start for name, (start, end) in at.items()}
            if held.get("weight") != (at["outputs"], at["reduction"]):
                seen.weight_fetch += per_weight * length["outputs"] * length["reduction"]
            if held.get("input") != (at["positions"], at["reduction"]):
                seen.input_fetch += per_input * length["positions"] * length["reduction"]
            block, before = (at["outputs"], at["positions"]), held.get("output")
            if before is not None and before != block and left[before] < p.reduction:
                start_end = before
                seen.spill_write += p.sum_bytes * math.prod(end - start for start, end in start_end)  # type: ignore[attr-defined]
            if before != block and 0 < left.get(block, 0) < p.reduction:
                seen.spill_read += p.sum_bytes * length["outputs"] * length["positions"]
            left[block] = left.get(block, 0) + length["reduction"]
            weight_tile, input_tile = (at["outputs"], at["reduction"]), (at["positions"], at["reduction"])
            held = {"weight": weight_tile, "input": input_tile, "output": block}
            for _ in range(p.passes):
                _array_tiles(p, (rows, columns, stationary), length, seen)
    seen.cycles = event_cycles(seen.streams, rows, columns)
    return seen


def _array_tiles(p: Product, shape: tuple[int, int, bool], length: dict[str, int], seen: Walk) -> None:
    rows, columns, stationary = shape
    across, along = ("positions", "reduction") if stationary else ("reduction", "positions")
    for high, wide in itertools.product(spans(length[across], rows), spans(length["outputs"], columns)):
        h, w, stream = high[1] - high[0], wide[1] - wide[0], length[along]
        seen.streams.append(stream)
        seen.weight_read += p.weight_slice_bytes * w * (stream if stationary else h)
        seen.input_read += p.input_slice_bytes * h * stream
        seen.sums += p.sum_bytes * w * (h if stationary else stream)
        width = 8 * (p.sum_bytes if stationary else p.weight_slice_bytes)
        seen.shifted += width * w * sum(row + 1 for row in range(h))


def event_cycles(streams: list[int], rows: int, columns: int) -> float:
    """Shadow registers: tile i + 1 shifts in while tile i streams; the last result leaves after the skew."""
    loaded, start = rows, rows
    for previous in streams[:-1]:
        loaded = start + rows
        start = max(loaded, start + previous)
    return start + streams[-1] + rows + columns - 2


def one(values: Counts, name: str, kept: str) -> float:
    shape = np.broadcast_shapes(np.shape(getattr(values, name)), (3, 1, 1, 1))
    return float(np.broadcast_to(getattr(values, name), shape)[KEPT.index(kept)].item())


sizes = st.integers(1, 9)
products = st.builds(
    product,
    sizes,
    sizes,
    sizes,
    groups=st.integers(1, 2),
    passes=st.integers(1, 2),
    bits=st.sampled_from([2.0, 4.0, 8.0]),
)


@settings(max_examples=150, deadline=None)
@given(products, st.integers(1, 4), st.integers(1, 4), st.booleans(), st.tuples(sizes, sizes, sizes))
def test_closed_forms_equal_the_walked_nest(
    p: Product, rows: int, columns: int, stationary: bool, wanted: tuple[int, int, int]
) -> None:
    r = room(rows, columns, stationary)
    tile = (
        min(p.outputs, -(-wanted[0] // columns) * columns),
        min(p.reduction, -(-wanted[1] // rows) * rows),
        min(p.positions, -(-wanted[2] // rows) * rows if stationary else wanted[2]),
    )
    formula = counts(p, r, tiles(*tile))
    walks = {order: walk(p, r, tile, order) for order in itertools.permutations(("outputs", "reduction", "positions"))}
    any_walk = next(iter(walks.values()))
    for name, seen in (
        ("weight_read_bytes", any_walk.weight_read), ("input_read_bytes", any_walk.input_read),
        ("sum_bytes", any_walk.sums), ("shifted_bits", any_walk.shifted),
    ):  # fmt: skip
        assert one(formula, name, "weight") == pytest.approx(seen), name
    trips = [-(-size // step) for size, step in zip((p.outputs, p.reduction, p.positions), tile, strict=True)]
    if all(trip > 1 for trip in trips):
        for kept in KEPT:
            for order in (order for order in walks if order[-1] == INNERMOST[kept]):
                assert one(formula, "weight_fetch_bytes", kept) == pytest.approx(walks[order].weight_fetch)
                assert one(formula, "input_fetch_bytes", kept) == pytest.approx(walks[order].input_fetch)
                assert one(formula, "spill_bytes", kept) == pytest.approx(walks[order].spill_write)
                assert one(formula, "spill_bytes", kept) == pytest.approx(walks[order].spill_read)
    moved = [
        sum(one(formula, f"{n}_bytes", kept) for n in ("weight_fetch", "input_fetch", "spill", "spill"))
        for kept in KEPT
    ]
    walked = [w.weight_fetch + w.input_fetch + w.spill_write + w.spill_read for w in walks.values()]
    assert min(moved) == pytest.approx(min(walked)), "three kept operands are as good as six orders"


@settings(max_examples=100, deadline=None)
@given(products, st.integers(1, 4), st.integers(1, 4), st.booleans(), sizes)
def test_cycles_equal_the_event_walk(p: Product, rows: int, columns: int, stationary: bool, chunk: int) -> None:
    r = room(rows, columns, stationary)
    if stationary:
        tile = (p.outputs, min(p.reduction, -(-chunk // rows) * rows), p.positions)
        order = ("outputs", "positions", "reduction")
    else:
        tile, order = (p.outputs, p.reduction, min(chunk, p.positions)), ("outputs", "reduction", "positions")
    assert float(counts(p, r, tiles(*tile)).cycles.item()) == walk(p, r, tile, order).cycles


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 6), st.integers(0, 99))
def test_one_weight_stationary_tile_register_by_register(rows: int, columns: int, positions: int, seed: int) -> None:
    """Shift weights in row by row, stream skewed inputs, add down the columns: right product, right cycle."""
    generator = np.random.default_rng(seed)
    weights = generator.integers(-8, 8, (rows, columns))
    vectors = generator.integers(-8, 8, (positions, rows))
    held = np.zeros((rows, columns), dtype=int)
    cycle = 0
    for row in reversed(range(rows)):
        held = np.vstack([weights[row], held[:-1]])
        cycle += 1
    inputs, sums = np.zeros((rows, columns), dtype=int), np.zeros((rows, columns), dtype=int)
    results = np.zeros((positions, columns), dtype=int)
    arrived = 0
    while arrived < positions * columns:
        step = cycle - rows
        edge = [vectors[step - row, row] if 0 <= step - row < positions else 0 for row in range(rows)]
        inputs = np.hstack([np.array(edge)[:, None], inputs[:, :-1]])
        sums = np.vstack([np.zeros((1, columns), dtype=int), sums[:-1]]) + inputs * held
        cycle += 1
        for column in range(columns):
            position = step - (rows - 1) - column
            if 0 <= position < positions:
                results[position, column] = sums[-1, column]
                arrived += 1
    np.testing.assert_array_equal(results, vectors @ weights)
    p = product(positions, columns, rows)
    assert float(counts(p, room(rows, columns, False), tiles(columns, rows, positions)).cycles.item()) == cycle


@settings(max_examples=100, deadline=None)
@given(products, st.integers(1, 4), st.integers(1, 4), st.booleans(), st.tuples(*[st.integers(4, 400)] * 3))
def test_candidate_tiles_fit_and_are_whole_array_tiles(
    p: Product, rows: int, columns: int, stationary: bool, buffers: tuple[int, int, int]
) -> None:
    found = candidate_tiles(p, room(rows, columns, stationary, buffers))
    n, r, m, fits = (
        a.ravel() for a in np.broadcast_arrays(found.outputs, found.reduction, found.positions, found.fits)
    )
    n, r, m = n[fits], r[fits], m[fits]
    assert np.all((n % columns == 0) | (n == p.outputs))
    assert np.all((r % rows == 0) | (r == p.reduction))
    assert np.all(n * r * p.weight_bytes / (p.outputs * p.reduction) <= buffers[0] + 1e-9)
    assert np.all(m * r * p.input_bytes / (p.positions * p.reduction) <= buffers[1] + 1e-9)
    assert np.all(n * m * p.sum_bytes <= buffers[2] + 1e-9)
    if stationary:
        assert np.all((m % rows == 0) | (m == p.positions))


def test_a_layer_that_fills_the_array_uses_all_of_it() -> None:
    p = product(positions=10_000, outputs=32, reduction=64)
    cycles = float(counts(p, room(32, 32, False), tiles(32, 64, 10_000)).cycles.item())
    assert cycles == 2 * 10_000 + 32 + 62
    assert p.macs / (32 * 32 * cycles) > 0.995
