"""Settings and works that the tests of ring banks share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import LayerCost
from joulescape.simulators.ring_bank.settings import RingBankSettings

ROOT = Path(__file__).parents[2]


def bank(overrides: dict[str, Any] | None = None, name: str = "photonic/broadcast_weight") -> RingBankSettings:
    """A shelf entry with other values at dotted paths."""
    settings = load_back_end(ROOT, name, overrides or {}).settings
    assert isinstance(settings, RingBankSettings)
    return settings


def work(loops: Loops, role: str = "forward", signed: bool = False, stored: bool = True, bits: float = 8) -> MatrixWork:
    """A matrix work of layer `fc`."""
    return MatrixWork(
        "fc",
        role,  # type: ignore[arg-type]
        loops,
        weight=Operand(loops.G * loops.K * loops.reduction, bits),
        input=Operand(loops.G * loops.C * loops.positions, bits, is_signed=signed),
        output=Operand(loops.G * loops.K * loops.positions, bits),
        is_weight_stored=stored,
    )


def part(cost: LayerCost, name: str) -> float:
    """Energy of one component."""
    found = [float(energy.energy_pj) for energy in cost.energies if energy.component.name == name]
    assert found, f"no part {name} among {[energy.component.name for energy in cost.energies]}"
    return sum(found)
