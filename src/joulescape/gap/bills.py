"""What one network in one state costs on one machine: every metric at three corners, and where it goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from joulescape import gap_tables
from joulescape.gap.states import State
from joulescape.resolve.candidate import Candidate
from joulescape.resolve.design_space import DesignSpace
from joulescape.spec.domain import Scalar
from joulescape.spec.sourced import CORNERS, Corner

Parts = Mapping[str, float]
"""What adds up to a total, by name."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Where:
    """Where energy (pJ of an inference, by component), time (ns, by what binds a layer) and area (mm2) go."""

    energy: Parts
    time: Parts
    area: Parts

    @property
    def area_mm2(self) -> float:
        """All of the machine inside the boundary."""
        return sum(self.area.values())


@dataclass(frozen=True)
class Tried:
    """One way to build a state: a candidate on one variant of its sweep, at the typical corner."""

    candidate: Candidate
    variant: Mapping[str, Scalar]
    """Swept hardware by dotted path."""
    state: str
    metrics: Mapping[str, float | None]


@dataclass(frozen=True)
class Bill:
    """One state on one machine. `corners` hold columns of gap_tables.BRIDGE; no corner at all is no such design."""

    state: State
    family: str
    corners: Mapping[Corner, Row]
    where: Where | None
    """At the typical corner; None where the machine cannot carry the network."""
    validation_fraction: float | None = None
    """Accuracy on the split that a choice may look at."""
    tried: tuple[Tried, ...] = ()
    """Everything that it was chosen from, where it was priced; `chosen` is its place."""
    chosen: int = 0

    def metric(self, name: str, corner: Corner = "typical") -> float | None:
        """A metric at a corner; None where the design is not valid there, or has no such metric."""
        found = self.corners.get(corner)
        return found.get(name) if found is not None and found["state"] == "valid" else None

    @property
    def refusal(self) -> str | None:
        """Why there is no such design at the typical corner; None where there is one."""
        found = self.corners.get("typical")
        if found is None:
            return "no such design was confirmed"
        return None if found["state"] == "valid" else str(found["reason"])


def bridge_rows(space: DesignSpace, some: Iterable[Bill]) -> Iterator[Row]:
    """Rows of gap_tables.BRIDGE: one a bill and corner; one alone for a design that was never confirmed."""
    for one in some:
        for corner in CORNERS if one.corners else CORNERS[:1]:
            absent = {"state": "infeasible", "reason": one.refusal}
            found = one.corners.get(corner, absent)
            known = {name: value for name, value in found.items() if name in gap_tables.BRIDGE}
            yield {**known, **_identity(space, one), "corner": corner, **_largest(one, corner)}


def added_up(parts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The sum of each name's parts."""
    found: dict[str, float] = {}
    for name, value in parts:
        found[name] = found.get(name, 0.0) + value
    return found


def largest(parts: Parts) -> tuple[str, float]:
    """The largest part and its share of the sum."""
    name = max(parts, key=parts.__getitem__)
    return name, parts[name] / sum(parts.values())


def _identity(space: DesignSpace, one: Bill) -> Row:
    node = space.spec.node
    return {
        "question": space.name,
        "network": one.state.network,
        "compression": one.state.name,
        "is_compressed": one.state.is_compressed,
        "compression_basis": one.state.basis,
        "compression_source": one.state.source,
        "back_end": one.state.back_end,
        "family": one.family,
        "boundary": space.spec.boundary,
        "batch": space.spec.batch,
        "node": f"{node} nm" if isinstance(node, int) else node,
    }


def _largest(one: Bill, corner: Corner) -> Row:
    if one.where is None or corner != "typical":
        return {}
    name, share = largest(one.where.energy)
    return {"largest_component": name, "largest_share_fraction": share}
