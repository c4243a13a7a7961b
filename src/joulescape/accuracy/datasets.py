"""Data sets of the tasks, split once and for all: the split's seed belongs to the task, never to a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from joulescape.errors import JoulescapeError, nearest
from joulescape.network.fidelity import Split
from joulescape.network.task import TASKS, Task

SPLIT_SEED = 20240
"""Seed of every task's split."""

_LARGEST_PIXEL = 16.0


class TaskError(JoulescapeError):
    """No such task, or the network does not fit it."""


@dataclass(frozen=True)
class Part:
    """Images (samples, channels, height, width) in [0, 1] and labels (samples,)."""

    images: Tensor
    labels: Tensor

    def first(self, samples: int | None) -> Part:
        """The first `samples` (the split is shuffled); all when None."""
        return self if samples is None else Part(self.images[:samples], self.labels[:samples])

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
    """The data of task `name`; raises TaskError listing the tasks when there is none."""
    if name not in _LOADERS:
        close = nearest(name, _LOADERS)
        hint = f"; did you mean '{close}'?" if close else ""
        raise TaskError(f"no task '{name}'; known: {', '.join(sorted(_LOADERS))}{hint}")
    images, labels = _LOADERS[name]()
    return _split(TASKS[name], images, labels)


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """UCI handwritten digits (Alpaydin and Kaynak 1998, test part), as scikit-learn ships them: 8 x 8, 0 .. 16."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return (images / _LARGEST_PIXEL).astype(np.float32).reshape(-1, 1, 8, 8), labels.astype(np.int64)


_LOADERS: Mapping[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {"digits": _digits}


def _split(task: Task, images: np.ndarray, labels: np.ndarray) -> Data:
    """Stratified and shuffled: every class keeps its share in each part."""
    from sklearn.model_selection import train_test_split

    places = np.arange(len(labels))
    rest, test = train_test_split(places, test_size=task.test_count, stratify=labels, random_state=SPLIT_SEED)
    train, validation = train_test_split(
        rest, test_size=task.validation_count, stratify=labels[rest], random_state=SPLIT_SEED
    )
    parts = (Part(torch.from_numpy(images[i]), torch.from_numpy(labels[i])) for i in (train, validation, test))
    return Data(*parts)
