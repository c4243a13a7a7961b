"""Which winners survive the corners: the best by each metric, and the panel's choice, with constants at their ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joulescape.report import certainty, corners, theme
from joulescape.report.corners import Corner
from joulescape.report.decide import Columns, Decision, Limits, Preference, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables

WHO: dict[Preference, str] = {
    "balance": "the panel's choice",
    "accuracy": "most accurate",
    "energy": "least energy",
    "latency": "least latency",
    "area": "smallest",
}
SURVIVES, TIES, LOSES, UNKNOWN, ALONE = "survives", "ties", "loses", "unknown", "alone"
"""Where no rival is left nothing was survived: a winner that stands alone is counted by itself."""

OTHER = (
    "Asked among confirmed designs alone, and of what was seen when they were confirmed, the panel's rule takes "
    "another design than above."
)
SAME = 0.0005
"""Accuracies so close read alike: to a tenth of a point."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of one winner in one scenario, as a word and in words."""

    word: str
    text: str


@dataclass(frozen=True)
class Survivor:
    """One winner at the typical corner, its own range over the corners, and its verdict in each scenario: every machine
    optimistic, every machine pessimistic, the winner pessimistic and its rivals optimistic."""

    role: str
    back_end: str
    family: str
    value: str
    range: str
    verdicts: tuple[Verdict, ...]

    @property
    def said(self) -> list[str]:
        """The verdicts in words, in the order of the scenarios."""
        return [verdict.text for verdict in self.verdicts]


@dataclass(frozen=True)
class SurvivorFacts:
    """One row a role; empty where nothing can be told."""

    rows: tuple[Survivor, ...] = ()
    sentence: str = ""
    absent: tuple[str, ...] = ()
    """Back ends without a confirmed design: they are no rivals here."""
    differs: str = ""
    """That the rules chose another design than the panel, where they did: here they see test accuracies, and confirmed
    designs alone."""
    falls: str = ""
    """That the panel's choice has less than the limit at its pessimistic corner, where it does, and by how much."""


def facts(given: Tables) -> SurvivorFacts:
    """The panel's rules, asked again among the confirmed designs of each corner; its opening limit stands."""
    columns = design_columns(given)
    limit, tried = default_limit(columns), list(dict.fromkeys(columns["back_end"]))
    names = [name for name, _ in given.back_ends if name in set(given.confirmed["back_end"].to_list())]
    if len(names) < 2:
        return SurvivorFacts()
    roles: list[Preference] = ["balance", "accuracy", "energy", "latency", "area"]
    found = [_survivor(given, names, Limits(accuracy=limit, prefer=role)) for role in roles if _is_asked(columns, role)]
    rows = tuple(row for row in found if row is not None)
    picked = decide(columns, Limits(accuracy=limit)).index
    typical = corners.confirmed_at(given, dict.fromkeys(names, "typical"))
    again = decide(typical, Limits(accuracy=limit)).index
    is_other = picked is not None and again is not None and columns["id"][picked] != typical["id"][again]
    return SurvivorFacts(
        rows=rows,
        sentence=_sentence(rows),
        absent=tuple(name for name in tried if name not in names),
        differs=OTHER if rows and is_other else "",
        falls=_fall(given, None if picked is None else columns["id"][picked], limit) if rows else "",
    )


def _is_asked(columns: Columns, role: str) -> bool:
    return role != "accuracy" or "accuracy" in columns


def _survivor(given: Tables, names: list[str], limits: Limits) -> Survivor | None:
    """None where no confirmed design meets the limit, or the winner does not state what it is told by."""
    typical = corners.confirmed_at(given, dict.fromkeys(names, "typical"))
    index = decide(typical, limits).index
    judged = "energy" if limits.prefer == "balance" else limits.prefer
    if index is None or typical[judged][index] is None:
        return None
    winner = typical["back_end"][index]
    return Survivor(
        role=WHO[limits.prefer],
        back_end=winner,
        family=typical["family"][index],
        value=theme.show(typical[judged][index], dict(given.axes.items())[judged]),
        range=_range(given, winner, typical["id"][index], judged),
        verdicts=tuple(_verdict(given, winner, limits, at) for at in _scenarios(names, winner)),
    )


def _scenarios(names: list[str], winner: str) -> tuple[dict[str, Corner], ...]:
    worst: dict[str, Corner] = {name: "pessimistic" if name == winner else "optimistic" for name in names}
    return (dict.fromkeys(names, "optimistic"), dict.fromkeys(names, "pessimistic"), worst)


def _range(given: Tables, winner: str, design: str, judged: str) -> str:
    """The winning design's own values at both corners."""
    metric, ends = dict(given.axes.items())[judged], []
    for corner in ("optimistic", "pessimistic"):
        table = corners.confirmed_at(given, {winner: corner})
        row = table["id"].index(design) if design in table["id"] else None
        ends.append("not valid" if row is None else theme.show(table[judged][row], metric))
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _verdict(given: Tables, winner: str, limits: Limits, at: Mapping[str, Corner]) -> Verdict:
    table = corners.confirmed_at(given, at)
    if winner not in table["back_end"]:
        return Verdict(LOSES, "loses: none of its designs is valid there")
    made = decide(table, limits)
    if winner not in made.best:
        return Verdict(LOSES, "loses: none of its designs is within the limit there")
    if len(made.best) == 1:
        return Verdict(ALONE, "alone: no rival is left there")
    return _chosen(table, made, winner) if limits.prefer == "balance" else _compared(table, made, winner, limits.prefer)


def _chosen(table: Columns, made: Decision, winner: str) -> Verdict:
    """The knee is no order: whoever is chosen there is named, with how much energy it takes against the winner."""
    other = winner if made.index is None else table["back_end"][made.index]
    if other == winner or made.index is None:
        return Verdict(SURVIVES, SURVIVES)
    mine, its = table["energy"][made.best[winner]], table["energy"][made.index]
    if not mine or not its or max(mine, its) < theme.TOLD_APART * min(mine, its):
        return Verdict(LOSES, f"goes to {other}")
    factor, way = theme.times(max(its / mine, mine / its)), "more" if its > mine else "less"
    return Verdict(LOSES, f"goes to {other}, {factor}× {way} energy")


def _compared(table: Columns, made: Decision, winner: str, role: str) -> Verdict:
    mine = table[role][made.best[winner]]
    others = [(table[role][row], name, row) for name, row in made.best.items() if name != winner]
    stated = [entry for entry in others if entry[0] is not None]
    if mine is None:
        return Verdict(UNKNOWN, f"not known: no {role} is stated there")
    if not stated:
        return Verdict(ALONE, f"alone: no rival states its {role}")
    if role == "accuracy":  # the most accurate may be told apart where one behind it, of a wider range, is not
        ordered = sorted(stated, reverse=True)
        told = [_by_points(table, mine - value, made.best[winner], row, name) for value, name, row in ordered]
        return min(told, key=lambda verdict: (LOSES, TIES, SURVIVES).index(verdict.word))
    value, name, _ = min(stated, key=lambda entry: (entry[0], entry[1]))
    return _by_factor(mine, value, name)


def _by_factor(mine: float, other: float, name: str) -> Verdict:
    """A factor below TOLD_APART is a tie, whoever is ahead."""
    if max(mine, other) < theme.TOLD_APART * min(mine, other):
        return Verdict(TIES, f"ties with {name}")
    if mine < other:
        return Verdict(SURVIVES, f"survives by {theme.times(other / mine)}× over {name}")
    return Verdict(LOSES, f"loses to {name} by {theme.times(mine / other)}×")


def _by_points(table: Columns, ahead: float, mine: int, its: int, name: str) -> Verdict:
    """Accuracies whose ranges (`certainty.reach`) touch are not told apart; nor are those of one run."""
    spreads = certainty.reach(table, mine), certainty.reach(table, its)
    if spreads[0] is None or spreads[1] is None:
        return Verdict(TIES, f"ties with {name}: one run, no spread is known")
    if abs(ahead) <= max(spreads[0] + spreads[1], SAME):
        return Verdict(TIES, f"ties with {name}")
    points = f"{100 * abs(ahead):.1f} points"
    said = f"survives by {points} over {name}" if ahead > 0 else f"loses to {name} by {points}"
    return Verdict(SURVIVES if ahead > 0 else LOSES, said)


def _sentence(rows: tuple[Survivor, ...]) -> str:
    if not rows:
        return ""
    same = [row for row in rows if all(verdict.word == SURVIVES for verdict in row.verdicts[:2])]
    always = [row for row in same if row.verdicts[2].word == SURVIVES]
    alone = [
        row
        for row in rows
        if row not in same and all(verdict.word in (SURVIVES, ALONE) for verdict in row.verdicts[:2])
    ]
    more = f" {len(alone)} more stand{'s' if len(alone) == 1 else ''} alone at a corner: no rival is left there."
    total = f"{len(rows)} winner{'' if len(rows) == 1 else 's'}"
    return (
        f"{len(same)} of {total} stay{'s' if len(same) == 1 else ''} ahead wherever all machines stand at the same "
        f"corner, {len(always) or 'none'} in the worst case too.{more if alone else ''}"
    )


def _fall(given: Tables, design: str | None, limit: float | None) -> str:
    """That the panel's choice itself has less than the limit at its pessimistic corner, and by how much."""
    metric = given.axes.accuracy
    if design is None or limit is None or metric is None:
        return ""
    rows = given.confirmed.rows(named=True)
    found = [row for row in rows if row["design_id"] == design and row["corner"] == "pessimistic"]
    reached = found[0][metric] if found and found[0]["state"] not in {"infeasible", "failed"} else None
    if reached is None or limit - reached < SAME:
        return ""
    shown, asked = (theme.show(value, "accuracy_fraction") for value in (reached, limit))
    return (
        f"With every constant pessimistic the panel's choice has {shown} on test, {100 * (limit - reached):.1f} points "
        f"below the limit of {asked}."
    )
