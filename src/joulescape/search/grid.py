"""Every candidate of a pair that has no real-valued parameter switched on, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from joulescape.resolve.candidate import Parameter
from joulescape.search.sampler import PAIR, Genes, active
from joulescape.spec.domain import AnyDomain, ChoiceDomain, IntDomain, Scalar


def grid(parameters: Sequence[Parameter]) -> Iterator[Genes]:
    """All genes in the order of the parameters; what is switched off stands at its first value.

    Branches in which a real number is drawn are left out: chance always finds something new there.
    """
    return _grown({}, [parameter for parameter in parameters if parameter.name != PAIR], parameters)


def _grown(genes: dict[str, Scalar], left: Sequence[Parameter], known: Sequence[Parameter]) -> Iterator[Genes]:
    if not left:
        yield genes
        return
    first, rest = left[0], left[1:]
    is_on = first.name in active({**genes, first.name: _first(first.domain)}, known)
    for value in _values(first.domain) if is_on else [_first(first.domain)]:
        yield from _grown({**genes, first.name: value}, rest, known)


def _values(domain: AnyDomain) -> Sequence[Scalar]:
    if isinstance(domain, ChoiceDomain):
        return domain.options
    return range(domain.low, domain.high + 1, domain.step) if isinstance(domain, IntDomain) else ()


def _first(domain: AnyDomain) -> Scalar:
    return domain.options[0] if isinstance(domain, ChoiceDomain) else domain.low
