"""Laws of every kind of machine arithmetic: shapes, zeros, scales, devices, noise, grouped layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.base import Detail, MatrixNumerics
from joulescape.registry import load

torch.set_num_threads(1)

FEW = settings(max_examples=15, deadline=None)
DETAILS: tuple[Detail, ...] = ("merged", "full")

CELLS: dict[str, float] = {
    "rows": 32, "columns": 32, "weight_bits": 8, "input_bits": 8, "cell_bits": 2, "cell_copies": 1, "dac_bits": 1,
    "adc_bits": 10, "adc_clip_fraction": 1.0, "is_counted": 0, "is_differential": 0, "programming_sigma_fraction": 0.0,
    "read_sigma_fraction": 0.0, "stuck_off_fraction": 0.0, "stuck_on_fraction": 0.0, "g_on_msiemens": 0.01,
    "on_off_ratio": 17.0, "wire_kohm": 0.0,
}  # fmt: skip
MESH: dict[str, float] = {
    "mesh_size": 4, "is_reck": 0, "is_push_pull": 0, "phase_sigma_rad": 0.0, "splitter_sigma_rad": 0.0,
    "mzi_loss_db": 0.0, "noise_fraction": 0.0, "crosstalk_fraction": 0.0,
}  # fmt: skip
BANK: dict[str, float] = {
    "channels": 8, "rows": 4, "spacing_fwhm": 1e4, "is_calibrated": 0, "sigma_fwhm": 0.0, "drift_fwhm": 0.0,
    "store_sigma_fraction": 0.0, "dark_fraction": 0.0, "shot_fraction": 0.0, "intensity_fraction": 0.0,
}  # fmt: skip
CORE: dict[str, float] = {
    "terms_per_sample": 6, "integration_cycles": 3, "gain_sigma_fraction": 0.0, "dark_fraction": 0.0,
    "shot_fraction": 0.0, "intensity_fraction": 0.0,
}  # fmt: skip
COLUMN: dict[str, float] = {
    "rows": 32, "weight_bits": 8, "input_bits": 8, "dac_bits": 1, "is_joined": 0, "adc_bits": 10, "range_rows": 32,
    "clip_fraction": 1.0, "mismatch_sigma_fraction": 0.0, "bend_fraction": 0.0, "read_sigma_fraction": 0.0,
}  # fmt: skip
LATE: dict[str, float] = {
    "weight_bits": 8, "input_bits": 8, "accumulator_bits": 32, "fault_fraction": 0.0, "is_dropped": 1, "fault_bit": 18,
}  # fmt: skip
QUIET: dict[str, tuple[str, dict[str, float]]] = {
    "fixed_point": ("fixed_point", {"weight_bits": 8, "input_bits": 8, "accumulator_bits": 32}),
    "small_float": (
        "small_float",
        {"exponent_bits": 5, "mantissa_bits": 10, "largest": 65504.0, "is_scaled": 1},
    ),
    "dynamic": ("dynamic_fixed_point", {"bits": 10}),
    "late": ("timing_faults", LATE),
    "offset": ("crossbar", CELLS),
    "pair": ("crossbar", {**CELLS, "is_differential": 1}),
    "wide_drivers": ("crossbar", {**CELLS, "dac_bits": 2, "cell_bits": 1, "cell_copies": 2}),
    "clements": ("mzi_mesh", MESH),
    "reck": ("mzi_mesh", {**MESH, "is_reck": 1, "is_push_pull": 1}),
    "rings": ("ring_bank", BANK),
    "cores": ("tensor_core", CORE),
    "columns": ("sram_in_memory", COLUMN),
    "analog_columns": ("analog_columns", {"snr_db": 200.0, "weight_bits": 8}),
    "spikes": ("spiking", {"timesteps": 255, "weight_bits": 8, "threshold_percentile": 100.0}),
    "narrow_rings": ("ring_bank", {**BANK, "spacing_fwhm": 8, "is_calibrated": 1}),
}
"""Machines without any noise."""

NOISE: dict[str, dict[str, list[float]]] = {
    "late": {"fault_fraction": [0.0, 0.01, 0.1, 0.5]},
    "offset": {
        "programming_sigma_fraction": [0.0, 0.03, 0.1, 0.3], "read_sigma_fraction": [0.0, 0.05, 0.2],
        "stuck_on_fraction": [0.0, 0.02, 0.1], "stuck_off_fraction": [0.0, 0.05, 0.3],
    },
    "pair": {"programming_sigma_fraction": [0.0, 0.03, 0.1, 0.3], "read_sigma_fraction": [0.0, 0.05, 0.2]},
    "clements": {
        "phase_sigma_rad": [0.0, 0.01, 0.05, 0.2], "splitter_sigma_rad": [0.0, 0.02, 0.1], "mzi_loss_db": [0.0, 0.1, 1],
        "crosstalk_fraction": [0.0, 0.001, 0.01],
        "noise_fraction": [0.0, 0.01, 0.1],
    },
    "reck": {"phase_sigma_rad": [0.0, 0.01, 0.05, 0.2], "noise_fraction": [0.0, 0.01, 0.1]},
    "rings": {
        "sigma_fwhm": [0.0, 0.005, 0.02, 0.1], "drift_fwhm": [0.0, 0.005, 0.02, 0.1],
        "store_sigma_fraction": [0.0, 0.01, 0.05], "dark_fraction": [0.0, 0.02, 0.1], "shot_fraction": [0.0, 0.02, 0.1],
        "intensity_fraction": [0.0, 0.02, 0.1],
    },
    "cores": {
        "gain_sigma_fraction": [0.0, 0.01, 0.1], "dark_fraction": [0.0, 0.02, 0.1], "shot_fraction": [0.0, 0.02, 0.1],
        "intensity_fraction": [0.0, 0.02, 0.1],
    },
    "columns": {"mismatch_sigma_fraction": [0.0, 0.15, 0.4], "read_sigma_fraction": [0.0, 0.05, 0.2]},
    "spikes": {"weight_sigma_fraction": [0.0, 0.05, 0.3]},
}  # fmt: skip
"""Every source of error by itself, rising."""

machines = pytest.mark.parametrize("name", list(QUIET))
sources = pytest.mark.parametrize(("name", "source"), [(n, s) for n, found in NOISE.items() for s in found])
details = pytest.mark.parametrize("detail", DETAILS)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plugin(name: str) -> MatrixNumerics:
    found: MatrixNumerics = load("joulescape.numerics", QUIET[name][0])
    return found


def program(name: str, weight: Tensor, x: Tensor, detail: Detail = "full", seed: int = 0, **changes: float) -> Any:
    kind, numbers = QUIET[name]
    spec = ErrorSpec(kind, "fc", "forward", {**numbers, **changes})
    return plugin(name).program(weight, spec, x, generator(seed), detail)


def case(outputs: int, inputs: int, rows: int = 12, signed: bool = False, seed: int = 1) -> tuple[Tensor, Tensor]:
    made = generator(seed)
    weight, x = torch.randn(outputs, inputs, generator=made), torch.randn(rows, inputs, generator=made)
    return weight, x if signed else x.abs()


def relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm().clamp(min=1e-12))


# --- shapes ------------------------------------------------------------------------------------------------------


@machines
@details
@FEW
@given(outputs=st.integers(1, 40), inputs=st.integers(1, 70), rows=st.integers(1, 5), signed=st.booleans())
def test_any_shape_gives_the_product_within_eight_bits(
    name: str, detail: Detail, outputs: int, inputs: int, rows: int, signed: bool
) -> None:
    """1 x K, N x 1, 1 x 1, fewer rows than a tile, one more than a tile: 8-bit operands err by about a percent."""
    weight, x = case(outputs, inputs, rows, signed)
    found = program(name, weight, x, detail)(x, generator())
    assert found.shape == (rows, outputs)
    scale = float(weight.norm() * x.norm())
    assert float((found - x @ weight.T).norm()) <= 0.02 * scale


@machines
@details
def test_the_data_type_is_the_inputs(name: str, detail: Detail) -> None:
    weight, x = case(5, 7)
    assert program(name, weight, x, detail)(x, generator()).dtype == torch.float32


@machines
@details
def test_weights_of_zeros_give_zeros(name: str, detail: Detail) -> None:
    _, x = case(3, 9)
    found = program(name, torch.zeros(3, 9), x, detail)(x, generator())
    assert float(found.abs().max()) < 1e-5


@machines
@details
def test_inputs_of_zeros_give_zeros(name: str, detail: Detail) -> None:
    weight, x = case(3, 9)
    found = program(name, weight, x, detail)(torch.zeros(4, 9), generator())
    assert float(found.abs().max()) < 1e-5


@machines
@details
def test_one_dead_channel_stays_dead_and_leaves_the_others_alone(name: str, detail: Detail) -> None:
    weight, x = case(6, 20)
    weight[3] = 0
    found = program(name, weight, x, detail)(x, generator())
    assert float(found[:, 3].abs().max()) <= 1e-3 * float(found.abs().max())
    others = [0, 1, 2, 4, 5]
    assert relative(found[:, others], x @ weight[others].T) < 0.03


@machines
@pytest.mark.parametrize("size", [1e-6, 1e4, 1e8])
def test_only_relative_sizes_matter(name: str, size: float) -> None:
    """Ranges are calibrated: weights and inputs of any size give the same relative result."""
    weight, x = case(7, 30)
    unit = program(name, weight, x)(x, generator())
    for big_weight, big_x in ((weight * size, x), (weight, x * size)):
        scaled = program(name, big_weight, big_x)(big_x, generator()) / size
        assert torch.isfinite(scaled).all()
        assert relative(scaled, unit) < 0.02


@machines
def test_inputs_beyond_what_was_calibrated_stay_finite(name: str) -> None:
    weight, x = case(4, 12)
    found = program(name, weight, x)(x * 1e3, generator())
    assert torch.isfinite(found).all()
    assert torch.isfinite(program(name, weight, x * 0)(x, generator())).all(), "calibrated on zeros"


@machines
def test_the_weight_that_is_programmed_is_left_alone(name: str) -> None:
    weight, x = case(4, 12)
    before = weight.clone()
    program(name, weight, x)(x, generator())
    assert torch.equal(weight, before)


# --- structure ---------------------------------------------------------------------------------------------------


@machines
@FEW
@given(rows=st.integers(2, 9), cut=st.integers(1, 8))
def test_rows_do_not_see_each_other(name: str, rows: int, cut: int) -> None:
    weight, x = case(5, 17, rows)
    device = program(name, weight, x)
    whole, cut = device(x, generator()), min(cut, rows - 1)
    parts = torch.cat([device(x[:cut], generator()), device(x[cut:], generator())])
    assert torch.allclose(whole, parts, atol=1e-5 * float(whole.abs().max()))


@machines
def test_the_order_of_rows_is_the_order_of_results(name: str) -> None:
    weight, x = case(5, 17, 9)
    device, order = program(name, weight, x), torch.randperm(9, generator=generator(3))
    assert torch.allclose(device(x[order], generator()), device(x, generator())[order], atol=1e-4)


@machines
def test_negating_signed_inputs_negates_the_product(name: str) -> None:
    """Both signs have equal ranges, but for one level of two's complement that calibration never reaches."""
    weight, x = case(5, 17, 20, signed=True)
    both = torch.cat([x, -x])
    found = program(name, weight, both)(both, generator())
    assert relative(found[:20], -found[20:]) < 0.02


@machines
@pytest.mark.parametrize("groups", [2, 3])
def test_a_grouped_layer_is_its_groups_side_by_side(name: str, groups: int) -> None:
    """Each group is programmed by itself: what one holds never reaches the other's outputs."""
    weights, x = case(4, 6 * groups)[0].reshape(4, groups, 6).transpose(0, 1), case(4, 6 * groups)[1]
    parts = x.reshape(len(x), groups, 6)
    made = generator()
    kind, numbers = QUIET[name]
    spec = ErrorSpec(kind, "conv", "forward", numbers)
    devices = [plugin(name).program(weights[g], spec, parts[:, g], made, "full") for g in range(groups)]
    found = torch.cat([device(parts[:, g], made) for g, device in enumerate(devices)], dim=1)
    block = torch.block_diag(*weights)
    assert relative(found, x @ block.T) < 0.03


# --- noise -------------------------------------------------------------------------------------------------------


def error(name: str, source: str, level: float, detail: Detail, draws: int = 6) -> float:
    """Mean square of what the noise adds to the quiet machine's product."""
    weight, x = case(16, 40, 24)
    wanted = program(name, weight, x, detail)(x, generator())
    devices = [program(name, weight, x, detail, seed, **{source: level}) for seed in range(draws)]
    made = [device(x, generator(50 + seed)) for seed, device in enumerate(devices)]
    return float(torch.stack([(found - wanted).square().mean() for found in made]).mean())


@sources
@details
def test_more_of_any_error_never_helps_on_average(name: str, source: str, detail: Detail) -> None:
    errors = [error(name, source, level, detail) for level in NOISE[name][source]]
    assert errors[0] == pytest.approx(0, abs=1e-6)
    assert errors == sorted(errors), errors
    assert errors[-1] > 0


@sources
def test_merged_errs_as_much_as_full(name: str, source: str) -> None:
    """Within a factor of two in mean square at the largest level, where neither is negligible."""
    level = NOISE[name][source][1]
    merged, full = (error(name, source, level, detail, draws=10) for detail in DETAILS)
    assert 0.5 < merged / full < 2.0, (merged, full)


STATIC = {"programming_sigma_fraction", "stuck_on_fraction", "stuck_off_fraction", "phase_sigma_rad",
          "splitter_sigma_rad", "mzi_loss_db", "sigma_fwhm", "drift_fwhm", "store_sigma_fraction",
          "gain_sigma_fraction", "crosstalk_fraction", "mismatch_sigma_fraction", "weight_sigma_fraction"}  # fmt: skip


@sources
def test_static_errors_stay_and_read_errors_are_redrawn(name: str, source: str) -> None:
    weight, x = case(16, 40, 24)
    device, draw = program(name, weight, x, **{source: NOISE[name][source][-1]}), generator(9)
    first, second = device(x, draw), device(x, draw)
    assert torch.equal(first, second) == (source in STATIC)


@sources
@details
def test_the_same_generator_draws_the_same_device(name: str, source: str, detail: Detail) -> None:
    weight, x = case(16, 40, 24)
    level = NOISE[name][source][-1]
    one, same, other = (program(name, weight, x, detail, seed, **{source: level}) for seed in (4, 4, 5))
    found = one(x, generator(1))
    assert torch.equal(found, same(x, generator(1)))
    is_drawn = source not in ("mzi_loss_db", "crosstalk_fraction") and (source in STATIC)
    assert torch.equal(found, other(x, generator(1))) == (not is_drawn)


@sources
@details
def test_nothing_becomes_infinite_at_the_largest_error(name: str, source: str, detail: Detail) -> None:
    for outputs, inputs in ((1, 1), (1, 33), (33, 1), (5, 5)):
        weight, x = case(outputs, inputs, 3)
        device = program(name, weight, x, detail, **{source: NOISE[name][source][-1]})
        assert torch.isfinite(device(x, generator())).all()


@pytest.mark.parametrize("name", ["offset", "pair", "clements"])
@FEW
@given(bits=st.integers(3, 9))
def test_one_more_bit_of_the_output_converter_never_errs_more_on_average(name: str, bits: int) -> None:
    weight, x = case(24, 60, 40)
    field = "output_bits" if name == "clements" else "adc_bits"
    errors = [
        float((program(name, weight, x, **{field: b})(x, generator()) - x @ weight.T).square().mean())
        for b in (bits, bits + 1)
    ]
    assert errors[1] <= errors[0] * 1.05
