"""A chart with its words and rows, and the encodings that charts share. Specs hold neither rows nor colours."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, TypeVar

import altair as alt
from altair.utils.schemapi import SchemaBase, UndefinedType

from joulescape.report import theme
from joulescape.report.marks import Mark, worn, worn_config

Rows = Sequence[Mapping[str, Any]]
AnyChart = alt.Chart | alt.LayerChart
T = TypeVar("T")


SHARE_OF_TIME = "Share of the time"
"""Title of an axis on which neither way is better."""

NAME_LIGHTNESS: dict[theme.Mode, int] = {"light": 46, "dark": 60}
"""CIE lightness of a name: at most so much on a light page, at least so much on a dark one."""


@dataclass(frozen=True)
class Key:
    """One mark of a chart: the name of its drawing in templates/key.html.j2, what it is called, what it stands for."""

    icon: str
    name: str
    words: str


@dataclass(frozen=True)
class Figure:
    """One chart: `chart` reads named data, `data` holds the rows of those names except the shared `designs`."""

    id: str
    title: str
    caption: str
    chart: AnyChart
    data: Mapping[str, Rows] = field(default_factory=dict)
    summary: str = ""
    """What the chart shows in one sentence, for a reader who cannot see it."""
    key: Sequence[Key] = ()
    """What its marks are; the page draws each beside its words."""
    marks: Sequence[Mark] = ()
    """What the machines of the page are drawn with; without any, families are drawn."""

    @property
    def words(self) -> str:
        """The caption with the marks in words, for a reader who has no key."""
        return " ".join((*(f"{key.name}: {key.words}." for key in self.key), self.caption)).strip()

    def config(self, mode: theme.Mode) -> dict[str, Any]:
        """The configuration of a theme that the chart is drawn with."""
        return worn_config(mode, self.marks) if self.marks else theme.vega_config(mode)

    def spec(self) -> dict[str, Any]:
        """The Vega-Lite spec, without rows; not held against Vega-Lite's schema, which takes a second a page."""
        made = _written(self.chart)
        spec: dict[str, Any] = worn(made, self.marks) if self.marks else made
        spec["description"] = self.summary or self.title
        spec.pop("config", None)
        return spec

    def with_rows(self, shared: Mapping[str, Rows]) -> dict[str, Any]:
        """The spec with its rows in it: for static pictures and tests."""
        rows = {**shared, **self.data}
        return {**self.spec(), "datasets": {name: list(values) for name, values in rows.items()}}


def evenly(rows: Sequence[T], most: int) -> list[T]:
    """At most so many of the rows, evenly over all."""
    return list(rows[:: max(1, -(-len(rows) // most))])


def layered(*layers: alt.Chart, params: Iterable[alt.Parameter] = (), **properties: Any) -> alt.LayerChart:
    """The layers drawn over each other; none of ours is a facet, and each has its data.

    Altair copies each layer three times to lift what the reader selects in it, and again for every later
    `add_params` or `properties`: only layers with a selection go that way, and the rest is given here.
    """
    selecting = [layer.params is not alt.Undefined for layer in layers]
    made = alt.LayerChart(layer=list(compress(layers, selecting)), **properties)
    lifted, known = iter(made.layer), [param.param for param in params]
    own = () if isinstance(made.params, UndefinedType) else made.params
    made.layer = [next(lifted) if is_lifted else layer for layer, is_lifted in zip(layers, selecting, strict=True)]
    every: list[Any] = [*known, *own]
    made.params = every or alt.Undefined
    return made


def _written(chart: AnyChart) -> dict[str, Any]:
    """The chart as Vega-Lite; of layers without the copies of them that Altair's own way of writing begins with."""
    if isinstance(chart, alt.Chart):
        return chart.to_dict(validate=False)
    shared = {} if isinstance(chart.data, UndefinedType) else {"data": chart.data}
    context = {"datasets": {}, "top_level": False, "pre_transform": False, **shared}
    return {**SchemaBase.to_dict(chart, validate=False, context=context), "$schema": alt.SCHEMA_URL}


def family_colour(title: str | None = None) -> alt.Color:
    """Family by colour, in a fixed order; the theme's configuration gives the colours."""
    legend = None if title is None else alt.Legend(title=title)
    return alt.Color("family:N", scale=alt.Scale(domain=list(theme.FAMILIES)), legend=legend)


def family_shape() -> alt.Shape:
    """Family by shape."""
    scale = alt.Scale(domain=list(theme.FAMILIES), range=list(theme.FAMILY_SHAPES))
    return alt.Shape("family:N", scale=scale, legend=None)


def family_dash() -> alt.StrokeDash:
    """Family by dash pattern."""
    scale = alt.Scale(domain=list(theme.FAMILIES), range=[list(dash) for dash in theme.FAMILY_DASHES])
    return alt.StrokeDash("family:N", scale=scale, legend=None)


def name_colour() -> Any:
    """Vega expression: a machine's colour as that of its name, 4.5:1 from the page where its marks need only 3:1."""
    own = "hcl(scale('color', datum.back_end))"
    light, dark = NAME_LIGHTNESS["light"], NAME_LIGHTNESS["dark"]
    lightness = f"lab(paper).l > 50 ? min({light}, {own}.l) : max({dark}, {own}.l)"
    return alt.expr(f"hcl({own}.h, {own}.c, {lightness})")


def opacity_where(test: str, true: float, false: float) -> alt.OpacityValue:
    """Opacity by a Vega expression; `alt.condition` would have Altair seek the channel's class in its whole schema."""
    return alt.OpacityValue(false, condition={"test": test, "value": true})


def component_colour() -> alt.Color:
    """Component class by a colour that is the same for every back end."""
    names = theme.component_names()
    scale = alt.Scale(domain=names, range="ordinal")
    return alt.Color("class:N", scale=scale, sort=names, legend=None)


def log_domain(values: Sequence[float]) -> tuple[float, float]:
    """A span around positive values with a twentieth of its logarithm to spare at each end."""
    low, high = math.log10(min(values)), math.log10(max(values))
    margin = max(0.08, (high - low) / 20)
    return 10 ** (low - margin), 10 ** (high + margin)


def log_ticks(low: float, high: float) -> list[float]:
    """Decades between `low` and `high`, none skipped up to eight; where there are fewer than two decades, the coarsest
    of 1-2-5 steps, finer ones and even ones that puts three ticks there."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside: list[float] = []
    for steps in STEPS[math.log10(high / low) < 2 :]:
        inside = [tick for power in powers for step in steps if low <= (tick := float(f"{step}e{power}")) <= high]
        if len(inside) >= FEWEST or len(steps) == 1:
            return inside[:: 1 + len(inside) // 9]
    return _even_ticks(low, high)


STEPS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0))
"""Ticks in each decade, the coarsest first."""

FEWEST = 3
"""An axis with fewer ticks does not say how far apart its values lie."""


def _even_ticks(low: float, high: float) -> list[float]:
    """Round numbers at even steps, four to nine of them."""
    rough = (high - low) / 4
    power = math.floor(math.log10(rough))
    step = next(float(f"{times}e{power}") for times in (5, 2, 1) if float(f"{times}e{power}") <= rough)
    places = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [tick for place in places if low <= (tick := float(f"{place * step:.12g}")) <= high]


def tick_label(metric: str) -> str:
    """Vega expression for the label of an axis tick, value in SI base units (or in the plain unit)."""
    _, unit = theme.unit_of(metric)
    if unit in {base for _, base in theme.UNITS.values()}:
        return f"replace(format(datum.value, '~s'), regexp('([a-zA-Zµ]?)$'), ' $1{unit}')"
    plain = f"format(datum.value, ',~r') + ' {unit}'"
    large = f"datum.value >= {theme.LARGE_MM2:g} ? format(datum.value * 1e-6, ',~r') + ' m²' : {plain}"
    return large if unit == "mm²" else plain


def cost_title(label: str, way: str = "←") -> str:
    """Axis title of a cost by its label, with the direction in which it gets better."""
    return f"{label} (better {way})"


def cost_axis(field_name: str, metric: str, values: Sequence[float], title: str | None = None) -> alt.X:
    """A logarithmic axis of a cost in SI base units, over `values`."""
    scale, axis = _log_scale(values), _cost_ticks(metric, values, title or cost_title(theme.LABELS[metric]))
    return alt.X(f"{field_name}:Q", scale=scale, axis=axis)


def cost_height(field_name: str, metric: str, values: Sequence[float], label: str) -> alt.Y:
    """The same axis upright."""
    axis = _cost_ticks(metric, values, cost_title(label, "↓"))
    return alt.Y(f"{field_name}:Q", scale=_log_scale(values), axis=axis)


def _log_scale(values: Sequence[float]) -> alt.Scale:
    return alt.Scale(type="log", domain=list(log_domain(values)), nice=False, clamp=True)


def _cost_ticks(metric: str, values: Sequence[float], title: str) -> alt.Axis:
    return alt.Axis(values=log_ticks(*log_domain(values)), labelExpr=tick_label(metric), grid=True, title=title)


def titled(channel: alt.X, expression: str) -> alt.X:
    """The channel with an axis title that follows the page's signals.

    Vega-Lite takes an expression here, though its schema does not list it: Altair would refuse it as an argument.
    """
    channel["axis"]["title"] = alt.expr(expression)
    return channel


def accuracy_domain(values: Sequence[float]) -> tuple[float, float]:
    """From a little under the lowest to a little over the highest; never above 1."""
    low, high = min(values), max(values)
    margin = max(0.005, 0.07 * (high - low))
    return max(0.0, low - margin), min(1.0, high + margin)


def accuracy_axis(field_name: str, values: Sequence[float], title: str) -> alt.Y:
    """A linear axis of accuracy, in percent."""
    return alt.Y(
        f"{field_name}:Q",
        scale=alt.Scale(domain=list(accuracy_domain(values)), nice=False),
        axis=alt.Axis(format="~%", title=f"{title} (better ↑)", tickCount=6),
    )


def rows_high(step: int, most: int, right: int) -> dict[str, Any]:
    """Properties of a chart with `step` pixels a row and room for words at the right: `most` rows at once.

    The page makes it as high as the rows that it shows (assets/charts.js): Vega-Lite's own steps cannot fill a width.
    """
    padding = {"left": 5, "top": 5, "bottom": 5, "right": right}
    return {"width": "container", "height": step * most, "padding": padding, "usermeta": {"step": step}}


def most_rows(rows: Rows, keys: tuple[str, ...], row: str) -> int:
    """The most distinct values of `row` among the rows that share `keys`."""
    seen = {tuple(found[name] for name in (*keys, row)) for found in rows}
    return max(Counter(key[:-1] for key in seen).values())


def label_limit(wide: int, narrow: int = 140) -> Any:
    """Pixels that a row's name may take: fewer on a phone, where the marks need the room."""
    return alt.expr(f"windowSize()[0] < 600 ? {narrow} : {wide}")


def is_positive(value: float | None) -> bool:
    """Whether a value can stand on a logarithmic axis."""
    return value is not None and value > 0
