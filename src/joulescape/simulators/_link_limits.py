"""What a link forbids, and the largest machine of its kind whose light would still do."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from joulescape.simulators._link import Budget
from joulescape.simulators._optics import at_least, db
from joulescape.simulators.base import Limit


@dataclass(frozen=True)
class Size:
    """A number of the machine by which its light's path grows, and the link at another such number."""

    text: str
    """How a machine of so many is called, with a {}."""
    current: int
    least: int
    at: Callable[[int], Budget]

    @property
    def largest(self) -> int | None:
        """The largest number below `current` at which the link closes; None where there is none."""
        fewer = range(self.least, self.current)
        closing = bisect_left(fewer, True, key=lambda number: not self.at(number).closes)
        return fewer[closing - 1] if closing else None


def link_limits(asked: Budget, product: Budget | None = None, sizes: Iterable[Size] = ()) -> tuple[Limit, Limit]:
    """What a link may forbid: more than its laser gives, and noise above the signal of one product.

    `sizes`: numbers of the machine by which its light's path grows; the largest that closes is named.
    """
    found = asked if product is None else product
    missing = found.link.received_mw(0.0) / found.received_mw
    drowned = (
        f"{found.received_mw:.3g} mW a product at {found.link.receiver.rate_ghz:g} GHz drown in noise "
        f"({found.bits:.2g} effective bits); {at_least(float(db(missing)), 0.1):.1f} dB more light would equal it"
    )
    known = [] if asked.closes else [(size.text, size.largest) for size in sizes]
    smaller = [f"with {text.format(number)}" for text, number in known if number is not None]
    return Limit(asked.reason(smaller), asked.overshoot), Limit(drowned, -found.bits)
