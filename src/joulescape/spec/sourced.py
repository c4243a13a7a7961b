"""A physical number with its proof, and the corners that move it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import model_validator

from joulescape.spec.base import Shape

Basis = Literal["measured", "derived", "assumed"]
Corner = Literal["optimistic", "typical", "pessimistic"]
CORNERS: tuple[Corner, ...] = ("optimistic", "typical", "pessimistic")


class Sourced(Shape):
    """A number, where it came from, and how well it is known; `assumed` needs `low` and `high`.

    In a sweep `value` may hold an array of shape (variants,) that a simulator's own scaling rule produced.
    """

    value: float
    low: float | None = None
    high: float | None = None
    basis: Basis
    source: str
    where: str = ""

    @model_validator(mode="after")
    def _bounds_hold(self) -> Self:
        if self.basis == "assumed" and (self.low is None or self.high is None):
            raise ValueError("an assumed value needs low and high")
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        if not low <= self.value <= high:
            raise ValueError(f"low <= value <= high is broken: {low} <= {self.value} <= {high}")
        return self

    def scaled(self, factor: Any, rule: str) -> Sourced:
        """This number times `factor` (a float or an array of shape (variants,)) under the named scaling rule."""
        changes = {
            "value": self.value * factor,
            "low": None,
            "high": None,
            "source": f"{self.source}; scaled by {rule}",
        }
        basis: Basis = "assumed" if self.basis == "assumed" else "derived"
        return self.model_copy(update={**changes, "basis": basis})


@dataclass(frozen=True)
class Better:
    """Which end of a sourced value is the optimistic one."""

    end: Literal["low", "high"]


LowerIsBetter = Annotated[Sourced, Better("low")]
HigherIsBetter = Annotated[Sourced, Better("high")]

S = TypeVar("S", bound=Shape)


def at_corner(settings: S, corner: Corner) -> S:
    """`settings` with every sourced value, however deep, moved to `corner`."""
    if corner == "typical":
        return settings
    changes = {
        name: _moved(getattr(settings, name), _better(settings, name), corner) for name in type(settings).model_fields
    }
    return settings.model_copy(update=changes)


def sourced_values(settings: Shape, prefix: str = "") -> Mapping[str, Sourced]:
    """Every sourced value below `settings`, by dotted path."""
    found: dict[str, Sourced] = {}
    for name in type(settings).model_fields:
        value, path = getattr(settings, name), f"{prefix}{name}"
        if isinstance(value, Sourced):
            found[path] = value
        elif isinstance(value, Shape):
            found.update(sourced_values(value, f"{path}."))
        elif isinstance(value, dict):
            found.update({f"{path}.{key}": item for key, item in value.items() if isinstance(item, Sourced)})
    return found


def _better(settings: Shape, name: str) -> Better | None:
    metadata = type(settings).model_fields[name].metadata
    return next((item for item in metadata if isinstance(item, Better)), None)


def _moved(value: Any, better: Better | None, corner: Corner) -> Any:
    if isinstance(value, Sourced):
        return _at_end(value, better, corner)
    if isinstance(value, dict):
        return {key: _moved(item, better, corner) for key, item in value.items()}
    if isinstance(value, Shape):
        return at_corner(value, corner)
    return value


def _at_end(value: Sourced, better: Better | None, corner: Corner) -> Sourced:
    if better is None:
        return value
    takes_low = (better.end == "low") == (corner == "optimistic")
    end = value.low if takes_low else value.high
    return value if end is None else value.model_copy(update={"value": end})
