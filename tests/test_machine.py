"""A machine composed of stations: who runs what, static power, schedules, boundaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.compression.base import Described
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.operators import Graph, Loops, Operator, Role
from joulescape.network.work import MatrixWork, Operand, OperandFormat, PhaseWork, VectorWork, Work
from joulescape.resolve.machine import Machine, Station
from joulescape.simulators.base import (
    Area,
    Component,
    Context,
    Energy,
    LayerCost,
    Limit,
    OffChip,
    Simulator,
    StaticPower,
)
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Sourced

KNOWN = Sourced(value=1.0, basis="measured", source="nobody")
OFF_CHIP = OffChip("lpddr4", KNOWN, KNOWN, KNOWN)
GRAPH = Graph(
    "tiny",
    (4,),
    (
        Operator("fc1", "dense", ("input",), ((4,),), (3,), loops=Loops(K=3, C=4), weight_shape=(3, 4)),
        Operator("relu1", "relu", ("fc1",), ((3,),), (3,), ops_per_element=1.0),
        Operator("fc2", "dense", ("relu1",), ((3,),), (2,), loops=Loops(K=2, C=3), weight_shape=(2, 3)),
    ),
)
NETWORK = Described(GRAPH, GRAPH, {"fc1": OperandFormat(weight_bytes=48.0)}, ())


class Parameters(Shape):
    """Settings of the toy simulator."""

    ns_per_op: float = 1.0
    leak_mw: float = 0.5


class Toy(Simulator[Parameters]):
    """Takes the given kinds; a MAC or op costs 1 pJ and `ns_per_op`."""

    name: ClassVar[str] = "toy"
    Settings = Parameters
    changes_numbers: ClassVar[frozenset[str]] = frozenset()
    searchable: ClassVar[frozenset[str]] = frozenset({"ns_per_op"})

    def __init__(self, kinds: set[str], pipelined: bool = False, energy_pj: float = 1.0) -> None:
        self.kinds, self.is_pipelined, self.energy_pj = kinds, pipelined, energy_pj  # type: ignore[misc]

    def takes(self, operator: Operator, role: Role, settings: Parameters) -> bool:
        return operator.kind in self.kinds

    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: Parameters) -> Any:
        names = [o.name for o in graph.operators]
        return {
            (name, "forward"): ErrorSpec("toy", name, "forward", {"bits": float(len(self.kinds))}) for name in names
        }

    def cost(self, works: Sequence[Work], settings: Parameters, context: Context) -> Sequence[LayerCost]:
        return [self._one(work, settings) for work in works]

    def _one(self, work: Work, settings: Parameters) -> LayerCost:
        ops = work.macs if isinstance(work, MatrixWork) else getattr(work, "ops", 0.0)
        array, buffer = Component.of("array", "core", KNOWN), Component.of("buffer", "chip", KNOWN)
        energies = (Energy(array, ops * self.energy_pj), Energy(buffer, 2.0 * ops))
        return LayerCost(work.layer, work.role, work.macs, ops * np.asarray(settings.ns_per_op), 1, 1.0, "x", energies)

    def area(self, settings: Parameters) -> Sequence[Area]:
        return [Area(Component.of("array", "core", KNOWN), 2.0), Area(Component.of("buffer", "chip", KNOWN), 3.0)]

    def static_power(self, settings: Parameters) -> Sequence[StaticPower]:
        return [StaticPower(Component.of("leakage", "core", KNOWN), settings.leak_mw)]

    def limits(self, works: Sequence[Work], settings: Parameters, context: Context) -> Sequence[Limit]:
        return [Limit(f"{len(works)} works, {context.resident_bytes:g} bytes", 0.0)]


def works(batch: int = 1) -> PhaseWork:
    def matrix(layer: str, k: int, c: int) -> MatrixWork:
        loops = Loops(B=batch, K=k, C=c)
        return MatrixWork(layer, "forward", loops, Operand(k * c, 8), Operand(batch * c, 8), Operand(batch * k, 8))

    relu = VectorWork("relu1", "forward", "relu", 3.0 * batch, 3 * batch, 3 * batch, 8)
    return PhaseWork("inference", batch, (matrix("fc1", 3, 4), relu, matrix("fc2", 2, 3)))


def machine(
    own: Toy | None = None, boundary: str = "system", variants: int = 1, settings: Parameters | None = None
) -> Machine:
    stations = (
        Station("m", own or Toy({"dense"}), settings or Parameters()),
        Station("m.host", Toy({"dense", "relu"}), Parameters(leak_mw=0.25), is_host=True),
    )
    return Machine(
        "m", "electronic", "exact", 45, stations, OFF_CHIP, boundary, tuple({"i": i} for i in range(variants))
    )  # type: ignore[arg-type]


def test_first_taker_runs_the_operator_and_the_host_takes_the_rest() -> None:
    runs = machine().cost(NETWORK, works()).layers
    assert [(run.cost.layer, run.station) for run in runs] == [("fc1", "m"), ("relu1", "m.host"), ("fc2", "m")]


def test_errors_come_from_who_runs_the_operator() -> None:
    found = machine().errors(NETWORK)
    assert {key[0]: spec.numbers["bits"] for key, spec in found.items()} == {"fc1": 1.0, "relu1": 2.0, "fc2": 1.0}


def test_energy_is_the_sum_of_its_parts_and_static_power_fills_the_makespan() -> None:
    cost = machine().cost(NETWORK, works())
    dynamic = 3 * (12 + 3 + 6)
    standing = (0.5 + 0.25) * float(cost.makespan_ns[0])
    assert float(np.asarray(cost.energy_pj())[0]) == pytest.approx(dynamic + standing)
    assert float(cost.makespan_ns[0]) == 12 + 3 + 6


def test_schedule_is_gapless_and_in_order() -> None:
    runs = machine().cost(NETWORK, works()).layers
    assert [float(run.start_ns[0]) for run in runs] == [0, 12, 15]
    assert [float(run.end_ns[0]) for run in runs] == [12, 15, 21]


def test_interval_of_a_pipelined_machine_is_its_longest_stage() -> None:
    assert float(machine().cost(NETWORK, works()).interval_ns[0]) == 21
    assert float(machine(Toy({"dense"}, pipelined=True)).cost(NETWORK, works()).interval_ns[0]) == 12


@pytest.mark.parametrize(("boundary", "names"), [("core", {"array"}), ("chip", {"array", "buffer"})])
def test_boundary_keeps_what_it_names(boundary: str, names: set[str]) -> None:
    found = machine(boundary=boundary)
    assert {area.component.name for area in found.area()} == names
    energies = {e.component.name for run in found.cost(NETWORK, works()).layers for e in run.energies}
    assert energies == names | {"leakage"}


def test_the_host_is_part_of_the_system_and_named_so() -> None:
    names = {area.component.name for area in machine().area()}
    assert names == {"array", "buffer", "host_array", "host_buffer"}


def test_variants_broadcast() -> None:
    sweep = Parameters().model_copy(update={"ns_per_op": np.array([1.0, 2.0, 4.0])})
    cost = machine(variants=3, settings=sweep).cost(NETWORK, works())
    assert cost.makespan_ns.tolist() == [21.0, 39.0, 75.0]
    assert np.asarray(cost.energy_pj()).shape == (3,)


@given(st.integers(1, 50))
def test_more_work_never_costs_less(batch: int) -> None:
    small, large = machine().cost(NETWORK, works(batch)), machine().cost(NETWORK, works(batch + 1))
    assert np.asarray(large.energy_pj())[0] > np.asarray(small.energy_pj())[0]
    assert large.makespan_ns[0] > small.makespan_ns[0]


@pytest.mark.parametrize("energy", [float("nan"), float("inf"), -1.0])
def test_a_cost_that_cannot_be_is_refused(energy: float) -> None:
    with pytest.raises(SimulatorError, match="array"):
        machine(Toy({"dense"}, energy_pj=energy)).cost(NETWORK, works())


def test_meets_names_what_nobody_takes() -> None:
    lonely = Machine("m", "electronic", "exact", 45, machine().stations[:1], OFF_CHIP, "system")
    assert lonely.meets(GRAPH, ["forward"]) == "nothing in m takes operator 'relu1' (relu) in role forward"
    assert machine().meets(GRAPH, ["forward"]) is None


def test_a_machine_whose_host_does_everything_does_not_meet() -> None:
    reason = machine(Toy({"conv"})).meets(GRAPH, ["forward"])
    assert reason is not None
    assert "only its host would work" in reason


def test_limits_are_asked_with_each_stations_own_works() -> None:
    assert [limit.reason for limit in machine().limits(NETWORK, works())] == ["2 works, 48 bytes", "1 works, 48 bytes"]
