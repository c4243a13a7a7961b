"""What fits: `limits` forbids exactly the variants without a tile, and these spoil nothing beside good ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand, VectorWork, Work
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.systolic import SystolicSettings, plugin
from joulescape.simulators.systolic.choice import Sources
from joulescape.simulators.systolic.machine import SystolicMachine
from joulescape.simulators.systolic.product import product_of
from joulescape.simulators.systolic.tiling import candidate_tiles
from joulescape.testing import example_context
from joulescape.testing.simulators import at_paths

SPEC = load_back_end(Path(__file__).resolve().parents[2], "electronic/systolic_int8", {}).spec
RAW: dict[str, Any] = {"parameters": SPEC.parameters}
SETTINGS = SystolicSettings.model_validate(RAW["parameters"])
OFF_CHIP = Sources(*(np.array([False]) for _ in range(4)))
FLOWS = ("weight_stationary", "output_stationary")
buffers = st.sampled_from([256, 512, 1024, 2048, 4096, 16384])
sides = st.sampled_from([4, 8, 16, 32])


def work(positions: int = 40, outputs: int = 60, reduction: int = 80, bits: float = 8.0) -> MatrixWork:
    loops = Loops(B=positions, K=outputs, C=reduction)
    sizes = (outputs * reduction, positions * reduction, positions * outputs)
    return MatrixWork("layer", "forward", loops, *(Operand(size, bits) for size in sizes))


def vector(role: Any = "forward", layer: str = "relu", reads: int = 1000, writes: int = 1000) -> VectorWork:
    return VectorWork(layer, role, "relu", float(writes), reads, writes, 8.0)


def at(**changes: Any) -> SystolicSettings:
    found: SystolicSettings = at_paths(SETTINGS, {path.replace("__", "."): value for path, value in changes.items()})
    return found


def worst(chosen: SystolicSettings, works: list[Work]) -> Any:
    return np.max(
        np.broadcast_arrays(*(lim.overshoot for lim in plugin.limits(works, chosen, example_context()))), axis=0
    )


@settings(max_examples=200, deadline=None)
@given(
    st.builds(work, st.integers(1, 100), st.integers(1, 100), st.integers(1, 100), st.sampled_from([2.0, 8.0])),
    st.tuples(sides, sides), st.tuples(buffers, buffers, buffers), st.sampled_from(FLOWS),
)  # fmt: skip
def test_limits_forbid_exactly_what_has_no_tile(
    layer: MatrixWork, array: tuple[int, int], sizes: tuple[int, int, int], dataflow: str
) -> None:
    chosen = at(
        array__rows=array[0], array__columns=array[1], dataflow=dataflow, buffers__weight_bytes=sizes[0],
        buffers__activation_bytes=sizes[1], buffers__accumulator_bytes=sizes[2],
    )  # fmt: skip
    machine = SystolicMachine.of([layer], chosen, example_context())
    fits = bool(np.any(candidate_tiles(product_of(layer, chosen), machine.room(OFF_CHIP)).fits))
    assert fits == bool(worst(chosen, [layer]) <= 1e-12)


def test_a_forbidden_variant_beside_good_ones_spoils_nothing() -> None:
    sizes = np.array([256, 65536, 256, 32768])
    swept = at(buffers__weight_bytes=sizes)
    overshoot = worst(swept, [work()])
    np.testing.assert_array_equal(overshoot > 0, sizes < 2048)
    found = plugin.cost([work()], swept, example_context())[0]
    assert np.all(np.isfinite(found.latency_ns)) and np.shape(found.latency_ns) == (4,)
    for index in (1, 3):
        alone = plugin.cost([work()], at(buffers__weight_bytes=int(sizes[index])), example_context())[0]
        assert np.asarray(found.latency_ns)[index] == alone.latency_ns
        assert [np.asarray(e.energy_pj)[index] for e in found.energies] == pytest.approx(
            [e.energy_pj for e in alone.energies]
        )


@settings(max_examples=60, deadline=None)
@given(
    st.builds(work, st.integers(1, 200), st.integers(1, 200), st.integers(1, 200)), st.sampled_from(FLOWS),
    st.sampled_from(["weight_bytes", "activation_bytes", "accumulator_bytes"]),
)  # fmt: skip
def test_a_larger_buffer_never_moves_more_off_chip_energy_and_sram_together(
    layer: MatrixWork, dataflow: str, which: str
) -> None:
    """At equal energy an access, a larger buffer only adds tiles to choose from: memory energy never rises."""
    small = at(dataflow=dataflow, **{f"buffers__{which}": 16384})
    large = at(dataflow=dataflow, **{f"buffers__{which}": 131072})
    flat = {
        size: constant.model_copy(update={"value": 1.0, "low": None, "high": None})
        for size, constant in SETTINGS.sram.read_pj.items()
    }
    sram = SETTINGS.sram.model_copy(update={"read_pj": flat, "write_pj": flat})

    def memory(chosen: SystolicSettings) -> float:
        found = plugin.cost([layer], chosen.model_copy(update={"sram": sram}), example_context())[0]
        return float(
            sum(e.energy_pj for e in found.energies if "sram" in e.component.name or "off" in e.component.name)
        )

    assert memory(large) <= memory(small) * (1 + 1e-9)


def off_chip(found: LayerCost) -> tuple[float, float]:
    moved = [t for t in found.traffic if t.memory == "off_chip_memory"]
    return sum(float(t.read_bytes) for t in moved), sum(float(t.write_bytes) for t in moved)


@pytest.mark.parametrize(
    ("given_work", "expected"),
    [
        (vector(), (0, 0)),
        (vector(layer="first"), (1000, 0)),
        (vector(layer="last"), (0, 1000)),
        (vector("input_gradient", "first"), (0, 0)),
        (vector(reads=40_000, writes=20_000), (40_000, 0)),
        (vector(reads=40_000, writes=40_000), (40_000, 40_000)),
    ],
)  # fmt: skip
def test_vector_tensors_cross_the_edge_when_they_must(given_work: VectorWork, expected: tuple[int, int]) -> None:
    edge = Context(1, example_context().off_chip, True, frozenset({"first"}), frozenset({"last"}))
    assert off_chip(plugin.cost([given_work], SETTINGS, edge)[0]) == expected


def test_updates_read_and_write_stored_weights_at_their_width() -> None:
    found = plugin.cost([vector("update", reads=200, writes=100)], SETTINGS, example_context())[0]
    assert off_chip(found) == (200, 100), "held at 8 bits, as asked"
    wide = VectorWork("fc", "update", "update", 200.0, 200, 100, 32.0)
    assert off_chip(plugin.cost([wide], SETTINGS, example_context())[0]) == (400, 200), "at update_bits = 16"


@given(st.integers(1, 100_000), st.integers(1, 128))
def test_vector_time_is_whole_steps_of_the_lanes(ops: int, lanes: int) -> None:
    found = plugin.cost([vector(reads=1, writes=ops)], at(vector__lanes=lanes), example_context())[0]
    assert found.latency_ns >= np.ceil(ops / lanes) / SETTINGS.clock_ghz * (1 - 1e-12)
    assert 0 < found.utilisation_fraction <= 1


def test_resident_weights_need_no_tile_and_fill_nothing() -> None:
    layer = work(outputs=100, reduction=100)
    found = plugin.cost([layer], at(weights_stay=True), example_context())[0]
    assert sum(float(t.write_bytes) for t in found.traffic if t.memory == "weight_sram") == 0
    training = [layer, MatrixWork("layer", "input_gradient", layer.loops, layer.weight, layer.input, layer.output)]
    step = plugin.cost(training, at(weights_stay=True), example_context())
    assert off_chip(step[0])[0] >= 10_000, "training rewrites them"
