"""The machines that multiply, as the shelf ships them, and random layers for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from joulescape.network.operators import Loops, Role
from joulescape.network.work import MatrixWork, Operand, VectorWork, Work
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Context, LayerCost, Simulator
from joulescape.spec.base import Shape
from joulescape.testing.examples import example_context
from joulescape.testing.simulators import at_paths

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Case:
    """One back end of the shelf."""

    simulator: Simulator[Any]
    settings: Shape

    def at(self, values: Mapping[str, Any]) -> Case:
        """With other settings by dotted path."""
        return replace(self, settings=at_paths(self.settings, values))

    def cost(self, *works: Work, context: Context | None = None) -> list[LayerCost]:
        """Costs in order."""
        return list(self.simulator.cost(works, self.settings, context or example_context()))


def case(name: str) -> Case:
    """A back end by its name on the shelf."""
    found = load_back_end(ROOT, name, {})
    return Case(found.simulator, found.settings)


SYSTOLIC, SCALAR = case("electronic/systolic_int8"), case("electronic/scalar_core")
CROSSBAR = case("memristive/isaac").at({"layout.duplication": "fixed"})
MESH, BENCH = case("photonic/mzi_mesh"), case("physical/shg")
RINGS, CORES = case("photonic/broadcast_weight"), case("photonic/lightning_transformer")
MACHINES = {
    "systolic": SYSTOLIC, "scalar": SCALAR, "crossbar": CROSSBAR, "mzi_mesh": MESH, "ring_bank": RINGS,
    "tensor_core": CORES, "roofline": case("electronic/gpu_titan_x"),
}  # fmt: skip
OPTICAL = frozenset({"mzi_mesh", "ring_bank", "tensor_core"})
"""Machines that leave element-wise work to their host."""

DOMAINS: dict[str, dict[str, list[Any]]] = {
    "systolic": {
        "array.rows": [1, 4, 8, 16, 32, 64], "array.columns": [1, 4, 8, 16, 32, 64],
        "dataflow": ["weight_stationary", "output_stationary"], "clock_ghz": [0.1, 0.5, 0.9],
        "zero_gating": [False, True], "weights_stay": [False, True], "vector.lanes": [1, 8, 32, 100],
        "double_buffering": [True, False],
        "buffers.weight_bytes": [16384, 65536, 262144], "buffers.activation_bytes": [16384, 65536, 262144],
        "buffers.accumulator_bytes": [16384, 32768, 131072],
    },
    "scalar": {"simd_lanes": [1, 2, 4, 16], "clock_ghz": [0.1, 0.5, 1.0], "memory_bytes": [1024, 8192, 65536, 1 << 21]},
    "crossbar": {
        "tiles": [1, 2, 4, 168], "imas_per_tile": [1, 4, 12], "crossbars_per_ima": [2, 8, 16],
        "replication": [1, 2, 5, 9], "hypertransport.links": [0, 1, 4], "adc.per_crossbar": [1, 2, 4],
        "positions_per_copy": [1, 3, 64], "layout.duplication": ["fixed", "balanced"],
        "layout.chips": [1, 2, 5],
    },
    "mzi_mesh": {"mesh.count": [1, 3, 8, 64, 1000], "buffer.kib": [1, 4, 256]},
    "ring_bank": {
        "bank.count": [1, 3, 8, 64, 1000], "weights.dac_count": [1, 16, 256], "buffer.kib": [1, 4, 256],
    },
    "tensor_core": {"buffer.kib": [1, 4, 256, 4096]},
    "roofline": {},
}  # fmt: skip
"""Valid values of every path that a question may sweep inside a candidate."""


def small_loops(most: int = 5) -> st.SearchStrategy[Loops]:
    """Loop bounds of convolutions, dense layers (all spatial bounds 1) and grouped ones."""
    side = st.integers(1, most)
    return st.builds(
        Loops, B=st.integers(1, 4), G=st.integers(1, 3), K=st.integers(1, 40), C=st.integers(1, 40),
        OY=side, OX=side, FY=st.integers(1, 3), FX=st.integers(1, 3),
    )  # fmt: skip


def product(loops: Loops, bits: float = 8, role: Role = "forward", layer: str = "layer") -> MatrixWork:
    """A product at stride 1 without padding; its weights are stored unless it is a weight gradient."""
    height, width = loops.OY + loops.FY - 1, loops.OX + loops.FX - 1
    return MatrixWork(
        layer, role, loops,
        weight=Operand(loops.G * loops.K * loops.reduction, bits),
        input=Operand(loops.B * loops.G * loops.C * height * width, bits),
        output=Operand(loops.positions * loops.G * loops.K, bits),
        is_weight_stored=role != "weight_gradient",
    )  # fmt: skip


def vector(elements: int, kind: str = "relu", role: Role = "forward", bits: float = 8) -> VectorWork:
    """An element-wise work."""
    return VectorWork("vector", role, kind, float(elements), elements, elements, bits)


def energy(cost: LayerCost) -> Any:
    """Dynamic energy of all components."""
    return sum(np.asarray(part.energy_pj) for part in cost.energies)


def part(cost: LayerCost, name: str) -> Any:
    """Energy of one component."""
    return sum(np.asarray(part.energy_pj) for part in cost.energies if part.component.name == name)


def number(quantity: Any) -> float:
    """A plain float of a scalar quantity."""
    return float(np.asarray(quantity))
