"""torch-pruning follows channels through a traced network; our own graph must say the same, weight by weight."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compressible import shipped
from torch import nn

from joulescape.accuracy.module import initial
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.network.build import DATA
from joulescape.network.channels import channel_groups
from joulescape.network.operators import Graph, Operator

torch.set_num_threads(1)

oracle = pytest.importorskip("torch_pruning", reason="torch-pruning is not installed (extra dev)")

NETWORKS = ["lenet5", "digits_lenet", "digits_resnet", "vgg8_small", "resnet20_small"]


class Network(nn.Module):
    """The graph as torch's own layers, as torch-pruning traces them."""

    def __init__(self, graph: Graph, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self._graph = graph
        self.layers = nn.ModuleDict({o.name: layer for o in graph.operators if (layer := layer_of(o)) is not None})
        spelled = {"mean": "running_mean", "variance": "running_var"}
        for name, tensor in tensors.items():
            operator, _, short = name.rpartition(".")
            held = getattr(self.layers[operator], spelled.get(short, short))
            held.data.copy_(tensor)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        values = {DATA: samples}
        for o in self._graph.operators:
            inputs = [values[name] for name in o.inputs]
            if o.name in self.layers:
                values[o.name] = self.layers[o.name](inputs[0])
            else:
                values[o.name] = sum(inputs[1:], start=inputs[0]) if o.kind == "add" else inputs[0].mean((2, 3))
        return values[self._graph.output.name]


def layer_of(o: Operator) -> nn.Module | None:
    """The torch layer of an operator; None for additions and global means."""
    match o.kind:
        case "conv":
            inputs, outputs = o.in_shapes[0][0], o.out_shape[0]
            kernel, stride, padding = (o.window(key) for key in ("kernel", "stride", "padding"))
            return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=o.has_bias)
        case "dense":
            return nn.Linear(o.in_shapes[0][0], o.out_shape[0], bias=o.has_bias)
        case "norm":
            return nn.BatchNorm2d(o.out_shape[0])
        case "relu":
            return nn.ReLU()
        case "max_pool" | "avg_pool":
            pool = nn.MaxPool2d if o.kind == "max_pool" else nn.AvgPool2d
            return pool(o.window("kernel"), o.window("stride"))
        case "flatten":
            return nn.Flatten(1)
    return None


def tensors_of(graph: Graph) -> dict[str, torch.Tensor]:
    stream = torch.Generator().manual_seed(3)
    tensors = initial(graph, stream)
    norms = {n: torch.rand(t.shape, generator=stream) for n, t in tensors.items() if n.endswith(("mean", "variance"))}
    return {**tensors, **norms}


@pytest.mark.parametrize("density", [0.3, 0.5])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_channels_go_everywhere(network: str, density: float) -> None:
    graph = shipped(network)
    tensors = tensors_of(graph)
    described = describe(graph, [Step("prune", {"granularity": "channel", "density": density}, {})])
    found = project(tensors, described)
    torch_model = Network(graph, tensors).eval()
    samples = torch.rand(2, *graph.input_shape)
    followed = oracle.DependencyGraph().build_dependency(torch_model, example_inputs=samples)
    cut = 0
    for group in channel_groups(graph).groups:
        if group.producers and not group.is_fixed:
            norms: Any = sum(tensors[f"{name}.weight"].abs().flatten(1).sum(1) for name in group.producers)
            gone = norms.argsort(descending=True, stable=True)[max(1, round(density * group.size)) :].tolist()
            root = torch_model.layers[group.producers[0]]
            prune = oracle.prune_conv_out_channels if isinstance(root, nn.Conv2d) else oracle.prune_linear_out_channels
            together = followed.get_pruning_group(root, prune, idxs=gone)
            assert followed.check_pruning_group(together), "all channels of a layer would go"
            together.prune()
            cut += 1
    assert cut >= 3
    theirs = {name.removeprefix("layers."): value for name, value in torch_model.state_dict().items()}
    for operator in described.graph.operators:
        for ours, spelled in (
            ("weight", "weight"),
            ("bias", "bias"),
            ("mean", "running_mean"),
            ("variance", "running_var"),
        ):
            if f"{operator.name}.{ours}" in found:
                assert torch.equal(found[f"{operator.name}.{ours}"], theirs[f"{operator.name}.{spelled}"]), (
                    operator.name
                )
        if operator.weight_shape is not None:
            assert tuple(theirs[f"{operator.name}.weight"].shape) == operator.weight_shape
    assert sum(p.numel() for p in torch_model.parameters()) == described.graph.parameter_count


@pytest.mark.parametrize("network", NETWORKS)
def test_the_same_layers_are_tied(network: str) -> None:
    """Whichever of a group's layers loses a channel, the others lose it too; no layer of another group does."""
    graph = shipped(network)
    torch_model = Network(graph, tensors_of(graph)).eval()
    followed = oracle.DependencyGraph().build_dependency(torch_model, torch.rand(2, *graph.input_shape))
    names = {module: name for name, module in torch_model.layers.items()}
    for group in channel_groups(graph).groups:
        for producer in () if group.is_fixed else group.producers:
            root = torch_model.layers[producer]
            prune = oracle.prune_conv_out_channels if isinstance(root, nn.Conv2d) else oracle.prune_linear_out_channels
            steps = followed.get_pruning_group(root, prune, idxs=[0])
            losing = (oracle.prune_conv_out_channels, oracle.prune_linear_out_channels)
            tied = {names[dep.target.module] for dep, _ in steps if dep.handler in losing}
            assert tied == set(group.producers)
