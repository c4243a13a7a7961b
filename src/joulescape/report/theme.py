"""How numbers, families and components look: SI prefixes, colours, shapes and dashes, in light and in dark.

The colours stand here only: the style sheet and the static pictures are both made from these tables.
"""

from __future__ import annotations

import math
import re
from typing import Any, Literal

Mode = Literal["light", "dark"]

FAMILIES: tuple[str, ...] = ("electronic", "photonic", "memristive", "physical")
"""Order of families in every legend."""

FAMILY_COLOURS: dict[Mode, tuple[str, ...]] = {
    "light": ("#1f5fae", "#c8641a", "#3fa07c", "#7a1f52"),
    "dark": ("#4c96ee", "#f0b04a", "#8ff0cc", "#d2648c"),
}
FAMILY_SHAPES: tuple[str, ...] = ("circle", "triangle-up", "square", "diamond")
FAMILY_DASHES: tuple[tuple[int, int], ...] = ((1, 0), (6, 3), (3, 2), (2, 2))
FAMILY_GLYPHS: dict[str, str] = {"electronic": "●", "photonic": "▲", "memristive": "■", "physical": "◆"}

SERIES_COLOURS: dict[Mode, tuple[str, ...]] = {
    "light": (
        "#3b4cc0",
        "#b5541c",
        "#2a7f62",
        "#8a3b86",
        "#7a6a1a",
        "#0f7c9c",
        "#a3324e",
        "#5c6670",
        "#2f8f2f",
        "#8c5a2b",
    ),
    "dark": (
        "#8da2ff",
        "#f0a36b",
        "#63c7a3",
        "#d88fd4",
        "#cdbb55",
        "#5cc4e0",
        "#f08aa0",
        "#a3adb7",
        "#8fd46a",
        "#cfa070",
    ),
}
"""Colours of series that are no families; their shapes and labels tell them apart too."""
SERIES_SHAPES: tuple[str, ...] = (
    "circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right", "triangle-left",
    "wedge", "arrow",
)  # fmt: skip

COMPONENTS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("host", ("host", "scalar_core"), "#d99aa5", "#d99aa5"),
    ("programming", ("program", "write", "update"), "#87a330", "#a9c04f"),
    ("ADC", ("adc", "sample_hold"), "#5b4ea0", "#8f82d8"),
    ("DAC and drivers", ("dac", "driver"), "#a99ddb", "#c1b6f0"),
    ("modulators", ("modulator", "slm", "dmd"), "#d6c8ee", "#e6dcf7"),
    ("lasers", ("laser", "pump", "comb"), "#d4b100", "#e6c62e"),
    ("tuning", ("tuning", "heater", "thermal", "phase_shifter", "trim"), "#eadf9b", "#f3eab5"),
    ("detectors", ("detector", "photodiode", "tia", "receiver", "camera"), "#8d7a1f", "#a8954a"),
    ("on-chip memory", ("edram", "sram", "buffer", "register", "cache"), "#2c8fa8", "#46adc6"),
    ("off-chip memory", ("dram", "off_chip", "hbm"), "#9ad0dd", "#b5e0ea"),
    ("interconnect", ("noc", "bus", "rout", "htree", "link", "network", "transport"), "#8a9aa6", "#9fb0bd"),
    ("array", ("array", "cell", "crossbar", "synapse", "mac", "pe_", "mesh", "ring", "compute"), "#46515c", "#6f7f8e"),
    ("digital", ("digital", "neuron", "alu", "vector", "adder", "shift", "sigmoid", "pool"), "#a0785a", "#c09a7c"),
    ("static", ("static", "leak", "clock", "control"), "#c3c9cf", "#565f69"),
    ("other", (), "#e6e2da", "#3b4148"),
)
"""Component classes: name, what the component's own name contains, light colour, dark colour. First match wins."""

PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}

UNITS: dict[str, tuple[float, str]] = {
    "_pj": (1e-12, "J"), "_ns": (1e-9, "s"), "_mw": (1e-3, "W"), "_bytes": (1.0, "B"),
}  # fmt: skip
"""Unit suffix -> (factor to SI, SI unit) of quantities that take a prefix."""

PLAIN_UNITS = {
    "_tops_per_w": "TOPS/W", "_gops_per_mm2": "GOPS/mm²", "_mebibytes_per_mm2": "MiB/mm²", "_mm2": "mm²",
}  # fmt: skip
"""Unit suffix -> unit of quantities that take no prefix."""

LARGE_MM2 = 1e5
"""From so much on an area is shown in m²: an optical table is no chip."""

LABELS = {
    "accuracy_fraction": "Accuracy",
    "trained_accuracy_fraction": "Accuracy after training",
    "inference_energy_pj": "Energy per inference",
    "inference_latency_ns": "Latency per inference",
    "inference_interval_ns": "Time between inferences",
    "training_energy_pj": "Training energy",
    "training_time_ns": "Training time",
    "lifecycle_energy_pj": "Lifecycle energy",
    "area_mm2": "Area",
    "mean_power_mw": "Mean power",
    "tops_per_w": "Efficiency",
    "gops_per_mm2": "Compute density",
}
"""What each metric is called in a heading."""

TOLD_APART = 1.05
"""A ratio below it is not worth a sentence: it would read `1.0×`."""

SPACE = "\u202f"
"""The thin no-break space between a number and its unit."""


def significant(value: float, digits: int = 3) -> str:
    """`value` with so many significant figures and no exponent between 0.001 and 10,000."""
    text = f"{value:#.{digits}g}"
    return f"{value:,.0f}" if abs(float(text)) >= 10**digits and "e" in text else text.rstrip(".")


def plain_number(value: float) -> str:
    """A count or a mean of counts, with three figures where it is small: `137`, `2.50`, `41,000`."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else significant(value)


def prefixed(value: float, unit: str) -> str:
    """`value` in SI base units as text with an SI prefix: 7.08e-8 J -> 70.8 nJ."""
    if value == 0:
        return f"0{SPACE}{unit}"
    rounded = float(f"{value:.2e}")
    power = min(15, max(-18, 3 * math.floor(math.log10(abs(rounded)) / 3)))
    return f"{significant(rounded / 10.0**power)}{SPACE}{PREFIXES[power]}{unit}"


def factor_text(factor: float) -> str:
    """A factor on a typical value: `×2.4` above one, `÷2.1` below."""
    return f"×{significant(factor, 2)}" if factor >= 1 else f"÷{significant(1 / factor, 2)}"


def times(ratio: float) -> str:
    """How many times, with two figures while they tell something: `1.9`, `46`, `1.2 million`."""
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if ratio >= size:
            return f"{float(f'{ratio / size:.2g}'):,.6g}{SPACE}{word}"
    return significant(ratio, 2) if ratio < 100 else f"{float(f'{ratio:.2g}'):,.0f}"


def labels(batch: int = 1, inferences: float | None = None) -> dict[str, str]:
    """LABELS at a batch: the latency is then that of the whole batch, from its first operator to its last; and at a
    declared life, which the lifecycle's energy is of."""
    whole = {} if batch == 1 else {"inference_latency_ns": f"Latency of a batch of {batch}"}
    life = {} if inferences is None else {"lifecycle_energy_pj": f"Energy of training and {inferences:,.0f} inferences"}
    return {**LABELS, **whole, **life}


def word(role: str, metric: str) -> str:
    """What a cost is called in a sentence: its role, or its whole name where it is not of an inference."""
    whole = metric.startswith(("training_", "lifecycle_"))
    return LABELS[metric].lower() if whole and metric in LABELS else role


def unit_of(metric: str) -> tuple[float, str]:
    """(factor to SI, unit) of the quantity called `metric`; (1, plain unit) where no prefix is taken."""
    known = {**UNITS, **{suffix: (1.0, unit) for suffix, unit in PLAIN_UNITS.items()}}
    return next((found for suffix, found in known.items() if has_unit(metric, suffix)), (1.0, ""))


def has_unit(metric: str, suffix: str) -> bool:
    """Whether a name ends in the whole of a unit: `gops_per_mm2` is no area."""
    name = f"_{metric}"
    return name.endswith(suffix) and not name.endswith(f"_per{suffix}")


def show(value: float | None, metric: str) -> str:
    """A value in house units as a reader sees it; a dash when it is absent."""
    if value is None:
        return "–"
    if metric.endswith("_fraction"):
        return f"{100 * value:.1f}{SPACE}%"
    factor, unit = unit_of(metric)
    if unit in {base for _, base in UNITS.values()}:
        return prefixed(value * factor, unit)
    if unit == "mm²" and abs(value) >= LARGE_MM2:
        return f"{significant(value * 1e-6)}{SPACE}m²"
    return f"{significant(value)}{SPACE}{unit}".rstrip()


def component_class(component: str) -> str:
    """The class whose colour a component takes, by its own name.

    Leakage is static whatever leaks, and so is what flows in a component that idles (an `idler` is a wave).
    """
    lowered = component.lower()
    if "idle" in re.findall("[a-z]+", lowered):
        return "static"
    if "leak" in lowered and "host" not in lowered:
        return "static"
    return next((name for name, marks, _, _ in COMPONENTS if any(mark in lowered for mark in marks)), "other")


def component_names() -> list[str]:
    """Component classes in their fixed order."""
    return [name for name, _, _, _ in COMPONENTS]


def colours(mode: Mode) -> dict[str, Any]:
    """Everything a chart's configuration needs, by name."""
    light = mode == "light"
    return {
        "families": list(FAMILY_COLOURS[mode]),
        "components": [entry[2] if light else entry[3] for entry in COMPONENTS],
        "series": list(SERIES_COLOURS[mode]),
        "ink": "#1b2026" if light else "#e8ebee",
        "quiet": "#5c6670" if light else "#a3adb7",
        "grid": "#e6e9ec" if light else "#2a3138",
        "page": "#ffffff" if light else "#14181d",
        "panel": "#f6f7f9" if light else "#1b2026",
        "ring": "#c2002f" if light else "#ffd23f",
    }


def series_config(mode: Mode) -> dict[str, Any]:
    """The configuration of a page whose ordinal colours are those of series, not of components."""
    found = vega_config(mode)
    return {**found, "range": {**found["range"], "ordinal": colours(mode)["series"]}}


def vega_config(mode: Mode) -> dict[str, Any]:
    """The Vega-Lite configuration of a theme: specs themselves hold no colours."""
    palette = colours(mode)
    text = {"labelColor": palette["quiet"], "titleColor": palette["ink"]}
    return {
        "background": "transparent",
        "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif",
        "range": {
            "category": palette["families"],
            "ordinal": palette["components"],
            "symbol": list(FAMILY_SHAPES),
        },
        "axis": {
            **text,
            "gridColor": palette["grid"],
            "domainColor": palette["quiet"],
            "tickColor": palette["quiet"],
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titleFontWeight": 600,
            "titlePadding": 8,
        },
        "legend": {**text, "labelFontSize": 11, "titleFontSize": 11, "symbolStrokeWidth": 2},
        "header": {**text, "labelFontWeight": 600},
        "text": {"color": palette["ink"]},
        "rule": {"color": palette["quiet"]},
        "view": {"stroke": None},
    }
