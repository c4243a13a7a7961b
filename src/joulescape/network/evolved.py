"""The works of a physical system: its own evolution, and its twin's, by training algorithm.

    algorithm           forward                         input gradient    weight gradient
    pat                 device, one pass a sample       twin backward     twin forward at what was measured, backward
    in_silico           twin on the host                twin backward     twin backward
    in_silico_noise     the same                        the same          the same
    ideal               device, one pass a sample and   Jacobian product  Jacobian product
                        one more for each control
    pat_fitted          as pat, and MEASUREMENTS of the device to which the twin is fitted before training starts
    in_silico_fitted    these measurements alone        twin backward     twin forward and backward

Each pass of the twin, forward or backward, is counted as `twin_ops` of its kind; the source of physics-aware training
counts the vector-Jacobian product as twice a forward pass. `ideal` needs the device's own derivative: by differences,
control by control, which is why nobody trains so. Layers that are alike are one device, and share its measurements.
"""

from __future__ import annotations

from joulescape.network.kinds import KINDS
from joulescape.network.operators import Operator, Role
from joulescape.network.work import PhysicalWork, VectorWork, Work
from joulescape.units import FLOAT_BITS, OPS_PER_MAC

MEASUREMENTS = 400
"""Measurements of a device that a twin is fitted to."""


def evolution(operator: Operator, batch: int, algorithm: str = "pat", alike: int = 1) -> PhysicalWork:
    """The passes of the device for a batch, and what is measured of it; so many layers are `alike`, this one too."""
    controls = operator.in_elements + operator.parameter_count
    passes = {"ideal": batch * (1 + controls), "in_silico_fitted": 0}
    return PhysicalWork(
        operator.name,
        "forward",
        operator.kind,
        passes.get(algorithm, batch),
        operator.in_elements,
        operator.out_elements,
        {key: float(value) for key, value in operator.attributes.items() if not isinstance(value, str)},
        operator.parameter_count,
        twin_ops(operator),
        MEASUREMENTS / alike if algorithm.endswith("_fitted") else 0.0,
    )


def twin(operator: Operator, role: Role, batch: int, algorithm: str = "pat") -> VectorWork:
    """What the host computes for the system in one role."""
    wanted = operator.parameter_count if role == "weight_gradient" else operator.in_elements
    if algorithm == "ideal":
        ops = float(OPS_PER_MAC * operator.out_elements * wanted)
    else:
        has_forward = role == "weight_gradient" and not is_without_device(algorithm)
        ops = twin_ops(operator) * (2 if has_forward else 1)
    writes = operator.out_elements if role == "forward" else wanted
    reads = operator.in_elements + operator.out_elements
    kind = f"{operator.kind}_twin"
    return VectorWork(operator.name, role, kind, ops * batch, reads * batch, writes * batch, float(FLOAT_BITS))


def is_without_device(algorithm: str) -> bool:
    """Whether a training never drives the device."""
    return algorithm in ("in_silico", "in_silico_noise")


def is_alike(one: Operator, other: Operator) -> bool:
    """Whether two layers are one device, set up alike."""
    shapes = (one.in_shapes, one.out_shape) == (other.in_shapes, other.out_shape)
    return shapes and one.kind == other.kind and one.attributes == other.attributes


def is_simulated(operator: Operator, work: Work) -> bool:
    """Whether a forward work is the twin's: it runs where the twin runs backward, not on the device."""
    return operator.is_physical and work.role == "forward" and isinstance(work, VectorWork)


def twin_ops(operator: Operator) -> float:
    """Operations of one pass of the system's twin, a sample; 0 where its kind states none."""
    law = KINDS[operator.kind].twin_ops
    return 0.0 if law is None else law(operator)
