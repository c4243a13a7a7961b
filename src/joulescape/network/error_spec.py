"""A machine's errors as plain numbers: the only part of hardware that accuracy may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from joulescape.network.operators import Role

DRAWN_ABOVE_ZERO: Mapping[str, tuple[str, ...]] = {
    "fixed_point": ("weight_fault_fraction",),
    "timing_faults": ("fault_fraction", "weight_fault_fraction"),
    "small_float": (),
    "dynamic_fixed_point": (),
    "spiking": ("weight_sigma_fraction", "threshold_sigma_fraction", "is_poisson"),
}
"""Kinds whose forward pass is the same each time while these numbers are 0; any other kind draws."""


@dataclass(frozen=True)
class ErrorSpec:
    """How a machine computes one operator in one role.

    `kind` names the numerics that realises it (a module of `joulescape.numerics` or a guest); `numbers` are plain:
    bits, sigmas as fractions of the full range they name, counts.
    """

    kind: str
    operator: str
    role: Role
    numbers: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", MappingProxyType({key: self.numbers[key] for key in sorted(self.numbers)}))

    def __reduce__(self) -> tuple[type[ErrorSpec], tuple[object, ...]]:
        return (ErrorSpec, (self.kind, self.operator, self.role, dict(self.numbers)))

    @property
    def drawn_by(self) -> str | None:
        """What makes a forward pass of this spec random: a number's name or the kind; None where nothing does."""
        if self.kind not in DRAWN_ABOVE_ZERO:
            return self.kind
        return next((name for name in DRAWN_ABOVE_ZERO[self.kind] if self.numbers.get(name, 0.0) > 0), None)

    def as_key(self) -> tuple[object, ...]:
        """A canonical, hashable form: part of the cache key."""
        return (self.kind, self.operator, self.role, tuple(self.numbers.items()))


Errors = Mapping[tuple[str, Role], ErrorSpec]
"""By (operator, role). An operator or role that is absent computes in float32 without error."""
