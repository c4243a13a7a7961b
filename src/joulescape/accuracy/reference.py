"""Reference weights, trained once in float32 or given: `results/networks/<name>.npz` with their metrics beside."""

from __future__ import annotations

import fcntl
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
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
from joulescape.accuracy.kept import REFERENCE_SEED, REFERENCE_SEEDS, identity, is_given, is_kept, unreadable
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
    seeds_asked_count: int = 1
    """Seeds that are wanted; a search starts from the first one, the others are trained when designs are confirmed."""

    def row(self) -> dict[str, Any]:
        """As the JSON file holds it: every seed, mean and standard deviation."""
        summary: dict[str, Any] = asdict(self)
        for split in ("validation", "test"):
            values = summary[f"{split}_accuracy_fraction"]
            summary[f"{split}_accuracy_mean_fraction"] = fmean(values)
            summary[f"{split}_accuracy_sd_fraction"] = stdev(values) if len(values) > 1 else None
        count = len(self.validation_accuracy_fraction)
        return {**summary, "seeds_count": count, "seeds_asked_count": max(count, self.seeds_asked_count)}


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


def complete(graph: Graph, training: Mapping[str, Any], task: str, networks_dir: Path) -> None:
    """Train the seeds that were asked for and are not there yet, and add what they reach; the weights stay."""
    path = ensure(graph, training, task, networks_dir).with_suffix(".json")
    with _locked(networks_dir, graph.name):
        kept = json.loads(path.read_text())
        seeds = range(kept["seeds_count"], kept.get("seeds_asked_count", kept["seeds_count"]))
        if not seeds:
            return
        known = ReferenceMetrics(**{name: kept[name] for name in ReferenceMetrics.__dataclass_fields__})
        more = _trained(graph, training, task, tuple(seeds)).metrics
        _save_metrics(_joined(known, more), path)


def _joined(first: ReferenceMetrics, more: ReferenceMetrics) -> ReferenceMetrics:
    return replace(
        first,
        validation_accuracy_fraction=(*first.validation_accuracy_fraction, *more.validation_accuracy_fraction),
        test_accuracy_fraction=(*first.test_accuracy_fraction, *more.test_accuracy_fraction),
    )


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
            first = _trained(graph, training, task, (REFERENCE_SEED,))
            asked = 1 if is_given(training) else REFERENCE_SEEDS
            _save(replace(first, metrics=replace(first.metrics, seeds_asked_count=asked)), networks_dir)
    return path


def _trained(graph: Graph, training: Mapping[str, Any], task: str, seeds: tuple[int, ...]) -> Reference:
    """Weights of every seed, or those of a file, and what they reach; the first ones are kept."""
    single_thread()
    if is_own(graph):
        own: Reference = import_module("joulescape.accuracy.own").train_twin(graph.name, graph, training, task, seeds)
        return own
    data = load_task(task).shaped(graph.input_shape)
    if is_given(training):
        weights = [given_weights(graph, training, data.validation)]
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
    _save_metrics(reference.metrics, metrics)


def _save_metrics(metrics: ReferenceMetrics, path: Path) -> None:
    text = path.with_name(f".{path.name}.draft")
    text.write_text(json.dumps(metrics.row(), indent=2) + "\n")
    text.replace(path)


@contextmanager
def _locked(networks_dir: Path, name: str) -> Iterator[None]:
    """One trainer a network at a time, over processes; the lock dies with its holder."""
    networks_dir.mkdir(parents=True, exist_ok=True)
    with (networks_dir / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
