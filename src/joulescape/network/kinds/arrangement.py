"""Kinds that put channels side by side, in another order, or take some of them: no arithmetic.

concat and channel_slice only name addresses, so they are free: operators write and read where their channels stand.
channel_shuffle moves every element once (1): a convolution that follows reads whole groups.
"""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request


def _concat(request: Request) -> Operator:
    """Channels of all inputs, one after the other; images must have one height and width."""
    shapes = request.in_shapes
    if len(shapes) < 2:
        raise request.fault("takes at least two inputs")
    if len({shape[1:] for shape in shapes}) != 1 or len(shapes[0]) not in (1, 3):
        found = ", ".join(f"{n} {s}" for n, s in zip(request.inputs, shapes, strict=True))
        raise request.fault(f"inputs must be vectors, or images of one height and width, got {found}")
    return request.operator((sum(shape[0] for shape in shapes), *shapes[0][1:]))


def _channel_shuffle(request: Request) -> Operator:
    """Channel i of group g becomes channel g of group i (Zhang et al. 2018)."""
    shape, groups = request.one_input((3,)), request.whole("groups")
    if shape[0] % groups:
        raise request.fault(f"groups {groups} must divide its {shape[0]} channels")
    return request.operator(shape, 1.0)


def _channel_slice(request: Request) -> Operator:
    """`out_channels` neighbouring channels, from number `first` (0 where it is left out)."""
    channels, height, width = request.one_input((3,))
    first, count = request.whole("first", 0), request.whole("out_channels")
    if first + count > channels:
        raise request.fault(f"channels {first} to {first + count - 1} are not all among its {channels}")
    return request.operator((count, height, width), extra={"first": first})


KINDS: Mapping[str, Kind] = {
    "concat": Kind(_concat, sign="kept", is_free=True),
    "channel_shuffle": Kind(_channel_shuffle, frozenset({"groups"}), backward_ops_per_element=1.0, sign="kept"),
    "channel_slice": Kind(_channel_slice, frozenset({"first", "out_channels"}), sign="kept", is_free=True),
}
"""Their channels stay: what is removed in front of them would be missing in another place behind."""
