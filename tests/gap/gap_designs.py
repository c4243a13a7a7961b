"""Designs of a small question, priced in milliseconds: shared by the tests of what would have to be true."""

from __future__ import annotations

from functools import cache

from bridge_questions import question

from joulescape.gap.bills import Bill
from joulescape.gap.designs import Design
from joulescape.gap.priced import bills_of
from joulescape.gap.rivals import best
from joulescape.resolve.candidate import Pair
from joulescape.resolve.design_space import DesignSpace

ENERGY, LATENCY = "inference_energy_pj", "inference_latency_ns"
SYSTOLIC, STRIPES, ISAAC, MESH = (
    "electronic/systolic_int8", "electronic/stripes", "memristive/isaac", "photonic/mzi_mesh",
)  # fmt: skip
MACHINES = (SYSTOLIC, STRIPES, ISAAC, MESH)


@cache
def mlp() -> DesignSpace:
    """One network in three states on four machines; tiles of one are swept."""
    return question(networks=["digits_mlp"])


def pairs(space: DesignSpace, back_end: str) -> list[Pair]:
    return [pair for pair in space.pairs if pair.back_end == back_end]


def bills(space: DesignSpace, back_end: str) -> list[Bill]:
    return [one for pair in pairs(space, back_end) for one in bills_of(space, pair)]


@cache
def design(back_end: str, metric: str = ENERGY) -> Design:
    """The machine's best design."""
    found, reason = best(mlp(), bills(mlp(), back_end), metric)
    assert found is not None, reason
    return found
