"""Numbers of a crossbar without any error, devices of the shelf as numbers, and small products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Role
from joulescape.simulators.crossbar.devices import AgedCell, device_numbers
from joulescape.spec.sourced import Corner, at_corner

SHELF = Path(__file__).resolve().parents[2] / "hwlib" / "components" / "memristive"
DAY_S, YEAR_S = 86_400.0, 31_557_600.0

IDEAL: dict[str, float] = {
    "rows": 128, "columns": 128, "weight_bits": 8, "input_bits": 8, "cell_bits": 2, "cell_copies": 1, "dac_bits": 1,
    "adc_bits": 8, "adc_clip_fraction": 1.0, "is_counted": 0, "is_differential": 1, "programming_sigma_fraction": 0.0,
    "read_sigma_fraction": 0.0, "stuck_off_fraction": 0.0, "stuck_on_fraction": 0.0, "g_on_msiemens": 0.01,
    "on_off_ratio": 1e6, "wire_kohm": 0.0,
}  # fmt: skip
ANALOG_PAIR: dict[str, float] = {"cell_bits": 7, "dac_bits": 8, "adc_bits": 24, "least_step_levels": 0.0}
"""One pair of cells a weight, driven by voltages of 8 bits, read as finely as float32 can tell."""


def spec(role: Role = "forward", **changes: float) -> ErrorSpec:
    return ErrorSpec("crossbar", "fc", role, {**IDEAL, **changes})


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def matrices(inputs: int, outputs: int, rows: int = 40, seed: int = 1) -> tuple[Tensor, Tensor]:
    made = generator(seed)
    return torch.randn(outputs, inputs, generator=made), torch.rand(rows, inputs, generator=made)


def device(name: str, **changes: Any) -> AgedCell:
    """A device of the shelf in use."""
    parameters = yaml.safe_load((SHELF / f"{name}.yaml").read_text(encoding="utf-8"))["parameters"]
    return AgedCell.model_validate({**parameters, **changes})


def device_spec(name: str, copies: int = 1, corner: Corner = "typical", **changes: Any) -> ErrorSpec:
    """An analog pair of such devices a weight."""
    cell = at_corner(device(name, **changes), corner)
    named = ("g_on_msiemens", "on_off_ratio", "programming_sigma_fraction", "read_sigma_fraction",
             "stuck_off_fraction", "stuck_on_fraction")  # fmt: skip
    own = {short: getattr(cell, short).value for short in named}
    return spec(**ANALOG_PAIR, cell_copies=copies, **own, **device_numbers(cell))
