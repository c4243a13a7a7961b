"""Data sets of the tasks, split once and for all: the split's seed belongs to the task, never to a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from joulescape.accuracy.dataset_files import Raw, TaskError
from joulescape.accuracy.dataset_sources import load
from joulescape.network.fidelity import Split
from joulescape.network.task import Task

__all__ = ["Data", "Part", "TaskError", "load_task"]

SPLIT_SEED = 20240
"""Seed of every task's split."""

_LARGEST = {"digits": 16.0}
"""Largest value of a feature where it is not a byte's 255."""


@dataclass(frozen=True)
class Part:
    """Images (samples, channels, height, width) in [0, 1] and labels (samples,)."""

    images: Tensor
    labels: Tensor

    def first(self, samples: int | None) -> Part:
        """The first `samples` (the split is shuffled); all when None."""
        return self if samples is None else Part(self.images[:samples], self.labels[:samples])

    def last(self, samples: int) -> Part:
        """The last `samples`."""
        start = len(self.labels) - samples
        return Part(self.images[start:], self.labels[start:])

    def shaped(self, input_shape: tuple[int, ...]) -> Part:
        """The same samples in the shape that a network reads; raises TaskError when the sizes differ."""
        if self.images[0].numel() != int(np.prod(input_shape)):
            raise TaskError(f"a network that reads {input_shape} does not fit samples of {tuple(self.images[0].shape)}")
        return Part(self.images.reshape(-1, *input_shape), self.labels)


MONITOR_COUNT = 360
"""At most so many training samples are looked at after each epoch of a run with a target."""


@dataclass(frozen=True)
class Data:
    """One task's samples: training, validation (chooses designs) and test (confirms them)."""

    train: Part
    validation: Part
    test: Part

    @property
    def monitor(self) -> Part:
        """Training samples on which a training target is judged: early stopping never sees validation or test."""
        return self.train.first(MONITOR_COUNT)

    def part(self, split: Split) -> Part:
        """The part that a fidelity names."""
        return self.test if split == "test" else self.validation

    def shaped(self, input_shape: tuple[int, ...]) -> Data:
        """Every part in the shape that a network reads."""
        return Data(*(part.shaped(input_shape) for part in (self.train, self.validation, self.test)))


@cache
def load_task(name: str) -> Data:
    """The data of task `name`, every feature in [0, 1].

    Raises TaskError listing the tasks when there is none, or naming the files that are missing or damaged.
    """
    task, (rest, test) = load(name)
    return _split(task, rest, test, _places(task, rest, test))


@cache
def talkers_anew(name: str, seed: int) -> Data:
    """The data of a task of groups (talkers), split otherwise: whole groups, shares as near to the task's as they go.

    Raises TaskError for a task without groups.
    """
    task, (rest, _) = load(name)
    if rest.groups is None:
        raise TaskError(f"the samples of task '{name}' come in no groups that could be split anew")
    groups, counts = np.unique(rest.groups, return_counts=True)
    stream = np.random.default_rng(seed)
    order = stream.permutation(len(groups))
    after = np.cumsum(counts[order])
    wanted = np.cumsum([task.train_count, task.validation_count])
    ends = [int(np.abs(after - count).argmin()) + 1 for count in wanted]
    parts = (np.flatnonzero(np.isin(rest.groups, groups[chosen])) for chosen in np.split(order, ends))
    return _split(task, rest, None, [stream.permutation(part) for part in parts])


def _split(task: Task, rest: Raw, test: Raw | None, places: list[np.ndarray]) -> Data:
    raw = [(rest if test is None or index < 2 else test, chosen) for index, chosen in enumerate(places)]
    low, span = _range(task, raw[0][0], places[0])
    parts = (_part(task, whole, chosen, low, span) for whole, chosen in raw)
    return Data(*parts)


def _places(task: Task, rest: Raw, test: Raw | None) -> list[np.ndarray]:
    """Which samples train, validate and test: stratified and shuffled, or whole groups (talkers) where there are."""
    from sklearn.model_selection import train_test_split

    if rest.groups is not None:
        return _grouped(task, rest.groups)
    places = np.arange(len(rest.labels))
    chosen = np.arange(0 if test is None else len(test.labels))
    if test is None:
        places, chosen = train_test_split(
            places, test_size=task.test_count, stratify=rest.labels, random_state=SPLIT_SEED
        )
    train, validation = train_test_split(
        places, test_size=task.validation_count, stratify=rest.labels[places], random_state=SPLIT_SEED
    )
    return [train, validation, chosen]


def _grouped(task: Task, groups: np.ndarray) -> list[np.ndarray]:
    """Whole groups in random order: to training until it is full, then to validation, the others to test."""
    stream = np.random.default_rng(SPLIT_SEED)
    rank = {name: place for place, name in enumerate(stream.permutation(np.unique(groups)))}
    order = np.argsort([rank[name] for name in groups], kind="stable")
    ends = np.cumsum([task.train_count, task.validation_count])
    parts = np.split(order, ends)
    if any(groups[one[-1]] == groups[other[0]] for one, other in pairwise(parts)):
        raise TaskError(f"the counts of task '{task.name}' divide a group of samples that belong together")
    return [stream.permutation(part) for part in parts]


def _range(task: Task, raw: Raw, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What becomes 0 and by what is divided: bytes by 255, anything else by the range of the training samples."""
    if raw.features.dtype == np.uint8 or task.name in _LARGEST:
        return np.zeros(1, np.float32), np.full(1, _LARGEST.get(task.name, 255.0), np.float32)
    features = raw.features[train].reshape(len(train), -1).astype(np.float32)
    if features.min() >= 0.0 and features.max() <= 1.0:
        return np.zeros(1, np.float32), np.ones(1, np.float32)
    low, span = features.min(axis=0), np.ptp(features, axis=0)
    return low, np.where(span > 0, span, np.float32(1.0))


def _part(task: Task, raw: Raw, chosen: np.ndarray, low: np.ndarray, span: np.ndarray) -> Part:
    """Samples outside the training range are clipped to [0, 1]: nothing negative reaches a machine."""
    features = raw.features[chosen].reshape(len(chosen), -1).astype(np.float32)
    features -= low
    features /= span
    images = np.clip(features, 0.0, 1.0, out=features).reshape(-1, *task.input_shape)
    return Part(torch.from_numpy(images), torch.from_numpy(raw.labels[chosen]))
