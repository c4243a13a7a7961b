"""A domain: the values that a parameter may take. It may stand wherever a value may."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from joulescape.spec.base import Shape

Scalar = bool | int | float | str

MOST_POINTS = 4096
"""A sweep of one domain never has more points: resolve refuses larger sweeps anyway."""


class IntDomain(Shape):
    """Whole numbers from `low` to `high` in steps of `step`; `points` thins a sweep; `log` draws in log space."""

    kind: Literal["int"]
    low: int
    high: int
    step: Annotated[int, Field(ge=1)] = 1
    log: bool = False
    points: Annotated[int, Field(ge=2, le=MOST_POINTS)] | None = None
    per: Literal["layer"] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_range(self.low, self.high, self.log)
        if self.log and self.step != 1:
            raise ValueError("a log domain takes no step")
        return self

    def ends(self) -> tuple[Scalar, ...]:
        """Both ends: what resolve checks against a plug-in's settings."""
        return (self.low, self.high)

    def values(self) -> tuple[int, ...]:
        """Every value of a sweep."""
        every = range(self.low, self.high + 1, self.step)
        if self.points is None or len(every) <= self.points:
            return tuple(every)
        if self.log:
            return tuple(sorted({round(float(x)) for x in np.geomspace(self.low, self.high, self.points)}))
        return tuple(every[round(float(x))] for x in np.linspace(0, len(every) - 1, self.points))

    def holds(self, value: Scalar) -> bool:
        """Whether the value may be drawn: a whole number of the range, on its steps."""
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and self.low <= int(value) <= self.high and (int(value) - self.low) % self.step == 0

    @property
    def expected(self) -> str:
        """The domain in words, as a fault says it."""
        return f"a whole number from {self.low} to {self.high}{f' in steps of {self.step}' if self.step > 1 else ''}"

    @property
    def only(self) -> int | None:
        """The one value of the domain; None where there are more."""
        return self.low if self.low + self.step > self.high else None

    def count(self) -> int:
        """How many values a sweep has, without listing a long range."""
        total = (self.high - self.low) // self.step + 1
        return total if self.points is None or total <= self.points else len(self.values())


class FloatDomain(Shape):
    """Real numbers from `low` to `high`; in a sweep `points` values, evenly spaced (log-spaced with `log`)."""

    kind: Literal["float"]
    low: float
    high: float
    log: bool = False
    points: Annotated[int, Field(ge=2, le=MOST_POINTS)] = 5
    per: Literal["layer"] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_range(self.low, self.high, self.log)
        return self

    def ends(self) -> tuple[Scalar, ...]:
        """Both ends: what resolve checks against a plug-in's settings."""
        return (self.low, self.high)

    def values(self) -> tuple[float, ...]:
        """Every value of a sweep."""
        space = np.geomspace if self.log else np.linspace
        return tuple(float(x) for x in space(self.low, self.high, self.points))

    def holds(self, value: Scalar) -> bool:
        """Whether the value may be drawn: a number of the range."""
        return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high

    @property
    def expected(self) -> str:
        """The domain in words, as a fault says it."""
        return f"a number from {self.low:g} to {self.high:g}"

    @property
    def only(self) -> float | None:
        """The one value of the domain; None where there are more."""
        return self.low if self.low == self.high else None

    def count(self) -> int:
        """How many values a sweep has."""
        return self.points


class ChoiceDomain(Shape):
    """One of the listed values."""

    kind: Literal["choice"]
    options: Annotated[tuple[Scalar, ...], Field(min_length=1)]
    per: Literal["layer"] | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        kinds = [(isinstance(option, bool), option) for option in self.options]  # true is not 1
        if len(set(kinds)) < len(kinds):
            raise ValueError("each option once")
        return self

    def ends(self) -> tuple[Scalar, ...]:
        """Every option: what resolve checks against a plug-in's settings."""
        return self.options

    def values(self) -> tuple[Scalar, ...]:
        """Every value of a sweep."""
        return self.options

    def holds(self, value: Scalar) -> bool:
        """Whether the value is an option: `true` is not 1."""
        return any(option == value and isinstance(option, bool) == isinstance(value, bool) for option in self.options)

    @property
    def expected(self) -> str:
        """The domain in words, as a fault says it."""
        return f"one of {', '.join(str(option) for option in self.options)}"

    @property
    def only(self) -> Scalar | None:
        """The one value of the domain; None where there are more."""
        return self.options[0] if len(self.options) == 1 else None

    def count(self) -> int:
        """How many values a sweep has."""
        return len(self.options)


AnyDomain = IntDomain | FloatDomain | ChoiceDomain
Domain = Annotated[IntDomain | FloatDomain | ChoiceDomain, Field(discriminator="kind")]


def is_domain(value: Any) -> bool:
    """Whether a raw YAML value is meant as a domain: a mapping with the key `kind`."""
    return isinstance(value, dict) and "kind" in value


def _check_range(low: float, high: float, log: bool) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError("low and high must be finite")
    if low > high:
        raise ValueError(f"low must not be above high, but {low} > {high}")
    if log and low <= 0:
        raise ValueError("a log domain needs low > 0")
