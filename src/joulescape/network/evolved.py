"""The works of a physical system: its own evolution, and its twin's, by training algorithm.

    algorithm    forward                          input gradient    weight gradient
    pat          device, one pass a sample        twin backward     twin forward at what was measured, and backward
    in_silico    twin on the host                 twin backward     twin backward
    ideal        device, one pass a sample and    Jacobian product  Jacobian product
                 one more for each control

Each pass of the twin, forward or backward, is counted as `twin_ops` of its kind; the source of physics-aware training
counts the vector-Jacobian product as twice a forward pass. `ideal` needs the device's own derivative: by differences,
control by control, which is why nobody trains so.
"""

from __future__ import annotations

from joulescape.network.kinds import KINDS
from joulescape.network.operators import Operator, Role
from joulescape.network.work import PhysicalWork, VectorWork, Work
from joulescape.units import FLOAT_BITS, OPS_PER_MAC


def evolution(operator: Operator, batch: int, algorithm: str = "pat") -> PhysicalWork:
    """The passes of the device for a batch; with `ideal` those that measure its derivative too."""
    controls = operator.in_elements + operator.parameter_count
    return PhysicalWork(
        operator.name,
        "forward",
        operator.kind,
        batch * (1 + controls) if algorithm == "ideal" else batch,
        operator.in_elements,
        operator.out_elements,
        {key: float(value) for key, value in operator.attributes.items() if not isinstance(value, str)},
        operator.parameter_count,
        twin_ops(operator),
    )


def twin(operator: Operator, role: Role, batch: int, algorithm: str = "pat") -> VectorWork:
    """What the host computes for the system in one role."""
    wanted = operator.parameter_count if role == "weight_gradient" else operator.in_elements
    if algorithm == "ideal":
        ops = float(OPS_PER_MAC * operator.out_elements * wanted)
    else:
        ops = twin_ops(operator) * (2 if role == "weight_gradient" and algorithm == "pat" else 1)
    writes = operator.out_elements if role == "forward" else wanted
    reads = operator.in_elements + operator.out_elements
    kind = f"{operator.kind}_twin"
    return VectorWork(operator.name, role, kind, ops * batch, reads * batch, writes * batch, float(FLOAT_BITS))


def is_simulated(operator: Operator, work: Work) -> bool:
    """Whether a forward work is the twin's: it runs where the twin runs backward, not on the device."""
    return operator.is_physical and work.role == "forward" and isinstance(work, VectorWork)


def twin_ops(operator: Operator) -> float:
    """Operations of one pass of the system's twin, a sample; 0 where its kind states none."""
    law = KINDS[operator.kind].twin_ops
    return 0.0 if law is None else law(operator)
