"""An axis of factors that fits the view that is chosen: its ends and ticks follow a signal of the chart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from joulescape.report import figure
from joulescape.report.blob import rounded

LABEL = "datum.value >= 1 ? '×' + format(datum.value, '~s') : '÷' + format(1 / datum.value, '~s')"
"""Vega expression of a factor's tick."""


@dataclass(frozen=True)
class Views:
    """Ends of a logarithmic axis by the key of its view; `chosen` is the expression that gives the key."""

    chosen: str
    ends: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, chosen: str, values: Mapping[str, Sequence[float | None]]) -> Views:
        """The ends that hold each view's values, and one around no change."""
        known = {key: [value for value in listed if value is not None and value > 0] for key, listed in values.items()}
        return cls(chosen, {key: figure.log_domain([0.8, 1.25, *listed]) for key, listed in known.items()})

    def scale(self) -> alt.Scale:
        """Ends as the view has them."""
        ends: list[Any] = [{"expr": f"{name}[{self.chosen}]"} for name in ("lows", "highs")]
        return alt.Scale(type="log", domain=ends, nice=False, clamp=True)

    def axis(self, title: str, orient: Literal["top", "left"]) -> alt.Axis:
        """Ticks as the view has them; above the rows of a long chart, whose lower end is off the screen."""
        return alt.Axis(values=alt.expr(f"ticks[{self.chosen}]"), labelExpr=LABEL, title=title, orient=orient)

    def params(self) -> tuple[alt.Parameter, ...]:
        """What the expressions read."""
        lows = {key: rounded(low) for key, (low, _) in self.ends.items()}
        highs = {key: rounded(high) for key, (_, high) in self.ends.items()}
        ticks = {key: figure.log_ticks(low, high) for key, (low, high) in self.ends.items()}
        named = {"lows": lows, "highs": highs, "ticks": ticks}
        return tuple(alt.param(name=name, value=value) for name, value in named.items())

    def place(self, key: str, value: float) -> float:
        """Where a value stands in its view: 0 at the lower end, 1 at the upper."""
        low, high = (math.log(end) for end in self.ends[key])
        return (math.log(value) - low) / (high - low)
