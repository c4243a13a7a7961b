"""Reference weights, trained once in float32 or given: `results/networks/<name>.npz` with their metrics beside."""

from __future__ import annotations

import fcntl
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from statistics import fmean, stdev
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.given import given_weights
from joulescape.accuracy.kept import REFERENCE_SEED, identity, is_given, is_kept, unreadable
from joulescape.accuracy.module import run
from joulescape.accuracy.training import TrainingRun, correct, fraction, train_weights
from joulescape.network.operators import Graph


@dataclass(frozen=True)
class ReferenceMetrics:
    """What a reference network reaches; one value a training seed, the kept weights first."""

    network: str
    digest: str
    task: str
    parameter_count: int
    validation_accuracy_fraction: tuple[float, ...]
    test_accuracy_fraction: tuple[float, ...]

    def row(self) -> dict[str, Any]:
        """As the JSON file holds it: every seed, mean and standard deviation."""
        summary: dict[str, Any] = asdict(self)
        for split in ("validation", "test"):
            values = summary[f"{split}_accuracy_fraction"]
            summary[f"{split}_accuracy_mean_fraction"] = fmean(values)
            summary[f"{split}_accuracy_sd_fraction"] = stdev(values) if len(values) > 1 else None
        return {**summary, "seeds_count": len(self.validation_accuracy_fraction)}


@dataclass(frozen=True)
class Reference:
    """Weights of the kept seed, and the metrics of every seed trained."""

    tensors: Mapping[str, Tensor]
    metrics: ReferenceMetrics


def is_own(graph: Graph) -> bool:
    """Whether the network is a machine itself: physical operators make it `own`, trained by `accuracy.own`."""
    return bool(graph.physical_operators)


def single_thread() -> None:
    """One thread a worker: small networks run slower on more, and results must not depend on the machine."""
    torch.set_num_threads(1)


def train_reference(graph: Graph, training: Mapping[str, Any], task: str, seed: int = REFERENCE_SEED) -> Reference:
    """Train one seed of a network and measure it on validation and test."""
    return _trained(graph, training, task, (seed,))


def train_and_save(
    graph: Graph, training: Mapping[str, Any], task: str, seeds: int, networks_dir: Path
) -> ReferenceMetrics:
    """Train seeds 0 .. seeds - 1; keep the weights of seed 0 and all metrics. Given weights are only measured."""
    with _locked(networks_dir, graph.name):
        reference = _trained(graph, training, task, tuple(range(seeds)))
        _save(reference, networks_dir)
    return reference.metrics


def reference_tensors(graph: Graph, training: Mapping[str, Any], task: str, networks_dir: Path) -> Mapping[str, Tensor]:
    """The kept weights of a network; trained and kept first where they are absent or belong to another recipe."""
    path = ensure(graph, training, task, networks_dir)
    return _loaded(path, path.stat().st_mtime_ns)


def ensure(graph: Graph, training: Mapping[str, Any], task: str, networks_dir: Path) -> Path:
    """The file of the kept weights, after making sure that it is there and of this graph and recipe."""
    path = networks_dir / f"{graph.name}.npz"
    if is_kept(graph, training, task, networks_dir):
        return path
    with _locked(networks_dir, graph.name):
        if not is_kept(graph, training, task, networks_dir):
            _save(_trained(graph, training, task, (REFERENCE_SEED,)), networks_dir)
    return path


def _trained(graph: Graph, training: Mapping[str, Any], task: str, seeds: tuple[int, ...]) -> Reference:
    """Weights of every seed, or those of a file, and what they reach; the first ones are kept."""
    single_thread()
    if is_own(graph):
        own: Reference = import_module("joulescape.accuracy.own").train_twin(graph.name, graph, training, task, seeds)
        return own
    data = load_task(task).shaped(graph.input_shape)
    if is_given(training):
        weights = [given_weights(graph, Path(training["file"]), data.validation)]
    else:
        weights = [train_weights(graph, TrainingRun.of(training), data.train, seed) for seed in seeds]
    with torch.no_grad():
        reached = [
            [fraction(correct(run(graph, w, p.images), p.labels)) for w in weights]
            for p in (data.validation, data.test)
        ]
    label = identity(graph, training, task)
    metrics = ReferenceMetrics(graph.name, label, task, graph.parameter_count, tuple(reached[0]), tuple(reached[1]))
    return Reference(weights[0], metrics)


@lru_cache(maxsize=16)
def _loaded(path: Path, modified_ns: int) -> Mapping[str, Tensor]:  # noqa: ARG001
    try:
        with np.load(path, allow_pickle=False) as kept:
            return {name: torch.from_numpy(kept[name]) for name in kept.files}
    except (BadZipFile, zlib.error, ValueError, EOFError, TypeError, AttributeError) as error:
        raise unreadable(path, error) from error


def _save(reference: Reference, networks_dir: Path) -> None:
    """Weights first, metrics last and both by renaming: a digest is never beside weights that it does not describe."""
    path = networks_dir / f"{reference.metrics.network}.npz"
    metrics = path.with_suffix(".json")
    metrics.unlink(missing_ok=True)
    draft = path.with_name(f".{path.name}.draft.npz")
    np.savez(draft, allow_pickle=False, **{name: tensor.numpy() for name, tensor in reference.tensors.items()})
    draft.replace(path)
    text = metrics.with_name(f".{metrics.name}.draft")
    text.write_text(json.dumps(reference.metrics.row(), indent=2) + "\n")
    text.replace(metrics)


@contextmanager
def _locked(networks_dir: Path, name: str) -> Iterator[None]:
    """One trainer a network at a time, over processes; the lock dies with its holder."""
    networks_dir.mkdir(parents=True, exist_ok=True)
    with (networks_dir / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
