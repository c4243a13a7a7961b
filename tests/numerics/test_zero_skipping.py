"""Machines that leave out zeros form every sum bit for bit as they would without: what they save is time and energy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from joulescape.network.error_spec import ErrorSpec
from joulescape.network.work import MatrixWork
from joulescape.numerics.base import Programmed
from joulescape.registry import load
from joulescape.resolve.back_end import load_back_end
from joulescape.testing.examples import example_context, example_formats, example_graph
from joulescape.testing.simulators import at_paths, works_of

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parents[2]
SWITCHES: dict[str, tuple[str, Any, Any]] = {
    "electronic/cnvlutin": ("inputs", "non_zero", "parallel"),
    "electronic/eie": ("element.skips_zero_inputs", True, False),
    "electronic/eyeriss": ("gating.is_on", True, False),
}
"""The setting that leaves zeros out, on and off."""

machines = pytest.mark.parametrize("name", list(SWITCHES))


def spec(name: str, value: Any) -> ErrorSpec:
    """How the machine computes the first dense layer that it takes."""
    found = load_back_end(ROOT, name)
    graph = example_graph()
    settings = at_paths(found.settings, {SWITCHES[name][0]: value})
    errors = found.simulator.errors(graph, example_formats(graph, 8.0), settings)
    return next(iter(errors.values()))


def programmed(errors: ErrorSpec) -> tuple[Programmed, torch.Tensor]:
    """Random weights and inputs that are zero in most places."""
    stream = torch.Generator().manual_seed(0)
    weight, x = torch.randn(7, 60, generator=stream), torch.rand(40, 60, generator=stream)
    x = x * (torch.rand(x.shape, generator=stream) < 0.3)
    kind = load("joulescape.numerics", errors.kind)
    return kind.program(weight, errors, x, stream, "full"), x


@machines
def test_skipping_is_no_number_of_the_arithmetic(name: str) -> None:
    _, on, off = SWITCHES[name]
    assert spec(name, on) == spec(name, off)
    (skipping, x), (plain, _) = programmed(spec(name, on)), programmed(spec(name, off))
    stream = torch.Generator().manual_seed(1)
    assert torch.equal(skipping(x, stream), plain(x, stream))


@machines
def test_and_it_does_save(name: str) -> None:
    """Otherwise there would be nothing to be equal about."""
    back_end = load_back_end(ROOT, name)
    path, on, off = SWITCHES[name]
    graph = example_graph()
    works = [
        replace(work, input=replace(work.input, density=0.3)) if isinstance(work, MatrixWork) else work
        for work in works_of(back_end.simulator, back_end.settings, graph)(1, 8.0)
    ]
    context = replace(example_context(), first=frozenset())

    def energy(value: Any) -> float:
        settings = at_paths(back_end.settings, {path: value})
        costs = back_end.simulator.cost(works, settings, context)
        return sum(float(part.energy_pj) for cost in costs for part in cost.energies if part.component.scope == "core")

    assert energy(on) < energy(off)
