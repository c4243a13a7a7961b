"""Every candidate of a pair, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from joulescape.resolve.candidate import Parameter
from joulescape.search.sampler import PAIR, Genes, active
from joulescape.spec.domain import AnyDomain, ChoiceDomain, FloatDomain, IntDomain, Scalar

Values = Callable[[AnyDomain], Sequence[Scalar]]
"""What a grid takes of a domain."""


def whole(domain: AnyDomain) -> Sequence[Scalar]:
    """Every value; none of a real number, where chance always finds something new."""
    if isinstance(domain, IntDomain):
        return range(domain.low, domain.high + 1, domain.step)
    return () if isinstance(domain, FloatDomain) else domain.options


def grid(parameters: Sequence[Parameter], values: Values = whole) -> Iterator[Genes]:
    """All genes in the order of the parameters; what is switched off stands at its first value.

    A branch in which a parameter has no value is left out.
    """
    return _grown({}, [parameter for parameter in parameters if parameter.name != PAIR], parameters, values)


def _grown(
    genes: dict[str, Scalar], left: Sequence[Parameter], known: Sequence[Parameter], values: Values
) -> Iterator[Genes]:
    if not left:
        yield genes
        return
    first, rest = left[0], left[1:]
    is_on = first.name in active({**genes, first.name: _first(first.domain)}, known)
    for value in values(first.domain) if is_on else [_first(first.domain)]:
        yield from _grown({**genes, first.name: value}, rest, known, values)


def _first(domain: AnyDomain) -> Scalar:
    return domain.options[0] if isinstance(domain, ChoiceDomain) else domain.low
