"""Whether drawn values are those of a pair: all that is switched on, nothing unknown, each in its domain."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.errors import Fault
from joulescape.resolve.candidate import Parameter
from joulescape.resolve.shelves import nearest_name
from joulescape.spec.document import shown
from joulescape.spec.domain import Scalar
from joulescape.spec.faults import one_of


def drawn_faults(where: str, known: Mapping[str, Parameter], values: Mapping[str, Scalar]) -> list[Fault]:
    """Faults of `values` by parameter name; `known` holds the pair's parameters by name.

    A value of a parameter that is switched off is allowed, as an elite carries it along, and must lie in its domain.
    """
    faults = [
        Fault(where, None, name, "an unknown parameter", one_of(known), nearest_name(name, tuple(known)))
        for name in values
        if name not in known
    ]
    for name, parameter in known.items():
        if name not in values:
            if _is_on(parameter, values):
                faults.append(Fault(where, None, name, "nothing", parameter.domain.expected))
        elif not parameter.domain.holds(values[name]):
            faults.append(Fault(where, None, name, shown(values[name]), parameter.domain.expected))
    return faults


def _is_on(parameter: Parameter, values: Mapping[str, Scalar]) -> bool:
    return parameter.parent is None or str(values.get(parameter.parent)) == str(parameter.option)
