"""What stays on the chip between products, and which activations wait for the backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from joulescape.network.work import MatrixWork, Operand, Work
from joulescape.simulators._mapping.layer import Layer
from joulescape.simulators.base import Context
from joulescape.simulators.training_core.settings import TrainingCoreSettings
from joulescape.units import BITS_PER_BYTE


@dataclass(frozen=True)
class Kept:
    """One phase's tenants of the memory in which tensors stay: weights first, then what waits for the way back."""

    is_training: bool
    weights_stay: bool
    stash_stays: bool
    stays_bytes: float
    """Room of that memory which no product has for itself."""
    again: Mapping[str, MatrixWork]
    """By layer whose input does not wait: the forward product that makes it again."""

    @classmethod
    def of(cls, works: Sequence[Work], settings: TrainingCoreSettings, context: Context) -> Kept:
        """Half of the memory is for what stays; weights that do not all fit it are fetched for every product."""
        forward = [work for work in works if isinstance(work, MatrixWork) and work.role == "forward"]
        is_training = any(work.role != "forward" for work in works)
        half = settings.memories[settings.store].bytes / 2
        stored_bits = settings.arithmetic.master_bits if is_training else settings.arithmetic.bits
        weights = sum(work.weight.elements for work in forward if work.is_weight_stored) * stored_bits / BITS_PER_BYTE
        weights_stay = settings.weights_stay and bool(forward) and weights <= half
        held = weights if weights_stay else 0.0
        waiting, again = _waiting(forward, settings, context) if is_training else (0.0, {})
        stash_stays = held + waiting <= half
        return cls(is_training, weights_stay, stash_stays, held + (waiting if stash_stays else 0.0), again)


def width(layer: str, settings: TrainingCoreSettings, context: Context) -> int:
    """Bits of a layer's operands: the first and the last may have their own."""
    edge = settings.arithmetic.edge_bits
    is_edge = layer in context.first or layer in context.last
    return edge if edge is not None and is_edge else settings.arithmetic.bits


def coded(density: float, bits: float) -> float:
    """Bits of a tensor with a bit a value and its non-zero values, over plain bits; plain where that is shorter."""
    return min(density + 1.0 / bits, 1.0)


def stash_bytes(operand: Operand, bits: int, settings: TrainingCoreSettings) -> float:
    """Bytes of an activation that waits."""
    factor = coded(operand.density, bits) if settings.stash.is_coded else 1.0
    return operand.elements * bits / BITS_PER_BYTE * factor


def _waiting(
    forward: Sequence[MatrixWork], settings: TrainingCoreSettings, context: Context
) -> tuple[float, dict[str, MatrixWork]]:
    """Bytes that wait, the dearest segment's inputs that are made again among them, and what makes them."""
    segment = settings.stash.segment
    waiting, dearest, current = 0.0, 0.0, 0.0
    again: dict[str, MatrixWork] = {}
    for place, work in enumerate(forward):
        held = stash_bytes(_padded(work), width(work.layer, settings, context), settings)
        if place % segment == 0:
            waiting, current = waiting + held, 0.0
        else:
            current += held
            dearest = max(dearest, current)
            again[work.layer] = forward[place - 1]
    return waiting + dearest, again


def _padded(work: MatrixWork) -> Operand:
    """The input as it lies in memory: with its padding, which is zero."""
    operand, places = work.input, Layer(work.loops).elements("I")
    return replace(operand, elements=places, density=operand.density * operand.elements / max(places, 1))
