"""Products of two activations on every kind of machine arithmetic."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.base import Detail, MatrixNumerics, Product
from joulescape.registry import load

torch.set_num_threads(1)
DARK = {"dark_fraction": 0.0, "shot_fraction": 0.0, "intensity_fraction": 0.0}
CORE: dict[str, float] = {"terms_per_sample": 4, "integration_cycles": 2, "gain_sigma_fraction": 0.0, **DARK}
MESH: dict[str, float] = {
    "mesh_size": 4, "is_reck": 0, "is_push_pull": 0, "phase_sigma_rad": 0.0, "splitter_sigma_rad": 0.0,
    "mzi_loss_db": 0.0, "noise_fraction": 0.0, "crosstalk_fraction": 0.0,
}  # fmt: skip
BANK: dict[str, float] = {
    "channels": 8, "rows": 4, "spacing_fwhm": 1e4, "is_calibrated": 0, "sigma_fwhm": 0.0, "drift_fwhm": 0.0,
    "store_sigma_fraction": 0.0, **DARK,
}  # fmt: skip
QUIET: dict[str, dict[str, float]] = {
    "fixed_point": {"weight_bits": 16, "input_bits": 16},
    "tensor_core": CORE,
    "mzi_mesh": MESH,
    "ring_bank": BANK,
}
kinds = pytest.mark.parametrize("kind", QUIET)
details = pytest.mark.parametrize("detail", ["merged", "full"])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def operands(seed: int = 0, samples: int = 6) -> tuple[Tensor, Tensor]:
    """(samples, 2, 5, 10) and (samples, 2, 10, 3); the second group is ten times larger."""
    stream = generator(seed)
    left, right = torch.rand(samples, 2, 5, 10, generator=stream), torch.randn(samples, 2, 10, 3, generator=stream)
    return left, right * torch.tensor([1.0, 10.0])[:, None, None]


def made(kind: str, detail: Detail = "full", seed: int = 0, **numbers: float) -> Product:
    """A device whose ranges come from the operands that it will meet."""
    plugin: MatrixNumerics = load("joulescape.numerics", kind)
    spec = ErrorSpec(kind, "scores", "forward", {**QUIET[kind], **numbers})
    return plugin.product(*operands(), spec, generator(seed), detail)


@kinds
@details
def test_a_quiet_machine_multiplies(kind: str, detail: Detail) -> None:
    left, right = operands()
    found = made(kind, detail)(left, right, generator(1))
    assert torch.allclose(found, left @ right, atol=2e-3 * float((left @ right).abs().max()))


@pytest.mark.parametrize(
    ("kind", "imperfect"), [("mzi_mesh", {"phase_sigma_rad": 0.05}), ("ring_bank", {"sigma_fwhm": 0.05})]
)
def test_one_device_writes_every_sample(kind: str, imperfect: dict[str, float]) -> None:
    """Equal samples come out equal: static errors belong to the machine and not to the writing."""
    left, right = (x[:1].expand(3, -1, -1, -1) for x in operands())
    machine = made(kind, **imperfect)
    found = machine(left, right, generator(1))
    assert torch.allclose(found[0], found[2], atol=1e-6) and not torch.allclose(found, left @ right, atol=1e-2)
    assert torch.equal(machine(left, right, generator(1)), found)
    assert not torch.allclose(made(kind, seed=1, **imperfect)(left, right, generator(1)), found, atol=1e-3)


@pytest.mark.parametrize("number", ["weight_bits", "input_bits", "output_bits"])
@details
def test_each_converter_of_a_tensor_core_costs_accuracy(number: str, detail: Detail) -> None:
    """Both operands are encoded, the right one by the weights' converter: an error that halves with every bit."""
    left, right = operands()
    errors = [
        float((made("tensor_core", detail, **{number: bits})(left, right, generator(1)) - left @ right).square().mean())
        for bits in (4.0, 6.0, 8.0)
    ]
    assert errors[0] > 8 * errors[1] > 64 * errors[2] > 0


@pytest.mark.parametrize(
    ("kind", "bits"), [("tensor_core", ("input_bits", "weight_bits")), ("fixed_point", ("input_bits",))]
)
def test_operands_stand_on_the_grids_of_their_converters(kind: str, bits: tuple[str, ...]) -> None:
    """Times the unit matrix each operand is seen by itself: 2^b - 1 values with a sign, 2^b without."""
    unit = torch.eye(10).expand(6, 2, 10, 10)
    left, right = operands()
    plugin: MatrixNumerics = load("joulescape.numerics", kind)
    spec = ErrorSpec(kind, "scores", "forward", {**QUIET[kind], **dict.fromkeys(bits, 4.0)})
    seen = plugin.product(left, unit, spec, generator(), "full")(left, unit, generator())
    assert len((seen[:, 0] / seen[:, 0].max() * 1e4).round().unique()) <= 16
    seen = plugin.product(unit, right, spec, generator(), "full")(unit, right, generator())
    assert len((seen[:, 1] / seen[:, 1].abs().max() * 1e4).round().unique()) <= 15 + (kind == "fixed_point")


def test_each_head_has_a_range_of_its_own() -> None:
    """A head ten times smaller is seen as sharply as the other."""
    left, right = operands()
    found = made("tensor_core", input_bits=6.0, weight_bits=6.0)(left, right, generator(1))
    relative = ((found - left @ right).square().mean((0, 2, 3)) / (left @ right).square().mean((0, 2, 3))).sqrt()
    assert float(relative[0]) == pytest.approx(float(relative[1]), rel=0.6) and float(relative.max()) < 0.1


def test_a_wavelengths_gain_meets_both_operands_of_its_place() -> None:
    """Four wavelengths, ten terms: places 0, 4 and 8 of the reduction share a gain, on any row, column and head."""
    unit = torch.eye(10).expand(1, 2, 10, 10)
    plugin: MatrixNumerics = load("joulescape.numerics", "tensor_core")
    spec = ErrorSpec("tensor_core", "scores", "forward", {**CORE, "gain_sigma_fraction": 0.1})
    gains = plugin.product(unit, unit, spec, generator(), "full")(unit, unit, generator())[0].diagonal(dim1=1, dim2=2)
    assert torch.allclose(gains[0], gains[1]) and torch.allclose(gains[0, :4], gains[0, 4:8])
    assert float(gains[0, :4].std()) > 0.02


@details
def test_dark_noise_of_every_clock_adds(detail: Detail) -> None:
    """Ten terms, four wavelengths, two clocks an integration: two readouts, four clocks of dark noise."""
    left, right = (torch.ones(500, 1, 8, 10), torch.ones(500, 1, 10, 8))
    plugin: MatrixNumerics = load("joulescape.numerics", "tensor_core")
    spec = ErrorSpec("tensor_core", "scores", "forward", {**CORE, "dark_fraction": 0.02})
    found = plugin.product(left, right, spec, generator(), detail)(left, right, generator(1))
    assert float(found.std()) == pytest.approx(0.02 * 4**0.5, rel=0.05)
    assert float(found.mean()) == pytest.approx(10.0, abs=0.01)
