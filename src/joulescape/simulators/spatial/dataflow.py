"""Whether an array can run the dataflow that it is asked for: what that keeps still must lie beside each unit."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.simulators._mapping.declared import OperandName
from joulescape.simulators._mapping.unrolling_search import Dataflow
from joulescape.simulators.base import Limit
from joulescape.simulators.spatial.settings import SpatialSettings

STILL: Mapping[Dataflow, tuple[OperandName, ...]] = {
    "weight_stationary": ("weight",),
    "input_stationary": ("input",),
    "row_stationary": ("weight", "input"),
}
"""What stays in a unit while others pass; a row of a filter and of the inputs needs a pad, one value a register."""


def dataflow_limit(settings: SpatialSettings) -> Limit:
    """Violated by as many operands as no unit can keep."""
    has_register = settings.unit_registers and settings.dataflow != "row_stationary"
    kept = {
        operand
        for name, memory in settings.memories.items()
        if not memory.serves and name not in settings.bypass
        for operand in memory.holds
    }
    missing = () if has_register else tuple(one for one in STILL.get(settings.dataflow, ()) if one not in kept)
    wanted = " and ".join(f"{one}s" for one in missing) or "all that stays"
    reason = (
        f"dataflow {settings.dataflow}: no memory of each unit holds {wanted}; memories without `serves` that do are "
        f"needed, or dataflow: free"
    )
    return Limit(reason, float(len(missing)))
