"""What every simulator answers, and the additive shapes that it answers in.

Energy is additive over (phase, layer, component), area and static power over component. Any number may be an array of
shape (variants,): in a hardware sweep the swept fields of `settings` hold such arrays (typed as scalars, they are read
through NumPy), so one call costs every variant. A simulator writes broadcasting formulas, no loops over variants.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors
from joulescape.network.operators import Graph, Operator, Phase, Role
from joulescape.network.work import OperandFormat, Work
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Basis, Sourced

FloatArray = NDArray[np.float64]
Quantity = float | FloatArray
"""A float, or an array of shape (variants,)."""

Scope = Literal["core", "chip", "system"]
"""Smallest boundary that includes a component: `core` is what a multiply needs (array, converters, lasers, tuning);
`chip` adds buffers, interconnect, control; `system` adds off-chip memory, host and apparatus."""

SCOPES: tuple[Scope, ...] = ("core", "chip", "system")

WEAKNESS: tuple[Basis, ...] = ("measured", "derived", "assumed")
"""From the best known to the least known."""


@dataclass(frozen=True)
class Component:
    """One component of a machine, as energies, powers and areas name it.

    `scales` is True for CMOS logic and SRAM, whose energy and area follow the process node when results are normalised.
    """

    name: str
    scope: Scope
    basis: Basis
    source: str
    scales: bool = False

    @classmethod
    def of(cls, name: str, scope: Scope, constant: Sourced, scales: bool = False) -> Component:
        """A component whose numbers rest on `constant`."""
        return cls(name, scope, constant.basis, constant.source, scales)

    @classmethod
    def resting_on(cls, name: str, scope: Scope, *constants: Sourced, scales: bool = False) -> Component:
        """A component whose numbers rest on several constants: as well known as the weakest, the first such one."""
        return cls.of(name, scope, max(constants, key=lambda constant: WEAKNESS.index(constant.basis)), scales)


@dataclass(frozen=True)
class Energy:
    """Dynamic energy of one component in one layer, for the whole batch."""

    component: Component
    energy_pj: Quantity


@dataclass(frozen=True)
class StaticPower:
    """Power that flows for the whole phase, used or not (leakage, lasers, tuning, clocks, apparatus)."""

    component: Component
    power_mw: Quantity


@dataclass(frozen=True)
class Area:
    """Area of one component of the whole machine."""

    component: Component
    area_mm2: Quantity


@dataclass(frozen=True)
class Traffic:
    """Bytes moved between a memory and what is below it, for the whole batch; operand is weight, input or output."""

    memory: str
    operand: str
    read_bytes: Quantity
    write_bytes: Quantity


@dataclass(frozen=True)
class MappingGap:
    """How far a mapping that was searched for may be from the best: the share by which its objective (energy, latency
    or edp, one a variant) could still fall, at most. 0: proven the best; above: the search ended before a proof (by a
    count, or at a gap that is enough), and at 1 nothing is known of what it left out.
    """

    objective: str | NDArray[np.str_]
    fraction: Quantity


@dataclass(frozen=True)
class LayerCost:
    """Cost of one work (layer and role) for the whole batch; static power is not in it.

    `occupancy_ns` is the time for which the layer's own hardware is busy per batch: in a pipelined machine the longest
    one sets the interval; it defaults to the latency. `bound_by` names what limits the time, one name a variant.
    `is_beside`: it runs beside the work before it, on hardware of its own, and starts when that one starts.
    `mapping_gap` is None where no mapping was searched for.
    """

    layer: str
    role: Role
    macs: int
    latency_ns: Quantity
    active_units: Quantity
    utilisation_fraction: Quantity
    bound_by: str | NDArray[np.str_]
    energies: tuple[Energy, ...]
    traffic: tuple[Traffic, ...] = ()
    occupancy_ns: Quantity | None = None
    is_beside: bool = False
    mapping_gap: MappingGap | None = None


@dataclass(frozen=True)
class OffChip:
    """The off-chip memory that the machine uses: energy per bit, sustained bandwidth (gigabit per second), and what it
    draws used or not, where that is known by itself.
    """

    name: str
    read_pj_per_bit: Sourced
    write_pj_per_bit: Sourced
    bandwidth_gbps: Sourced
    standby_mw: Sourced | None = None

    def component(self) -> Component:
        """Its name in every energy table."""
        return Component.resting_on("off_chip_memory", "system", self.read_pj_per_bit, self.write_pj_per_bit)

    def transfer(self, read_bytes: Quantity, write_bytes: Quantity) -> Energy:
        """Energy of moving so many bytes."""
        energy = 8 * (read_bytes * self.read_pj_per_bit.value + write_bytes * self.write_pj_per_bit.value)
        return Energy(self.component(), energy)

    def standing(self) -> tuple[StaticPower, ...]:
        """Power drawn for the whole phase; none where it is unknown or part of the energy of a bit."""
        if self.standby_mw is None:
            return ()
        component = Component.of("off_chip_memory_standby", "system", self.standby_mw)
        return (StaticPower(component, self.standby_mw.value),)

    def time_ns(self, moved_bytes: Quantity) -> Quantity:
        """Shortest time to move so many bytes."""
        return 8 * moved_bytes / self.bandwidth_gbps.value


@dataclass(frozen=True)
class Context:
    """What a simulator must know beside its own settings.

    `first` and `last` name the works whose input, respectively output, crosses the chip's edge; `resident_bytes` is the
    network's total stored weights, so that a machine can decide whether weights stay on chip between batches. `steps`
    are those of the whole training run, None where the phase is no training or no plan is known. `received` and
    `handed_on` name the forward works whose input comes from another station of the machine, respectively whose output
    goes to one (or leaves the network).
    """

    batch: int
    off_chip: OffChip
    includes_off_chip: bool
    first: frozenset[str] = frozenset()
    last: frozenset[str] = frozenset()
    resident_bytes: float = 0.0
    steps: int | None = None
    feedback: str = "backprop"
    """How a training sends errors back: backprop, or dfa (direct feedback alignment)."""
    rounding: str = "stochastic"
    """How a low-precision training rounds: stochastic or nearest."""
    received: frozenset[str] = frozenset()
    handed_on: frozenset[str] = frozenset()

    def off_chip_ns(self, moved_bytes: Quantity) -> Quantity:
        """Shortest time to move so many bytes; none where off-chip memory lies outside the boundary."""
        return self.off_chip.time_ns(moved_bytes) if self.includes_off_chip else 0.0 * np.asarray(moved_bytes)


@dataclass(frozen=True)
class Limit:
    """A reason why a variant cannot exist: violated where `overshoot` (overshoot divided by the limit) is > 0."""

    reason: str
    overshoot: Quantity


SettingsT = TypeVar("SettingsT", bound=Shape)


class Simulator(ABC, Generic[SettingsT]):
    """One physics. Stateless: everything comes through the arguments, so results are pure and cacheable."""

    name: ClassVar[str]
    Settings: ClassVar[type[Shape]]
    """Pydantic model of the back end's `parameters`; sourced values are `LowerIsBetter` or `HigherIsBetter`."""
    changes_numbers: ClassVar[frozenset[str]]
    """Dotted paths of Settings that `errors` reads: what Optuna draws. Every other path is swept inside a candidate."""
    searchable: ClassVar[frozenset[str]]
    """Dotted paths that a space may give a domain, because the model scales its constants with them by a named rule."""
    is_pipelined: ClassVar[bool] = False
    """Whether layers run on hardware of their own, so that the interval is the longest layer and not their sum."""

    def overlaps(self, phase: Phase, settings: SettingsT) -> bool:  # noqa: ARG002
        """Whether the samples of a batch follow each other through this machine in `phase`.

        In a training step they do not where the backward pass uses the arrays of the forward pass again.
        """
        return self.is_pipelined and phase == "inference"

    @abstractmethod
    def takes(self, operator: Operator, role: Role, settings: SettingsT) -> bool:
        """Whether this machine runs the operator in this role itself (True) or leaves it to its host (False)."""

    @abstractmethod
    def errors(self, graph: Graph, formats: Mapping[str, OperandFormat], settings: SettingsT) -> Errors:
        """How each (operator, role) that it takes is computed, as plain numbers. Reads `changes_numbers` only."""

    @abstractmethod
    def cost(self, works: Sequence[Work], settings: SettingsT, context: Context) -> Sequence[LayerCost]:
        """Cost of each work, in order, for the whole batch and every variant."""

    @abstractmethod
    def area(self, settings: SettingsT) -> Sequence[Area]:
        """Area of every component."""

    @abstractmethod
    def static_power(self, settings: SettingsT) -> Sequence[StaticPower]:
        """Power that flows whether or not anything is computed."""

    def programming(self, works: Sequence[Work], settings: SettingsT) -> Sequence[Energy]:  # noqa: ARG002
        """Energy of putting the weights of the forward `works` into the machine, once in its life; none by default."""
        return ()

    def limits(self, works: Sequence[Work], settings: SettingsT, context: Context) -> Sequence[Limit]:  # noqa: ARG002
        """What may forbid this machine (does the network fit?); none by default."""
        return ()

    def cautions(self, settings: SettingsT) -> Sequence[str]:  # noqa: ARG002
        """What a person should know of these settings before any work: what no network can run on, what is out of a
        model's range; nothing by default."""
        return ()

    def explain(self, work: Work, settings: SettingsT, context: Context) -> str | None:  # noqa: ARG002
        """How the machine runs a work, for a person to read (a loop nest, say); None where nothing is chosen."""
        return None

    def off_chip_gbps(self, settings: SettingsT, off_chip: OffChip) -> Quantity:  # noqa: ARG002
        """Most bits a ns that cross the chip's edge: what the off-chip memory gives, unless the machine says more."""
        return off_chip.bandwidth_gbps.value

    def published(self, settings: SettingsT) -> Mapping[str, float]:  # noqa: ARG002
        """Figures that `published:` rows without a workload may name (chip_power_mw, peak_tops, area_mm2 ...)."""
        return {}


@dataclass(frozen=True)
class Checked:
    """Refuses a cost that cannot be: NaN, infinite or negative."""

    where: str
    quantities: Mapping[str, Quantity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, quantity in self.quantities.items():
            array = np.asarray(quantity, dtype=float)
            if not (array.min() >= 0.0 and array.max() < math.inf):  # false for NaN as well
                raise SimulatorError(f"{self.where}: {name} is {array!r}; a cost must be finite and not negative")


def ceil_div(numerator: Any, denominator: Any) -> Any:
    """Smallest whole number not below numerator / denominator; broadcasts over variants."""
    return -(-np.asarray(numerator) // np.asarray(denominator))
