"""Every method against the laws, alone and in order, and its own formula on real shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from compressible import arrays_of, shipped
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from joulescape import registry
from joulescape.compression.base import Step
from joulescape.compression.pipeline import GROUP, describe, project, stages
from joulescape.compression.storage import measured_bytes, read, write
from joulescape.network.arithmetic import operations
from joulescape.testing import check_compression

torch.set_num_threads(1)

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "prune": [
        {}, {"density": 1.0}, {"density": 0.02, "index_bits": 6}, {"granularity": "n_of_m"}, {"granularity": "channel"},
        {"granularity": "n_of_m", "group": 8, "density": 0.25}, {"criterion": "scaled"}, {"criterion": "lamp"},
        {"schedule": "gradual", "density": 0.1}, {"schedule": "admm", "density": 0.1},
    ],
    "quantize": [
        {"weight_bits": 1}, {"weight_bits": 2}, {"weight_bits": 16}, {"weight_bits": 4, "scale_per": "layer"},
        {"weight_bits": 4, "scale": "peak"}, {"weight_bits": 3, "scale": "percentile", "percentile": 95.0},
        {"weight_bits": 4, "ends": "keep"},
    ],
    "fixed_point": [{}, {"weight_bits": 2}, {"weight_bits": 16}, {"weight_bits": 6, "fraction_bits": 3}],
    "logarithmic": [{}, {"weight_bits": 2}, {"weight_bits": 8}, {"scale_per": "layer"}],
    "ternary": [{}, {"scale_per": "channel"}, {"rule": "ttq"}, {"ends": "keep"}],
    "binary": [{}, {"scale_per": "layer"}, {"activations": "binary"}],
    "dorefa": [{"weight_bits": 1}, {"weight_bits": 2}, {"weight_bits": 8}],
    "half_wave": [{}, {"activation_bits": 4}],
    "incremental": [{}, {"weight_bits": 3}, {"weight_bits": 6}],
    "share": [{"bits": 1}, {}, {"bits": 8}],
    "soft_share": [{}, {"bits": 1}, {"bits": 2, "zero_share": 0.5}, {"ends": "keep"}],
    "huffman": [{}, {"bias_bits": 16}],
    "low_rank": [{}, {"conv": "svd"}, {"conv": "spatial"}, {"conv": "keep"}, {"rank_fraction": 1.0}, {"ends": "keep"}],
    "deep_thin": [{}, {"rank": 1}, {"rank": 256}, {"ends": "keep"}],
    "circulant": [{}, {"block": 3}, {"block": 1}],
    "winograd": [{}, {"tile": 4}],
    "fft": [{}],
    "strassen": [{}],
    "merge": [{}, {"pooling": True, "pointwise": True}, {"norm": False}],
    "reported": [{}],
}  # fmt: skip
CASES = [(name, values) for name, some in SETTINGS.items() for values in some]


def test_every_built_in_is_held_to_the_laws() -> None:
    elsewhere = {"restack"}  # of networks of physical systems alone: test_restack
    assert set(SETTINGS) | elsewhere == registry.builtin_names(GROUP) and not set(SETTINGS) & elsewhere


@pytest.mark.parametrize(("name", "values"), CASES, ids=str)
@pytest.mark.parametrize("network", ["digits_lenet", "digits_resnet", "lenet5"])
def test_laws(name: str, values: dict[str, Any], network: str) -> None:
    method, graph = registry.load(GROUP, name), shipped(network)
    check_compression(method, method.Settings(**values), graph, arrays_of(graph))


@pytest.mark.parametrize(("name", "values"), CASES, ids=str)
def test_torch_and_numpy_agree(name: str, values: dict[str, Any]) -> None:
    graph = shipped("digits_lenet")
    described, arrays = describe(graph, [Step(name, values, {})]), arrays_of(graph)
    one = project(arrays, described)
    other = project({key: torch.from_numpy(array.copy()) for key, array in arrays.items()}, described)
    assert one.keys() == other.keys()
    for key, array in one.items():
        assert other[key].dtype == torch.from_numpy(np.asarray(array)).dtype
        np.testing.assert_allclose(other[key].numpy(), array, rtol=2e-5, atol=2e-6, err_msg=key)


GRIDS = ["quantize", "fixed_point", "logarithmic", "ternary", "binary", "dorefa", "incremental", "share", "soft_share"]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(GRIDS), st.floats(0.03, 0.9), st.sampled_from(["element", "n_of_m", "channel"]), st.booleans(),
    st.integers(0, 99),
)  # fmt: skip
def test_pruned_then_on_a_grid_then_coded(
    grid: str, density: float, granularity: str, is_coded: bool, seed: int
) -> None:
    """Zeros stay zero, the file gives everything back, and the arrays are as announced."""
    graph = shipped("digits_lenet")
    steps = [Step("prune", {"granularity": granularity, "density": density}, {}), Step(grid, {}, {})]
    described = describe(graph, [*steps, *([Step("huffman", {}, {})] if is_coded else [])])
    pruned = project(arrays_of(graph, seed), describe(graph, steps[:1]))
    arrays = project(arrays_of(graph, seed), described)
    again = read(described, write(described, arrays))
    for key, array in again.items():
        np.testing.assert_allclose(array, arrays[key], rtol=1e-6, atol=1e-9)
        assert np.all(arrays[key][pruned[key] == 0] == 0)
    held = measured_bytes(described, arrays)
    for operator in described.graph.matrix_operators:
        announced = described.formats[operator.name].weight_bytes or 0.0
        assert held[operator.name].weight_bytes <= 1.15 * announced + 64
        assert held[operator.name].index_bytes <= held[operator.name].weight_bytes


# Each method's own formula


def _projected(name: str, values: dict[str, Any], weight: np.ndarray) -> np.ndarray:
    method = registry.load(GROUP, name)
    return np.asarray(method.on_grid(weight, method.Settings(**values)))


WEIGHT = np.random.default_rng(5).standard_normal((12, 60)).astype(np.float32)


def test_ternary_has_the_scale_of_least_error_for_its_threshold() -> None:
    found = _projected("ternary", {}, WEIGHT)
    is_large = np.abs(WEIGHT) > 0.7 * np.abs(WEIGHT).mean()
    assert np.array_equal(found != 0, is_large) and np.array_equal(np.sign(found), np.sign(WEIGHT) * is_large)
    scale = np.abs(found).max()
    errors = [float(((np.sign(found) * s - WEIGHT) ** 2).sum()) for s in (0.98 * scale, scale, 1.02 * scale)]
    assert errors[1] < errors[0] and errors[1] < errors[2]


def test_trained_ternary_keeps_two_scales_and_zeros_below_its_threshold() -> None:
    graph = shipped("digits_mlp")
    arrays = arrays_of(graph)
    found = project(arrays, describe(graph, [Step("ternary", {"rule": "ttq"}, {})]))
    weight = arrays["fc1.weight"]
    values = np.unique(found["fc1.weight"])
    assert len(values) == 3 and values[1] == 0.0
    assert values[2] == pytest.approx(weight[weight > 0.05 * np.abs(weight).max()].mean(), rel=1e-5)
    assert -values[0] == pytest.approx(-weight[weight < -0.05 * np.abs(weight).max()].mean(), rel=1e-5)
    moved = {**found, "fc1.positive": np.float32([2.0]), "fc1.weight": weight}
    again = project(moved, describe(graph, [Step("ternary", {"rule": "ttq"}, {})]))
    assert again["fc1.weight"].max() == 2.0, "the scale that training moved is what counts"


def test_binary_has_the_sign_and_the_mean_magnitude() -> None:
    found = _projected("binary", {}, WEIGHT)
    np.testing.assert_allclose(found, np.sign(WEIGHT) * np.abs(WEIGHT).mean(axis=1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_dorefa_takes_evenly_spaced_values_without_zero(bits: int) -> None:
    found = _projected("dorefa", {"weight_bits": bits}, WEIGHT)
    values = np.unique(found)
    wanted = np.abs(WEIGHT).max() * (2 * np.arange(2**bits) / (2**bits - 1) - 1)
    assert len(values) <= 2**bits
    assert all(np.abs(wanted - value).min() < 1e-5 for value in values)
    squeezed = np.tanh(WEIGHT) / (2 * np.abs(np.tanh(WEIGHT)).max()) + 0.5
    nearest = np.abs(WEIGHT).max() * (2 * np.round((2**bits - 1) * squeezed) / (2**bits - 1) - 1)
    np.testing.assert_allclose(found, nearest, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_logarithmic_values_are_powers_of_two_of_the_largest(bits: int) -> None:
    found = _projected("logarithmic", {"weight_bits": bits}, WEIGHT)
    peaks = np.abs(WEIGHT).max(axis=1, keepdims=True)
    exponents = np.log2(np.abs(found[found != 0]) / np.broadcast_to(peaks, found.shape)[found != 0])
    np.testing.assert_allclose(exponents, np.round(exponents), atol=1e-5)
    assert exponents.min() >= -(2 ** (bits - 1) - 2) - 1e-5 and exponents.max() < 1e-5
    if bits == 6:
        assert (np.abs(np.log2(np.abs(found) / np.abs(WEIGHT))) <= 0.5 + 1e-5).all()


def test_incremental_values_are_powers_of_two_and_shares_grow() -> None:
    found = _projected("incremental", {"weight_bits": 5}, WEIGHT)
    exponents = np.log2(np.abs(found[found != 0]))
    assert np.array_equal(exponents, np.round(exponents))
    highest = math.floor(math.log2(4 * float(np.abs(WEIGHT).max()) / 3))
    assert exponents.max() == highest and exponents.min() >= highest - 7
    half = _projected("incremental", {"weight_bits": 5, "share": 0.5}, WEIGHT)
    moved = half != WEIGHT
    assert moved.sum() == pytest.approx(WEIGHT.size / 2, abs=2)
    assert np.abs(WEIGHT[moved]).min() >= np.abs(WEIGHT[~moved]).max()
    rest = _projected("incremental", {"weight_bits": 5, "share": 1.0}, half)
    assert np.array_equal(rest[moved], half[moved]), "what is done stays"


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_fixed_point_steps_are_powers_of_two_of_least_error(bits: int) -> None:
    found = _projected("fixed_point", {"weight_bits": bits}, WEIGHT)
    top = 2 ** (bits - 1) - 1
    tried = {}
    for exponent in range(-12, 4):
        step = 2.0**exponent
        tried[exponent] = float(((np.clip(np.round(WEIGHT / step), -top, top) * step - WEIGHT) ** 2).sum())
    assert float(((found - WEIGHT) ** 2).sum()) == pytest.approx(min(tried.values()), rel=1e-4)
    given_ = _projected("fixed_point", {"weight_bits": bits, "fraction_bits": 2}, WEIGHT)
    np.testing.assert_allclose(given_, np.clip(np.round(WEIGHT * 4), -top, top) / 4, atol=1e-7)


@pytest.mark.parametrize(("rule", "values"), [("peak", {}), ("percentile", {"percentile": 90.0})])
def test_ranges_are_what_the_rule_says(rule: str, values: dict[str, Any]) -> None:
    found = _projected("quantize", {"weight_bits": 8, "scale": rule, "scale_per": "layer", **values}, WEIGHT)
    ordered = np.sort(np.abs(WEIGHT).ravel())
    wanted = ordered[-1] if rule == "peak" else ordered[-1 - round(0.1 * ordered.size)]
    assert np.abs(found).max() == pytest.approx(wanted, rel=1e-2)


def test_least_square_error_beats_peak_and_percentile_on_heavy_tails() -> None:
    weight = np.random.default_rng(0).standard_t(3, (4, 500)).astype(np.float32)
    error = {
        rule: float(((_projected("quantize", {"weight_bits": 4, "scale": rule}, weight) - weight) ** 2).mean())
        for rule in ("mse", "peak", "percentile")
    }
    assert error["mse"] <= min(error["peak"], error["percentile"])


def test_half_precision_biases_are_those_of_ieee() -> None:
    graph = shipped("digits_mlp")
    arrays = arrays_of(graph)
    arrays["fc1.bias"] = np.random.default_rng(0).standard_normal(64).astype(np.float32) * 10.0 ** np.linspace(
        -7, 3, 64
    )
    arrays["fc1.bias"] = arrays["fc1.bias"].astype(np.float32)
    found = project(arrays, describe(graph, [Step("huffman", {"bias_bits": 16}, {})]))
    assert np.array_equal(found["fc1.bias"], arrays["fc1.bias"].astype(np.float16).astype(np.float32))


# Formats


@pytest.mark.parametrize(
    ("name", "values", "arithmetic", "code_bits", "weight_bits"),
    [
        ("quantize", {"weight_bits": 5}, "multiply", 5, 5), ("fixed_point", {"weight_bits": 7}, "multiply", 7, 7),
        ("logarithmic", {"weight_bits": 4}, "shift", 4, 8), ("incremental", {"weight_bits": 5}, "shift", 5, 9),
        ("ternary", {}, "add", 2, 2), ("ternary", {"rule": "ttq"}, "add", 2, 32), ("binary", {}, "add", 1, 1),
        ("binary", {"activations": "binary"}, "xnor", 1, 1), ("dorefa", {"weight_bits": 3}, "multiply", 3, 4),
        ("share", {"bits": 5}, "multiply", 5, 32), ("circulant", {}, "circulant", 32, 32),
    ],
)  # fmt: skip
def test_what_a_machine_is_told(
    name: str, values: dict[str, Any], arithmetic: str, code_bits: int, weight_bits: int
) -> None:
    """Code bits are stored, weight bits are what a machine with whole numbers needs."""
    form = describe(shipped("lenet5"), [Step(name, values, {})]).formats["fc1"]
    assert (form.arithmetic, form.stored_bits, form.weight_bits) == (arithmetic, code_bits, weight_bits)


def test_a_whole_number_grid_of_the_announced_width_holds_powers_of_two() -> None:
    """The smallest power is one level: a machine without shifters computes the same."""
    found = _projected("logarithmic", {"weight_bits": 4}, WEIGHT)
    smallest = np.abs(WEIGHT).max(axis=1, keepdims=True) * 2.0**-6
    levels = found / smallest
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
    assert np.abs(levels).max() <= 2 ** (8 - 1) - 1


def test_ends_stay_as_they_are() -> None:
    graph = shipped("lenet5")
    for name in ("binary", "ternary", "quantize", "low_rank", "circulant"):
        described = describe(graph, [Step(name, {"ends": "keep"}, {})])
        arrays = project(arrays_of(graph), described)
        for end in ("conv1", "fc3"):
            assert described.formats[end].weight_bits == 32 and described.formats[end].activation_bits == 32
            assert np.array_equal(arrays[f"{end}.weight"], arrays_of(graph)[f"{end}.weight"])


def test_operations_follow_the_arithmetic() -> None:
    graph = shipped("lenet5")
    layer, macs = graph.operator("fc1"), 48_000

    def of(*steps: Step) -> Any:
        return operations(layer, describe(graph, steps).formats["fc1"])

    dense = of()
    assert (dense.macs, dense.multiplications, dense.additions) == (macs, macs, macs)
    pruned = of(Step("prune", {"density": 0.25}, {}))
    assert pruned.macs == macs and pruned.multiplications == pruned.additions == macs / 4
    shifted = of(Step("logarithmic", {}, {}))
    assert (shifted.shifts, shifted.multiplications) == (macs, 120)
    signs = of(Step("binary", {}, {}))
    assert (signs.shifts, signs.gates, signs.multiplications, signs.additions) == (0, 0, 120, macs)
    assert of(Step("binary", {"activations": "binary"}, {})).gates == macs
    fourier = [of(Step("circulant", {"block": block}, {})).multiplications for block in (4, 8, 16, 32)]
    assert fourier == sorted(fourier, reverse=True) and fourier[1] < macs
    with pytest.raises(ValueError, match="relu3"):
        operations(graph.operator("relu3"), describe(graph, []).formats["relu3"])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("prune", {"density": 0.0}), ("prune", {"granularity": "channel", "scope": "global"}),
        ("prune", {"granularity": "channel", "schedule": "gradual"}), ("prune", {"group": 1}),
        ("prune", {"criterion": "first_order", "schedule": "gradual"}), ("low_rank", {"rank_fraction": 1.01}),
        ("low_rank", {"rank_fraction": 0.0}), ("circulant", {"block": 0}), ("share", {"bits": 0}),
        ("quantize", {"percentile": 101.0}), ("incremental", {"weight_bits": 2}), ("half_wave", {"activation_bits": 1}),
        ("deep_thin", {"rank": 0}), ("soft_share", {"zero_share": 1.0}), ("low_rank", {"ranks": {"fc1": 0}}),
        ("ternary", {"rule": "ttq", "training": "admm"}), ("binary", {"pull": 0.0}),
        ("prune", {"granularity": "channel", "schedule": "admm"}),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(name: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        describe(shipped("digits_mlp"), [Step(name, values, {})])


def test_stages_tell_what_stands_before_and_after() -> None:
    graph = shipped("digits_mlp")
    steps = [Step("low_rank", {}, {}), Step("quantize", {"weight_bits": 4}, {"fc1": {"weight_bits": 3}})]
    first, second = stages(describe(graph, steps))
    assert first.before.graph == graph and first.after.graph == second.before.graph != graph
    assert set(second.settings) == {"fc1/in", "fc1/out", "fc2/in", "fc2/out"}
    assert second.settings["fc1/in"].weight_bits == 3 and second.settings["fc2/out"].weight_bits == 4


@pytest.mark.parametrize("name", ["logarithmic", "ternary", "binary", "dorefa", "incremental", "share", "fixed_point"])
def test_inputs_that_a_step_leaves_alone_stay_as_an_earlier_step_left_them(name: str) -> None:
    steps = [Step("half_wave", {"activation_bits": 2}, {}), Step(name, {"activation_bits": 32}, {})]
    form = describe(shipped("digits_mlp"), steps).formats["fc2"]
    assert (form.activation_bits, form.activation_rule) == (2.0, "half_wave")
    assert describe(shipped("digits_mlp"), steps[1:]).formats["fc2"].activation_bits == 32.0
