"""Which design should I use: limits, the answer, and what each back end offers under them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from joulescape.report import certainty, theme
from joulescape.report.certainty import Bands
from joulescape.report.command import boundary, command, fixed_values
from joulescape.report.decide import COSTS, TOLERANCE_FRACTION, Columns, Decision, Limits, decide, default_limit, gains
from joulescape.report.designs import design_columns, table_columns
from joulescape.report.inputs import Tables
from joulescape.report.sections import own_record, published
from joulescape.report.sections.absence import absences

OPENING = f"Opens at the best accuracy on validation minus {100 * TOLERANCE_FRACTION:.0f} points."
PREFERENCES = (
    ("balance", "balance (knee)"),
    ("energy", "least energy"),
    ("latency", "least latency"),
    ("area", "smallest"),
    ("accuracy", "most accurate"),
)


@dataclass(frozen=True)
class Slider:
    """One limit of the panel: its range in house units, and the unit in which its number field is read."""

    role: str
    metric: str
    label: str
    low: float
    high: float
    scale: float
    unit: str
    word: str
    """What the role is called in a sentence."""


@dataclass(frozen=True)
class Offer:
    """The best of one back end under the limits, as text."""

    back_end: str
    family: str
    network: str
    """Of the best design; empty without one."""
    count: int
    row: int | None
    values: Mapping[str, str]
    why: str = ""
    """Why it has no valid design, whatever the limits of the panel; empty where it has one."""


@dataclass(frozen=True)
class DecisionFacts:
    """What the panel opens with."""

    limits: Limits
    decision: Decision
    sliders: tuple[Slider, ...]
    offers: tuple[Offer, ...]
    answer: str
    why: str
    bands: Bands
    tested: Mapping[str, str]
    """Accuracy on the test split of each confirmed design, as text."""
    opening: str
    """Where the limit on accuracy stands on opening, in words; empty where no accuracy was measured."""
    preferences: tuple[tuple[str, str], ...]
    """What the reader may prefer: value and words."""
    range: str
    """Energy of the answer over the corners."""
    tie: str
    """Which other families the answer is not told apart from; empty where it is."""
    trust: str
    """How far the answer's costs are to be trusted; empty without an answer."""
    records: Mapping[str, tuple[int, int]]
    """(predictions within tolerance, predictions) by back end."""
    command: str
    """What costs the answer again; empty without one."""
    words: Mapping[str, str]
    """What each role is called in a sentence."""
    fixed: Mapping[str, Any]
    """What the page's script needs to write that command for any design."""


def facts(given: Tables) -> DecisionFacts:
    """The panel's state on opening: accuracy within 5 points of the best, no other limit, balance."""
    columns = design_columns(given)
    limits = Limits(accuracy=default_limit(columns))
    decision = decide(columns, limits)
    index, bands, tested = decision.index, certainty.bands(given), certainty.tested_texts(given)
    return DecisionFacts(
        limits=limits,
        decision=decision,
        sliders=tuple(
            slider for role, metric in given.axes.items() if (slider := _slider(given, role, metric, columns))
        ),
        offers=tuple(_offer(given, columns, decision, *pair) for pair in given.back_ends),
        answer=_answer(given, columns, decision, tested),
        why=_why(columns, decision, limits),
        bands=bands,
        tested=tested,
        opening="" if limits.accuracy is None else OPENING,
        preferences=PREFERENCES[: 4 if given.is_cost_only else 5],
        range="" if index is None else certainty.range_text(columns, bands, index, given.axes.energy),
        tie=certainty.tie_text(
            columns,
            certainty.rivals(columns, decision, bands, limits.prefer),
            certainty.judged_by(columns, limits.prefer),
        ),
        trust="" if index is None else _trust(given, columns, index),
        records=published.facts(given).records,
        command="" if index is None else command(given, given.valid.row(index, named=True)),
        words={role: theme.word(role, metric) for role, metric in given.axes.items()},
        fixed={"values": [asdict(value) for value in fixed_values(given)], "boundary": list(boundary(given))},
    )


def panel(found: DecisionFacts) -> dict[str, Any]:
    """What the page's script needs of the facts."""
    bands = {
        cost: {name: [band.low, band.high, band.designs] for name, band in known.items()}
        for cost, known in found.bands.items()
    }
    return {
        "limits": asdict(found.limits),
        "sliders": [asdict(slider) for slider in found.sliders],
        "bands": bands,
        "tested": found.tested,
        "words": found.words,
        "fixed": found.fixed,
        "records": {name: list(record) for name, record in found.records.items()},
    }


def _trust(given: Tables, columns: Columns, row: int) -> str:
    shares = table_columns(given).get("assumed_energy_fraction")
    share = None if shares is None else shares[row]
    return own_record.trust_text(published.facts(given).records.get(columns["back_end"][row]), share)


def _slider(given: Tables, role: str, metric: str, columns: Columns) -> Slider | None:
    values = [value for value in columns[role] if value is not None and (value > 0 or role == "accuracy")]
    if not values:
        return None
    scale, unit = (0.01, "%") if role == "accuracy" else display_unit(metric, sorted(values)[len(values) // 2])
    return Slider(role, metric, given.labels[metric], min(values), max(values), scale, unit, theme.word(role, metric))


def display_unit(metric: str, typical: float) -> tuple[float, str]:
    """(house units in one display unit, its name) so that `typical` reads as a number between 1 and 1000."""
    factor, unit = theme.unit_of(metric)
    if unit not in {base for _, base in theme.UNITS.values()}:
        return 1.0, unit
    power = min(15, max(-18, 3 * math.floor(math.log10(typical * factor) / 3)))
    return float(f"{10.0**power / factor:.6g}"), f"{theme.PREFIXES[power]}{unit}"


def _offer(given: Tables, columns: Columns, decision: Decision, name: str, family: str) -> Offer:
    row = decision.best.get(name)
    values = (
        {} if row is None else {role: theme.show(columns[role][row], metric) for role, metric in given.axes.items()}
    )
    network = "" if row is None else columns["network"][row]
    absent = absences(given).get(name)
    why = "" if absent is None else f"No valid design. {absent.words[:1].upper()}{absent.words[1:]}."
    return Offer(name, family, network, decision.counts.get(name, 0), row, values, why)


def _answer(given: Tables, columns: Columns, decision: Decision, tested: Mapping[str, str]) -> str:
    row = decision.index
    if row is None:
        return "No design is valid." if not columns["id"] else "No design meets the limits."
    metrics = dict(given.axes.items())
    costs = [f"{theme.show(columns[cost][row], metrics[cost])} {theme.word(cost, metrics[cost])}" for cost in COSTS]
    what, said = f"{columns['network'][row]} on {columns['back_end'][row]}", ", ".join(costs)
    if given.is_cost_only:
        return f"{what}: {said}."
    once = 1 if columns["draws"][row] == 1 else None
    accuracy = certainty.accuracy_text(columns["accuracy"][row], columns["sd"][row], "validation", once)
    test = tested.get(columns["id"][row], "not confirmed on test")
    return f"{what}: accuracy {accuracy}; {test}; {said}."


def _why(columns: Columns, decision: Decision, limits: Limits | None = None) -> str:
    """Against the best design of the back ends that are let in; whatever the other limits."""
    row, allowed = decision.index, None if limits is None else limits.back_ends
    if row is None:
        return ""
    gained = gains(columns)
    names, which = columns["back_end"], "" if allowed is None else " let in"
    known = [
        index for index, gain in enumerate(gained) if gain is not None and (allowed is None or names[index] in allowed)
    ]
    energies = columns["energy"]
    top = max(known, key=lambda index: (gained[index], -(energies[index] or math.inf), -index), default=row)
    best = "most accurate" if "accuracy" in columns else "fastest"
    if row == top or not columns["energy"][row] or not columns["energy"][top]:
        return f"It is also the {best} design{which}." if row == top and known else ""
    ratio = columns["energy"][top] / columns["energy"][row]
    if 1 < ratio < theme.TOLD_APART:
        return ""
    change = f"cuts energy {theme.significant(ratio, 2)}×" if ratio > 1 else "cuts no energy"
    return f"{_given_up(columns, top, row)} the {best} design{which} ({columns['back_end'][top]}) {change}."


def _given_up(columns: Columns, top: int, row: int) -> str:
    if "accuracy" in columns:
        return f"Giving up {100 * (columns['accuracy'][top] - columns['accuracy'][row]):.1f} points against"
    slow = columns["latency"][row]
    if slow is None:
        return "Against"
    ratio = slow / columns["latency"][top]
    near = ratio < theme.TOLD_APART
    return "Staying within 5 % of" if near else f"Taking {theme.significant(ratio, 2)}× as long as"
