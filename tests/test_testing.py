"""The laws find what they are for: a good plug-in passes, and each way of breaking a law is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from joulescape.compression.base import Described, Method, Tensors
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator, Role
from joulescape.network.work import MatrixWork, OperandFormat, Work
from joulescape.simulators.base import Area, Component, Context, Energy, LayerCost, Simulator, StaticPower
from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter, Sourced
from joulescape.testing import check_compression, check_simulator, example_graph, example_tensors

MAC = Sourced(value=1.0, low=0.5, high=2.0, basis="assumed", source="joulescape")


class Parameters(Shape):
    """Of the stand-in machine."""

    lanes: int = 4
    style: Literal["plain", "fancy"] = "plain"
    bits: int = 8
    mac_pj: LowerIsBetter = MAC


class Good(Simulator[Parameters]):
    """Multiplies `lanes` values a nanosecond."""

    name = "stand_in"
    Settings: type[Shape] = Parameters
    changes_numbers = frozenset({"bits"})
    searchable = frozenset({"lanes", "style", "bits"})

    def takes(self, operator: Operator, role: Role, settings: Parameters) -> bool:
        return operator.is_matrix and role != "update"

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: Parameters) -> Errors:
        numbers = {"bits": float(settings.bits)}
        return {
            (o.name, "forward"): ErrorSpec("fixed_point", o.name, "forward", numbers) for o in graph.matrix_operators
        }

    def cost(self, works: Sequence[Work], settings: Parameters, context: Context) -> Sequence[LayerCost]:
        return [self.one(work, settings) for work in works if isinstance(work, MatrixWork)]

    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        steps = np.ceil(work.macs / np.asarray(settings.lanes))
        energy = work.macs * settings.mac_pj.value * work.weight.bits
        used = work.macs / (steps * np.asarray(settings.lanes))
        part = Energy(Component.of("macs", "core", settings.mac_pj), energy)
        return LayerCost(work.layer, work.role, work.macs, steps, settings.lanes, used, "lanes", (part,))

    def area(self, settings: Parameters) -> Sequence[Area]:
        return [Area(Component.of("macs", "core", settings.mac_pj), np.asarray(settings.lanes) * 0.1)]

    def static_power(self, settings: Parameters) -> Sequence[StaticPower]:
        return []

    def published(self, settings: Parameters) -> Mapping[str, float]:
        return {"peak_tops": 2 * settings.lanes / 1e3}


SWEEP = {"lanes": (1, 3, 64)}


def test_a_good_machine_passes() -> None:
    check_simulator(Good(), Parameters(), sweep=SWEEP)


class Reordered(Good):
    def cost(self, works: Sequence[Work], settings: Parameters, context: Context) -> Sequence[LayerCost]:
        return list(reversed(super().cost(works, settings, context)))


class Negative(Good):
    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        cost = super().one(work, settings)
        return replace(cost, energies=(replace(cost.energies[0], energy_pj=-1.0),))


class Infinite(Good):
    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        return replace(super().one(work, settings), latency_ns=np.inf)


class TooFast(Good):
    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        cost = super().one(work, settings)
        return replace(cost, latency_ns=np.asarray(cost.latency_ns) / 2)


class Overused(Good):
    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        return replace(super().one(work, settings), utilisation_fraction=1.5)


class FewerMacs(Good):
    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        return replace(super().one(work, settings), macs=work.macs // 2)


class CheaperInBulk(Good):
    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        cost = super().one(work, settings)
        return replace(cost, energies=(replace(cost.energies[0], energy_pj=1e6 / work.loops.B),))


class CheaperWide(Good):
    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        cost = super().one(work, settings)
        energy = work.macs * settings.mac_pj.value / work.weight.bits
        return replace(cost, energies=(replace(cost.energies[0], energy_pj=energy),))


class LoopsOverNothing(Good):
    """Reads the first variant only."""

    def one(self, work: MatrixWork, settings: Parameters) -> LayerCost:
        first = int(np.ravel(settings.lanes)[0])
        return super().one(work, settings.model_copy(update={"lanes": first}))


class SecretlyNoisy(Good):
    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: Parameters) -> Errors:
        return super().errors(graph, formats, settings.model_copy(update={"bits": settings.lanes}))


class NoisyByStyle(Good):
    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: Parameters) -> Errors:
        fancy = {"bits": 9} if settings.style == "fancy" else {}
        return super().errors(graph, formats, settings.model_copy(update=fancy))


class Upside(Parameters):
    """The wrong end is declared optimistic."""

    mac_pj: HigherIsBetter = MAC  # type: ignore[assignment]


class ErrorsOfTheHost(Good):
    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: Parameters) -> Errors:
        return {("relu1", "forward"): ErrorSpec("fixed_point", "relu1", "forward", {})}


@pytest.mark.parametrize(
    ("machine", "law"),
    [
        (Reordered, "in order"), (Negative, "energy of macs is -1"), (Infinite, "latency_ns is inf"),
        (TooFast, "faster than the peak"), (Overused, "outside"), (FewerMacs, "macs, the work has"),
        (CheaperInBulk, "batch 1 to 2: energy fell"), (CheaperWide, "2.0 to 4.0 bits: energy fell"),
        (LoopsOverNothing, "in a sweep"), (SecretlyNoisy, "errors depend on lanes"),
        (NoisyByStyle, "errors depend on style"), (ErrorsOfTheHost, "not taken"),
    ],
)  # fmt: skip
def test_a_broken_law_is_named(machine: type[Good], law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        check_simulator(machine(), Parameters(), sweep=SWEEP)


def test_corners_must_move_the_right_way() -> None:
    class Machine(Good):
        Settings = Upside

    with pytest.raises(AssertionError, match="energy at the corners"):
        check_simulator(Machine(), Upside(), sweep=SWEEP)


def test_a_sourced_value_is_not_searchable() -> None:
    class Machine(Good):
        searchable = frozenset({"lanes", "mac_pj"})

    with pytest.raises(AssertionError, match="mac_pj is searchable"):
        check_simulator(Machine(), Parameters(), sweep=SWEEP)


def test_a_machine_that_takes_nothing_is_refused() -> None:
    class Machine(Good):
        def takes(self, operator: Operator, role: Role, settings: Parameters) -> bool:
            return False

    with pytest.raises(AssertionError, match="takes nothing"):
        check_simulator(Machine(), Parameters())


class Keep(Shape):
    """Of the stand-in compression."""

    density: float = 0.5


class Prune(Method[Keep]):
    """Keeps the largest weights of each operator."""

    name = "keep_largest"
    Settings = Keep
    announced = 1.0
    """Factor on the density that `describe` states: 1 is honest."""

    def takes(self, operator: Operator) -> bool:
        return operator.kind == "dense"

    def describe(self, described: Described, settings: Mapping[str, Keep]) -> Described:
        formats = dict(described.formats)
        for name, chosen in settings.items():
            formats[name] = replace(formats[name], weight_density=chosen.density * self.announced)
        return replace(described, formats=formats)

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, Keep]) -> Tensors:
        return {name: self.kept(name, tensor, settings) for name, tensor in tensors.items()}

    def kept(self, name: str, tensor: Any, settings: Mapping[str, Keep]) -> Any:
        operator, _, leaf = name.partition(".")
        if operator not in settings or leaf != "weight":
            return tensor
        count = int(tensor.size * settings[operator].density)
        threshold = np.sort(np.abs(tensor), axis=None)[-count]
        return np.where(np.abs(tensor) >= threshold, tensor, 0)


class Shrinking(Prune):
    def kept(self, name: str, tensor: Any, settings: Mapping[str, Keep]) -> Any:
        return super().kept(name, tensor, settings) * np.float32(0.9)


class Everywhere(Prune):
    def kept(self, name: str, tensor: Any, settings: Mapping[str, Keep]) -> Any:
        return super().kept(name, tensor, settings) if name.startswith("fc") else np.round(tensor)


class Boastful(Prune):
    announced = 0.5


class Coarse(Prune):
    """Announces two bits and keeps every value."""

    def describe(self, described: Described, settings: Mapping[str, Keep]) -> Described:
        formats = {name: replace(form, weight_bits=2.0) for name, form in described.formats.items()}
        return replace(described, formats=formats)


class Weightless(Prune):
    def describe(self, described: Described, settings: Mapping[str, Keep]) -> Described:
        formats = {name: replace(form, weight_bytes=1.0) for name, form in described.formats.items()}
        return replace(described, formats=formats)


def test_a_good_compression_passes() -> None:
    check_compression(Prune(), Keep())


@pytest.mark.parametrize(
    ("method", "law"),
    [
        (Shrinking, "twice is not once"), (Everywhere, "though it is not taken"), (Boastful, "above 0.25"),
        (Coarse, "do not fit 2.0 bits"), (Weightless, "cannot hold"),
    ],
)  # fmt: skip
def test_a_broken_promise_is_named(method: type[Prune], law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        check_compression(method(), Keep())


def test_example_tensors_have_the_graphs_shapes_and_a_seed() -> None:
    first, again, other = (
        example_tensors(example_graph()),
        example_tensors(example_graph()),
        example_tensors(example_graph(), 1),
    )
    assert first["conv1.weight"].shape == (10, 3, 3, 3)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["fc1.weight"], other["fc1.weight"])
