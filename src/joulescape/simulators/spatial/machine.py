"""One spatial machine without swept fields: where tensors lie between layers, and each layer's best mapping."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from joulescape.errors import Infeasible
from joulescape.network.work import MatrixWork, Work
from joulescape.simulators._mapping.declared import BEYOND, OperandName
from joulescape.simulators._mapping.footprints import footprints
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import Layer, Widths
from joulescape.simulators._mapping.unrolling_search import Unrolled, is_held, map_freely
from joulescape.simulators.base import Context, OffChip
from joulescape.simulators.spatial.effort import effort_of
from joulescape.simulators.spatial.lanes import divided
from joulescape.simulators.spatial.ports import own_port
from joulescape.simulators.spatial.settings import SpatialSettings
from joulescape.simulators.spatial.sliding import map_sliding
from joulescape.units import BITS_PER_BYTE

AMPLE_BITS = 1 << 50
"""Room with which a layer that does not fit is costed: what it would take if it fitted."""

UNLIMITED_GBPS = 1e6
"""Off-chip bandwidth where the boundary leaves that memory out."""


@dataclass(frozen=True)
class SpatialMachine:
    """Plain settings in one context."""

    settings: SpatialSettings
    context: Context
    keeps_weights: bool = False
    """Whether all weights of the network lie on chip."""
    lanes: int = 1
    """Narrow values that a unit works on side by side."""
    places: Mapping[int, int] = field(default_factory=dict)
    """By number of elements, the room of a tensor that stays, in elements: padding is stored."""

    @classmethod
    def of(cls, works: Sequence[Work], settings: SpatialSettings, context: Context) -> SpatialMachine:
        """The machine for these works; weights stay where all of them fit the memory that `weights_in` names."""
        memory = settings.memories.get(settings.weights_in or "")
        products = [work for work in works if isinstance(work, MatrixWork)]
        elements = sum(work.weight.elements for work in products if work.is_weight_stored)
        stored = elements * settings.widths.weight / BITS_PER_BYTE
        is_there = memory is not None and settings.weights_in not in settings.bypass
        places = footprints((work, work.loops) for work in products)
        return cls(settings, context, memory is not None and is_there and stored <= memory.bytes, places=places)

    def at(self, work: MatrixWork) -> SpatialMachine:
        """The machine as it runs this work: without what is bypassed, and split into lanes as narrow as the work."""
        settings, lanes = divided(self.settings, work)
        return replace(self, settings=settings, lanes=lanes)

    @cached_property
    def off_chip(self) -> OffChip:
        """Off-chip memory as the mapper sees it: where it lies outside the boundary it takes no time, but a mapping is
        chosen with its energy all the same."""
        known = self.context.off_chip
        if self.context.includes_off_chip:
            return known
        fast = known.bandwidth_gbps.model_copy(update={"value": UNLIMITED_GBPS})
        return OffChip(known.name, known.read_pj_per_bit, known.write_pj_per_bit, fast)

    def layer(self, work: MatrixWork) -> Layer:
        """Loops at the widths of this machine."""
        widths = self.settings.widths
        return Layer(work.loops, Widths(widths.weight, widths.input, widths.sum, widths.output))

    def beyond(self, work: MatrixWork) -> frozenset[OperandName]:
        """Operands that cross the chip's edge: weights, what enters or leaves the network, what does not stay."""
        stays = set[OperandName]()
        if self.keeps_weights and work.is_weight_stored:
            stays.add("weight")
        if self.is_sensed(work) or self.keeps(work.input.elements, work.layer, "first"):
            stays.add("input")
        if self.keeps(work.output.elements, work.layer, "last"):
            stays.add("output")
        return BEYOND - stays

    def keeps(self, elements: int, layer: str, edge: Literal["first", "last"]) -> bool:
        """Whether a tensor stays on chip beside a layer: it has room, and is no edge of the network."""
        return layer not in getattr(self.context, edge) and self._has_room(elements)

    def _has_room(self, elements: int) -> bool:
        """Whether a tensor, padded, fits half of the memory of the hand-over beside weights that pass through it."""
        settings = self.settings
        if settings.hand_over is None:
            return False
        memory, widths = settings.memories[settings.hand_over], settings.widths
        units = math.prod(settings.array.dimensions.values())
        tile = units * widths.weight if "weight" in memory.holds else 0
        bits = self.places.get(elements, elements) * max(widths.input, widths.output)
        return 2 * bits + tile * (2 if memory.buffering == "always" else 1) <= memory.bytes * BITS_PER_BYTE

    def is_sensed(self, work: MatrixWork) -> bool:
        """Whether the input of a work comes straight from the camera."""
        sensor = self.settings.sensor
        is_seen = sensor is not None and sensor.is_on and work.layer in self.context.first
        return is_seen and self._has_room(work.input.elements)

    def mapped(self, work: MatrixWork) -> Unrolled:
        """The best mapping of a work. Raises Infeasible where the layer cannot be held or run."""
        return self._mapped(work, self._hierarchy(work))

    def holds(self, work: MatrixWork) -> bool:
        """Whether some mapping of those that `mapped` tries first is sure to fit."""
        settings = self.settings
        return is_held(self.layer(work), self._hierarchy(work), settings.dataflow, settings.search.most_unrollings)

    def unlimited(self, work: MatrixWork) -> Unrolled:
        """The best mapping if every memory of the chip were large enough."""
        found = self._hierarchy(work)
        ample = tuple(replace(memory, size_bits=AMPLE_BITS) for memory in found.memories)
        return self._mapped(work, replace(found, memories=ample))

    def best(self, work: MatrixWork) -> Unrolled:
        """The best mapping, or what it would be if it fitted."""
        try:
            return self.mapped(work)
        except Infeasible:
            return self.unlimited(work)

    def _hierarchy(self, work: MatrixWork) -> Hierarchy:
        found = self.settings.hierarchy("the array", self.off_chip, self.settings.clock_ghz, self.beyond(work))
        vaults, last = self.settings.vaults, found.memories[-1]
        if vaults is None or not vaults.sums_in_memory or "O" not in last.operands:
            return found
        return replace(found, memories=(*found.memories[:-1], own_port(last, "O", "to_low")))

    def _mapped(self, work: MatrixWork, hierarchy: Hierarchy) -> Unrolled:
        search, sliding = self.settings.search, self.settings.sliding
        slides = frozenset(sliding.memories if sliding is not None and sliding.is_on else ())
        has_registers = self.settings.unit_registers
        is_read_again = bool(slides) or not has_registers
        asked = (
            self.layer(work), hierarchy, search.objective, self.settings.dataflow, search.most_unrollings,
            effort_of(search, is_read_again),
        )  # fmt: skip
        return map_sliding(*asked, slides, has_registers) if is_read_again else map_freely(*asked)

    def misfits(self, works: Sequence[Work]) -> Mapping[str, Infeasible]:
        """Why works cannot run, by layer; nothing is mapped where it is plain that something fits."""
        found: dict[str, Infeasible] = {}
        for work in works:
            if isinstance(work, MatrixWork) and not self.at(work).holds(work):
                try:
                    self.at(work).mapped(work)
                except Infeasible as error:
                    found[work.layer] = error
        return found

    def coded(self, work: MatrixWork, operand: OperandName) -> float:
        """Bits that an activation takes in off-chip memory over those of its plain form."""
        rule, widths = self.settings.run_length, self.settings.widths
        is_input = operand == "input"
        if rule is None or not rule.is_on or operand == "weight" or (is_input and work.layer in self.context.first):
            return 1.0
        density = work.input.density if is_input else work.output.density
        return rule.factor(density, widths.input if is_input else widths.output)
