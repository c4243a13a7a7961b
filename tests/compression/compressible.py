"""Networks and weights that the tests of compression share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

MODELS = Path(__file__).parents[2] / "models"


def shipped(name: str) -> Graph:
    """The graph of a network in `models/`."""
    return build_graph(name, NetworkSpec.model_validate(yaml.safe_load((MODELS / f"{name}.yaml").read_text())))


def built(operators: list[dict[str, Any]], shape: tuple[int, ...]) -> Graph:
    """The graph of a list of operators."""
    content = {"about": "a", "task": "digits", "input": list(shape), "operators": operators, "training": {"epochs": 1}}
    return build_graph("made", NetworkSpec.model_validate(content))


def arrays_of(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    """Random float32 arrays for every operator that has some."""
    rng, found = np.random.default_rng(seed), dict[str, np.ndarray]()
    for operator in graph.operators:
        if operator.weight_shape is None:
            continue
        if operator.kind == "scale_offset":
            shorts: tuple[str, ...] = ("scale", "offset")
        else:
            found[f"{operator.name}.weight"] = rng.standard_normal(operator.weight_shape).astype(np.float32)
            shorts = ("bias", "mean", "variance") if operator.kind == "norm" else ("bias",) if operator.has_bias else ()
        found.update({f"{operator.name}.{s}": rng.random(operator.weight_shape[:1]).astype(np.float32) for s in shorts})
    return found
