"""A systolic machine with its swept fields as arrays: what lies on chip, and what moving a byte costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators.base import Context, FloatArray
from joulescape.simulators.systolic.choice import AccessEnergies, Sources
from joulescape.simulators.systolic.product import kept_bits, product_of
from joulescape.simulators.systolic.settings import SystolicSettings
from joulescape.simulators.systolic.tiling import Room
from joulescape.units import BITS_PER_BYTE


@dataclass(frozen=True)
class SystolicMachine:
    """One call of `cost`: settings and context, swept fields broadcast; `is_sweep` is False for plain settings."""

    settings: SystolicSettings
    context: Context
    rows: FloatArray
    columns: FloatArray
    lanes: FloatArray
    clock_ghz: FloatArray
    is_output_stationary: Any
    weight_bytes: FloatArray
    activation_bytes: FloatArray
    accumulator_bytes: FloatArray
    zero_gating: Any
    double_buffering: Any
    weights_resident: Any
    keeps_activations: Any
    """False when what a training step keeps for its backward pass does not fit: then every tensor goes off chip."""
    is_sweep: bool

    @classmethod
    def of(cls, works: Sequence[Work], settings: SystolicSettings, context: Context) -> SystolicMachine:
        """Broadcast the settings and decide what stays on chip between works."""
        buffers = settings.buffers
        swept = {
            "rows": settings.array.rows,
            "columns": settings.array.columns,
            "lanes": settings.vector.lanes,
            "clock_ghz": settings.clock_ghz,
            "is_output_stationary": np.asarray(settings.dataflow) == "output_stationary",
            "weight_bytes": buffers.weight_bytes,
            "activation_bytes": buffers.activation_bytes,
            "accumulator_bytes": buffers.accumulator_bytes,
            "weights_stay": settings.weights_stay,
            "zero_gating": settings.zero_gating,
            "double_buffering": settings.double_buffering,
        }
        arrays = np.broadcast_arrays(*(np.atleast_1d(value) for value in swept.values()))
        plain = {name: a if a.dtype == bool else a.astype(float) for name, a in zip(swept, arrays, strict=True)}
        is_training = any(work.role != "forward" for work in works)
        # Weights that stay need no room for what comes next; a stationary activation still streams through half of it.
        has_streams = any(isinstance(work, MatrixWork) and not work.is_weight_stored for work in works)
        fits = _weight_bytes(works, settings) <= plain["weight_bytes"] / (2 if has_streams else 1)
        kept_bytes = _forward_bytes(works, settings) if is_training else 0.0
        return cls(
            settings=settings,
            context=context,
            weights_resident=plain.pop("weights_stay") & fits & (not is_training),
            keeps_activations=kept_bytes <= plain["activation_bytes"] / 2,
            is_sweep=any(np.ndim(value) for value in swept.values()),
            **plain,
        )

    def stays(self, tensor_bytes: float) -> Any:
        """Whether a tensor between two layers fits its half of the activation buffer."""
        return self.keeps_activations & (tensor_bytes <= self.activation_bytes / 2)

    def sources(self, work: MatrixWork) -> Sources:
        """Where the operands lie; the data, the network's answer and weight gradients cross the chip's edge."""
        product = product_of(work, self.settings)
        first = work.role != "input_gradient" and work.layer in self.context.first
        last = work.role == "weight_gradient" or (work.role == "forward" and work.layer in self.context.last)
        weights = product.weight_bytes * product.groups
        return Sources(
            weights_resident=self.weights_resident & work.is_weight_stored,
            weight_on_chip=self.stays(weights) & (not work.is_weight_stored),
            input_on_chip=self.stays(product.input_bytes * product.groups) & (not first),
            output_on_chip=self.stays(product.output_bytes * product.groups) & (not last),
        )

    def room(self, sources: Sources) -> Room:
        """Array and half buffers, arrays of shape (variants, 1, 1)."""
        return Room(*(np.reshape(value, (-1, 1, 1)) for value in (
            self.rows, self.columns, self.is_output_stationary,
            self.weight_bytes / 2, self.activation_bytes / 2, self.accumulator_bytes / 2,
            sources.weights_resident, sources.input_on_chip, self.double_buffering,
        )))  # fmt: skip

    @cached_property
    def energies(self) -> AccessEnergies:
        """Energy per byte of every memory."""
        sram, off_chip = self.settings.sram, self.context.off_chip
        sizes = (self.weight_bytes, self.activation_bytes, self.accumulator_bytes)
        reads = [np.asarray(sram.read_pj_per_byte(size)) for size in sizes]
        writes = [np.asarray(sram.write_pj_per_byte(size)) for size in sizes]
        return AccessEnergies(
            weight_read=reads[0],
            weight_write=writes[0],
            activation_read=reads[1],
            activation_write=writes[1],
            accumulator_read=reads[2],
            accumulator_write=writes[2],
            off_chip_read=BITS_PER_BYTE * off_chip.read_pj_per_bit.value,
            off_chip_write=BITS_PER_BYTE * off_chip.write_pj_per_bit.value,
        )

    def latency(self, on_chip: Any, off_chip: Any) -> Any:
        """Time of a work, from the busy times (resources, variants) on the chip and of the off-chip memory."""
        longest = on_chip.max(axis=0)
        return np.where(self.double_buffering, np.maximum(longest, off_chip), longest + off_chip)

    def plain(self, quantity: Any) -> Any:
        """An array of shape (variants,) as it is, or its only element where nothing is swept."""
        if not self.is_sweep:
            return np.ravel(quantity)[0].item()
        is_whole = isinstance(quantity, np.ndarray) and quantity.shape == self.rows.shape
        return quantity if is_whole else np.broadcast_to(quantity, self.rows.shape)


def _weight_bytes(works: Sequence[Work], settings: SystolicSettings) -> float:
    """Bytes of all stored weights of the forward works."""
    forward = (w for w in works if isinstance(w, MatrixWork) and w.role == "forward" and w.is_weight_stored)
    products = (product_of(work, settings) for work in forward)
    return float(sum(product.weight_bytes * product.groups for product in products))


def _forward_bytes(works: Sequence[Work], settings: SystolicSettings) -> float:
    """Bytes that a training step keeps from its forward works for the backward pass."""
    matrix = (product_of(w, settings) for w in works if isinstance(w, MatrixWork) and w.role == "forward")
    vector = (w for w in works if isinstance(w, VectorWork) and w.role == "forward")
    kept = sum(p.output_bytes * p.groups for p in matrix)
    return kept + sum(w.write_elements * kept_bits(w, w.bits, settings) / BITS_PER_BYTE for w in vector)
