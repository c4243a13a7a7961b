"""What methods ask for beside weights, from training samples: gradients, activations, a training before they act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from joulescape.accuracy.activations import some_rows
from joulescape.accuracy.datasets import Part
from joulescape.accuracy.module import Inputs, plain, run
from joulescape.accuracy.saliency import with_saliency
from joulescape.accuracy.sparse_training import sparsely_trained
from joulescape.accuracy.training import TrainingRun
from joulescape.compression.pipeline import Stage
from joulescape.network.operators import Graph, Operator

SAMPLES = 1024
"""Training samples whose activations are looked at."""

ROWS = 2048
"""At most so many rows of a layer's input are kept."""

_SHORT = frozenset({"saliency", "activations", "signal_to_noise"})


@dataclass(frozen=True)
class Source:
    """The training split, and how to train on it: without `how` no training is done before a step acts."""

    part: Part
    how: TrainingRun | None = None
    seed: int = 0

    def provided(
        self, stage: Stage, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """The tensors as this step meets them, trained for it, with what it reads beside them."""
        training = None if self.how is None else stage.method.regularised(settings)
        if training is not None and self.how is not None:
            tensors = sparsely_trained(stage.before, tensors, training, self.how, self.part, self.seed)
        needs, graph = stage.method.needs(settings), stage.before.graph
        if "saliency" in needs:
            tensors = with_saliency(graph, tensors, self.part)
        return with_activations(graph, tensors, self.part) if "activations" in needs else tensors


def with_activations(graph: Graph, tensors: Mapping[str, Tensor], part: Part) -> Mapping[str, Tensor]:
    """The tensors, and `<operator>.activations`: rows of every matrix operator's input, (groups, rows, K)."""
    seen: dict[str, Tensor] = {}

    def rule(operator: Operator, inputs: Inputs, held: Mapping[str, Tensor]) -> Tensor:
        if operator.weight_shape is not None:
            seen[f"{operator.name}.activations"] = some_rows(operator, inputs[0], ROWS)
        return plain(operator, inputs, held)

    with torch.no_grad():
        run(graph, tensors, part.images[:SAMPLES], rule)
    return {**tensors, **seen}


def without_needs(tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The network's tensors alone."""
    return {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[2] not in _SHORT}
