"""Works of physical systems by training algorithm: who runs what, how often, and what is the same for all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.network.build import build_graph
from joulescape.network.evolved import (
    MEASUREMENTS,
    evolution,
    is_alike,
    is_simulated,
    is_without_device,
    twin,
    twin_ops,
)
from joulescape.network.lower import lower
from joulescape.network.operators import ROLES, Graph, Operator
from joulescape.network.work import PhysicalWork, VectorWork
from joulescape.spec.network import NetworkSpec

ALGORITHMS = ("pat", "pat_fitted", "in_silico", "in_silico_noise", "in_silico_fitted", "ideal")
algorithms = pytest.mark.parametrize("algorithm", ALGORITHMS)


def stack(*trained: int) -> Graph:
    lines: list[dict[str, Any]] = [
        {"name": f"p{i}", "kind": "circuit", "out_features": 16, "sizes": {"trained": count}}
        for i, count in enumerate(trained)
    ]
    content = {"about": "a", "task": "digits", "input": [16], "training": {"epochs": 1}, "operators": lines}
    return build_graph("stack", NetworkSpec.model_validate(content))


ONE = stack(8).operator("p0")


@algorithms
def test_every_role_has_one_work_whatever_the_algorithm(algorithm: str) -> None:
    works = lower(stack(8, 4), {}, "training", 3, {}, algorithm).works
    named = [(work.layer, work.role) for work in works]
    assert named == [
        ("p0", "forward"), ("p1", "forward"), ("p1", "input_gradient"), ("p1", "weight_gradient"),
        ("p0", "weight_gradient"), ("p0", "update"), ("p1", "update"),
    ]  # fmt: skip


@algorithms
def test_only_what_never_drives_the_device_is_simulated_forward(algorithm: str) -> None:
    first = lower(stack(8), {}, "training", 3, {}, algorithm).works[0]
    assert isinstance(first, VectorWork) is is_without_device(algorithm) is is_simulated(ONE, first)
    assert is_without_device(algorithm) is (algorithm in ("in_silico", "in_silico_noise"))


@pytest.mark.parametrize("role", ROLES[1:])
def test_nothing_but_a_forward_pass_is_called_simulated(role: Any) -> None:
    assert not is_simulated(ONE, twin(ONE, role, 1))
    assert not is_simulated(ONE, evolution(ONE, 1))


@given(st.integers(1, 40), st.integers(1, 60))
def test_a_batch_takes_so_many_passes_and_the_derivative_one_more_for_each_control(batch: int, trained: int) -> None:
    operator = stack(trained).operator("p0")
    assert evolution(operator, batch).passes == batch
    assert evolution(operator, batch, "ideal").passes == batch * (1 + 16 + trained)
    for name in ("pat", "in_silico"):
        work = twin(operator, "weight_gradient", batch, name)
        assert work.ops == pytest.approx(batch * twin_ops(operator) * (2 if name == "pat" else 1))
        assert (work.read_elements, work.write_elements) == (batch * 32, batch * trained)


def test_a_system_says_how_large_it_is_and_what_simulating_it_takes() -> None:
    work = evolution(ONE, 5)
    assert isinstance(work, PhysicalWork) and work.macs == 0
    assert (work.system, work.inputs, work.outputs, work.parameters) == ("circuit", 16, 16, 8)
    assert work.twin_ops == twin_ops(ONE) > 0 and work.measurements == 0


def test_layers_alike_share_the_measurements_of_their_device() -> None:
    works = lower(stack(8, 8, 8, 4), {}, "training", 3, {}, "pat_fitted").works
    found = [work.measurements for work in works if isinstance(work, PhysicalWork)]
    assert found == [pytest.approx(MEASUREMENTS / 3)] * 3 + [MEASUREMENTS]


def test_layers_are_alike_by_what_they_are_and_not_by_name() -> None:
    first, second, third = stack(8, 8, 4).operators
    assert is_alike(first, second) and not is_alike(second, third)
    other: Operator = replace(second, attributes={**second.attributes, "quality": 3.0})
    assert not is_alike(first, other)
