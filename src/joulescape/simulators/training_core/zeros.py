"""Which products are left out, and how evenly the rest falls on the lanes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.declared import OperandName
from joulescape.simulators.nfu.cycles import lane_cycles
from joulescape.simulators.training_core.settings import ZeroSettings


def shares(work: MatrixWork, zeros: ZeroSettings) -> Mapping[OperandName, float]:
    """Share of products that each looked-for operand leaves: its density; of the output what is asked for."""
    if not zeros.is_on or work.role == "update":
        return {}
    known: Mapping[OperandName, float] = {
        "weight": work.weight.density, "input": work.input.density, "output": work.output.needed,
    }  # fmt: skip
    looked_for: tuple[OperandName, ...] = getattr(zeros, work.role)
    return {operand: known[operand] for operand in looked_for}


def done(found: Mapping[OperandName, float]) -> float:
    """Share of products that are carried out; zeros of different operands meet at random."""
    return prod(found.values())


def slowest(share: float, zeros: ZeroSettings) -> float:
    """Cycles over those of a dense product: those of the fullest of the lanes, at least one a window."""
    if share >= 1.0:
        return 1.0
    if zeros.is_balanced:
        return max(share, 1.0 / zeros.window)
    return lane_cycles(zeros.window, zeros.lanes, share) / zeros.window


def foretold(work: MatrixWork, found: Mapping[OperandName, float], zeros: ZeroSettings) -> float:
    """Energy of foretelling results, over that of computing all of them; masked errors need no telling."""
    if work.role != "forward" or "output" not in found or found["output"] >= 1.0:
        return 0.0
    return zeros.foretelling.value * done({name: share for name, share in found.items() if name != "output"})
