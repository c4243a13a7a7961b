"""The tasks that a question may be about: sizes only. The data itself is loaded in `accuracy`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Task:
    """One data set, its split and its metric; `input_shape` is per sample, channels first."""

    name: str
    about: str
    input_shape: tuple[int, ...]
    classes: int
    train_count: int
    validation_count: int
    test_count: int


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "digits": Task(
            "digits", "8 x 8 handwritten digits of scikit-learn (UCI), 10 classes", (1, 8, 8), 10, 1077, 360, 360
        ),
    }
)
"""Every task, by name."""
