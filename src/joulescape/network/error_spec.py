"""A machine's errors as plain numbers: the only part of hardware that accuracy may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from joulescape.network.operators import Role


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

    def as_key(self) -> tuple[object, ...]:
        """A canonical, hashable form: part of the cache key."""
        return (self.kind, self.operator, self.role, tuple(self.numbers.items()))


Errors = Mapping[tuple[str, Role], ErrorSpec]
"""By (operator, role). An operator or role that is absent computes in float32 without error."""
