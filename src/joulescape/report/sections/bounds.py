"""What bounds it: the time of each back end's shown design by what limits it, and its layers under their roofs.

Roofline (williams2009): a layer's operations a second are at most the machine's peak, and at most its operations per
off-chip byte times the bandwidth. 1 multiply-accumulate is 2 operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report import bounds_charts, theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Figure, Rows
from joulescape.report.inputs import Tables
from joulescape.report.sections.breakdown import networks_of, shown_designs
from joulescape.units import BITS_PER_BYTE, OPS_PER_MAC

KINDS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("off-chip memory", ("off_chip",), "off-chip memory"),
    ("on-chip memory", ("bandwidth", "waiting for", "sram", "buffer", "edram"), "on-chip memory"),
    ("writing weights", ("reload", "writ", "pulse", "update", "decomposition"), "programming"),
    ("conversion", ("adc", "dac", "modulator", "waveform", "spectrometer", "digitiser", "sensor",
                    "microphone"), "ADC"),
    ("links", ("mesh", "link"), "interconnect"),
    ("compute", ("array", "compute", "unit", "lane", "multiplier", "column", "instruction", "queue", "entries",
                 "stream", "settling", "event", "tick", "comparator", "simulation", "evolution"), "array"),
    ("launch", ("launch",), "static"),
    ("other", (), "other"),
)  # fmt: skip
"""What may bound a layer: name, what the simulator's own word contains, and the component whose colour it takes."""

HOST = ("host", "host")
"""What the host computes, by its name and colour."""

SAID = {"host": "what the host computes", "other": "something else"}
"""Kinds inside a sentence, where their name alone would not do."""

LAYERS_DRAWN = 60
"""At most so many layers and roles of a design and phase stand in the chart, the slowest."""

GIGA = 1e9


@dataclass(frozen=True)
class BoundsFacts:
    """Of one confirmed design of each back end."""

    phases: tuple[str, ...]
    lead: str
    said: Rows
    """Back end, family, label and, by phase, what its time is bound by in words, largest first."""
    bars: Rows
    """Share of the time by kind of bound, by phase."""
    points: Rows
    """Layers with operations per off-chip byte and per second; a layer that moves nothing off the chip has no x."""
    roofs: tuple[bounds_charts.Roof, ...]
    notes: tuple[str, ...]
    """What cannot be drawn, and why."""
    legend: Rows
    """Kinds of bound that stand in the bars, with the component whose colour they take."""
    hidden: int
    """Layers that are not drawn because there are too many."""


def facts(given: Tables) -> BoundsFacts:
    """Times are summed over layers, which may overlap; operations and bytes are of the batch (training: of a step)."""
    designs = shown_designs(given)
    labels = _labels(given, designs)
    rows = [row for design in designs.values() for row in _layers_of(given, design)]
    names = {design: name for name, design in designs.items()}
    picks = [{**row, "back_end": names[row["design_id"]]} for row in rows]
    phases = tuple(phase for phase in ("inference", "training") if any(row["phase"] == phase for row in picks))
    families, bars = dict(given.back_ends), []
    for name in designs:
        for phase in phases:
            bars += _bars(name, families[name], labels[name], phase, picks)
    points, hidden = _points(picks, families, labels)
    return BoundsFacts(
        phases=phases,
        lead=_lead(bars, phases),
        said=[_said(name, families[name], labels[name], bars, phases) for name in designs if phases],
        bars=bars,
        points=points,
        roofs=_roofs(picks, points, families),
        notes=tuple(_notes(given, designs, picks, points)),
        legend=_legend(bars),
        hidden=hidden,
    )


def kind_of(word: str | None, is_host: bool = False) -> tuple[str, str]:
    """Kind of bound and its colour's component, by the simulator's own word; what a host computes is the host's."""
    lowered = (word or "").lower()
    if lowered == "memory":  # of a processor whose inner order nobody prints: the board's
        return "off-chip memory", "off-chip memory"
    found = next((kind for kind in KINDS if any(mark in lowered for mark in kind[1])), KINDS[-1])
    return HOST if is_host and found[0] == "compute" else (found[0], found[2])


def _labels(given: Tables, designs: Mapping[str, str]) -> dict[str, str]:
    networks = networks_of(given, designs)
    return {name: " · ".join(filter(None, (name.split("/")[-1], networks[name]))) for name in designs}


def _layers_of(given: Tables, design: str) -> Rows:
    return list(given.layers.filter(pl.col("design_id") == design).iter_rows(named=True))


def _is_host(row: Mapping[str, Any]) -> bool:
    return row["station"] is not None and row["station"] != row["back_end"]


def _time(row: Mapping[str, Any]) -> float:
    return row["batch_latency_ns"] or 0.0


def _bars(name: str, family: str, label: str, phase: str, picks: Rows) -> list[dict[str, Any]]:
    mine = [row for row in picks if row["back_end"] == name and row["phase"] == phase]
    total = sum(map(_time, mine))
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in mine:
        if _time(row):
            groups.setdefault(kind_of(row["bound_by"], _is_host(row)), []).append(row)
    found = [
        {
            "back_end": name, "family": family, "label": label, "phase": phase, "kind": kind, "class": colour,
            "order": _place(kind), "share": rounded(sum(map(_time, group)) / total),
            "time": theme.show(sum(map(_time, group)), "batch_latency_ns"),
            "words": ", ".join(_words(group)),
        }
        for (kind, colour), group in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda row: (-float(row["share"]), row["order"]))


def _place(kind: str) -> int:
    names = [name for name, _, _ in KINDS]
    return names.index(kind) if kind in names else len(names)


def _words(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The simulator's own words, those of most time first."""
    times: dict[str, float] = {}
    for row in rows:
        word = (row["bound_by"] or "not stated").replace("_", " ")
        times[word] = times.get(word, 0.0) + _time(row)
    return sorted(times, key=lambda word: -times[word])


def _lead(bars: Rows, phases: Sequence[str]) -> str:
    """Of how many designs each kind takes the largest share of the time, in the first phase."""
    first: dict[str, str] = {}
    for row in bars:
        if row["phase"] == phases[0]:
            first.setdefault(row["back_end"], row["kind"])
    if not first:
        return ""
    counts = {kind: list(first.values()).count(kind) for kind in first.values()}
    ordered = sorted(counts, key=lambda kind: (-counts[kind], _place(kind)))
    said = [f"by {SAID.get(kind, kind)} in {counts[kind]}" for kind in ordered]
    said[0] += f" of {len(first)} design{'' if len(first) == 1 else 's'}"
    return f"The largest share of the time of {phases[0]} is bound {', '.join(said)} (one design of each back end)."


def _said(name: str, family: str, label: str, bars: Rows, phases: Sequence[str]) -> dict[str, Any]:
    texts = {}
    for phase in phases:
        mine = [row for row in bars if row["back_end"] == name and row["phase"] == phase]
        texts[phase] = "; ".join(_share_text(row, len(mine) == 1) for row in mine) or "–"
    return {"back_end": name, "family": family, "label": label, **texts}


def _share_text(row: Mapping[str, Any], is_alone: bool) -> str:
    """A share that rounds to nothing or to all is not said to be so beside others."""
    share = 100 * row["share"]
    shown = f"{share:.0f}" if is_alone or 1 <= share < 99.5 else "over 99" if share > 50 else "under 1"
    own = "" if row["words"] == row["kind"].replace("-", " ") else f" ({row['words']})"
    return f"{row['kind']} {shown}{theme.SPACE}%{own}"


def _points(picks: Rows, families: Mapping[str, str], labels: Mapping[str, str]) -> tuple[Rows, int]:
    """Layers of the machine's own station with operations, a time and a count of off-chip bytes."""
    known = [
        row
        for row in picks
        if row["macs"] and _time(row) and row["off_chip_bytes"] is not None and not _is_host(row)
    ]  # fmt: skip
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in known:
        groups.setdefault((row["back_end"], row["phase"]), []).append(row)
    drawn = [row for group in groups.values() for row in sorted(group, key=lambda row: -_time(row))[:LAYERS_DRAWN]]
    return [_point(row, families, labels) for row in drawn], len(known) - len(drawn)


def _point(row: Mapping[str, Any], families: Mapping[str, str], labels: Mapping[str, str]) -> dict[str, Any]:
    operations, moved = OPS_PER_MAC * row["macs"], row["off_chip_bytes"]
    rate = operations / _time(row) * GIGA
    return {
        "back_end": row["back_end"],
        "family": families[row["back_end"]],
        "label": labels[row["back_end"]],
        "phase": row["phase"],
        "layer": row["layer"] if row["role"] in (None, "forward") else f"{row['layer']} ({row['role']})",
        "x": rounded(operations / moved) if moved else None,
        "y": rounded(rate),
        "rate": theme.prefixed(rate, "op/s"),
        "moved": theme.show(moved, "off_chip_bytes"),
        "time": theme.show(_time(row), "batch_latency_ns"),
        "bound_by": (row["bound_by"] or "–").replace("_", " "),
    }


def _roofs(picks: Rows, points: Rows, families: Mapping[str, str]) -> tuple[bounds_charts.Roof, ...]:
    """The highest peak and bandwidth of a design's own layers in one phase; none where no point stands under it."""
    found = []
    for name, phase in dict.fromkeys((row["back_end"], row["phase"]) for row in points):
        mine = [r for r in picks if r["back_end"] == name and r["phase"] == phase and not _is_host(r)]
        peak = max((row["peak_gops"] for row in mine if row["peak_gops"]), default=None)
        gbps = max((row["off_chip_gbps"] for row in mine if row["off_chip_gbps"]), default=None)
        found.append(
            bounds_charts.Roof(
                back_end=name,
                family=families[name],
                phase=phase,
                peak=None if peak is None else peak * GIGA,
                bandwidth=None if gbps is None else gbps / BITS_PER_BYTE * GIGA,
            )
        )
    return tuple(found)


def _told(names: Sequence[str], said: str) -> str:
    """One sentence for all machines of which the same is true."""
    return f"{', '.join(names)}: {said if len(names) == 1 else said.replace('its ', 'their ')}."


def _notes(given: Tables, designs: Mapping[str, str], picks: Rows, points: Rows) -> list[str]:
    if not picks:
        return []
    if all(row["station"] is None for row in picks):
        return ["No bytes are stored of these designs: joulescape confirm, run again, writes them."]
    drawn = {row["back_end"] for row in points}
    alike: dict[str, list[str]] = {}
    for name in designs:
        mine = [row for row in picks if row["back_end"] == name and not _is_host(row)]
        if not any(row["macs"] for row in mine):
            said = "its own layers are not made of multiply-accumulates; they stand in the bars alone"
        elif name not in drawn:
            said = "no bytes off the chip are counted; its layers stand in the bars alone"
        elif not any(row["peak_gops"] for row in mine):
            said = "no peak is known; its layers stand without a roof"
        else:
            continue
        alike.setdefault(said, []).append(name)
    notes = [_told(names, said) for said, names in alike.items()]
    if points and not any(row["off_chip_gbps"] for row in picks):
        boundary = given.spec.get("boundary") or "the stated one"
        notes.append(f"Off-chip memory lies outside the boundary ({boundary}): no roof has a slope.")
    return notes


def _legend(bars: Rows) -> Rows:
    kinds = {row["kind"]: row["class"] for row in bars}
    names = theme.component_names()
    return [{"kind": kind, "place": names.index(kinds[kind])} for kind in sorted(kinds, key=_place)]


def figures(found: BoundsFacts) -> tuple[Figure, ...]:
    """Time by what bounds it, and the roofline; each only where there is something to draw."""
    bars = bounds_charts.bars(found.bars, found.phases) if found.bars else ()
    return (*bars, *bounds_charts.roofline(found.points, found.roofs, found.phases, found.hidden))
