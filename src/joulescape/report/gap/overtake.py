"""What would have to be true: the value of each constant at which a machine equals the best electronic design."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.report import theme
from joulescape.report.blob import rounded
from joulescape.report.figure import Rows
from joulescape.report.gap.inputs import StudyTables, factor_words, metric_words, short
from joulescape.report.inputs import family_rank

VERDICTS = {
    "already": ("✓", "ahead already"),
    "within_corner": ("◐", "within today's range"),
    "beyond_corner": ("○", "beyond today's range"),
    "never_alone": ("✕", "never by this alone"),
    "infeasible": ("–", "cannot be judged"),
}
"""Verdict -> mark, words; from the nearest to the farthest."""


WHOLE = {"all": "all costs by one factor", "variation": "spread of its devices", "none": "nothing moved"}
"""What is moved where it is no list of constants."""


@dataclass(frozen=True)
class Step:
    """One line of the roadmap."""

    mark: str
    verdict: str
    back_end: str
    family: str
    sentence: str


@dataclass(frozen=True)
class Case:
    """One network and metric in which machines are compared."""

    key: str
    network: str
    metric: str
    about: str
    """What stands on the other side: the rival with its value."""
    steps: tuple[Step, ...]
    """Ordered by the improvement needed, without dates."""


@dataclass(frozen=True)
class OvertakeFacts:
    """Every case, the chart's rows and the table's."""

    cases: tuple[Case, ...]
    rows: Rows
    table: Rows
    counts: tuple[tuple[str, str, int], ...]
    """(mark, verdict in words, how many lines have it)."""
    sentence: str


def facts(given: StudyTables) -> OvertakeFacts:
    """Lines by machine, then by the improvement needed."""
    rows = sorted(given.overtake.iter_rows(named=True), key=_order)
    keys = dict.fromkeys(_key(row) for row in rows)
    counts = tuple(
        (mark, words, sum(row["verdict"] == name for row in rows)) for name, (mark, words) in VERDICTS.items()
    )
    return OvertakeFacts(
        cases=tuple(_case(key, [row for row in rows if _key(row) == key]) for key in keys),
        rows=[{"place": place, **_line(row)} for place, row in enumerate(rows)],
        table=[_cells(row) for row in rows],
        counts=tuple(entry for entry in counts if entry[2]),
        sentence=_sentence(rows),
    )


def _order(row: Mapping[str, Any]) -> tuple[str, str, int, str, float, str]:
    needed = row["improvement_needed"]
    far = math.inf if needed is None else needed
    return row["network"], row["metric"], family_rank(row["family"] or ""), row["back_end"], far, row["parameters"]


def _key(row: Mapping[str, Any]) -> str:
    return f"{row['network']}|{row['metric']}"


def _case(key: str, rows: Sequence[Mapping[str, Any]]) -> Case:
    first = rows[0]
    rivals = dict.fromkeys((row["rival"], row["rival_value"]) for row in rows if row["rival"])
    shown = ", ".join(
        f"{rival} at {theme.show(value, first['metric'])}" for rival, value in rivals if value is not None
    )
    ordered = sorted(rows, key=lambda row: (_far(row), list(VERDICTS).index(row["verdict"]), row["back_end"]))
    about = f"{first['network']}, {metric_words(first['metric'])}"
    return Case(
        key=key,
        network=first["network"],
        metric=first["metric"],
        about=f"{about}: against {shown}" if shown else about,
        steps=tuple(_step(row) for row in ordered),
    )


def _far(row: Mapping[str, Any]) -> float:
    return math.inf if row["improvement_needed"] is None else float(row["improvement_needed"])


def _step(row: Mapping[str, Any]) -> Step:
    mark, words = VERDICTS[row["verdict"]]
    return Step(mark, words, row["back_end"], row["family"] or "", f"{_moved(row)}: {_told(row)}")


def _moved(row: Mapping[str, Any]) -> str:
    """What is moved, in words: one constant, all of a kind, a pair, or all costs of the machine."""
    if row["moved"] == "kind" and row["kind"]:
        return f"all of its {row['kind']}"
    return WHOLE.get(row["moved"] or "", row["parameters"] or "–")


def _told(row: Mapping[str, Any]) -> str:
    """What would have to be true of one constant, in words."""
    unit = row["unit"] or ""
    if row["verdict"] == "infeasible":
        return row["reason"] or "no reason given"
    if row["improvement_needed"] is None:
        reach = None if row["best_reach"] is None else theme.show(row["best_reach"], row["metric"])
        limit = "" if reach is None else f" even at its limit the machine reaches {reach}"
        rival = "" if row["rival_value"] is None else f", the rival {theme.show(row['rival_value'], row['metric'])}"
        return f"no value is enough;{limit}{rival}" if limit else "no value is enough"
    times = factor_words(row["improvement_needed"])
    if row["needed"] is None or row["today"] is None:
        return f"{times} better, all together"
    return f"{number(row['today'])} today, {number(row['needed'])} {unit} needed ({times})".replace("  ", " ")


def number(value: float | None) -> str:
    """A device's constant with three figures."""
    return "–" if value is None else f"{value:.3g}"


def _line(row: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the chart: everything as an improvement over today, which is 1."""
    today, needed, factor = row["today"], row["needed"], row["improvement_needed"]
    is_lower = _is_lower_better(today, needed, factor)
    ends = [_improvement(today, row[end], is_lower) for end in ("low", "high")]
    known = sorted(end for end in ends if end is not None)
    worst, best = (known[0], known[-1]) if is_lower is not None and len(known) == 2 else (None, None)
    mark, words = VERDICTS[row["verdict"]]
    reached = [_improvement(today, row[end], is_lower) for end in ("needed_low", "needed_high")]
    return {
        "case": _key(row), "key": f"{_key(row)}|{short(row['back_end'])}: {_moved(row)}",
        "back_end": row["back_end"], "family": row["family"] or "",
        "needed_at": rounded(factor), "worst": rounded(worst), "best": rounded(best), "today": 1.0,
        "near": rounded(min((end for end in reached if end is not None), default=factor)),
        "far": rounded(max((end for end in reached if end is not None), default=factor)),
        "verdict": row["verdict"], "verdict_text": f"{mark} {words}", "text": _told(row),
    }  # fmt: skip


def _is_lower_better(today: float | None, needed: float | None, factor: float | None) -> bool | None:
    """Which way a constant improves: its improvement is today / needed where lower is better; None where unknown."""
    if not today or not needed or not factor:
        return None
    return abs(math.log(today / needed / factor)) <= abs(math.log(needed / today / factor))


def _improvement(today: float | None, value: float | None, is_lower: bool | None) -> float | None:
    if not today or not value or is_lower is None:
        return None
    return today / value if is_lower else value / today


def _cells(row: Mapping[str, Any]) -> dict[str, Any]:
    mark, words = VERDICTS[row["verdict"]]
    unit = f" {row['unit']}" if row["unit"] else ""
    ends = "" if row["low"] is None or row["high"] is None else f" ({number(row['low'])} to {number(row['high'])})"
    return {
        "network": row["network"], "metric": metric_words(row["metric"]), "back_end": row["back_end"],
        "family": row["family"] or "", "parameters": _moved(row), "paths": row["parameters"] or "",
        "today": "–" if row["today"] is None else f"{number(row['today'])}{ends}{unit}",
        "needed": "–" if row["needed"] is None else f"{number(row['needed'])}{unit}",
        "improvement": "–" if row["improvement_needed"] is None else factor_words(row["improvement_needed"]),
        "reach": theme.show(row["best_reach"], row["metric"]), "own": theme.show(row["own_value"], row["metric"]),
        "rival": theme.show(row["rival_value"], row["metric"]), "mark": mark, "verdict": words,
        "reason": row["reason"] or "", "basis": row["basis"] or "–", "source": row["source"] or "–",
    }  # fmt: skip


def _sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many machines overtake by which means, in the first case."""
    if not rows:
        return ""
    mine = [row for row in rows if _key(row) == _key(rows[0])]
    machines = dict.fromkeys(row["back_end"] for row in mine)
    nearest = dict(_nearest(mine))
    told = [f"{name} {how}" for name, how in nearest.items()]
    about = f"{mine[0]['network']}, {metric_words(mine[0]['metric'])}"
    return f"{about}, {len(machines)} machines: {'; '.join(told)}."


def _nearest(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Every machine's nearest way ahead."""
    for name in dict.fromkeys(row["back_end"] for row in rows):
        known = [row for row in rows if row["back_end"] == name and row["improvement_needed"] is not None]
        if not known:
            yield name, "by no value of the constants looked at"
            continue
        row = min(known, key=_far)
        if row["verdict"] == "already":
            yield name, "is ahead already"
        else:
            yield name, f"needs {_moved(row)} {factor_words(row['improvement_needed'])} better"
