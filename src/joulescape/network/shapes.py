"""What each kind of operator makes of the shapes it reads: output shape, loop bounds, parameters and operations.

`ops_per_element` counts elementary operations per element of the OUTPUT, per sample (a multiply, an add, a compare, an
exponential and a division count one each); each family of kinds states its own.
"""

from __future__ import annotations

from joulescape.network.kinds import KINDS
from joulescape.network.operators import Operator
from joulescape.network.request import Request


def infer(request: Request) -> Operator:
    """The operator with every shape known.

    Raises ValueError naming the operator when an attribute is missing or foreign to the kind, or a shape does not fit.
    """
    kind = KINDS[request.kind]
    foreign = set(request.attributes) - kind.attributes
    if foreign:
        raise request.fault(f"takes no {', '.join(sorted(foreign))}")
    return kind.rule(request)
