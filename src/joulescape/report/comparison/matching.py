"""Designs that two studies hold: the same by their id, or of the same parameters under another question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from joulescape import tables
from joulescape.report.inputs import Tables

SAME = 1e-6
"""Relative: two costs nearer than this are one."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Design:
    """One design that both studies hold, with what changed between them."""

    design_id: str
    back_end: str
    family: str
    network: str
    values: dict[str, tuple[float | None, float | None]]
    """Metric -> before, after."""
    by: Literal["id", "parameters"] = "id"
    """What tells that it is one design: its id, or its network, back end and parameters."""

    @property
    def size(self) -> float:
        """Largest relative change of any metric."""
        return max((_relative(*pair) for pair in self.values.values()), default=0.0)


def matched(before: Tables, after: Tables, metrics: Sequence[str]) -> list[Design]:
    """Every design of both studies once: by id first, then those left over by their parameters, where these name one
    design in each study."""
    old, new = (_by_id(given) for given in (before, after))
    pairs = [(row, new[name], "id") for name, row in old.items() if name in new]
    left = (
        [row for name, row in old.items() if name not in new],
        [row for name, row in new.items() if name not in old],
    )
    first, second = (_by_parameters(rows) for rows in left)
    pairs += [(row, second[key], "parameters") for key, row in first.items() if key in second]
    return [_design(one, other, metrics, by) for one, other, by in pairs]


def _by_id(given: Tables) -> dict[str, Row]:
    """The first row of every id."""
    found: dict[str, Row] = {}
    for row in given.valid.iter_rows(named=True):
        found.setdefault(row["design_id"], row)
    return found


def _by_parameters(rows: Sequence[Row]) -> dict[tuple[str, ...], Row]:
    """Rows by network, back end and what was drawn; those that share all of it are left out."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        drawn = (f"{name}={row[name]}" for name in sorted(row) if name.startswith(tables.PARAMETER_PREFIXES))
        key = (str(row["network"]), str(row["back_end"]), *(text for text in drawn if not text.endswith("=None")))
        found.setdefault(key, []).append(row)
    return {key: same[0] for key, same in found.items() if len(same) == 1}


def _design(before: Row, after: Row, metrics: Sequence[str], by: Any) -> Design:
    values = {metric: (before[metric], after[metric]) for metric in metrics}
    return Design(before["design_id"], before["back_end"], before["family"], before["network"], values, by)


def _relative(before: float | None, after: float | None) -> float:
    if before is None or after is None:
        return 0.0 if before is after else math.inf
    return abs(after - before) / max(abs(before), abs(after), 1e-300)
