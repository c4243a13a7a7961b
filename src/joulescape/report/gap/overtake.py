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
from joulescape.report.gap.matrix import Matrix, distances, quantities
from joulescape.report.gap.states import state_words
from joulescape.report.gap.verdicts import VERDICTS
from joulescape.report.inputs import family_rank

MOST_VIEWS = 40
"""With more views than these the chart shows every machine's nearest ways alone."""
MOST_LINES = 200
"""A longer table leaves out what has no value: its own file has every line."""
SILENT = ("never_alone", "absent")

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
    """One view of the chart: the nearest ways of every machine, or all that was asked of one."""

    key: str
    label: str


@dataclass(frozen=True)
class Roadmap:
    """What would have to be true for one network and metric, without dates."""

    network: str
    metric: str
    about: str
    """What stands on the other side: the rival with its value."""
    ahead: tuple[str, ...]
    """Machines that are ahead already."""
    steps: tuple[Step, ...]
    """Single constants and kinds of them, by the improvement needed."""
    never: tuple[Step, ...]
    """Machines that no single constant or kind brings there, with what does."""
    equal_accuracy: tuple[str, ...]
    """Why both are equally accurate, or that it is assumed."""


@dataclass(frozen=True)
class OvertakeFacts:
    """Every view, the chart's rows and the table's."""

    cases: tuple[Case, ...]
    roadmaps: tuple[Roadmap, ...]
    rows: Rows
    table: Rows
    counts: tuple[tuple[str, str, int], ...]
    """(mark, verdict in words, how many lines have it)."""
    distances: tuple[Matrix, ...]
    """Machines by networks, one a metric."""
    quantities: Matrix | None
    """Machines by their device quantities."""
    left_out_count: int
    """Lines without a value that only the table's own file holds."""
    sentence: str


def facts(given: StudyTables) -> OvertakeFacts:
    """Lines by machine, then by the improvement needed."""
    rows = sorted(given.overtake.iter_rows(named=True), key=_order)
    asked: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in (row for row in rows if row["verdict"] != "absent"):
        asked.setdefault((row["network"], row["metric"]), []).append(row)
    views = [view for mine in asked.values() for view in _views(mine, is_alone=len(asked) == 1)]
    counts = tuple(
        (mark, words, sum(row["verdict"] == name for row in rows)) for name, (mark, words) in VERDICTS.items()
    )
    roadmaps = tuple(_roadmap(mine) for mine in asked.values())
    if len(views) > MOST_VIEWS:
        views = [(case, mine) for case, mine in views if case.key.endswith("|")]
    shown = rows if len(rows) <= MOST_LINES else [row for row in rows if row["verdict"] not in SILENT]
    return OvertakeFacts(
        cases=tuple(case for case, _ in views),
        roadmaps=roadmaps,
        rows=[{"case": case.key, "place": at, **_line(row)} for case, mine in views for at, row in enumerate(mine)],
        table=[_cells(row) for row in shown],
        counts=tuple(entry for entry in counts if entry[2]),
        distances=distances(given),
        quantities=quantities(given),
        left_out_count=len(rows) - len(shown),
        sentence=_sentence(roadmaps[0]) if roadmaps else "",
    )


def _order(row: Mapping[str, Any]) -> tuple[bool, str, str, int, str, float, str]:
    """Costs before accuracies, which ask what else would have to be true."""
    return (
        row["metric"].startswith("accuracy"), row["network"], row["metric"],
        family_rank(row["family"] or ""), row["back_end"], _far(row),
        row["parameters"] or "",
    )  # fmt: skip


Views = Iterator[tuple[Case, list[Mapping[str, Any]]]]


def _views(rows: Sequence[Mapping[str, Any]], is_alone: bool) -> Views:
    """The nearest single constant and what all costs need of every machine; then all of each machine."""
    first = rows[0]
    about = "" if is_alone else f"{first['network']}, {metric_words(first['metric'])}: "
    key = f"{first['network']}|{first['metric']}"
    machines = list(dict.fromkeys(row["back_end"] for row in rows))
    nearest = [row for name in machines for row in _nearest([row for row in rows if row["back_end"] == name])]
    yield Case(f"{key}|", f"{about}every machine"), nearest
    for name in machines:
        yield Case(f"{key}|{name}", f"{about}{short(name)}"), [row for row in rows if row["back_end"] == name]


def _nearest(mine: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of one machine: the nearest of each way to move its constants; any line where none has a value."""
    found = []
    for moved in ("one", "kind", "pair", "all", "variation", "none"):
        of = sorted((row for row in mine if row["moved"] == moved), key=_far)
        found += [row for row in of[:1] if row["improvement_needed"] is not None]
    return found or list(mine[:1])


def _roadmap(rows: Sequence[Mapping[str, Any]]) -> Roadmap:
    first = rows[0]
    rivals = dict.fromkeys((row["rival"], row["rival_value"]) for row in rows if row["rival"])
    shown = ", ".join(
        f"{rival} at {theme.show(value, first['metric'])}" for rival, value in rivals if value is not None
    )
    about = f"{first['network']}, {metric_words(first['metric'])}"
    machines = dict.fromkeys(row["back_end"] for row in rows)
    ahead = tuple(name for name in machines if any(_is(row, name, "already") for row in rows))
    single = [row for row in rows if row["moved"] not in MANY and row["back_end"] not in ahead]
    steps = sorted((row for row in single if row["improvement_needed"] is not None), key=_far)
    reached = {row["back_end"] for row in steps}
    rest = [name for name in machines if name not in ahead and name not in reached]
    return Roadmap(
        network=first["network"],
        metric=first["metric"],
        about=f"{about}: against {shown}" if shown else about,
        ahead=ahead,
        steps=tuple(_step(row) for row in steps),
        never=tuple(_step(_way([row for row in rows if row["back_end"] == name])) for name in rest),
        equal_accuracy=tuple(dict.fromkeys(row["equal_accuracy"] for row in rows if row["equal_accuracy"])),
    )


OF_TODAY = "of today's"
"""The unit of several constants together."""
MANY = ("pair", "all")
"""Ways to move several constants at once."""


def _is(row: Mapping[str, Any], back_end: str, verdict: str) -> bool:
    return bool(row["back_end"] == back_end and row["verdict"] == verdict)


def _way(mine: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What brings a machine there at all, or else why it cannot be told."""
    return min(mine, key=lambda row: (_far(row), row["verdict"] != "infeasible", row["moved"] not in MANY))


def _far(row: Mapping[str, Any]) -> float:
    return math.inf if row["improvement_needed"] is None else float(row["improvement_needed"])


def _step(row: Mapping[str, Any]) -> Step:
    mark, words = VERDICTS[row["verdict"]]
    return Step(mark, words, row["back_end"], row["family"] or "", f"{_moved(row)}: {_told(row)}")


def _moved(row: Mapping[str, Any]) -> str:
    """What is moved, in words: one constant, all of a kind, a pair, or all costs of the machine."""
    if row["moved"] == "kind" and row["kind"]:
        return f"all of its {row['kind']}"
    if row["moved"] == "variation" and row["compression"]:
        return f"{WHOLE['variation']}, {state_words(row['compression'])}"
    return WHOLE.get(row["moved"] or "", row["parameters"] or "–")


def _told(row: Mapping[str, Any]) -> str:
    """What would have to be true of one constant, in words."""
    if row["verdict"] == "infeasible":
        return row["reason"] or "no reason given"
    if row["verdict"] == "already":
        return _ahead(row)
    if row["improvement_needed"] is None:
        return _never(row)
    times, unit = factor_words(row["improvement_needed"]), row["unit"] or ""
    if unit == OF_TODAY or row["needed"] is None or row["today"] is None:
        share = "" if row["needed"] is None else f"{number(row['needed'])} of today's needed "
        return f"{share}({times} better)"
    return f"{number(row['today'])} today, {number(row['needed'])} {unit} needed ({times})".replace("  ", " ")


def _ahead(row: Mapping[str, Any]) -> str:
    """How far a machine that is ahead could fall back."""
    if row["needed"] is None:
        return "ahead whatever its value"
    most = f"up to {number(row['needed'])} {row['unit'] or ''}".rstrip()
    return f"{most} would do" if row["unit"] == OF_TODAY else f"{number(row['today'])} today, {most} would do"


def _never(row: Mapping[str, Any]) -> str:
    """What the machine reaches with the constant at its limit."""
    if row["best_reach"] is None:
        return "no value is enough"
    rival = "" if row["rival_value"] is None else f", the rival {theme.show(row['rival_value'], row['metric'])}"
    reach = theme.show(row["best_reach"], row["metric"])
    return f"no value is enough; even at its limit the machine reaches {reach}{rival}"


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
        "key": f"{row['moved']}|{row['parameters']}|{short(row['back_end'])}: {_moved(row)}",
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


def _sentence(found: Roadmap) -> str:
    """How many machines overtake by which means."""
    nearest = found.steps[0] if found.steps else None
    told = [
        f"ahead already: {', '.join(found.ahead)}" if found.ahead else "",
        f"nearest otherwise: {nearest.back_end}, {nearest.sentence}" if nearest else "",
        f"by no single constant: {', '.join(step.back_end for step in found.never)}" if found.never else "",
    ]
    said = "; ".join(part for part in told if part)
    return f"{found.about}. {said[:1].upper()}{said[1:]}."
