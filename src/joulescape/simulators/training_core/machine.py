"""One training processor without swept fields: each role's product, where its operands lie, and its mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from joulescape.errors import Infeasible
from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Work
from joulescape.simulators._mapping.declared import BEYOND, OPERAND, OperandName
from joulescape.simulators._mapping.footprints import footprints, least_weights_bits
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.layer import DIMS, Layer, Widths
from joulescape.simulators._mapping.mapper import Effort, Mapped, map_layer
from joulescape.simulators._mapping.unrolling import Unrolling
from joulescape.simulators.base import Context, OffChip
from joulescape.simulators.training_core.kept import Kept, width
from joulescape.simulators.training_core.settings import TrainingCoreSettings
from joulescape.units import BITS_PER_BYTE

AMPLE_BITS = 1 << 50
"""Room with which a layer that does not fit is costed: what it would take if it fitted."""

EFFORT = Effort(most_mappings=0)

AMPLE_GBPS = 1e6
"""The mapper moves words; how long those beyond the chip take is counted afterwards, beside computing."""


@dataclass(frozen=True)
class TrainingMachine:
    """Plain settings in one context."""

    settings: TrainingCoreSettings
    context: Context
    kept: Kept
    classes: int
    """Outputs of the network: what feedback starts from; 0 where the works do not show it."""
    places: Mapping[int, int] = field(default_factory=dict)
    """By number of elements, the room of a tensor that stays, in elements: padding is stored."""
    tile_bits: int = 0
    """Room for the least weights that pass through the store."""
    spilt: frozenset[str] = frozenset()
    """Layers whose weights stay, but whose weight gradient waits off the chip for the update."""

    @classmethod
    def of(cls, works: Sequence[Work], settings: TrainingCoreSettings, context: Context) -> TrainingMachine:
        """What stays, and what feedback starts from."""
        products = [work for work in works if isinstance(work, MatrixWork)]
        forward = [work for work in products if work.role == "forward"]
        classes = forward[-1].output.elements // context.batch if forward else 0
        machine = cls(settings, context, Kept.of(works, settings, context), classes)
        places = footprints((work, machine.loops(work)) for work in products)
        tile_bits = max(map(machine._least_bits, products), default=0)
        machine = replace(machine, places=places, tile_bits=tile_bits)
        return replace(machine, spilt=frozenset(machine._spilt(products)))

    @property
    def gbps(self) -> float:
        """What crosses the chip's edge at most."""
        return min(self.settings.external_gbps, self.context.off_chip.bandwidth_gbps.value)

    def off_chip_ns(self, moved_bytes: float) -> float:
        """Shortest time for so many bytes across the chip's edge; none where that lies outside the boundary."""
        return BITS_PER_BYTE * moved_bytes / self.gbps if self.context.includes_off_chip else 0.0

    def bits(self, layer: str) -> int:
        """Width of a layer's operands."""
        return width(layer, self.settings, self.context)

    def is_direct(self, work: MatrixWork) -> bool:
        """Whether random feedback makes this error in place of transposed weights."""
        return work.role == "input_gradient" and self.context.feedback == "dfa" and self.classes > 0

    def loops(self, work: MatrixWork) -> Loops:
        """The product that is carried out: random feedback multiplies the network's error by a matrix."""
        if not self.is_direct(work):
            return work.loops
        return Loops(B=self.context.batch, K=work.output.elements // self.context.batch, C=self.classes)

    def beyond(self, work: MatrixWork) -> frozenset[OperandName]:
        """Operands that cross the chip's edge: what does not stay, data, the network's answer."""
        stays = set[OperandName]()
        if self.kept.weights_stay and work.is_weight_stored and not self.is_direct(work):
            stays.add("weight")
        if work.role == "weight_gradient":
            stays |= {"weight"} if self._passes_on(work.weight.elements, work.layer) else set()
            is_made = work.layer in self.kept.again and self._passes_on(work.input.elements, work.layer)
            stays |= {"input"} if self.kept.stash_stays or is_made else set()
            stays |= {"output"} if self.kept.weights_stay and work.layer not in self.spilt else set()
            return BEYOND - stays
        is_first, is_last = work.layer in self.context.first, work.layer in self.context.last
        if self._passes_on(work.input.elements, work.layer) and not (work.role == "forward" and is_first):
            stays.add("input")
        if self._passes_on(work.output.elements, work.layer) and not (work.role == "forward" and is_last):
            stays.add("output")
        return BEYOND - stays

    def stays(self, elements: int, layer: str, is_edge: bool = False) -> bool:
        """Whether a tensor between two works stays on the chip."""
        return self._passes_on(elements, layer) and not is_edge

    def _passes_on(self, elements: int, layer: str) -> bool:
        """Whether a tensor between two products, padded, fits half of what is left beside weights that pass."""
        needed = self.places.get(elements, elements) * self.bits(layer)
        return 2 * needed + self.tile_bits <= self._room_bytes * BITS_PER_BYTE

    def _least_bits(self, work: MatrixWork) -> int:
        """The least room for the weights of a work, where they pass through the store and do not stay in it."""
        if self.kept.weights_stay and work.is_weight_stored and not self.is_direct(work):
            return 0
        store = self.settings.memories[self.settings.store]
        return least_weights_bits(self._unrolling(work), self.bits(work.layer), store)

    def _spilt(self, products: Sequence[MatrixWork]) -> Iterator[str]:
        """Layers whose gradient has no room beside what else of its product lies on the chip and is no tenant there."""
        tenants = {"input"} if self.kept.stash_stays else set()
        for work in products if self.kept.weights_stay else ():
            here = BEYOND - self.beyond(work) - tenants
            needed = sum(self._whole_bits(work, operand) for operand in here) + self.tile_bits
            if work.role == "weight_gradient" and needed > self._room_bytes * BITS_PER_BYTE:
                yield work.layer

    def _whole_bits(self, work: MatrixWork, operand: OperandName) -> int:
        """Room of a whole operand, padding included."""
        return Layer(self.loops(work)).elements(OPERAND[operand]) * self.bits(work.layer)

    @property
    def _room_bytes(self) -> float:
        return self.settings.memories[self.settings.store].bytes - self.kept.stays_bytes

    def mapped(self, work: MatrixWork) -> Mapped:
        """The best mapping. Raises Infeasible where the layer cannot be held."""
        return self._mapped(work, self._hierarchy(work))

    def unlimited(self, work: MatrixWork) -> Mapped:
        """The best mapping if every memory of the chip were large enough."""
        found = self._hierarchy(work)
        return self._mapped(
            work, replace(found, memories=tuple(replace(memory, size_bits=AMPLE_BITS) for memory in found.memories))
        )

    def _mapped(self, work: MatrixWork, hierarchy: Hierarchy) -> Mapped:
        bits, sums = self.bits(work.layer), self.settings.arithmetic.sum_bits
        layer = Layer(self.loops(work), Widths(bits, bits, sums, bits))
        return map_layer(layer, hierarchy, self._unrolling(work), self.settings.objective, EFFORT)

    def _unrolling(self, work: MatrixWork) -> Unrolling:
        """Loops along each dimension in the order in which the phase's dataflow names them, as many as find room."""
        named = getattr(self.settings.dataflow, "forward" if self.is_direct(work) else work.role)
        layer = Layer(self.loops(work))
        left = {loop: layer.size(loop) for loop in DIMS}
        found = []
        for dimension, size in self._sizes(work.layer):
            chosen: list[tuple[str, int]] = []
            room = size
            for loop in named[dimension]:
                units = min(room, left[loop])
                if units > 1:
                    chosen.append((loop, units))
                    room, left[loop] = room // units, -(-left[loop] // units)
            found.append((dimension, tuple(chosen)))
        return tuple(found)

    def _hierarchy(self, work: MatrixWork) -> Hierarchy:
        settings = self.settings
        found = settings.hierarchy("the array", self._fast, settings.clock_ghz, self.beyond(work))
        own = sum(self._own_bits(work, operand) for operand in BEYOND - self.beyond(work))
        room = int(self._room_bytes * BITS_PER_BYTE) + own
        memories = tuple(replace(m, size_bits=room) if m.name == settings.store else m for m in found.memories)
        return replace(found, array=replace(found.array, sizes=self._sizes(work.layer)), memories=memories)

    def _own_bits(self, work: MatrixWork, operand: OperandName) -> int:
        """Room that an operand of this work has among what stays; coded, it takes less there than is counted here."""
        is_tenant = (operand == "weight" and self.kept.weights_stay and work.is_weight_stored) or (
            work.role == "weight_gradient" and operand == "input" and self.kept.stash_stays
        )
        return self._whole_bits(work, operand) if is_tenant else 0

    def _sizes(self, layer: str) -> tuple[tuple[str, int], ...]:
        """Array dimensions; where narrow operands share a unit the last one is so much longer."""
        sizes, arithmetic = tuple(self.settings.array.dimensions.items()), self.settings.arithmetic
        more = 1 if arithmetic.narrow == "fixed" else arithmetic.mac_bits // self.bits(layer)
        return (*sizes[:-1], (sizes[-1][0], sizes[-1][1] * more))

    @cached_property
    def _fast(self) -> OffChip:
        known = self.context.off_chip
        fast = known.bandwidth_gbps.model_copy(update={"value": AMPLE_GBPS})
        return OffChip(known.name, known.read_pj_per_bit, known.write_pj_per_bit, fast)

    def misfits(self, works: Sequence[Work]) -> Mapping[str, Infeasible]:
        """Why works cannot run, by layer."""
        found: dict[str, Infeasible] = {}
        for work in works:
            if isinstance(work, MatrixWork):
                try:
                    self.mapped(work)
                except Infeasible as error:
                    found[work.layer] = error
        return found
