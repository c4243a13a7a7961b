"""Channel pruning: whole output channels go, and with them everything that reads or shares them; every machine saves.

Channels are ranked by the L1 norm of their weights, summed over the operators that share them (through residual adds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import array_api_compat as api

from joulescape.compression._coding import stored
from joulescape.compression.base import Described, Tensors
from joulescape.compression.prune.elements import kept_count, project_elements
from joulescape.network.build import reshape
from joulescape.network.channels import ChannelMap, channel_groups
from joulescape.network.operators import Attribute, Graph, Operator
from joulescape.network.work import OperandFormat

_WIDTH = {"conv": "out_channels", "dense": "out_features"}


def describe_channels(described: Described, densities: Mapping[str, float]) -> Described:
    """The graph with fewer channels; a shared group keeps the largest density that its operators ask for."""
    graph, changes = described.graph, dict[str, dict[str, Attribute]]()
    for group in channel_groups(graph).groups:
        asked = [densities[name] for name in group.producers if name in densities]
        if asked and not group.is_fixed:
            kept = max(1, round(max(asked) * group.size))
            changes.update({name: {_WIDTH[graph.operator(name).kind]: kept} for name in group.producers})
    smaller = reshape(graph, {**changes, **_scales(graph, changes)})
    formats = {o.name: _format(o, described.formats[o.name]) for o in smaller.operators}
    return replace(described, graph=smaller, formats=formats)


def project_channels(tensors: Tensors, described: Described) -> Tensors:
    """The weights of the channels that stay, in their old order; weights that already have the shapes are unchanged."""
    graph = described.graph
    channel_map = channel_groups(graph)
    kept = {
        index: _kept(tensors, group.producers, group.size)
        for index, group in enumerate(channel_map.groups)
        if not group.is_fixed
    }
    for operator in graph.operators:
        tensors = {**tensors, **_cut(operator, tensors, channel_map, kept)}
    return project_elements(tensors, graph, _sparse_densities(described))


def _sparse_densities(described: Described) -> dict[str, float]:
    """Layers whose single weights were pruned before: channels full of zeros go first, so the rest is pruned again."""
    formats = described.formats
    return {name: form.weight_density for name, form in formats.items() if form.weight_structure == "unstructured"}


def _scales(graph: Graph, changes: Mapping[str, Mapping[str, Attribute]]) -> dict[str, dict[str, Attribute]]:
    """Scales per feature state their width and must follow their group."""
    channel_map = channel_groups(graph)
    found: dict[str, dict[str, Attribute]] = {}
    for operator in graph.operators:
        if operator.kind == "scale_offset" and operator.attributes.get("out_features", 1) != 1:
            origin = channel_map.origins[operator.name]
            producers = channel_map.groups[origin.group].producers
            widths = [width for name in producers if name in changes for width in changes[name].values()]
            if widths:
                found[operator.name] = {"out_features": int(widths[0]) * origin.block}
    return found


def _format(operator: Operator, form: OperandFormat) -> OperandFormat:
    """The same widths and density on fewer weights."""
    if not operator.is_matrix:
        return form.with_(weight_bytes=4.0 * operator.parameter_count)
    elements, is_sparse = math.prod(operator.weight_shape or (0,)), form.weight_structure == "unstructured"
    density = kept_count(elements, form.weight_density) / elements if is_sparse else form.weight_density
    held = stored(elements, form.weight_bits, density, is_sparse)
    return form.with_(weight_density=density, weight_bytes=held.weight_bytes, index_bytes=held.index_bytes)


def _kept(tensors: Tensors, producers: tuple[str, ...], size: int) -> Any:
    """Indices of the `size` channels with the largest norm, ascending."""
    weights = [tensors[f"{name}.weight"] for name in producers]
    xp = api.array_namespace(weights[0])
    norms = [xp.sum(xp.reshape(xp.abs(weight), (weight.shape[0], -1)), axis=1) for weight in weights]
    total = norms[0]
    for norm in norms[1:]:
        total = total + norm
    return xp.sort(xp.argsort(-total, stable=True)[:size])


def _cut(operator: Operator, tensors: Tensors, channel_map: ChannelMap, kept: Mapping[int, Any]) -> dict[str, Any]:
    """This operator's arrays without the removed channels of its output and of its input."""
    own = {name: value for name, value in tensors.items() if name.startswith(f"{operator.name}.")}
    source = channel_map.origins[operator.inputs[0]]
    if operator.kind not in _WIDTH:
        # One scale for all features has no channels; the array says so, as a network cut to one channel cannot.
        return {n: v if v.shape[0] == 1 else _take(v, kept, source.group, source.block, 0) for n, v in own.items()}
    group = channel_map.origins[operator.name].group
    cut = {name: _take(value, kept, group, 1, 0) for name, value in own.items()}
    weight = f"{operator.name}.weight"
    return {**cut, weight: _take(cut[weight], kept, source.group, source.block, 1)}


def _take(value: Any, kept: Mapping[int, Any], group: int, block: int, axis: int) -> Any:
    if group not in kept or value.shape[axis] == kept[group].shape[0] * block:
        return value
    xp = api.array_namespace(value)
    inside = xp.arange(block, dtype=kept[group].dtype)
    places = xp.reshape(kept[group][:, None] * block + inside[None, :], (-1,))
    return xp.take(value, places, axis=axis)
