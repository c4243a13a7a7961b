"""Writes docs/devices.md: what the shelf of memory devices says of each, and how well each figure is known.

python benchmarks/device_page.py > docs/devices.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SHELF = ROOT / "hwlib" / "components" / "memristive"
MARKS = {"measured": "m", "derived": "d", "assumed": "a"}
HEAD = """# Memory devices

Made by `benchmarks/device_page.py` from `hwlib/components/memristive`, where each figure has its source and the place
where it stands there. Every figure: typical (low to high), then how well it is known: **m** measured, **d** derived
from a figure of the source, **a** assumed, with a range that says how far. A corner moves all of them at once. `none`:
the sources at hand have no such law, and nothing is drawn for it; of levels, that the device is written to any
conductance. Shares are of the largest conductance. A machine names its device as its cell and may replace any
figure."""


def devices() -> dict[str, Mapping[str, Any]]:
    """Memory devices of the shelf by name."""
    files = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(SHELF.glob("*.yaml"))}
    return {name: raw for name, raw in files.items() if raw["kind"] == "memory_device"}


def figure(raw: Mapping[str, Any] | None, factor: float = 1.0) -> str:
    """Typical (low to high) mark."""
    if raw is None:
        return "none"
    low, high = raw.get("low", raw["value"]), raw.get("high", raw["value"])
    span = "" if low == high else f" ({factor * low:.3g} to {factor * high:.3g})"
    return f"{factor * raw['value']:.3g}{span} {MARKS[raw['basis']]}"


def programming(one: Mapping[str, Any]) -> str:
    """One sigma, or which fit, at which ages."""
    law = one.get("programming")
    if law is None:
        return figure(one["programming_sigma_fraction"], 100)
    return f"{law['form']} fit at {', '.join(f'{age:g}' for age in law['ages_s'])} s; rms " + figure(
        one["programming_sigma_fraction"], 100
    )


def drift(one: Mapping[str, Any]) -> str:
    """Range of the mean exponent and of its spread."""
    law = one.get("drift")
    if law is None:
        return "none"
    mean, spread = (f"{end['floor']:g} to {end['ceiling']:g}" if end["floor"] != end["ceiling"] else f"{end['floor']:g}"
                    for end in (law["mean"], law["spread"]))  # fmt: skip
    return f"exponent {mean}, spread {spread}, times {figure(law['strength'])}"


def flicker(one: Mapping[str, Any]) -> str:
    """What the law multiplies."""
    law = one.get("flicker")
    return (
        "none"
        if law is None
        else f"{law['scale']:g} / g^{law['power']:g} a decade's root, times " + figure(law["strength"])
    )


Column = tuple[str, Callable[[Mapping[str, Any]], str]]
TABLES: Mapping[str, Sequence[Column]] = {
    "Conductance and reads": (
        ("largest conductance, uS", lambda one: figure(one["g_on_msiemens"], 1000)),
        ("on / off", lambda one: figure(one["on_off_ratio"])),
        ("levels", lambda one: figure(one.get("levels"))),
        ("read, V", lambda one: figure(one["read_v"])),
        ("read pulse, ns", lambda one: figure(one["read_pulse_ns"])),
    ),
    "Errors": (
        ("write, %", programming),
        ("read noise, white, %", lambda one: figure(one["read_sigma_fraction"], 100)),
        ("read noise, 1/f", flicker),
        ("drift", drift),
        ("stuck off, %", lambda one: figure(one["stuck_off_fraction"], 100)),
        ("stuck on, %", lambda one: figure(one["stuck_on_fraction"], 100)),
    ),
    "Writes": (
        ("pulse, pJ", lambda one: figure(one["writing"]["energy_pj"])),
        ("pulse, ns", lambda one: figure(one["writing"]["pulse_ns"])),
        ("pulses to a level", lambda one: figure(one["writing"]["pulses"])),
        ("endurance, writes", lambda one: figure(one["writing"]["endurance_writes"])),
    ),
}


def sources(raw: Any) -> set[str]:
    """Keys of hwlib/references.bib that anything below names."""
    if not isinstance(raw, Mapping):
        return set()
    own = {raw["source"]} if "source" in raw else set()
    return own.union(*(sources(value) for value in raw.values()))


def page() -> str:
    """The whole page."""
    shelf = {name: raw["parameters"] for name, raw in devices().items()}
    parts = [HEAD, *(f"- `{name}`: {raw['about']}" for name, raw in devices().items())]
    parts[1:] = ["\n".join(parts[1:])]
    for title, columns in TABLES.items():
        head = " | ".join(["device", *(name for name, _ in columns)])
        rows = [" | ".join([f"`{name}`", *(of(one) for _, of in columns)]) for name, one in shelf.items()]
        lines = [f"| {head} |", "|---" * (len(columns) + 1) + "|", *(f"| {row} |" for row in rows)]
        parts.append(f"## {title}\n\n" + "\n".join(lines))
    named = [f"- `{name}`: {', '.join(sorted(sources(one)))}" for name, one in shelf.items()]
    parts.append("## Sources\n\n" + "\n".join(named))
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page())
