"""Whether reference weights are there and of this recipe; told without PyTorch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from joulescape.accuracy.code import training_code
from joulescape.accuracy.dataset_sources import fingerprint
from joulescape.errors import ResultsError
from joulescape.network.digest import digest
from joulescape.network.operators import Graph
from joulescape.source import code_of

REFERENCE_SEED = 0
"""The seed whose weights are kept."""

REFERENCE_SEEDS = 5
"""Seeds that a network's reference accuracy is the mean of, unless `joulescape train --seeds` says otherwise."""

READING = "joulescape.interchange.onnx_network"
"""What reads weights from a file."""


def identity(graph: Graph, training: Mapping[str, Any], task: str) -> str:
    """Digest of everything that the reference weights follow from, code included."""
    code = training_code(), *([code_of(READING)] if is_given(training) else [])
    return digest(graph, content_of(training), task, fingerprint(task), REFERENCE_SEED, *code)


def is_given(training: Mapping[str, Any]) -> bool:
    """Whether the weights are those of a file, and not trained here."""
    return "onnx" in training


def content_of(training: Mapping[str, Any]) -> dict[str, Any]:
    """What weights follow from: of a file its checksum, not the folder in which it lies today."""
    return {name: value for name, value in training.items() if name not in ("file", "onnx")}


def is_kept(graph: Graph, training: Mapping[str, Any], task: str, networks_dir: Path) -> bool:
    """Whether the weights of a network are kept and belong to this graph, recipe and code."""
    return _kept_digest(networks_dir / f"{graph.name}.npz") == identity(graph, training, task)


def _kept_digest(path: Path) -> str | None:
    """The digest beside the weights; None when either file is missing."""
    metrics = path.with_suffix(".json")
    if not (path.is_file() and metrics.is_file()):
        return None
    return _read_digest(metrics, metrics.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read_digest(metrics: Path, modified_ns: int) -> str | None:  # noqa: ARG001
    try:
        found = json.loads(metrics.read_text()).get("digest")
    except (ValueError, AttributeError) as error:
        raise unreadable(metrics, error) from error
    return None if found is None else str(found)


def unreadable(path: Path, error: Exception) -> ResultsError:
    """What to say of a file that cannot be read."""
    return ResultsError(f"{path} cannot be read ({error}); delete it, and the weights are trained again")
