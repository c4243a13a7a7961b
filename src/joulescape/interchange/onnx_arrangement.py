"""What only moves elements in ONNX: flattening, channels side by side, slices, heads split and merged."""

from __future__ import annotations

import math
from collections.abc import Mapping

from joulescape.interchange.onnx_file import Node
from joulescape.interchange.onnx_walk import Part, Refused, Rule, Walk

_HEADS, _TURNED_HEADS = (0, 2, 1, 3), (0, 2, 3, 1)
"""Axes of (batch, tokens, heads, features) as (batch, heads, tokens, features), and with the last two turned."""


def _reshape(node: Node, walk: Walk) -> None:
    """To (batch, everything else); or the first half of splitting heads, or the second of merging them."""
    before, after = walk.shape(node.inputs[0]), walk.shape(node.outputs[0])
    source = walk.tensor(node.inputs[0])
    if source in walk.open and after == (*before[:2], before[2] * before[3]):
        walk.then(node, "merge_heads", walk.open.pop(source), node.outputs[0])
    elif len(before) == 3 and len(after) == 4 and after[:2] == before[:2]:
        walk.open[node.outputs[0]] = source
    elif after != (1, math.prod(before)):
        raise Refused(f"reshapes {before[1:]} to {after[1:]}; only flattening a sample is taken")
    elif before == after:
        walk.pass_on(node)
    else:
        walk.then(node, "flatten", source, node.outputs[0])


def _transpose(node: Node, walk: Walk) -> None:
    source, order = walk.tensor(node.inputs[0]), tuple(node.attributes.get("perm", ()))
    rank = len(walk.shape(node.inputs[0]))
    if source in walk.open and order in (_HEADS, _TURNED_HEADS):
        split = node.outputs[0] if order == _HEADS else f"{node.outputs[0]}.split"
        heads = walk.shape(node.inputs[0])[2]
        walk.parts[split] = Part(node, "split_heads", (walk.open.pop(source),), split, {"heads": heads})
        if order == _TURNED_HEADS:
            walk.then(node, "transpose", split, node.outputs[0])
    elif order == _HEADS:
        walk.open[node.outputs[0]] = source
    elif rank in (3, 4) and order == (*range(rank - 2), rank - 1, rank - 2):
        walk.add(node, "transpose")
    else:
        raise Refused(f"axes in the order {order}; heads, or the last two axes, may change places")


def _concat(node: Node, walk: Walk) -> None:
    rank = len(walk.shape(node.outputs[0]))
    if int(node.attributes["axis"]) % rank != 1 or rank not in (2, 4):
        raise Refused("joins other than channels")
    if any(walk.constant(node, place) is not None for place in range(len(node.inputs))):
        raise Refused("joins a constant")
    walk.add(node, "concat")


def _slice(node: Node, walk: Walk) -> None:
    """Neighbouring channels of an image."""
    given = [walk.constant(node, place) for place in range(1, len(node.inputs))]
    if len(given) < 3 or any(value is None or value.size != 1 for value in given):
        raise Refused("takes other than one run of channels")
    start, _, axis, *step = (int(value.item()) for value in given if value is not None)
    before, after = walk.shape(node.inputs[0]), walk.shape(node.outputs[0])
    if len(before) != 4 or axis % 4 != 1 or step not in ([], [1]):
        raise Refused("takes other than one run of channels")
    walk.add(node, "channel_slice", {"first": start % before[1], "out_channels": after[1]})


RULES: Mapping[str, Rule] = {
    "Flatten": _reshape, "Reshape": _reshape, "Squeeze": _reshape, "Transpose": _transpose, "Concat": _concat,
    "Slice": _slice,
}  # fmt: skip
"""By ONNX operator."""
