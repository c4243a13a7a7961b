"""Winograd's algorithm on a machine: exact in wide words, rounded tap by tap in narrow ones, only where it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as nnf
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.machine_layers import program
from joulescape.accuracy.module import initial, plain, run
from joulescape.accuracy.winograd import from_tiles, tile_rows, tile_weights, tiles_of
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.resolve.single import single
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)
ROOT = Path(__file__).parents[2]
BACK_END = "electronic/systolic_int8"


def conv(channels: int, out: int, size: tuple[int, int], padding: int, groups: int) -> Graph:
    operator = {"name": "c", "kind": "conv", "out_channels": out, "kernel": 3, "padding": padding, "groups": groups}
    content = {"about": "a", "task": "digits", "input": [channels, *size], "operators": [operator]}
    return build_graph("net", NetworkSpec.model_validate(content))


@settings(max_examples=30, deadline=None)
@given(
    tile=st.sampled_from([2, 4]), groups=st.sampled_from([1, 2, 4]), padding=st.integers(0, 2),
    size=st.tuples(st.integers(3, 9), st.integers(3, 9)), batch=st.integers(1, 3), seed=st.integers(0, 99),
)  # fmt: skip
def test_in_wide_words_it_is_the_convolution(
    tile: int, groups: int, padding: int, size: tuple[int, int], batch: int, seed: int
) -> None:
    graph, stream = conv(4, 8, size, padding, groups), torch.Generator().manual_seed(seed)
    operator, tensors = graph.output, initial(graph, stream)
    x = torch.randn(batch, 4, *size, generator=stream)
    rows, weights = tile_rows(operator, x, tile), tile_weights(operator, tensors, tile)
    found = from_tiles(operator, rows @ weights.transpose(1, 2), batch, tile)
    wanted = nnf.conv2d(x, tensors["c.weight"], None, 1, padding, 1, groups)
    assert rows.shape[0] == weights.shape[0] == (tile + 2) ** 2 * groups
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def _departure(tile: int, bits: int) -> float:
    """Mean square of what the array adds to the errors of the network's own grids, relative to the logits' variance."""
    sets = {"compression.0.quantize.weight_bits": bits, "compression.0.quantize.activation_bits": bits}
    if tile:
        sets |= {"hardware.winograd": True, "compression.1.winograd.tile": tile}
    space, candidate = single("digits_resnet", BACK_END, ROOT, sets)
    network = describe(space.graphs["digits_resnet"], candidate.compression)
    errors, stream = space.machine(candidate).errors(network), torch.Generator().manual_seed(0)
    tensors, x = initial(network.graph, stream), torch.rand(64, 1, 8, 8, generator=stream)
    tensors = dict(project(tensors, network))
    calibration = calibrate(network, tensors, x, tiles=tiles_of(errors))
    machine = program(network.graph, tensors, errors, calibration, stream, stream, "merged")
    with torch.no_grad():
        wanted = run(network.graph, tensors, x, calibration.quantised(plain))
        found = run(network.graph, tensors, x, machine.rule)
    return float(((found - wanted) ** 2).mean() / wanted.var())


def test_narrow_transforms_lose_more_and_larger_tiles_most() -> None:
    direct, small, large = (_departure(tile, 8) for tile in (0, 2, 4))
    assert direct < small / 10 and small < large < 0.1
    assert _departure(2, 4) > 10 * small


def test_only_a_machine_that_transforms_says_so() -> None:
    sets = {"compression.winograd.tile": 4}
    for is_on in (False, True):
        space, candidate = single("digits_resnet", BACK_END, ROOT, {**sets, "hardware.winograd": is_on})
        network = describe(space.graphs["digits_resnet"], candidate.compression)
        found = tiles_of(space.machine(candidate).errors(network))
        taken = {"stem", "a_conv1", "a_conv2", "b_conv2"}  # b_conv1 and b_short have stride 2
        assert found == (dict.fromkeys(taken, 4) if is_on else {})
    other, _ = single("digits_resnet", "memristive/isaac", ROOT, sets)
    assert other.pairs, "a machine that knows no transform runs the layer as it stands"


@pytest.mark.parametrize("tile", [2, 4])
def test_training_on_the_machine_computes_layers_as_they_stand(tile: int) -> None:
    graph = conv(2, 2, (6, 6), 1, 1)
    described = describe(graph, [Step("winograd", {"tile": tile}, {})])
    tensors = initial(graph, torch.Generator().manual_seed(0))
    without = calibrate(described, tensors, torch.rand(8, 2, 6, 6))
    assert not without.tiles and without.rows["c"].shape[0] == 1
