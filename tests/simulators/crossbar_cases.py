"""ISAAC with one copy of each layer, with paths changed, and small works for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from joulescape.network.operators import Loops, Role
from joulescape.network.work import MatrixWork, Operand, Work
from joulescape.registry import load
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import LayerCost
from joulescape.simulators.crossbar import Crossbar
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.testing.examples import example_context

ROOT = Path(__file__).resolve().parents[2]
BACK_END = load_back_end(ROOT, "memristive/isaac", {"layout.duplication": "fixed"})
SPEC, ISAAC = BACK_END.spec, CrossbarSettings.model_validate(BACK_END.settings.model_dump())
SIMULATOR: Crossbar = load("joulescape.simulators", "crossbar")


def isaac(**values: Any) -> CrossbarSettings:
    """ISAAC with dotted paths changed; double underscores stand for dots."""
    raw = ISAAC.model_dump()
    for path, value in values.items():
        *parents, leaf = path.split("__")
        inner = raw
        for parent in parents:
            inner = inner[parent]
        inner[leaf] = value
    return CrossbarSettings.model_validate(raw)


def product(loops: Loops, bits: float = 8, role: Role = "forward", is_signed: bool = False) -> MatrixWork:
    """A matrix work with operands of the sizes that its loops say (stride 1, no padding)."""
    height, width = loops.OY + loops.FY - 1, loops.OX + loops.FX - 1
    inputs, outputs = loops.B * loops.G * loops.C * height * width, loops.positions * loops.G * loops.K
    weights = Operand(loops.G * loops.K * loops.reduction, bits)
    x = Operand(inputs, bits, is_signed=is_signed)
    return MatrixWork("layer", role, loops, weights, x, Operand(outputs, bits))


def dense(inputs: int, outputs: int, bits: float = 8, batch: int = 1, **input_statistics: Any) -> MatrixWork:
    """A dense layer called fc with unsigned inputs."""
    loops = Loops(B=batch, K=outputs, C=inputs)
    x = Operand(batch * inputs, bits, **{"is_signed": False, **input_statistics})
    return MatrixWork(
        "fc", "forward", loops, Operand(inputs * outputs, bits), x, Operand(batch * outputs, bits, is_signed=False)
    )


def cost(work: Work, settings: CrossbarSettings = ISAAC) -> LayerCost:
    """Cost of one work alone."""
    return SIMULATOR.cost([work], settings, example_context())[0]


def part(found: LayerCost, name: str) -> float:
    """Energy of one component."""
    return float(sum(np.asarray(e.energy_pj) for e in found.energies if e.component.name == name))


def energy(found: LayerCost) -> float:
    """Energy of all components."""
    return float(sum(np.asarray(e.energy_pj) for e in found.energies))
