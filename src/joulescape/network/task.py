"""The tasks that a question may be about: sizes only. The data itself is loaded in `accuracy`.

Built in: those of BUILT_IN. One's own: `<name>.yaml` beside an `.npz` file in a data directory, that is, in one of the
directories named by the environment variable JOULESCAPE_DATA or in `data/` of the working directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from joulescape.errors import Fault, SpecError
from joulescape.spec.dataset import DatasetSpec
from joulescape.spec.document import read_document
from joulescape.spec.faults import checked

DATA_VARIABLE = "JOULESCAPE_DATA"
"""Environment variable: directories with data files, separated as in PATH."""

DATA_SHELF = Path("data")
"""Where data files stand when nothing else is said, relative to the working directory."""


@dataclass(frozen=True)
class Task:
    """One data set, its split and its metric; `input_shape` is per sample, channels first.

    `file` and `sha256` are those of a data set of one's own.
    """

    name: str
    about: str
    input_shape: tuple[int, ...]
    classes: int
    train_count: int
    validation_count: int
    test_count: int
    file: Path | None = None
    sha256: str | None = None
    has_data: bool = True
    """False for a task of sizes alone: its networks are priced, never measured."""
    source: str | None = None
    """Key of hwlib/references.bib: who collected the data; a report of measured accuracies cites it."""


BUILT_IN: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task("digits", "8 x 8 handwritten digits of scikit-learn (UCI), 10 classes",
             (1, 8, 8), 10, 1077, 360, 360, source="alpaydin1998"),
        Task("mnist", "28 x 28 handwritten digits (LeCun et al. 1998)",
             (1, 28, 28), 10, 55_000, 5_000, 10_000, source="lecun1998"),
        Task(
            "fashion_mnist", "28 x 28 articles of clothing (Xiao et al. 2017)",
            (1, 28, 28), 10, 55_000, 5_000, 10_000, source="xiao2017",
        ),
        Task("cifar10", "32 x 32 colour photographs, 10 classes (Krizhevsky 2009)",
             (3, 32, 32), 10, 45_000, 5_000, 10_000, source="krizhevsky2009"),
        Task("cifar10_subset", "12,000 images of CIFAR-10, for one processor core",
             (3, 32, 32), 10, 9_000, 1_000, 2_000, source="krizhevsky2009"),
        Task("vowels", "12 formants of 7 vowels spoken by women (Hillenbrand et al. 1995), split by talker",
             (12,), 7, 181, 67, 68, source="hillenbrand1995"),
        Task("letters", "z, v and n of 3 x 3 pixels, as drawn and with one pixel turned over (Prezioso et al. 2015)",
             (9,), 3, 18, 6, 6, source="prezioso2015"),
        Task("vowels_all", "the same spoken by men, women, boys and girls, split by talker", (12,), 7, 551, 183, 185,
             source="hillenbrand1995"),
        Task("imagenet", "224 x 224 photographs, 1000 classes (ILSVRC 2012); sizes alone, for networks that are priced",
             (3, 224, 224), 1000, 1_281_167, 50_000, 100_000, has_data=False),
        Task("sst2", "sentences of 128 tokens at 768 features (SST-2 of GLUE); sizes alone, as above",
             (128, 768), 2, 67_349, 872, 1_821, has_data=False),
        Task("datacenter", "requests to networks of which only sizes are known, a million assumed; sizes alone",
             (2000,), 2000, 1_000_000, 10_000, 10_000, has_data=False),
    )
}  # fmt: skip


def data_directories() -> tuple[Path, ...]:
    """Where data files are looked for, in this order."""
    named = os.environ.get(DATA_VARIABLE, "")
    return (*(Path(part) for part in named.split(os.pathsep) if part), DATA_SHELF)


class _Tasks(Mapping[str, Task]):
    """Built-in tasks, and those described by a YAML file in a data directory, read when they are asked for."""

    def __getitem__(self, name: str) -> Task:
        if name in BUILT_IN:
            return BUILT_IN[name]
        found = next((path for path in _described() if path.stem == name), None)
        if found is None:
            raise KeyError(name)
        return read_task(found)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*BUILT_IN, *(path.stem for path in _described()))))

    def __len__(self) -> int:
        return len(tuple(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in tuple(iter(self))


def read_task(path: Path) -> Task:
    """The task that a YAML file describes; SpecError with every fault."""
    faults: list[Fault] = []
    spec = checked(DatasetSpec, read_document(path), faults)
    if spec is None:
        raise SpecError(faults)
    counts = (spec.train_count, spec.validation_count, spec.test_count)
    return Task(path.stem, spec.about, spec.input, spec.classes, *counts, path.parent / spec.file, spec.sha256)


def _described() -> tuple[Path, ...]:
    return tuple(path for place in data_directories() if place.is_dir() for path in sorted(place.glob("*.yaml")))


TASKS: Mapping[str, Task] = _Tasks()
"""Every task, by name."""
