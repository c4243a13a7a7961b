"""Why compression saves more or less on one machine than on another, said from where both machines' bills go."""

from __future__ import annotations

from collections.abc import Iterator

from joulescape.gap.bills import Bill, Parts, Where
from joulescape.gap.factors import LARGER_IS_BETTER
from joulescape.gap.in_words import number

ALIKE = 0.05
"""Factors this close are told as the same."""

MOST_TOLD = 2
"""Parts named of one bill."""

SHRINKS = 0.95
"""Parts that keep more than this of themselves have not shrunk."""


EXPLAINED = {
    "inference_energy_pj": "energy", "tops_per_w": "energy", "inference_latency_ns": "time",
    "gops_per_mm2": "time x area",
}  # fmt: skip
"""Metrics whose parts a bill knows, and what these are parts of."""


def why(metric: str, base: Bill, base_compressed: Bill, machine: Bill, both: Bill) -> str:
    """The baseline's saving, the machine's, and what on each of them compression does not reach."""
    if not both.state.is_compressed:
        return _largest_said(metric, both)
    here, there = _saved(metric, machine, both), _saved(metric, base, base_compressed)
    compared = "as on the baseline" if abs(here / there - 1) < ALIKE else f"on the baseline by {number(there)}"
    if machine is base:
        return f"Compression divides {EXPLAINED[metric]} by {number(here)}: {_parts_said(metric, machine, both)}."
    told = f"Compression divides {EXPLAINED[metric]} by {number(here)} here, {compared}"
    return f"{told}. Here {_parts_said(metric, machine, both)}; there {_parts_said(metric, base, base_compressed)}."


def _saved(metric: str, before: Bill, after: Bill) -> float:
    first, second = (one.metric(metric) for one in (before, after))
    assert first is not None and second is not None  # asked of valid designs alone
    return second / first if metric in LARGER_IS_BETTER else first / second


def _parts(metric: str, one: Bill) -> Parts:
    where = _where(one)
    return where.energy if EXPLAINED[metric] == "energy" else where.time


def _where(one: Bill) -> Where:
    assert one.where is not None  # asked of valid designs alone
    return one.where


def _parts_said(metric: str, before: Bill, after: Bill) -> str:
    """The largest parts before, and what is left of each; then the largest part of what is left."""
    first, second = _parts(metric, before), _parts(metric, after)
    told = ", ".join(_fates(first, second))
    left = max(second, key=second.__getitem__)
    share = second[left] / sum(second.values())
    sizes = _areas_said(before, after) if "area" in EXPLAINED[metric] else ""
    return f"{told}; {_named(left)} is {share:.0%} of what is left{sizes}"


def _fates(first: Parts, second: Parts) -> Iterator[str]:
    total = sum(first.values())
    for name in sorted(first, key=first.__getitem__, reverse=True)[:MOST_TOLD]:
        kept = second.get(name, 0.0) / first[name] if first[name] > 0 else 1.0
        fate = "does not shrink" if kept > SHRINKS else f"keeps {kept:.0%} of itself"
        yield f"{_named(name)} ({first[name] / total:.0%} of it) {fate}"


def _areas_said(before: Bill, after: Bill) -> str:
    first, second = (_where(one).area_mm2 for one in (before, after))
    return f", on {number(second)} mm2" + ("" if abs(second / first - 1) < ALIKE else f" after {number(first)} mm2")


def _largest_said(metric: str, one: Bill) -> str:
    parts = _parts(metric, one)
    largest = sorted(parts, key=parts.__getitem__, reverse=True)[:MOST_TOLD]
    total = sum(parts.values())
    told = ", ".join(f"{_named(name)} {parts[name] / total:.0%}" for name in largest)
    sizes = f"; {number(_where(one).area_mm2)} mm2" if "area" in EXPLAINED[metric] else ""
    return f"As trained, {EXPLAINED[metric].partition(' ')[0]} goes to {told}{sizes}."


def _named(part: str) -> str:
    return part.replace("_", " ")
