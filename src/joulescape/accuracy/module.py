"""Runs an operator graph in torch with a mapping of tensors.

Names: `<operator>.weight` and `.bias` (conv, dense, norm, layer_norm), `.weight` (position), `.mean` and `.variance`
(norm, running), `.scale` and `.offset` (scale_offset). What multiplies matrices, and what plays a physical operator,
are passed in as rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.accuracy.foreign import foreign
from joulescape.network.build import DATA
from joulescape.network.operators import NORM_EPSILON, Graph, Operator

Tensors = Mapping[str, Tensor]
Inputs = tuple[Tensor, ...]
Rule = Callable[[Operator, Inputs, Tensors], Tensor]
"""How one operator is computed: (operator, inputs, tensors) -> output, bias included."""

BUFFERS = ("mean", "variance")
"""Short names of tensors that are tracked, not trained."""


def run(
    graph: Graph,
    tensors: Tensors,
    samples: Tensor,
    matrix: Rule | None = None,
    physical: Rule | None = None,
    is_training: bool = False,
) -> Tensor:
    """The network's output for a batch of samples.

    `matrix` computes conv, dense and matmul (float32 by default), `physical` physical operators. In training
    normalisation takes the batch's statistics and moves the running ones in place.
    """
    values = {DATA: samples}
    for operator in graph.operators:
        inputs = tuple(values[name] for name in operator.inputs)
        if operator.is_matrix:
            values[operator.name] = (matrix or plain)(operator, inputs, tensors)
        elif operator.is_physical:
            if physical is None:
                raise ValueError(f"operator '{operator.name}' ({operator.kind}) is physical: no rule was given for it")
            values[operator.name] = physical(operator, inputs, tensors)
        else:
            values[operator.name] = _vector(operator, inputs, tensors, is_training)
    return values[graph.output.name]


def initial(graph: Graph, generator: torch.Generator) -> dict[str, Tensor]:
    """Fresh weights: uniform in +-sqrt(6 / fan in) (He et al. 2015); zero biases, identity for norms and scales."""
    tensors: dict[str, Tensor] = {}
    for operator in graph.operators:
        tensors.update({f"{operator.name}.{short}": value for short, value in _fresh(operator, generator).items()})
    return tensors


def trainable(tensors: Tensors) -> tuple[str, ...]:
    """Names of the tensors that gradients move."""
    return tuple(name for name in tensors if name.rsplit(".", 1)[1] not in BUFFERS)


def plain(operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
    """A matrix operator in float32."""
    if operator.kind == "matmul":
        return inputs[0] @ inputs[1] * scale_of(operator)
    weight, bias = tensors[f"{operator.name}.weight"], tensors.get(f"{operator.name}.bias")
    if operator.kind == "dense":
        return nnf.linear(inputs[0], weight, bias)
    stride, padding = operator.window("stride"), operator.window("padding")
    return nnf.conv2d(inputs[0], weight, bias, stride, padding, 1, int(operator.attributes["groups"]))


def digital(operator: Operator, inputs: Inputs, tensors: Tensors, is_training: bool) -> Tensor:
    """Any operator that is no physical system, in float32."""
    return plain(operator, inputs, tensors) if operator.is_matrix else _vector(operator, inputs, tensors, is_training)


def scale_of(operator: Operator) -> float:
    """What a product of two activations is multiplied by."""
    return float(operator.attributes.get("scale", 1.0))


def grouped(inputs: Inputs) -> tuple[Tensor, Tensor]:
    """The operands of a matmul as (samples, groups, rows, columns): without heads there is one group."""
    left, right = (x if x.ndim == 4 else x.unsqueeze(1) for x in inputs)
    return left, right


def to_rows(operator: Operator, samples: Tensor) -> Tensor:
    """A matrix operator's input as rows of the im2col matrix: (groups, batch * positions, K)."""
    if operator.kind == "dense":
        return samples.reshape(1, -1, samples.shape[-1])
    kernel, stride, padding = (operator.window(key) for key in ("kernel", "stride", "padding"))
    groups = int(operator.attributes["groups"])
    columns = nnf.unfold(samples, kernel, padding=padding, stride=stride)
    batch, length, positions = columns.shape
    split = columns.reshape(batch, groups, length // groups, positions)
    return split.permute(1, 0, 3, 2).reshape(groups, batch * positions, length // groups)


def from_rows(operator: Operator, rows: Tensor, batch: int) -> Tensor:
    """(groups, batch * positions, N) back to the operator's output shape."""
    groups, _, width = rows.shape
    if operator.kind == "dense":
        return rows.reshape(batch, *operator.out_shape)
    positions = math.prod(operator.out_shape[1:])
    split = rows.reshape(groups, batch, positions, width).permute(1, 0, 3, 2)
    return split.reshape(batch, *operator.out_shape)


def weight_rows(operator: Operator, tensors: Tensors) -> Tensor:
    """The stationary matrix of each group: (groups, N, K)."""
    weight = tensors[f"{operator.name}.weight"]
    groups = int(operator.attributes.get("groups", 1))
    return weight.reshape(groups, weight.shape[0] // groups, -1)


def with_bias(operator: Operator, output: Tensor, tensors: Tensors) -> Tensor:
    """`output` plus the operator's bias, if it has one."""
    bias = tensors.get(f"{operator.name}.bias")
    if bias is None:
        return output
    return output + (bias if operator.kind == "dense" else bias[:, None, None])


def _vector(operator: Operator, inputs: Inputs, tensors: Tensors, is_training: bool) -> Tensor:
    if operator.kind in _PARAMETRIC:
        return _PARAMETRIC[operator.kind](operator, inputs[0], tensors, is_training)
    return _PLAIN[operator.kind](operator, inputs)


def _pooled(operator: Operator) -> tuple[int, int, int]:
    kernel, stride = int(operator.attributes["kernel"]), int(operator.attributes["stride"])
    return kernel, stride, int(operator.attributes.get("padding", 0))


def _is_ceil(operator: Operator) -> bool:
    return bool(operator.attributes.get("ceil_mode", False))


def _sliced(operator: Operator, samples: Tensor) -> Tensor:
    first = int(operator.attributes["first"])
    return samples[:, first : first + operator.out_shape[0]]


def _sum(_operator: Operator, inputs: Inputs) -> Tensor:
    total = inputs[0]
    for other in inputs[1:]:
        total = total + other
    return total


def _spectral_sum(operator: Operator, inputs: Inputs) -> Tensor:
    """Output j sums inputs floor(j n / m) to floor((j + 1) n / m) - 1."""
    features, groups = inputs[0].shape[-1], operator.out_shape[-1]
    edges = [j * features // groups for j in range(groups + 1)]
    return torch.stack([inputs[0][..., a:b].sum(-1) for a, b in pairwise(edges)], dim=-1)


def _norm(operator: Operator, samples: Tensor, tensors: Tensors, is_training: bool) -> Tensor:
    mean, variance, weight, bias = (tensors[f"{operator.name}.{k}"] for k in ("mean", "variance", "weight", "bias"))
    return nnf.batch_norm(samples, mean, variance, weight, bias, is_training, eps=NORM_EPSILON)


def _layer_norm(operator: Operator, samples: Tensor, tensors: Tensors, _is_training: bool) -> Tensor:
    weight, bias = tensors[f"{operator.name}.weight"], tensors[f"{operator.name}.bias"]
    return nnf.layer_norm(samples, weight.shape, weight, bias, eps=NORM_EPSILON)


def _patches(operator: Operator, samples: Tensor) -> Tensor:
    """(batch, channels, height, width) -> (batch, patches, channels * down * across)."""
    window = operator.window("kernel")
    return nnf.unfold(samples, window, stride=window).transpose(1, 2)


def _split(samples: Tensor, heads: int) -> Tensor:
    """(batch, tokens, heads * features) -> (batch, tokens, heads, features)."""
    return samples.reshape(*samples.shape[:2], heads, -1)


def _scale_offset(operator: Operator, samples: Tensor, tensors: Tensors, _is_training: bool) -> Tensor:
    scaled = samples * tensors[f"{operator.name}.scale"]
    offset = tensors.get(f"{operator.name}.offset")
    return scaled if offset is None else scaled + offset


_PARAMETRIC: Mapping[str, Callable[[Operator, Tensor, Tensors, bool], Tensor]] = {
    "norm": _norm,
    "layer_norm": _layer_norm,
    "position": lambda o, x, tensors, _: x + tensors[f"{o.name}.weight"],
    "scale_offset": _scale_offset,
}
_PLAIN: Mapping[str, Callable[[Operator, Inputs], Tensor]] = {
    "relu": lambda _, inputs: nnf.relu(inputs[0]),
    "sigmoid": lambda _, inputs: torch.sigmoid(inputs[0]),
    "softmax": lambda _, inputs: nnf.softmax(inputs[0], dim=-1),
    "max_pool": lambda o, inputs: nnf.max_pool2d(inputs[0], *_pooled(o), ceil_mode=_is_ceil(o)),
    "avg_pool": lambda o, inputs: nnf.avg_pool2d(inputs[0], *_pooled(o), ceil_mode=_is_ceil(o)),
    "relu6": lambda _, inputs: nnf.relu6(inputs[0]),
    "local_response_norm": lambda o, inputs: nnf.local_response_norm(inputs[0], int(o.attributes["kernel"])),
    "concat": lambda _, inputs: torch.cat(inputs, dim=1),
    "channel_shuffle": lambda o, inputs: nnf.channel_shuffle(inputs[0], int(o.attributes["groups"])),
    "channel_slice": lambda o, inputs: _sliced(o, inputs[0]),
    "global_avg_pool": lambda _, inputs: inputs[0].mean((-2, -1)),
    "flatten": lambda _, inputs: inputs[0].flatten(1),
    "add": _sum,
    "spectral_sum": _spectral_sum,
    "gelu": lambda _, inputs: nnf.gelu(inputs[0], approximate="tanh"),
    "mean_tokens": lambda _, inputs: inputs[0].mean(1),
    "patches": lambda o, inputs: _patches(o, inputs[0]),
    "split_heads": lambda o, inputs: _split(inputs[0], o.out_shape[0]).transpose(1, 2),
    "merge_heads": lambda _, inputs: inputs[0].transpose(1, 2).flatten(2),
    "transpose": lambda _, inputs: inputs[0].transpose(-2, -1),
    "foreign": foreign,
}


def _fresh(operator: Operator, generator: torch.Generator) -> dict[str, Tensor]:
    shape = operator.weight_shape
    if shape is None or operator.is_physical:
        return {}
    if operator.kind == "norm":
        ones, zeros = torch.ones(shape), torch.zeros(shape)
        return {"weight": ones, "bias": zeros, "mean": zeros.clone(), "variance": ones.clone()}
    if operator.kind == "layer_norm":
        return {"weight": torch.ones(shape), "bias": torch.zeros(shape)}
    if operator.kind == "scale_offset":
        offset = {"offset": torch.zeros(shape)} if operator.attributes.get("bias", True) else {}
        return {"scale": torch.ones(shape), **offset}
    limit = math.sqrt(6.0 / math.prod(shape[1:]))
    fresh = {"weight": (torch.rand(shape, generator=generator) * 2 - 1) * limit}
    return {**fresh, "bias": torch.zeros(shape[:1])} if operator.has_bias else fresh
