"""How the model meets what is published of the answer's own back end, and which way it misses."""

from __future__ import annotations

from joulescape.report import theme
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.figure import Rows
from joulescape.report.inputs import Tables

COSTS = ("area", "energy", "power", "latency", "time")
"""Quantities of which a machine wants little: a model below the published figure flatters it."""

UNIT = {"area": "mm2", "energy": "pj", "power": "mw", "latency": "ns", "time": "s"}
"""What the name of a figure ends in where it does not say its quantity: `sram_1mib_read_pj`."""

PARTS = ("adc", "dac", "sram", "dram", "edram", "mac")
"""Parts of a chip in the names of figures."""


def sentence(given: Tables, table: Rows) -> str:
    """Of the panel's own answer; `table` holds the published figures as the page lists them. Empty without one."""
    columns = design_columns(given)
    index = decide(columns, Limits(accuracy=default_limit(columns))).index
    return "" if index is None else of_back_end(columns["back_end"][index], table)


def records(table: Rows) -> dict[str, tuple[int, int]]:
    """(predictions within tolerance, predictions) of every back end that has one."""
    found: dict[str, tuple[int, int]] = {}
    for row in table:
        if row["role"] == "prediction":
            met, count = found.get(row["back_end"], (0, 0))
            found[row["back_end"]] = met + bool(row["passes"]), count + 1
    return found


def trust_text(record: tuple[int, int] | None, assumed_fraction: float | None) -> str:
    """How far a design's costs are to be trusted; the same words as `trustText` of assets/certainty.js."""
    if record is None:
        said = "no published figure of this machine is predicted, so its model is not validated"
    else:
        of = f"{record[1]} published figure{'' if record[1] == 1 else 's'} of this machine"
        said = f"the model meets {record[0]} of {of} within tolerance"
    if assumed_fraction is None:
        return f"Trust: {said}."
    shown = theme.show(assumed_fraction, "assumed_energy_fraction")
    return f"Trust: {said}; {shown} of this design's energy rests on assumed constants."


def of_back_end(name: str, table: Rows) -> str:
    """`The answer's own back end, x: 0 of 5 predictions are met; all 5 misses lie below the published figure by ...`"""
    own = [row for row in table if row["role"] == "prediction" and row["back_end"] == name]
    said = f"The answer's own back end, {name}: "
    if not own:
        return f"{said}nothing that is published of it is predicted, so its figures are not validated."
    missed = [row for row in own if not row["passes"]]
    met = f"{said}{len(own) - len(missed)} of {len(own)} predictions are met"
    errors = [row["error"] for row in missed if row["error"] is not None]
    if not errors or len(errors) < len(missed) or min(errors) * max(errors) <= 0:
        return f"{met}."
    way = "below" if errors[0] < 0 else "above"
    every = "the miss lies" if len(errors) == 1 else f"all {len(errors)} misses lie"
    return f"{met}; {every} {way} the published figure by {_span(errors)}{_meaning(missed, way)}."


def _span(errors: list[float]) -> str:
    sizes = [abs(error) for error in errors]
    low, high = f"{100 * min(sizes):.0f}", f"{100 * max(sizes):.0f}"
    return f"{low} %" if low == high else f"{low} to {high} %"


def _meaning(missed: Rows, way: str) -> str:
    """`: its area and its SRAM energy are likely ...`: each cost that is missed, of which part where it is one."""
    found: dict[str, list[set[str]]] = {}
    for row in missed:
        words = str(row["what"]).split("_")
        cost = next((cost for cost in COSTS if cost in words or UNIT[cost] == words[-1]), None)
        if cost is not None:
            found.setdefault(cost, []).append({word.upper() for word in words if word in PARTS})
    named = [" ".join((*sorted(set.intersection(*found[cost])), cost)) for cost in COSTS if cost in found]
    if not named:
        return ""
    listed = " and ".join(filter(None, (", ".join(f"its {name}" for name in named[:-1]), f"its {named[-1]}")))
    return f": {listed} {'is' if len(named) == 1 else 'are'} likely too {'small' if way == 'below' else 'large'}"
