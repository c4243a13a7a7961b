"""What a device that is being trained keeps, what each write draws anew, and what errors meet on their way back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.numerics.base import Chance, Detail, MatrixNumerics, Stored
from joulescape.registry import load

torch.set_num_threads(1)

DETAILS: tuple[Detail, Detail] = ("full", "merged")
ROLES: tuple[Role, ...] = ("forward", "input_gradient", "update")
LIGHT = {"dark_fraction": 0.0, "shot_fraction": 0.0, "intensity_fraction": 0.0}
BANK: dict[str, float] = {
    "channels": 8, "rows": 8, "spacing_fwhm": 1e4, "is_calibrated": 0, "sigma_fwhm": 0.0, "drift_fwhm": 0.0,
    "store_sigma_fraction": 0.0, **LIGHT,
}  # fmt: skip
MESH: dict[str, float] = {
    "mesh_size": 8, "is_reck": 0, "is_push_pull": 1, "phase_sigma_rad": 0.0, "splitter_sigma_rad": 0.0,
    "mzi_loss_db": 0.0, "noise_fraction": 0.0, "crosstalk_fraction": 0.0,
}  # fmt: skip
CORE: dict[str, float] = {"terms_per_sample": 8, "integration_cycles": 2, "gain_sigma_fraction": 0.0, **LIGHT}
CELLS: dict[str, float] = {
    "rows": 64, "columns": 64, "weight_bits": 12, "input_bits": 12, "cell_bits": 2, "cell_copies": 1, "dac_bits": 1,
    "adc_bits": 12, "adc_clip_fraction": 1.0, "is_counted": 0, "is_differential": 0, "programming_sigma_fraction": 0.0,
    "read_sigma_fraction": 0.0, "stuck_off_fraction": 0.0, "stuck_on_fraction": 0.0, "g_on_msiemens": 0.01,
    "on_off_ratio": 17.0, "wire_kohm": 0.0, "has_own_transpose": 0, "is_outer_product": 0,
}  # fmt: skip
PLAIN = {"ring_bank": BANK, "mzi_mesh": MESH, "tensor_core": CORE, "crossbar": CELLS}
WORN: dict[str, dict[str, float]] = {
    "ring_bank": {"sigma_fwhm": 0.05}, "mzi_mesh": {"phase_sigma_rad": 0.05},
    "tensor_core": {"gain_sigma_fraction": 0.1}, "crossbar": {"stuck_off_fraction": 0.05},
}  # fmt: skip
"""Mismatch from fabrication of each kind."""
WRITTEN: dict[str, dict[str, float]] = {
    "ring_bank": {"store_sigma_fraction": 0.05}, "crossbar": {"programming_sigma_fraction": 0.05},
}  # fmt: skip
"""What a write misses."""
kinds = pytest.mark.parametrize("kind", list(PLAIN))
WEIGHT = torch.randn((12, 20), generator=torch.Generator().manual_seed(1))
INPUTS = torch.rand((50, 20), generator=torch.Generator().manual_seed(2))


def stored(
    kind: str, numbers: dict[str, float], write: int = 1, device: int = 0, roles: tuple[Role, ...] = ROLES,
    detail: Detail = "full",
) -> Stored:  # fmt: skip
    """`WEIGHT` after update number `write` on one device whose numbers depart by these from the perfect one's."""
    machine: MatrixNumerics = load("joulescape.numerics", kind)
    errors = {role: ErrorSpec(kind, "fc", role, {**PLAIN[kind], **numbers}) for role in roles}
    chance = Chance(*(torch.Generator().manual_seed(seed) for seed in (device, 100 + device, 200 + write, 200)))
    return machine.store(WEIGHT, errors, INPUTS, chance, detail)


def seen(one: Stored) -> Tensor:
    """What it makes of `INPUTS`."""
    return one.forward(INPUTS, torch.Generator().manual_seed(3))


def apart(first: Tensor, second: Tensor) -> float:
    """Relative distance."""
    return float((first - second).norm() / second.norm())


def back(one: Stored) -> Tensor:
    """What errors meet on their way back."""
    assert one.backward is not None
    return one.backward


@kinds
def test_without_errors_both_ways_are_exact(kind: str) -> None:
    one = stored(kind, {})
    assert apart(seen(one), INPUTS @ WEIGHT.T) < 0.01
    assert apart(back(one), WEIGHT) < 0.01


@kinds
def test_a_machine_that_leaves_gradients_to_a_host_uses_exact_weights(kind: str) -> None:
    assert stored(kind, WORN[kind], roles=("forward", "update")).backward is None


@kinds
def test_fabrication_stays_from_write_to_write(kind: str) -> None:
    first, again, other = (stored(kind, WORN[kind], write, device) for write, device in ((1, 0), (2, 0), (1, 1)))
    assert torch.equal(seen(first), seen(again)) and torch.equal(back(first), back(again))
    assert apart(seen(first), INPUTS @ WEIGHT.T) > 0.01
    assert not torch.equal(seen(first), seen(other)) and not torch.equal(back(first), back(other))


@kinds
def test_fabrication_reaches_the_way_back(kind: str) -> None:
    assert apart(back(stored(kind, WORN[kind])), WEIGHT) > 0.01


@pytest.mark.parametrize("kind", list(WRITTEN))
def test_every_write_misses_anew_and_by_a_share_of_the_range(kind: str) -> None:
    first, same, other = (stored(kind, WRITTEN[kind], write) for write in (1, 1, 2))
    assert torch.equal(seen(first), seen(same)) and torch.equal(back(first), back(same))
    assert not torch.equal(seen(first), seen(other)) and not torch.equal(back(first), back(other))
    mean = torch.stack([back(stored(kind, WRITTEN[kind], write)) for write in range(200)]).mean(0)
    assert apart(mean, WEIGHT) < 0.35 * apart(back(first), WEIGHT), "what is learned round does not average out"


def test_a_light_cell_misses_by_a_share_of_its_range_however_small_the_weight() -> None:
    """Rows have ranges of their own: sigma of -1 to 1 in units of the row's largest weight in its bank."""
    machine = load("joulescape.numerics", "ring_bank")
    errors = {"forward": ErrorSpec("ring_bank", "fc", "forward", {**BANK, **WRITTEN["ring_bank"]})}
    weight = torch.zeros((4000, 8))
    weight[:, 0] = 1.0
    chance = Chance(*(torch.Generator().manual_seed(seed) for seed in range(4)))
    held = machine.store(weight, errors, torch.eye(8), chance, "full").forward(torch.eye(8), torch.Generator())
    assert float(held[1:].std()) == pytest.approx(2 * 0.05, rel=0.05)


def test_light_goes_back_through_the_meshes_it_came_through() -> None:
    one = stored("mzi_mesh", WORN["mzi_mesh"])
    assert torch.allclose(seen(one), INPUTS @ back(one).T, atol=1e-4)


def test_rings_of_the_way_back_are_others_and_cells_the_same() -> None:
    worn, missed = (stored("ring_bank", n["ring_bank"]) for n in (WORN, WRITTEN))
    assert apart(seen(worn), INPUTS @ back(worn).T) > 0.01
    assert apart(seen(missed), INPUTS @ back(missed).T) < 0.01 < apart(seen(missed), INPUTS @ WEIGHT.T)


def test_a_crossbar_reads_the_same_cells_from_the_other_side_or_has_arrays_for_the_transpose() -> None:
    one, two = (stored("crossbar", {**WORN["crossbar"], "has_own_transpose": own}) for own in (0, 1))
    assert apart(seen(one), INPUTS @ back(one).T) < 0.01
    assert torch.equal(seen(one), seen(two)) and apart(back(two), back(one)) > 0.01


def test_cells_moved_by_pulses_keep_what_their_first_write_missed() -> None:
    first, later = (stored("crossbar", {**WRITTEN["crossbar"], "is_outer_product": 1}, write) for write in (1, 7))
    assert torch.equal(seen(first), seen(later)) and torch.equal(back(first), back(later))
    assert apart(back(first), WEIGHT) > 0.01


@pytest.mark.parametrize("kind", ["ring_bank", "tensor_core", "crossbar"])
def test_both_forms_are_one_device(kind: str) -> None:
    full, merged = (stored(kind, WORN[kind], detail=d) for d in DETAILS)
    assert torch.equal(back(full), back(merged))
    assert apart(seen(merged), seen(full)) < 0.02


def test_a_product_of_two_activations_is_written_anew_for_every_sample() -> None:
    """Two samples alike differ by what the cells of each writing miss, and by nothing that fabrication fixed."""
    left, right = INPUTS[None, None].expand(2, 1, -1, -1), WEIGHT.T[None, None].expand(2, 1, -1, -1)
    for numbers, is_alike in ((WORN, True), (WRITTEN, False)):
        spec = ErrorSpec("ring_bank", "scores", "forward", {**BANK, **numbers["ring_bank"]})
        device, reading = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
        product = load("joulescape.numerics", "ring_bank").product(left, right, spec, device, "full")
        first, second = product(left, right, reading)
        assert torch.equal(first, second) == is_alike
