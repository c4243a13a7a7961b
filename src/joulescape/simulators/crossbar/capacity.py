"""What a crossbar chip cannot do: hold the weights, hold what passes between layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce

import numpy as np

from joulescape.network.work import MatrixWork, Work
from joulescape.simulators.base import Context, Limit, Quantity
from joulescape.simulators.crossbar.devices import level_limit
from joulescape.simulators.crossbar.duplication import arrays_each, held_mappings
from joulescape.simulators.crossbar.events import io_bytes
from joulescape.simulators.crossbar.overflow import is_reloading, stream_of
from joulescape.simulators.crossbar.products import is_product, product_arrays
from joulescape.simulators.crossbar.rules import crossbars, linked_chips, whole_pieces
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.spiking import subarray_bytes
from joulescape.simulators.crossbar.wires import wire_limit
from joulescape.simulators.crossbar.writes import wear_caution

PAIRED = ("sign", "pairs")
"""Ways around stuck cells that differential pairs alone have."""


def crossbars_needed(works: Sequence[Work], settings: CrossbarSettings, batch: int = 1) -> Quantity:
    """Arrays of all layers, copies included, in whole pieces of the chip."""
    each, held = arrays_each(works, settings), held_mappings(works, settings, batch)
    return sum(
        (whole_pieces(each * mapping.arrays * mapping.copies, settings) for mapping in held), start=np.float64(0)
    )


def capacity_limits(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[Limit, ...]:
    """Arrays, then buffers; what is named for either would do for both."""
    tiles = np.asarray(settings.tiles) * linked_chips(settings)
    return (_arrays(works, settings, context), _limit(*_memory(works, settings, context), tiles))


def service_limit(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[Limit, ...]:
    """Writes of all the batches that a chip serves against its cells' endurance; empty where none are told."""
    served, endurance = settings.layout.served_batches, float(settings.cell.writing.endurance_writes.value)
    written = batch_writes(works, settings, context)
    if served is None or not np.any(written):
        return ()
    reason = "cells do not outlive what inference writes (layout.served_batches)"
    if np.ndim(written) == 0:
        each = float(written)
        reason = (
            f"{served} batches write some cells {each * served:.3g} times, {each:g} a batch, and cells endure "
            f"{endurance:.3g}: at most layout.served_batches {int(endurance // each)}, or cells that endure "
            f"{each * served:.3g} writes"
        )
    return (Limit(reason, written * served / endurance - 1),)


def batch_writes(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> Quantity:
    """Writes of the most written cell for one batch of inference: rounds of reloading, or samples of a product."""
    products = context.batch if any(is_product(work) for work in works) else 0
    if not is_reloading(works, settings):
        return products
    taken = product_arrays(works, settings, context.batch)
    return np.maximum(products, stream_of(works, settings, context, taken).writes)


def machine_limits(settings: CrossbarSettings) -> tuple[Limit, ...]:
    """What settings alone forbid, whatever the network: levels, pairs, wires, chips apart."""
    levels = level_limit(settings.cell.bits, settings.cell)
    return (*levels, *remapping_limit(settings), *wire_limit(settings), *link_limit(settings))


def life_cautions(settings: CrossbarSettings) -> Iterator[str]:
    """A word on the life of cells that inference writes, where no life is asked for."""
    layout, writing = settings.layout, settings.cell.writing
    if layout.served_batches is None and layout.overflow == "reload":
        chosen = "layout.overflow reload writes cells anew for every batch of a network that does not fit"
        yield wear_caution(chosen, writing, "layout.served_batches")
    if layout.served_batches is None and settings.dynamic_products == "program":
        chosen = "dynamic_products program writes cells anew for every sample of a product of two activations"
        yield wear_caution(chosen, writing, "layout.served_batches")


def link_limit(settings: CrossbarSettings) -> tuple[Limit, ...]:
    """Several chips need a link; empty where no machine of a sweep lacks it."""
    is_apart = (np.asarray(settings.layout.chips) > 1) & (np.asarray(settings.hypertransport.links) < 1)
    if not np.any(is_apart):
        return ()
    several = f"layout.chips {settings.layout.chips}" if np.ndim(settings.layout.chips) == 0 else "several layout.chips"
    reason = f"{several} pass activations to each other and hypertransport.links is 0: hypertransport.links 1"
    return (Limit(reason, np.where(is_apart, 1.0, 0.0)),)


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


def _arrays(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> Limit:
    """Arrays of every layer; of one that is reloaded one will do, beside those of products of two activations."""
    per_tile = np.asarray(settings.imas_per_tile) * settings.crossbars_per_ima
    there = np.asarray(settings.tiles) * linked_chips(settings)
    if is_reloading(works, settings):
        least = product_arrays(works, settings, context.batch) + 1
        return _limit("products of two activations leave no array to reload", least, per_tile, there)
    reason = "the network's weights need more crossbars than the chip has"
    needed = crossbars_needed(works, settings, context.batch)
    least = tiles_for_memory(works, settings, context)
    return _limit(reason, needed, per_tile, there, _other_remedies(works, settings, context, needed), least)


def tiles_for_memory(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> Quantity:
    """Tiles whose buffers hold what passes between layers."""
    _, held, per_tile = _memory(works, settings, context)
    return np.ceil(np.asarray(held) / np.maximum(1, per_tile))


def _other_remedies(works: Sequence[Work], settings: CrossbarSettings, context: Context, needed: Quantity) -> str:
    """What would do in the place of larger chips; only what one machine, not a sweep, can be told."""
    if np.ndim(needed) or np.ndim(crossbars(settings)) or settings.chain is not None:
        return ""
    tiles = float(np.asarray(settings.tiles))
    chips = math.ceil(max(needed / crossbars(settings), tiles_for_memory(works, settings, context) / tiles))
    has_links = np.ndim(settings.hypertransport.links) == 0 and settings.hypertransport.links > 0
    more = f"; so would layout.chips {chips}" + ("" if has_links else " with hypertransport.links 1")
    if any(work.role != "forward" for work in works):
        return more
    reload = f"layout.overflow reload{_reload_tiles(works, settings, context)}"
    return f"{more}, or {reload}, which writes cells anew for every batch"


def _reload_tiles(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> str:
    """Tiles that reloading needs beyond those that are there: a batch waits in their buffers."""
    layout = settings.layout.model_copy(update={"overflow": "reload"})
    tiles = float(tiles_for_memory(works, settings.model_copy(update={"layout": layout}), context))
    return f" with tiles {int(tiles)}" if tiles > settings.tiles * linked_chips(settings) else ""


def _memory(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[str, Quantity, Quantity]:
    """What is said where buffers are too small, bytes that they must hold, bytes that a tile's hold."""
    if settings.buffer == "subarrays":
        return _subarrays(works, settings, context)
    return _edram(works, settings, context)


def _edram(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[str, Quantity, Quantity]:
    """The largest layer, input and output: of one sample, or of the batch where it passes a layer that is streamed."""
    found = (w for w in works if isinstance(w, MatrixWork))
    waiting = waiting_samples(works, settings, context)
    held: list[Quantity] = [0.0]
    held += [sum(io_bytes(w, settings)) / context.batch * waiting.get(w.layer, 1) for w in found]
    largest: Quantity = reduce(np.maximum, held)
    return "one layer's activations overflow the tile buffers", largest, np.asarray(settings.edram.capacity_bytes)


def waiting_samples(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> Mapping[str, Quantity]:
    """Samples whose values stand in the buffers at once before and behind each layer that may be streamed."""
    if not is_reloading(works, settings):
        return {}
    stream = stream_of(works, settings, context, product_arrays(works, settings, context.batch))
    return {layer: np.where(np.asarray(rounds) > 0, context.batch, 1) for layer, rounds in stream.rounds.items()}


def _subarrays(works: Sequence[Work], settings: CrossbarSettings, context: Context) -> tuple[str, Quantity, Quantity]:
    """Inputs of layer l of L wait for their errors: 2 (L - l) + 1 samples of them in a pipeline; two where they are
    only read, one written meanwhile; a batch where the layer is streamed. Errors stand twice, sums of weight gradients
    once."""
    forward = [w for w in works if isinstance(w, MatrixWork) and w.role == "forward"]
    trained = [w for w in works if isinstance(w, MatrixWork) and w.role == "weight_gradient"]
    is_waiting, waiting = bool(trained) and settings.training.is_pipelined, waiting_samples(works, settings, context)
    depths = [2 * later + 1 if is_waiting else 2 for later in range(len(forward) - 1, -1, -1)]
    inputs = (
        np.maximum(depth, waiting.get(w.layer, 1)) * io_bytes(w, settings)[0]
        for depth, w in zip(depths, forward, strict=True)
    )
    held = sum(inputs, start=np.float64(0)) / context.batch
    errors = sum(2 * io_bytes(w, settings)[1] for w in forward) / context.batch if trained else 0.0
    sums = sum(io_bytes(w, settings)[1] for w in trained)
    there = subarray_bytes(settings) * (settings.subarrays.per_tile if settings.subarrays else 0)
    return "what passes between layers overflows the memory subarrays", held + errors + sums, there


def _limit(
    reason: str, needed: Quantity, per_tile: Quantity, tiles: Quantity, others: str = "", least: Quantity = 0
) -> Limit:
    """The smallest change that would close it is so many tiles, at least those asked for by something else; said where
    there is one machine, not a sweep."""
    there = per_tile * tiles
    if np.ndim(needed) == np.ndim(there) == 0:
        enough = max(math.ceil(needed / per_tile), int(least))
        reason = f"{reason}: {math.ceil(needed):,} of {math.floor(there):,}, tiles {enough} would do{others}"
    return Limit(reason, needed / there - 1)
