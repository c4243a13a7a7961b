"""Channel pruning: whole output channels go, and with them everything that reads or shares them; every machine saves.

Channels are ranked by the sum of their weights' scores (the L1 norm, for magnitude), over all operators that share
them (through residual adds), or by what they do to the operators that read them (`reconstruction`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import array_api_compat as api

from joulescape.compression._grid_method import whole
from joulescape.compression._nominal import elements_of, with_bytes
from joulescape.compression.base import Described, Tensors
from joulescape.compression.prune.channel_scores import channel_scores
from joulescape.compression.prune.elements import kept_count, project_elements
from joulescape.compression.prune.groups import project_groups
from joulescape.compression.prune.reconstruction import reconstructed
from joulescape.compression.prune.settings import PruneSettings
from joulescape.network.build import reshape
from joulescape.network.channels import ChannelMap, channel_groups
from joulescape.network.operators import Attribute, Graph, Operator
from joulescape.network.work import OperandFormat
from joulescape.units import FLOAT_BYTES

_WIDTH = {"conv": "out_channels", "dense": "out_features"}

_BY_CHANNEL = frozenset({"weight", "bias", "mean", "variance", "scale", "offset", "saliency", "importance"})
"""Short names of arrays with one entry a channel; what else a step keeps of a layer is made anew from its weights."""


def describe_channels(described: Described, densities: Mapping[str, float]) -> Described:
    """The graph with fewer channels; a shared group keeps the largest density that its operators ask for."""
    graph, changes = described.graph, dict[str, dict[str, Attribute]]()
    for group in channel_groups(graph).groups:
        asked = [densities[name] for name in group.producers if name in densities]
        if asked and not group.is_fixed:
            kept = max(1, round(max(asked) * group.size))
            changes.update({name: {_WIDTH[graph.operator(name).kind]: kept} for name in group.producers})
    smaller = reshape(graph, {**changes, **_scales(graph, changes)})
    same = {o.name for o in graph.operators if o.weight_shape == smaller.operator(o.name).weight_shape}
    formats = {o.name: _format(o, described.formats[o.name], o.name in same) for o in smaller.operators}
    return replace(described, graph=smaller, formats=formats)


def project_channels(tensors: Tensors, described: Described, settings: Mapping[str, PruneSettings]) -> Tensors:
    """The weights of the channels that stay, in their old order; weights that already have the shapes are unchanged."""
    graph = described.graph
    channel_map = channel_groups(graph)
    kept: dict[int, Any] = {}
    # From the output back: what reads a channel is asked for the outputs that stay.
    for index, group in reversed(list(enumerate(channel_map.groups))):
        if not group.is_fixed and group.producers:
            kept[index], tensors = _kept(tensors, graph, channel_map, index, settings, kept)
    for operator in graph.operators:
        tensors = {**tensors, **_cut(operator, tensors, channel_map, kept)}
    return project_groups(project_elements(tensors, graph, _pruned(described, "element")), _pruned(described, "n_of_m"))


def _pruned(described: Described, granularity: Literal["element", "n_of_m"]) -> dict[str, PruneSettings]:
    """Layers whose single weights were pruned before: channels full of zeros go first, so the rest is pruned again."""
    structure = "unstructured" if granularity == "element" else granularity
    return {
        name: PruneSettings(
            granularity=granularity,
            density=form.weight_density if granularity == "element" else form.kept / form.group,
            group=max(form.group, 2),
        )
        for name, form in described.formats.items()
        if form.weight_structure == structure
    }


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


def _format(operator: Operator, form: OperandFormat, is_same: bool) -> OperandFormat:
    """The same widths and density on fewer weights; what is left of circulant blocks is none."""
    form = form if is_same else whole(form)
    if not operator.is_matrix:
        return form.with_(weight_bytes=float(FLOAT_BYTES) * operator.parameter_count)
    elements, is_sparse = elements_of(operator), form.weight_structure == "unstructured"
    density = kept_count(elements, form.weight_density) / elements if is_sparse and elements else form.weight_density
    return with_bytes(operator, form.with_(weight_density=density))


def _kept(
    tensors: Tensors,
    graph: Graph,
    channel_map: ChannelMap,
    index: int,
    settings: Mapping[str, PruneSettings],
    later: Mapping[int, Any],
) -> tuple[Any, Tensors]:
    """Indices of the `size` channels that matter most, ascending (all where no more are left), and the weights, those
    of readers scaled where the criterion makes up for what is gone. `later` holds the outputs that readers keep."""
    group = channel_map.groups[index]
    weight = tensors[f"{group.producers[0]}.weight"]
    xp = api.array_namespace(weight)
    if weight.shape[0] <= group.size:
        return xp.arange(weight.shape[0]), tensors
    criteria = {name: settings[name].criterion for name in group.producers if name in settings}
    if "reconstruction" in criteria.values():
        return reconstructed(tensors, graph, channel_map, index, group.size, later)
    score = channel_scores(tensors, graph, channel_map, index, criteria)
    return xp.sort(xp.argsort(-score, stable=True)[: group.size]), tensors


def _cut(operator: Operator, tensors: Tensors, channel_map: ChannelMap, kept: Mapping[int, Any]) -> dict[str, Any]:
    """This operator's arrays without the removed channels of its output and of its input."""
    held = tensors.items()
    own = {n: v for n, v in held if n.rpartition(".")[0] == operator.name and n.rpartition(".")[2] in _BY_CHANNEL}
    source = channel_map.origins[operator.inputs[0]]
    if operator.kind not in _WIDTH:
        # One scale for all features has no channels; the array says so, as a network cut to one channel cannot.
        return {n: v if v.shape[0] == 1 else _take(v, kept, source.group, source.block, 0) for n, v in own.items()}
    group = channel_map.origins[operator.name].group
    cut = {name: _take(value, kept, group, 1, 0) for name, value in own.items()}
    reading = [name for name in cut if name.rpartition(".")[2] in ("weight", "saliency")]
    return {**cut, **{name: _take(cut[name], kept, source.group, source.block, 1) for name in reading}}


def _take(value: Any, kept: Mapping[int, Any], group: int, block: int, axis: int) -> Any:
    if group not in kept or value.shape[axis] == kept[group].shape[0] * block:
        return value
    xp = api.array_namespace(value)
    inside = xp.arange(block, dtype=kept[group].dtype)
    places = xp.reshape(kept[group][:, None] * block + inside[None, :], (-1,))
    return xp.take(value, places, axis=axis)
