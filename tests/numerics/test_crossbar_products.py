"""Products of two activations in crossbars: one operand is written for every sample and head, and errs as cells do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from joulescape.network.build import build_graph
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.work import OperandFormat
from joulescape.numerics.base import Detail
from joulescape.registry import load
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[2]


def scores(**overrides: object) -> ErrorSpec:
    """What the attention of the digits network meets on ISAAC, operands of 8 bits."""
    spec = yaml.safe_load((ROOT / "models" / "digits_attention.yaml").read_text(encoding="utf-8"))
    graph = build_graph("digits_attention", NetworkSpec.model_validate(spec))
    machine = load_back_end(ROOT, "memristive/isaac", {"dynamic_products": "program", **overrides})
    formats = {o.name: OperandFormat(weight_bits=8.0, activation_bits=8.0) for o in graph.operators}
    return machine.simulator.errors(graph, formats, machine.settings)["scores", "forward"]


def missed(spec: ErrorSpec, left: Tensor, right: Tensor, detail: Detail) -> float:
    """Relative root mean square error of the products."""
    made = load("joulescape.numerics", "crossbar").product(left, right, spec, torch.Generator().manual_seed(1), detail)
    exact = left @ right
    found = made(left, right, torch.Generator().manual_seed(2))
    return float((found - exact).norm() / exact.norm())


@pytest.mark.parametrize("detail", ["merged", "full"])
def test_products_on_cells_follow_the_exact_ones(detail: Detail) -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.rand(2, 2, *shape, generator=generator) for shape in ((8, 16), (16, 8)))
    spec = scores()
    assert 0.0 < missed(spec, left, right, detail) < 0.2
    coarse = scores(**{"adc.bits": 4})
    assert missed(coarse, left, right, detail) > missed(spec, left, right, detail)


def test_both_operands_have_the_width_of_activations() -> None:
    assert (scores().numbers["weight_bits"], scores().numbers["input_bits"]) == (8, 8)
