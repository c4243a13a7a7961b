"""The heart: judge one candidate on every hardware variant of its sweep.

Being written; the shapes below are the contract that `search` relies on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from joulescape.network.fidelity import Fidelity, Measured
from joulescape.spec.domain import Scalar
from joulescape.tables import State

if TYPE_CHECKING:
    from joulescape.resolve.candidate import Candidate
    from joulescape.resolve.design_space import DesignSpace


class Memory(Protocol):
    """Remembers accuracy measurements by key: the one part of an evaluation that is dear."""

    def get(self, key: str) -> Measured | None:
        """The measurement stored under `key`, if any."""

    def put(self, key: str, measured: Measured) -> None:
        """Store a measurement."""


@dataclass(frozen=True)
class Evaluation:
    """One design judged: a candidate on one variant. `row()` gives the columns of `tables.TRIALS` that it fills."""

    design_id: str
    candidate_id: str
    variant_id: int
    state: State
    reason: str | None
    violation: float
    fidelity: str
    variant: Mapping[str, Scalar]
    """Swept values under their column names, `hardware.<back end>.<path>`."""
    metrics: Mapping[str, float | None]
    facts: Mapping[str, Any]
    """Further columns of tables.TRIALS: accuracy_sd_fraction, accuracy_draws_count, steps_basis, weight_bytes ..."""


def evaluate(
    candidate: Candidate, space: DesignSpace, fidelity: Fidelity, seed: int, memory: Memory | None = None
) -> tuple[Evaluation, ...]:
    """Judge one candidate on every hardware variant: cheap questions first, so a hopeless design never trains."""
    raise SystemExit("the heart is being written")
