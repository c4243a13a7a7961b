"""How much the loss hangs on each weight: |weight * gradient| summed over mini-batches of training samples."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.accuracy.datasets import Part
from joulescape.accuracy.module import run
from joulescape.network.operators import Graph

SAMPLES = 2048
"""Training samples that gradients are measured on."""

BATCH = 64
"""Samples of one gradient."""

_NAME = "saliency"


def with_saliency(graph: Graph, tensors: Mapping[str, Tensor], part: Part) -> Mapping[str, Tensor]:
    """The tensors, and `<operator>.saliency` of every matrix operator's weight (first-order Taylor expansion)."""
    names = [o.name for o in graph.matrix_operators if o.weight_shape is not None]
    weights = {f"{name}.weight": tensors[f"{name}.weight"].detach().clone().requires_grad_(True) for name in names}
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for start in range(0, min(SAMPLES, len(part.labels)), BATCH):
        chosen = slice(start, start + BATCH)
        logits = run(graph, {**tensors, **weights}, part.images[chosen])
        gradients = torch.autograd.grad(nnf.cross_entropy(logits, part.labels[chosen]), list(weights.values()))
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            total[name] += (weight.detach() * gradient).abs()
    return {**tensors, **{f"{name}.{_NAME}": total[f"{name}.weight"] for name in names}}
