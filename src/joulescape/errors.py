"""What can go wrong, and how it travels.

`SpecError` carries every fault of the user's files at once; `Infeasible` says that a design cannot exist;
`SimulatorError` that a model or a training run failed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LONG = 450
"""An expectation of more letters comes after the nearest name, which nobody finds behind it."""


@dataclass(frozen=True, order=True)
class Fault:
    """One fault of one file: where it is, what stands there, what was expected, and the nearest valid name."""

    file: str
    line: int | None
    path: str
    value: str
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        hint = f"; did you mean '{self.nearest}'?" if self.nearest else ""
        where = f" at '{self.path}'" if self.path else ""
        if hint and len(self.expected) > _LONG:
            return f"{place}:{where} found {self.value}{hint} Expected {self.expected}"
        return f"{place}:{where} found {self.value}, expected {self.expected}{hint}"


class JoulescapeError(Exception):
    """Root of every error that this package raises on purpose."""


class SpecError(JoulescapeError):
    """The user's YAML (or command line) is wrong; `faults` lists every fault found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Infeasible(JoulescapeError):
    """The design cannot exist or breaks a limit; `violation` is overshoot divided by the limit (> 0)."""

    def __init__(self, reason: str, violation: float) -> None:
        self.reason = reason
        self.violation = violation
        super().__init__(reason)


class SimulatorError(JoulescapeError):
    """A simulator or a training run failed, or returned a cost that cannot be (NaN, infinite, negative)."""


class ResultsError(JoulescapeError):
    """A results file is missing, locked by another run, or was written by another version."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None when nothing is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)), None)
