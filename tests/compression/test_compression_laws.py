"""Laws of compression on random networks, weights and step lists: what is announced is what the arrays hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape import registry
from joulescape.compression._coding import (
    bits_with_zeros,
    decode_dense,
    decode_sparse,
    encode_dense,
    encode_sparse,
    stored,
)
from joulescape.compression.base import Described, Step
from joulescape.compression.pipeline import GROUP, describe, project, projector
from joulescape.compression.prune.elements import kept_count
from joulescape.compression.quantize.grids import (
    SCALE_SAMPLES,
    channel_scales,
    coprime_step,
    largest_level,
    levels,
    quantised,
    tensor_scale,
)
from joulescape.network.build import build_graph, reshape
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec
from joulescape.testing import check_compression, example_graph

torch.set_num_threads(1)
SOME = settings(max_examples=60, deadline=None)


@st.composite
def residual_networks(draw: st.DrawFn) -> Graph:
    """A stem, a residual block, perhaps a grouped convolution, a head: random widths."""
    width, out = draw(st.integers(2, 8)), draw(st.integers(2, 6))
    conv = {"kind": "conv", "kernel": 3, "padding": 1}
    operators: list[dict[str, Any]] = [
        {"name": "stem", **conv, "out_channels": width, "stride": draw(st.integers(1, 2))},
        {"name": "norm", "kind": "norm"},
        {"name": "inner", **conv, "out_channels": draw(st.integers(2, 8)), "bias": draw(st.booleans())},
        {"name": "relu", "kind": "relu"},
        {"name": "outer", **conv, "out_channels": width},
        {"name": "sum", "kind": "add", "inputs": ["outer", "norm"]},
    ]
    if draw(st.booleans()):
        operators.append({"name": "depthwise", **conv, "out_channels": width, "groups": width})
    operators += [{"name": "flat", "kind": draw(st.sampled_from(["flatten", "global_avg_pool"]))}]
    operators += [{"name": "hidden", "kind": "dense", "out_features": draw(st.integers(2, 20))}]
    operators += [{"name": "head", "kind": "dense", "out_features": out}]
    content = {"about": "a", "task": "digits", "input": [draw(st.integers(1, 3)), 6, 6], "operators": operators}
    return build_graph("random", NetworkSpec.model_validate({**content, "training": {"epochs": 1}}))


PRUNE = st.builds(
    lambda granularity, density: Step("prune", {"granularity": granularity, "density": density}, {}),
    st.sampled_from(["element", "channel"]),
    st.floats(0.05, 1.0),
)
QUANTIZE = st.builds(lambda bits: Step("quantize", {"weight_bits": bits, "activation_bits": 8}, {}), st.integers(1, 10))
STEPS = st.builds(
    lambda before, grid, after: [*before, *grid, *after],
    st.lists(PRUNE, max_size=2), st.lists(QUANTIZE, max_size=1), st.lists(PRUNE, max_size=2),
)  # fmt: skip
"""Any order, pruning as often as one likes, one grid: two grids that do not nest are not one projection."""


def weights_of(graph: Graph, seed: int) -> dict[str, np.ndarray]:
    rng, found = np.random.default_rng(seed), {}
    for operator in graph.operators:
        if operator.weight_shape is None:
            continue
        found[f"{operator.name}.weight"] = rng.standard_normal(operator.weight_shape).astype(np.float32)
        shorts = ("bias", "mean", "variance") if operator.kind == "norm" else ("bias",) if operator.has_bias else ()
        found.update({f"{operator.name}.{s}": rng.random(operator.weight_shape[:1]).astype(np.float32) for s in shorts})
    return found


def _cuts_a_grid(steps: list[Step]) -> bool:
    """Whether channels go after a grid was laid: a row that loses its largest weight would get another grid."""
    laid = [step.method == "quantize" for step in steps]
    return any(any(laid[:i]) and step.settings.get("granularity") == "channel" for i, step in enumerate(steps))


@SOME
@given(residual_networks(), STEPS.filter(lambda steps: not _cuts_a_grid(steps)), st.integers(0, 99))
def test_twice_is_once_whatever_the_order(graph: Graph, steps: list[Step], seed: int) -> None:
    described = describe(graph, steps)
    once = project(weights_of(graph, seed), described)
    twice = project(once, described)
    assert once.keys() == twice.keys()
    for name, value in once.items():
        np.testing.assert_allclose(twice[name], value, rtol=2e-6, atol=1e-7, err_msg=name)


@SOME
@given(residual_networks(), STEPS, st.integers(0, 99))
def test_torch_and_numpy_agree(graph: Graph, steps: list[Step], seed: int) -> None:
    described, arrays = describe(graph, steps), weights_of(graph, seed)
    tensors = {name: torch.from_numpy(value.copy()) for name, value in arrays.items()}
    one, other = project(arrays, described), project(tensors, described)
    for name, value in one.items():
        assert other[name].dtype == torch.float32 and value.dtype == np.float32
        np.testing.assert_allclose(other[name].numpy(), value, rtol=1e-5, atol=1e-6, err_msg=name)


@SOME
@given(residual_networks(), STEPS, st.integers(0, 99))
def test_arrays_are_as_announced(graph: Graph, steps: list[Step], seed: int) -> None:
    described = describe(graph, steps)
    arrays = project(weights_of(graph, seed), described)
    for operator in described.graph.matrix_operators:
        form, array = described.formats[operator.name], arrays[f"{operator.name}.weight"]
        assert array.shape == operator.weight_shape
        assert np.count_nonzero(array) <= round(form.weight_density * array.size)
        if {step.settings.get("granularity") for step in steps} == {"element"}:
            # Neither rounding nor cutting leaves zeros of its own: the density is met exactly.
            assert np.count_nonzero(array) == round(form.weight_density * array.size)
        if form.weight_bits <= 6:
            for row in array.reshape(len(array), -1):
                assert len(np.unique(row)) <= 2**form.weight_bits
        assert form.weight_bytes is not None and form.index_bytes <= form.weight_bytes
        assert form.weight_bytes <= math.ceil(array.size * form.weight_bits / 8)


@SOME
@given(residual_networks(), st.integers(1, 8), st.integers(1, 8), st.integers(0, 99))
def test_of_two_grids_the_last_one_is_announced(graph: Graph, first: int, second: int, seed: int) -> None:
    steps = [Step("quantize", {"weight_bits": bits}, {}) for bits in (first, second)]
    described = describe(graph, steps)
    arrays = project(weights_of(graph, seed), described)
    for operator in described.graph.matrix_operators:
        width = described.formats[operator.name].weight_bits
        assert width == second or (width == 2.0 and second == 1 < first)
        for row in arrays[f"{operator.name}.weight"].reshape(operator.out_shape[0], -1):
            assert len(np.unique(row)) <= 2**width


@SOME
@given(residual_networks(), STEPS, st.integers(0, 99))
def test_projecting_leaves_what_it_was_given(graph: Graph, steps: list[Step], seed: int) -> None:
    given_arrays = weights_of(graph, seed)
    before = {name: value.copy() for name, value in given_arrays.items()}
    project(given_arrays, describe(graph, steps))
    assert all(np.array_equal(given_arrays[name], before[name]) for name in before)


@SOME
@given(residual_networks(), STEPS, st.integers(0, 99))
def test_steps_that_act_once_and_steps_that_repeat_are_all_steps(graph: Graph, steps: list[Step], seed: int) -> None:
    """Masks and cuts first, grids after them: the state that fine-tuning works on has the announced shapes too."""
    described = describe(graph, steps)
    once, again, whole = (projector(described, r) for r in (False, True, None))
    tuned = again(once(weights_of(graph, seed)))
    assert {n: a.shape for n, a in tuned.items()} == {n: a.shape for n, a in whole(weights_of(graph, seed)).items()}
    ended = whole(tuned)
    for name, value in tuned.items():
        assert np.count_nonzero(ended[name]) == np.count_nonzero(value), f"{name} was pruned again after tuning"


@SOME
@given(residual_networks(), st.floats(0.05, 1.0), st.floats(0.05, 1.0))
def test_fewer_weights_never_take_more_bytes(graph: Graph, one: float, other: float) -> None:
    low, high = (describe(graph, [Step("prune", {"density": d}, {})]).formats for d in sorted((one, other)))
    for name in low:
        assert (low[name].weight_bytes or 0) <= (high[name].weight_bytes or 0)


@SOME
@given(residual_networks(), st.integers(0, 99), st.integers(2, 8))
def test_no_channel_loses_more_than_half_a_step_of_the_unclipped_grid(graph: Graph, seed: int, bits: int) -> None:
    """The grid that clips nothing is among those that are tried, and moves no weight by more than half a step."""
    weights = weights_of(graph, seed)
    for operator in graph.matrix_operators:
        rows = weights[f"{operator.name}.weight"].reshape(operator.out_shape[0], -1)
        half = np.abs(rows).max(axis=1) / (2 * largest_level(bits))
        assert np.all(np.mean((quantised(rows, bits) - rows) ** 2, axis=1) <= half**2 * 1.0001 + 1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.integers(2, 8), st.integers(1, 4), st.integers(1000, 2000))
def test_two_bits_more_lose_less_on_a_large_layer(seed: int, bits: int, channels: int, inputs: int) -> None:
    """Of few weights a coarse grid may by luck meet more; of a thousand in a channel it does not."""
    weight = np.random.default_rng(seed).standard_normal((channels, inputs)).astype(np.float32)
    few, many = (np.mean((quantised(weight, b) - weight) ** 2) for b in (bits, bits + 2))
    assert many < few


def test_pruned_then_cut_keeps_both_promises() -> None:
    """Cutting the weakest channels takes zeros away first: the rest is pruned to the density that was announced."""
    graph = _perceptron(64, 32, 10)
    described = describe(graph, [Step("prune", {"density": 0.3}, {}), _cut(0.5)])
    arrays = project(weights_of(graph, 0), described)
    assert arrays["fc1.weight"].shape == (16, 64)
    assert np.count_nonzero(arrays["fc1.weight"]) == round(0.3 * 16 * 64)
    form = described.formats["fc1"]
    assert form.weight_density == pytest.approx(0.3, abs=1e-3) and form.weight_structure == "unstructured"
    assert form.weight_bytes == stored(16 * 64, 32, form.weight_density, True).weight_bytes


@pytest.mark.parametrize("steps", [("prune", "quantize"), ("quantize", "prune")])
def test_a_pruned_sign_has_three_values_and_is_stored_with_two_bits(steps: tuple[str, str]) -> None:
    written = {"prune": Step("prune", {"density": 0.4}, {}), "quantize": Step("quantize", {"weight_bits": 1}, {})}
    graph = _perceptron(64, 32, 10)
    described = describe(graph, [written[name] for name in steps])
    array = project(weights_of(graph, 0), described)["fc1.weight"]
    assert set(np.sign(array).ravel()) == {-1.0, 0.0, 1.0}
    form = described.formats["fc1"]
    assert form.weight_bits == 2.0 == bits_with_zeros(1)
    code, packed = (encode(np.sign(array).astype(np.int64), 2) for encode in (encode_sparse, encode_dense))
    assert form.weight_bytes == pytest.approx(min(len(code), len(packed)), rel=0.05)
    whole = describe(graph, [written["quantize"]]).formats["fc1"]
    assert whole.weight_bits == 1.0 and whole.weight_bytes == 64 * 32 / 8


@SOME
@given(residual_networks(), st.integers(0, 99), st.integers(1, 8), st.floats(0.03, 1.0))
def test_projected_weights_survive_the_encoder(graph: Graph, seed: int, bits: int, density: float) -> None:
    steps = [Step("prune", {"density": density}, {}), Step("quantize", {"weight_bits": bits}, {})]
    described = describe(graph, steps)
    arrays = project(weights_of(graph, seed), described)
    for operator in described.graph.matrix_operators:
        array, width = arrays[f"{operator.name}.weight"], int(described.formats[operator.name].weight_bits)
        rows = array.reshape(len(array), -1)
        whole = levels(rows, channel_scales(array, bits), bits).astype(np.int64)
        if width == 1:
            assert np.array_equal(decode_dense(encode_dense(whole, 1), 1, whole.size), whole.ravel())
            continue
        for encode, decode in ((encode_sparse, decode_sparse), (encode_dense, decode_dense)):
            assert np.array_equal(decode(encode(whole, width), width, whole.size), whole.ravel())


@given(st.lists(st.sampled_from([-1, 1]), min_size=1, max_size=70))
def test_signs_are_packed_into_one_bit_each(signs: list[int]) -> None:
    whole = np.array(signs, dtype=np.int64)
    code = encode_dense(whole, 1)
    assert len(code) == math.ceil(len(signs) / 8)
    assert decode_dense(code, 1, len(signs)).tolist() == signs


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.integers(2, 12), st.integers(1, 200), st.integers(1, 200))
def test_a_code_of_two_parts_is_no_longer_than_its_parts_and_a_byte(seed: int, bits: int, one: int, other: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [rng.integers(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1), n) * (rng.random(n) < 0.3) for n in (one, other)]
    whole = len(encode_sparse(np.concatenate(parts), bits))
    # The run across the seam may need padding entries that neither part has.
    seam = math.ceil((one / 16 + 2) * (bits + 4) / 8)
    assert whole <= sum(len(encode_sparse(p, bits)) for p in parts) + seam


@given(st.integers(1, 10**6))
def test_the_spread_visits_every_place(count: int) -> None:
    assert math.gcd(coprime_step(count), count) == 1


@pytest.mark.parametrize(("height", "width"), [(256 * 8, 8), (300, 64), (1000, 28)])
def test_scales_look_at_every_column(height: int, width: int) -> None:
    """One column holds large values: whatever the width, its share of the judged samples is its share of the whole."""
    rng = np.random.default_rng(0)
    sample = rng.random((height, width)).astype(np.float32)
    found = []
    for column in (0, width // 2, width - 1):
        changed = sample.copy()
        changed[:, column] = 8.0 + rng.random(height)
        found.append(tensor_scale(changed.ravel(), 4, is_signed=False))
    assert height * width > SCALE_SAMPLES
    assert max(found) / min(found) < 1.15


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.integers(1, 12), st.booleans())
def test_levels_are_whole_inside_the_grid_and_nearest(seed: int, bits: int, is_signed: bool) -> None:
    bits = max(bits, 2) if is_signed else bits
    values = np.random.default_rng(seed).standard_normal(200).astype(np.float32) * 3
    top = largest_level(bits, is_signed)
    found = levels(values, np.float32(0.7), bits, is_signed)
    grid = np.arange(-top if is_signed else 0, top + 1)
    nearest = grid[np.abs(values[:, None] / np.float32(0.7) - grid).argmin(1)]
    assert np.array_equal(found, np.round(found)) and found.min() >= grid[0] and found.max() <= top
    assert np.abs(found - nearest).max() <= 1e-6 or np.abs(np.abs(values / 0.7 % 1 - 0.5)).min() < 1e-5


@given(st.integers(1, 10_000), st.floats(1e-6, 1.0))
def test_at_least_one_weight_stays(elements: int, density: float) -> None:
    assert 1 <= kept_count(elements, density) <= elements


def test_the_gates_example_is_a_network_that_a_file_could_describe() -> None:
    assert reshape(example_graph(), {}) == example_graph()


@pytest.mark.parametrize("settings_", [{"density": 0.25}, {"granularity": "channel", "density": 0.5}, {"density": 1.0}])
def test_prune_passes_the_gate_for_guests(settings_: dict[str, Any]) -> None:
    method = registry.load(GROUP, "prune")
    check_compression(method, method.Settings(**settings_))


@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_quantize_passes_the_gate_for_guests(bits: int) -> None:
    method = registry.load(GROUP, "quantize")
    check_compression(method, method.Settings(weight_bits=bits))


def test_steps_are_replayed_from_the_uncompressed_graph() -> None:
    graph = _perceptron(16, 12, 4)
    described = describe(graph, [_cut(0.5), Step("quantize", {"weight_bits": 4}, {})])
    assert isinstance(described, Described) and described.original is graph
    assert described.graph.operator("fc1").out_shape == (6,) and graph.operator("fc1").out_shape == (12,)
    assert describe(described.original, described.steps) == described


def _cut(density: float) -> Step:
    return Step("prune", {"granularity": "channel", "density": density}, {})


def _perceptron(inputs: int, hidden: int, out: int) -> Graph:
    operators = [
        {"name": "fc1", "kind": "dense", "out_features": hidden},
        {"name": "relu", "kind": "relu"},
        {"name": "fc2", "kind": "dense", "out_features": out},
    ]
    content = {"about": "a", "task": "digits", "input": [inputs], "operators": operators, "training": {"epochs": 1}}
    return build_graph("perceptron", NetworkSpec.model_validate(content))
