"""What a crossbar chip cannot do: hold the weights, hold what passes between layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Context, Limit, Quantity
from joulescape.simulators.crossbar.duplication import held_mappings
from joulescape.simulators.crossbar.events import io_bytes
from joulescape.simulators.crossbar.rules import whole_pieces
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.spiking import subarray_bytes

PAIRED = ("sign", "pairs")
"""Ways around stuck cells that differential pairs alone have."""


def crossbars_needed(works: Sequence[Work], settings: CrossbarSettings) -> Quantity:
    """Arrays of all layers, copies included, in whole pieces of the chip."""
    held = held_mappings(works, settings)
    return sum((whole_pieces(mapping.arrays * mapping.copies, settings) for mapping in held), start=np.float64(0))


def capacity_limits(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[Limit, ...]:
    """Arrays, then buffers."""
    tiles = np.asarray(settings.tiles)
    per_tile = np.asarray(settings.imas_per_tile) * settings.crossbars_per_ima
    memory = (
        _subarrays(works, settings, context) if settings.buffer == "subarrays" else _edram(works, settings, context)
    )
    arrays = "the network's weights need more crossbars than the chip has"
    return (_limit(arrays, crossbars_needed(works, settings), per_tile, tiles), _limit(*memory, tiles))


def remapping_limit(settings: CrossbarSettings) -> tuple[Limit, ...]:
    """Stored signs and pairs are of two cells a weight: offset columns have no second one; empty where they fit."""
    encoding, remapping = settings.array.encoding, settings.cell.remapping
    if encoding == "differential" or remapping not in PAIRED:
        return ()
    reason = (
        f"cell.remapping {remapping} needs a second array and array.encoding {encoding} has none: "
        "cell.remapping rows, or array.encoding differential"
    )
    return (Limit(reason, 1.0),)


def _edram(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[str, Quantity, Quantity]:
    """One sample's largest layer, input and output."""
    largest = max((sum(io_bytes(w, settings)) for w in works if isinstance(w, MatrixWork)), default=0.0)
    reason = "one layer's activations overflow the tile buffers"
    return reason, largest / context.batch, np.asarray(settings.edram.capacity_bytes)


def _subarrays(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[str, Quantity, Quantity]:
    """Inputs of layer l of L wait for their errors: 2 (L - l) + 1 samples of them in a pipeline; two where they are
    only read, one written meanwhile. Errors stand twice, sums of weight gradients once."""
    forward = [w for w in works if isinstance(w, MatrixWork) and w.role == "forward"]
    trained = [w for w in works if isinstance(w, MatrixWork) and w.role == "weight_gradient"]
    is_waiting = bool(trained) and settings.training.is_pipelined
    depths = [2 * later + 1 if is_waiting else 2 for later in range(len(forward) - 1, -1, -1)]
    held = sum(depth * io_bytes(w, settings)[0] for depth, w in zip(depths, forward, strict=True)) / context.batch
    errors = sum(2 * io_bytes(w, settings)[1] for w in forward) / context.batch if trained else 0.0
    sums = sum(io_bytes(w, settings)[1] for w in trained)
    there = subarray_bytes(settings) * (settings.subarrays.per_tile if settings.subarrays else 0)
    return "what passes between layers overflows the memory subarrays", held + errors + sums, there


def _limit(reason: str, needed: Quantity, per_tile: Quantity, tiles: Quantity) -> Limit:
    """The smallest change that would close it is so many tiles; said where there is one machine, not a sweep."""
    there = per_tile * tiles
    if np.ndim(needed) == np.ndim(there) == 0:
        reason = (
            f"{reason}: {float(needed):.4g} of {float(there):.4g}, {int(np.ceil(needed / per_tile))} tiles would do"
        )
    return Limit(reason, needed / there - 1)
