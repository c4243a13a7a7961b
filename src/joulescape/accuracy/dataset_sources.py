"""Where each task's samples come from: files in a data directory first, then scikit-learn's OpenML client and cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from joulescape.accuracy.dataset_files import (
    CIFAR_SHA1,
    FASHION_MD5,
    SHA256,
    Raw,
    TaskError,
    find,
    find_all,
    missing,
    read_cifar,
    read_idx,
    read_npz,
    read_vowels,
)
from joulescape.errors import nearest
from joulescape.network.task import TASKS, Task

_PARTS = 3
"""Parts that a data set is split into: a class with fewer samples cannot be in all of them."""

Loaded = tuple[Raw, Raw | None]
"""Samples to train and validate with, and the test samples where the data set names them."""

_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_CIFAR_BATCHES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
_TALKERS = {"vowels": "w", "vowels_all": "mwbg"}
_CIFAR_PLACES = ("cifar10", "cifar-10-batches-bin")
_OPENML = {"mnist": "mnist_784", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR_10"}
"""Data sets of OpenML, all of version 1, by task; they hold the training samples first."""


def load(name: str) -> tuple[Task, Loaded]:
    """A task and its samples; TaskError when there is none or its data are missing or damaged, or it has none."""
    if name not in TASKS:
        close = nearest(name, tuple(TASKS))
        hint = f"; did you mean '{close}'?" if close else ""
        raise TaskError(f"no task '{name}'; known: {', '.join(sorted(TASKS))}{hint}")
    task = TASKS[name]
    if not task.has_data:
        raise TaskError(
            f"task '{name}' has sizes alone: its networks are priced; nothing can be trained or measured on it"
        )
    return task, _checked(task, _own(task) if task.file is not None else _LOADERS[name](name))


def fingerprint(name: str) -> str | None:
    """SHA-256 of a data set of one's own, None for a built-in one: what reference weights follow from."""
    file = TASKS[name].file if name in TASKS else None
    return None if file is None or not file.is_file() else hashlib.sha256(file.read_bytes()).hexdigest()


def _checked(task: Task, loaded: Loaded) -> Loaded:
    """The same, after comparing sizes and labels with what the task states."""
    rest, test = loaded
    wanted = (task.train_count + task.validation_count, task.test_count)
    found = (len(rest.labels), None if test is None else len(test.labels))
    if (found[0], found[1]) != (wanted if test is not None else (sum(wanted), None)):
        raise TaskError(f"task '{task.name}' states {wanted} samples, the data hold {found}")
    for part in (part for part in loaded if part is not None):
        size = int(np.prod(part.features.shape[1:]))
        if size != int(np.prod(task.input_shape)):
            raise TaskError(f"task '{task.name}' states samples of {task.input_shape}, the data hold {size} values")
        if part.labels.min() < 0 or part.labels.max() >= task.classes:
            ends = f"{part.labels.min()} .. {part.labels.max()}"
            raise TaskError(f"labels of task '{task.name}' must lie in 0 .. {task.classes - 1}, found {ends}")
    if rest.groups is None and np.unique(rest.labels, return_counts=True)[1].min() < _PARTS:
        raise TaskError(f"a class of task '{task.name}' has too few samples to stand in every part of the split")
    return loaded


def _own(task: Task) -> Loaded:
    if task.file is None or not task.file.is_file():
        raise TaskError(f"the data of task '{task.name}' are not here: no file {task.file}")
    return read_npz(task.file, task.sha256)


def _digits(_name: str) -> Loaded:
    """UCI handwritten digits (Alpaydin and Kaynak 1998, test part), as scikit-learn ships them: 8 x 8, 0 .. 16."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return Raw(images.reshape(-1, 1, 8, 8), labels.astype(np.int64)), None


def _idx(name: str) -> Loaded:
    """Four idx files below `<task>/`, or `<task>.npz`, or OpenML."""
    files = find_all(name, [name], _IDX)
    if files:
        is_mnist = name == "mnist"
        sums = [(SHA256[file], None) if is_mnist else (None, FASHION_MD5[file]) for file in _IDX]
        arrays = [read_idx(path, *wanted) for path, wanted in zip(files, sums, strict=True)]
        train, test = zip(arrays[::2], arrays[1::2], strict=True)
        return _images(*train), _images(*test)
    return _npz_or_openml(name, [f"{name}/{file}[.gz]" for file in _IDX])


def _cifar10(name: str) -> Loaded:
    """Six binaries below `cifar10/` or `cifar-10-batches-bin/`, or `cifar10.npz`, or OpenML."""
    files = find_all(name, _CIFAR_PLACES, _CIFAR_BATCHES)
    if files:
        return read_cifar(files[:-1], CIFAR_SHA1), read_cifar(files[-1:], CIFAR_SHA1)
    return _npz_or_openml(name, [f"{name}/{batch}" for batch in _CIFAR_BATCHES])


def _cifar10_subset(name: str) -> Loaded:
    path = find(["cifar10-subset.npz", "cifar10_subset.npz"])
    if path is None:
        raise missing(name, ["cifar10-subset.npz"])
    return read_npz(path, SHA256["cifar10-subset.npz"])


def _vowels(name: str) -> Loaded:
    path = find(["hillenbrand/vowdata.dat", "vowdata.dat"])
    if path is None:
        raise missing(name, ["hillenbrand/vowdata.dat"])
    return read_vowels(path, SHA256["vowdata.dat"], _TALKERS[name]), None


_LETTERS = ("110010011", "101101010", "010101101")
"""z, v, n, row by row (recalled from Prezioso et al. 2015)."""


def _letters(_name: str) -> Loaded:
    """Ten of each letter: as drawn, then each of its nine pixels turned over."""
    drawn = np.array([[int(pixel) for pixel in letter] for letter in _LETTERS], dtype=np.uint8)
    turned = np.concatenate([np.zeros((1, 9), dtype=np.uint8), np.eye(9, dtype=np.uint8)])
    pixels = (drawn[:, None] ^ turned).reshape(-1, 9).astype(np.float32)
    return Raw(pixels, np.repeat(np.arange(3), 10)), None


def _npz_or_openml(name: str, wanted: list[str]) -> Loaded:
    path = find([f"{name}.npz"])
    return read_npz(path) if path is not None else _openml(name, wanted)


def _openml(name: str, wanted: list[str]) -> Loaded:
    """From scikit-learn's cache, or fetched into it. Whatever hinders that, the files to put there are named."""
    from sklearn.datasets import fetch_openml

    try:
        fetched: Any = fetch_openml(_OPENML[name], version=1, as_frame=False, parser="liac-arff")
    except Exception as error:
        reason = f"and OpenML's '{_OPENML[name]}' could not be fetched ({type(error).__name__}: {error})"
        raise missing(name, wanted, reason) from error
    features, labels = np.asarray(fetched.data, dtype=np.uint8), np.asarray(fetched.target).astype(np.int64)
    first = len(labels) - TASKS[name].test_count
    return Raw(features[:first], labels[:first]), Raw(features[first:], labels[first:])


def _images(images: np.ndarray, labels: np.ndarray) -> Raw:
    return Raw(images, labels.astype(np.int64))


_LOADERS: Mapping[str, Callable[[str], Loaded]] = {
    "digits": _digits,
    "mnist": _idx,
    "fashion_mnist": _idx,
    "cifar10": _cifar10,
    "cifar10_subset": _cifar10_subset,
    "vowels": _vowels,
    "vowels_all": _vowels,
    "letters": _letters,
}
