"""Data files on disk: where they are looked for, that they are whole, and what stands in the formats of the field."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import re
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from joulescape.errors import JoulescapeError
from joulescape.network.task import DATA_VARIABLE, data_directories


class TaskError(JoulescapeError):
    """No such task, its data are missing or damaged, or the network does not fit it."""


@dataclass(frozen=True)
class Raw:
    """Samples as a file holds them: features (samples, ...) and labels; `groups` must not be divided by a split."""

    features: NDArray[np.generic]
    labels: NDArray[np.int64]
    groups: NDArray[np.str_] | None = None


SHA256: Mapping[str, str] = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "cifar10-subset.npz": "8c1a2d670d32b0f6ef0d28c2c882e02e0fdb977d3b1c2c01b2a0a20d9c23186c",
    "vowdata.dat": "05a4a69e2c6b0f444077245b1427d12bc86f8d7a32ae7a4b63f7e06e5712e4b1",
}
"""Checksums of unpacked files: MNIST's four, the subset of CIFAR-10, Hillenbrand's vowels."""

CIFAR_SHA1: Mapping[str, str] = {
    "data_batch_1.bin": "aadd24acce27caa71bf4b10992e9e7b2d74c2540",
    "data_batch_2.bin": "c0ba65cce70568cd57b4e03e9ac8d2a5367c1795",
    "data_batch_3.bin": "1dd00a74ab1d17a6e7d73e185b69dbf31242f295",
    "data_batch_4.bin": "aab85764eb3584312d3c7f65fd2fd016e36a258e",
    "data_batch_5.bin": "26e2849e66a845b7f1e4614ae70f4889ae604628",
    "test_batch.bin": "67eb016db431130d61cd03c7ad570b013799c88c",
}
"""Of the binaries of CIFAR-10, as Apache MXNet's `gluon.data.vision.CIFAR10` states them."""

FASHION_MD5: Mapping[str, str] = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}
"""Of the packed (`.gz`) files of Fashion-MNIST, as its authors and torchvision state them."""

_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256"}
"""By the digits of a checksum: what others published, we compare as it is. Against damage, not against forgers."""

_SPELLED = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256"}

VOWELS = ("ae", "ah", "aw", "er", "ih", "iy", "uw")
"""The seven vowels of the physical networks' benchmark, in the order of their labels."""

_FORMANT_COLUMNS = (3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15)
"""F1, F2, F3 at the steady state and at 20, 50 and 80 % of the vowel."""

_IDX_BYTE = 0x08
_CIFAR_RECORD = 1 + 3 * 32 * 32


def find(names: Iterable[str]) -> Path | None:
    """The first file of one of these names (paths below a data directory) that exists; gzip-compressed ones too."""
    names = tuple(names)
    spelled = (place / f"{name}{end}" for place in data_directories() for name in names for end in ("", ".gz"))
    return next((path for path in spelled if path.is_file()), None)


def find_all(task: str, places: Iterable[str], names: Sequence[str]) -> list[Path]:
    """Every one of these files, each below one of `places`; none where none is there.

    TaskError that names those that are missing where only some are there.
    """
    places = tuple(places)
    found = {name: find(f"{place}/{name}" for place in places) for name in names}
    absent = [f"{places[0]}/{name}" for name, path in found.items() if path is None]
    if absent and len(absent) < len(found):
        raise missing(task, absent, "the other files of the data set are there")
    return [path for path in found.values() if path is not None]


def missing(task: str, names: Iterable[str], reason: str = "") -> TaskError:
    """The error that says which files a task wants, and where they were looked for."""
    places = ", ".join(str(place) for place in data_directories())
    because = f"; {reason}" if reason else ""
    return TaskError(
        f"the data of task '{task}' are not here: put {' and '.join(names)} below one of [{places}], or name their "
        f"directory in the environment variable {DATA_VARIABLE}{because}"
    )


def content(path: Path, checksum: str | None = None, packed: str | None = None) -> bytes:
    """The unpacked bytes of a file; TaskError where they are damaged or not of the checksum, if one is wanted.

    `packed` is one of a `.gz` file as it lies there; it says nothing about an unpacked file.
    """
    raw = path.read_bytes()
    if packed is not None and path.suffix == ".gz":
        _verify(path, raw, packed)
    try:
        data = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise TaskError(f"{path} cannot be unpacked ({error}): fetch it again") from error
    if checksum is not None:
        _verify(path, data, checksum)
    return data


def _verify(path: Path, data: bytes, checksum: str) -> None:
    algorithm = _ALGORITHMS[len(checksum)]
    found = hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    if found != checksum:
        spelled = _SPELLED[algorithm]
        raise TaskError(f"{path} is not what it should be: {spelled} {found}, expected {checksum}; fetch it again")


def read_idx(path: Path, checksum: str | None = None, packed: str | None = None) -> NDArray[np.uint8]:
    """An array of unsigned bytes in the idx format: two zero bytes, type, dimensions, sizes (big endian), data."""
    data = content(path, checksum, packed)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _IDX_BYTE:
        raise TaskError(f"{path} is not an idx file of unsigned bytes: it begins with {data[:4].hex(' ')}")
    dimensions = data[3]
    head = 4 + 4 * dimensions
    shape = struct.unpack(f">{dimensions}I", data[4:head]) if len(data) >= head else (0,)
    if len(data) != head + int(np.prod(shape)):
        raise TaskError(f"{path} is cut off: {len(data)} bytes where sizes {shape} need {head + int(np.prod(shape))}")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


def read_cifar(paths: Iterable[Path], checksums: Mapping[str, str] | None = None) -> Raw:
    """CIFAR-10 binaries: records of one label byte and 3072 bytes, red, green, blue, row by row.

    `checksums` are by the file's unpacked name; a file that has none there is not compared.
    """
    parts, wanted = [], checksums or {}
    for path in paths:
        data = content(path, wanted.get(path.name.removesuffix(".gz")))
        if not data or len(data) % _CIFAR_RECORD:
            raise TaskError(f"{path} is not a CIFAR-10 binary: {len(data)} bytes, expected records of {_CIFAR_RECORD}")
        parts.append(np.frombuffer(data, np.uint8).reshape(-1, _CIFAR_RECORD))
    records = np.concatenate(parts)
    return Raw(records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0].astype(np.int64))


def read_npz(path: Path, sha256: str | None = None) -> tuple[Raw, Raw | None]:
    """`x_train, y_train, x_test, y_test`, or `x, y` (then the second part is None); colour channels last move first."""
    content(path, sha256)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (BadZipFile, zlib.error, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise TaskError(f"{path} cannot be read as an .npz file ({error})") from error
    if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        return tuple(_pair(path, arrays[f"x_{p}"], arrays[f"y_{p}"]) for p in ("train", "test"))  # type: ignore[return-value]
    if {"x", "y"} <= arrays.keys():
        return _pair(path, arrays["x"], arrays["y"]), None
    wanted = "x and y, or x_train, y_train, x_test and y_test"
    raise TaskError(f"{path} holds {', '.join(sorted(arrays)) or 'nothing'}; expected {wanted}")


def read_vowels(path: Path, sha256: str | None = None, talkers: str = "w") -> Raw:
    """Rows of the seven VOWELS with all 12 formants measured (an entry of zero was not); groups are talkers.

    `talkers`: letters of the speakers' kinds, m men, w women, b boys, g girls.
    """
    rows, labels, names = [], [], []
    spoken = re.compile(rf"[{talkers}]\d\d({'|'.join(VOWELS)})")
    for line in content(path, sha256).decode("latin-1").splitlines():
        fields = line.split()
        if len(fields) != 16 or not spoken.fullmatch(fields[0]):
            continue
        formants = [float(fields[column]) for column in _FORMANT_COLUMNS]
        if all(formants):
            rows.append(formants)
            labels.append(VOWELS.index(fields[0][3:]))
            names.append(fields[0][:3])
    if not rows:
        raise TaskError(f"{path} holds no row such as 'w01ae 254 218 ...' of Hillenbrand's vowels")
    return Raw(np.array(rows, dtype=np.float32), np.array(labels, dtype=np.int64), np.array(names))


def _pair(path: Path, features: NDArray[np.generic], labels: NDArray[np.generic]) -> Raw:
    if features.ndim < 2 or labels.ndim < 1 or labels.size != len(labels):
        shapes = f"samples of shape {features.shape} and labels of shape {labels.shape}"
        raise TaskError(f"{path} holds {shapes}; expected (samples, ...) and (samples,)")
    if len(features) != len(labels):
        raise TaskError(f"{path} holds {len(features)} samples but {len(labels)} labels")
    if features.dtype.kind not in "buif" or labels.dtype.kind not in "buif":
        raise TaskError(f"{path} holds samples of type {features.dtype} and labels of type {labels.dtype}, no numbers")
    if not np.isfinite(features).all():
        raise TaskError(f"{path} holds samples that are not finite ({np.isnan(features).sum()} of their values NaN)")
    if not np.array_equal(labels, np.round(labels)):
        raise TaskError(f"{path} holds labels that are no whole numbers")
    if features.ndim == 4 and features.shape[-1] in (1, 3) and features.shape[1] not in (1, 3):
        features = np.moveaxis(features, -1, 1)
    return Raw(features, labels.reshape(-1).astype(np.int64))
