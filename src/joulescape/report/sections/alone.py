"""Why the finding has one back end alone: what became of every other one, so that none is said to fail by what was
never measured of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from joulescape.report.decide import Columns
from joulescape.report.inputs import Tables
from joulescape.report.sections.absence import Absence, absences

NAMED = 3
"""Of more back ends with one and the same reason only the number is said."""


def who(given: Tables, columns: Columns, back_end: str, level: str, what: str, within: Mapping[str, int]) -> str:
    """`Only X designs reach 94.2 % accuracy`, or what sets X apart from every other back end of the question instead.

    `level` is empty where no accuracy was measured, `what` the cost that is compared, `within` the best row of each
    back end that meets the level.
    """
    absent = absences(given)
    others = [name for name in _asked(given) if name != back_end]
    why = {name: _reason(name, absent, columns, what, within) for name in others}
    short = [name for name in others if why[name] == BELOW]
    limits = {found.broken.limit for name in others if (found := absent.get(name)) and found.broken}
    if level and len(short) == len(others):
        return f"Only {back_end} designs reach {level}"
    if len(limits) == 1 and all(name in absent and absent[name].broken for name in others):
        return (
            f"Only {back_end} designs meet the limit on {limits.pop()}: {_nearest([absent[name] for name in others])}"
        )
    if not level and all(why[name] == _states_no(what) for name in others):
        return ""
    groups: dict[str, list[str]] = {}
    for name in others:
        groups.setdefault(why[name], []).append(name)
    told = "; ".join(f"{_listed(names)} {_verb(reason, len(names))}" for reason, names in groups.items())
    only = f"Only {back_end} designs are valid and reach {level}" if level else f"Only {back_end} states its {what}"
    return f"{only}: {told}"


def _asked(given: Tables) -> list[str]:
    """Back ends of the question, and others that were tried, in the page's order."""
    tried = [name for name, _ in given.back_ends]
    return [*tried, *(name for name in given.spec.get("back_ends") or () if name not in tried)]


BELOW = "stays|stay below"


def _states_no(what: str) -> str:
    return f"states|state no {what}"


def _reason(name: str, absent: Mapping[str, Absence], columns: Columns, what: str, within: Mapping[str, int]) -> str:
    """Verb in both numbers, and the rest."""
    if name in absent:
        found = absent[name]
        if found.broken is not None:
            return f"misses|miss the limit on {found.broken.limit}"
        return f"has|have no valid design ({found.state or 'several limits are broken'})"
    if name not in columns["back_end"]:
        return "was|were not tried"
    return _states_no(what) if name in within or "accuracy" not in columns else BELOW


def _verb(reason: str, count: int) -> str:
    verbs, _, rest = reason.partition(" ")
    return f"{verbs.split('|')[count > 1]} {rest}"


def _nearest(found: Sequence[Absence]) -> str:
    """Which of the others misses the limit they all break by least, and by how much."""
    known = [(one.broken.miss, one.back_end, one.broken.by) for one in found if one.broken and one.broken.by]
    if not known:
        return f"{_listed([one.back_end for one in found])} {'misses' if len(found) == 1 else 'miss'} it"
    _, name, by = min(known, key=lambda entry: (entry[0] or 0.0, entry[1]))
    return f"{name} misses it by {by}" if len(found) == 1 else f"the nearest other, {name}, misses it by {by}"


def _listed(names: Sequence[str]) -> str:
    """`a, b and c`; of many their number."""
    if len(names) > NAMED:
        return f"{len(names)} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
