"""What writing the cells of the chosen device takes, and how many writes of a training run they outlive."""

from __future__ import annotations

from collections.abc import Sequence

from joulescape.network.work import MatrixWork, VectorWork, Work
from joulescape.simulators.base import Component, Context, Energy, Limit, Quantity
from joulescape.simulators.crossbar.devices import Writing
from joulescape.simulators.crossbar.mapping import map_product
from joulescape.simulators.crossbar.settings import CrossbarSettings

USUAL_RATE_HZ = 1_000
"""Batches a second at which a life is told."""

S_PER_DAY = 86_400


def write_energy(name: str, cells: Quantity, settings: CrossbarSettings) -> Energy:
    """So many cells tuned to a level each."""
    writing = settings.cell.writing
    component = Component.resting_on(name, "core", writing.energy_pj, writing.pulses)
    return Energy(component, cells * writing.write_pj)


def pulse_energy(name: str, cells: Quantity, settings: CrossbarSettings) -> Energy:
    """So many cells asked, of which the share that is moved gets one pulse each."""
    pulse, share = settings.cell.writing.energy_pj, settings.training.write_probability
    rests = (pulse,) if share is None else (pulse, share)
    return Energy(Component.resting_on(name, "core", *rests), cells * pulse.value * moved_share(settings))


def wear_caution(chosen: str, writing: Writing, held_by: str) -> str:
    """What rewriting, as `chosen` says, means for a chip's life, where no life is asked for."""
    endured = float(writing.endurance_writes.value)
    days = endured / USUAL_RATE_HZ / S_PER_DAY
    return (
        f"{chosen}, and cells endure {endured:.3g} "
        f"writes: {days:.3g} days at {USUAL_RATE_HZ:,} batches a second of one write each; {held_by} holds a life to it"
    )


def moved_share(settings: CrossbarSettings) -> float:
    """Share of cells that one vector, or one step, pulses."""
    share = settings.training.write_probability
    return 1.0 if share is None else float(share.value)


def programming_energies(works: Sequence[Work], settings: CrossbarSettings) -> tuple[Energy, ...]:
    """Every weight, copies included, tuned to its levels once before the first inference."""
    total: Quantity = 0.0
    for work in works:
        if isinstance(work, MatrixWork) and work.role == "forward" and work.is_weight_stored:
            mapping = map_product(work, settings)
            total = total + work.weight.elements * mapping.cells_per_weight * mapping.copies
    return (write_energy("programming", total, settings),)


def wear_limit(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[Limit, ...]:
    """Writes of a whole run against the device's endurance; nothing where no training plan is known.

    Writes of the most written cell: steps times those of a step. A step rewrites every weight once; pulses move a cell
    with some probability, once a step or once an input vector; buffers and sums in cells of the same kind, and errors
    that stand in arrays, are written once a sample.
    """
    if context.steps is None or not any(isinstance(w, VectorWork) and w.role == "update" for w in works):
        return ()
    endurance = float(settings.cell.writing.endurance_writes.value)
    a_step, what = _writes_a_step(works, settings, context)
    written = context.steps * a_step
    reason = (
        f"{context.steps} steps write {what}, {written:.3g} times, and cells endure {endurance:.3g}: at most "
        f"{int(endurance / a_step)} steps, or cells that endure {written:.3g} writes"
    )
    return (Limit(reason, written / endurance - 1),)


def _writes_a_step(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[float, str]:
    scheme = settings.training.update_scheme
    if settings.buffer == "subarrays" or scheme == "batch_average":
        return float(context.batch), "some cells once a sample"
    if scheme == "outer_product":
        gradients = [w for w in works if isinstance(w, MatrixWork) and w.role == "weight_gradient"]
        vectors = max((w.loops.reduction for w in gradients), default=1)
        share = moved_share(settings)
        return vectors * share, f"a cell with probability {share:.3g} at each of up to {vectors} vectors"
    if scheme == "pulses":
        return moved_share(settings), f"a cell with probability {moved_share(settings):.3g} a step"
    return 1.0, "each cell once a step"
