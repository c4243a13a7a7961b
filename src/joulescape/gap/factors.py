"""How much of the gap is closed by compression alone, by another machine alone, and by both: ratios of bills.

With B and M the baseline's and the machine's figure, of the network as trained (0) and compressed (1), and costs that
fall (of efficiencies the inverse is taken):

    compression alone B0 / B1     machine alone B0 / M0     both B0 / M1

    interaction = both / (compression alone * machine alone) = (M0 / M1) / (B0 / B1)

which is what compression saves on the machine over what it saves on the baseline.

Intervals hold the constants of one machine together: compression alone is taken corner by corner; where two machines
meet, one machine's optimistic corner meets the other's pessimistic one. An interval that a corner is missing of has no
end there, and none at all where it is of one machine: what is left would look surer than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.gap.bills import Bill, Row
from joulescape.spec.sourced import CORNERS, Corner
from joulescape.spec.space import ACCURACY_METRICS

LARGER_IS_BETTER = frozenset({"tops_per_w", "gops_per_mm2", *ACCURACY_METRICS})

OPPOSITE: Mapping[Corner, Corner] = {"optimistic": "pessimistic", "pessimistic": "optimistic", "typical": "typical"}


@dataclass(frozen=True)
class Four:
    """A machine and the baseline, as trained and compressed; a bill that does not exist is None."""

    base: Bill
    base_compressed: Bill | None
    machine: Bill | None
    both: Bill | None


@dataclass(frozen=True)
class Ratio:
    """A factor over 1, and its ends over the corners; an end that no design reaches is None."""

    value: float | None
    low: float | None = None
    high: float | None = None


def ratio(metric: str, before: Bill | None, after: Bill | None, is_one_machine: bool = False) -> Ratio:
    """How many times better `after` is than `before`."""
    if before is None or after is None:
        return Ratio(None)
    if is_one_machine:
        ends = [_gain(metric, before, after, corner, corner) for corner in CORNERS]
    else:
        ends = [_gain(metric, before, after, OPPOSITE[corner], corner) for corner in CORNERS]
    at = dict(zip(CORNERS, ends, strict=True))
    if is_one_machine:
        known = [end for end in ends if end is not None]
        return Ratio(at["typical"], min(known), max(known)) if len(known) == len(ends) else Ratio(at["typical"])
    return Ratio(at["typical"], at["pessimistic"], at["optimistic"])


def factors(metric: str, four: Four) -> dict[str, float | None]:
    """The factor columns of gap_tables.FACTORS."""
    alone = ratio(metric, four.base, four.base_compressed, is_one_machine=True)
    machine = ratio(metric, four.base, four.machine, is_one_machine=four.machine is four.base)
    is_base = four.both is four.base_compressed
    both = alone if is_base else ratio(metric, four.base, four.both)
    product = None if alone.value is None or machine.value is None else alone.value * machine.value
    return {
        "compression_alone": alone.value,
        "machine_alone": machine.value,
        "both": both.value,
        "product": product,
        "interaction": None if product is None or both.value is None else both.value / product,
        "compression_alone_low": alone.low,
        "compression_alone_high": alone.high,
        "machine_alone_low": machine.low,
        "machine_alone_high": machine.high,
        "both_low": both.low,
        "both_high": both.high,
    }


def reason(four: Four) -> str | None:
    """Why a factor is missing: the first bill that does not exist."""
    named = (("the baseline", four.base), ("the baseline, compressed", four.base_compressed),
             ("as trained", four.machine), ("compressed", four.both))  # fmt: skip
    told = (f"{name}: {'not priced' if one is None else one.refusal}" for name, one in named if _is_missing(one))
    return "; ".join(told) or None


def best_of_family(rows: Sequence[Row], most_loss: float | None = None) -> list[Row]:
    """The rows with `is_best_of_family`: of each network, state and metric the machine with the largest `both`.

    With `most_loss` a design that loses more accuracy, or whose loss is not known, is none.
    """
    best: dict[tuple[Any, ...], float] = {}
    for row in (row for row in rows if _is_eligible(row, most_loss)):
        best[_group(row)] = max(best.get(_group(row), row["both"]), row["both"])
    return [
        {**row, "is_best_of_family": _is_eligible(row, most_loss) and row["both"] == best[_group(row)]} for row in rows
    ]


def _is_eligible(row: Row, most_loss: float | None) -> bool:
    loss = row["accuracy_loss_fraction"]
    return row["both"] is not None and (most_loss is None or (loss is not None and loss <= most_loss))


def _group(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("question", "network", "metric", "compression", "family"))


def _is_missing(one: Bill | None) -> bool:
    return one is None or one.refusal is not None


def _gain(metric: str, before: Bill, after: Bill, at_before: Corner, at_after: Corner) -> float | None:
    first, second = before.metric(metric, at_before), after.metric(metric, at_after)
    if first is None or second is None:
        return None
    return second / first if metric in LARGER_IS_BETTER else first / second
