"""Data files of the field's formats, made here byte by byte: read, checked, named when they are missing or damaged."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from joulescape.accuracy import dataset_files, dataset_sources
from joulescape.accuracy.dataset_files import (
    CIFAR_SHA1,
    FASHION_MD5,
    TaskError,
    content,
    find,
    read_cifar,
    read_idx,
    read_npz,
    read_vowels,
)
from joulescape.accuracy.dataset_sources import fingerprint, load
from joulescape.accuracy.datasets import load_task
from joulescape.errors import SpecError
from joulescape.network.task import BUILT_IN, DATA_VARIABLE, TASKS, data_directories


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory of its own, and an empty working directory."""
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setenv(DATA_VARIABLE, str(data))
    monkeypatch.chdir(tmp_path)
    load_task.cache_clear()
    yield data
    load_task.cache_clear()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", refuse)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def bytes_of(shape: tuple[int, ...], top: int = 256, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, top, shape).astype(np.uint8)


# Formats


@pytest.mark.parametrize("shape", [(7,), (3, 28, 28), (2, 3, 4, 5)])
@pytest.mark.parametrize("is_packed", [True, False])
def test_idx_is_read_packed_or_not(place: Path, shape: tuple[int, ...], is_packed: bool) -> None:
    array = bytes_of(shape)
    path = place / ("a-ubyte.gz" if is_packed else "a-ubyte")
    path.write_bytes(gzip.compress(idx(array)) if is_packed else idx(array))
    assert_array_equal(read_idx(path), array)
    assert_array_equal(read_idx(path, hashlib.sha256(idx(array)).hexdigest()), array)


def test_a_wrong_checksum_is_named(place: Path) -> None:
    (place / "a").write_bytes(idx(bytes_of((4,))))
    with pytest.raises(TaskError, match=f"is not what it should be: SHA-256 .*, expected {'0' * 64}; fetch it again"):
        read_idx(place / "a", "0" * 64)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04", "is not an idx file of unsigned bytes: it begins with 50 4b 03 04"),
        (b"\0\0\x0d\x01\0\0\0\x01\0\0\0\0", "is not an idx file"), (b"", "is not an idx file"),
        (idx(bytes_of((5, 4)))[:-3], "is cut off: 29 bytes where sizes .5, 4. need 32"),
        (idx(bytes_of((5, 4))) + b"x", "is cut off: 33 bytes"), (b"\0\0\x08\x03\0\0", "is cut off"),
    ],
)  # fmt: skip
def test_what_is_no_idx_file_is_refused(place: Path, data: bytes, message: str) -> None:
    (place / "a").write_bytes(data)
    with pytest.raises(TaskError, match=message):
        read_idx(place / "a")


def test_a_damaged_archive_is_refused(place: Path) -> None:
    whole = gzip.compress(idx(bytes_of((50, 20))))
    for name, data in (
        ("cut.gz", whole[:-20]),
        ("no.gz", b"hello"),
        ("bits.gz", whole[:30] + b"\xff" * 20 + whole[50:]),
    ):
        (place / name).write_bytes(data)
        with pytest.raises(TaskError, match=f"{name} cannot be unpacked .*: fetch it again"):
            content(place / name)


def test_cifar_binaries_are_records_of_a_label_and_three_planes(place: Path) -> None:
    images, labels = bytes_of((6, 3, 32, 32)), np.arange(6, dtype=np.uint8)
    records = np.concatenate([labels[:, None], images.reshape(6, -1)], axis=1)
    for number, part in enumerate((records[:4], records[4:])):
        (place / f"{number}.bin").write_bytes(part.tobytes())
    raw = read_cifar([place / "0.bin", place / "1.bin"])
    assert_array_equal(raw.features, images)
    assert raw.labels.tolist() == list(range(6)) and raw.labels.dtype == np.int64
    (place / "2.bin").write_bytes(records.tobytes()[:-1])
    with pytest.raises(TaskError, match="is not a CIFAR-10 binary: 18437 bytes, expected records of 3073"):
        read_cifar([place / "2.bin"])


def test_npz_files_hold_one_part_or_two(place: Path) -> None:
    x, y = bytes_of((5, 4)), np.arange(5)
    np.savez(place / "one.npz", x=x, y=y)
    whole, none = read_npz(place / "one.npz")
    assert none is None
    assert_array_equal(whole.features, x)
    np.savez(place / "two.npz", x_train=x, y_train=y[:, None], x_test=x[:2], y_test=y[:2])
    train, test = read_npz(place / "two.npz")
    assert test is not None and len(test.labels) == 2 and train.labels.shape == (5,)


def test_colour_channels_come_first(place: Path) -> None:
    last = bytes_of((4, 8, 8, 3))
    np.savez(place / "a.npz", x=last, y=np.zeros(4, dtype=int))
    assert_array_equal(read_npz(place / "a.npz")[0].features, np.moveaxis(last, -1, 1))
    first = bytes_of((4, 3, 8, 8))
    np.savez(place / "b.npz", x=first, y=np.zeros(4, dtype=int))
    assert_array_equal(read_npz(place / "b.npz")[0].features, first)


def test_what_is_no_such_npz_is_refused(place: Path) -> None:
    np.savez(place / "names.npz", images=np.zeros(3))
    with pytest.raises(TaskError, match="holds images; expected x and y, or x_train"):
        read_npz(place / "names.npz")
    np.savez(place / "uneven.npz", x=np.zeros((3, 2)), y=np.zeros(4))
    with pytest.raises(TaskError, match="holds 3 samples but 4 labels"):
        read_npz(place / "uneven.npz")
    np.savez(place / "objects.npz", x=np.array([{}], dtype=object), y=np.zeros(1))
    (place / "text.npz").write_text("hello")
    for name in ("text", "objects"):
        with pytest.raises(TaskError, match=f"{name}.npz cannot be read as an .npz file"):
            read_npz(place / f"{name}.npz")


GOOD_X, GOOD_Y = np.random.default_rng(0).normal(size=(9, 2)), np.arange(9) % 2


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.where(GOOD_X > 1, np.nan, GOOD_X), GOOD_Y, "samples that are not finite"),
        (np.where(GOOD_X > 1, np.inf, GOOD_X), GOOD_Y, r"not finite \(0 of their values NaN\)"),
        (GOOD_X.astype(str), GOOD_Y, "samples of type <U"),
        (GOOD_X.astype(complex), GOOD_Y, "samples of type complex128"),
        (GOOD_X, np.array(["a", "b", "c"] * 3), "labels of type <U1, no numbers"),
        (GOOD_X, GOOD_Y + 0.5, "labels that are no whole numbers"),
        (GOOD_X, np.eye(2)[GOOD_Y], r"labels of shape \(9, 2\); expected \(samples, ...\) and \(samples,\)"),
        (np.array(1.0), np.array(1), r"samples of shape \(\) and labels of shape \(\)"),
        (GOOD_X[:, 0], GOOD_Y, r"samples of shape \(9,\)"),
    ],
)
def test_samples_and_labels_that_are_none_are_refused(place: Path, x: Any, y: Any, message: str) -> None:
    np.savez(place / "bad.npz", x=x, y=y)
    with pytest.raises(TaskError, match=f"bad.npz holds .*{message}"):
        read_npz(place / "bad.npz")


def test_whole_labels_may_be_floats_or_stand_in_a_column(place: Path) -> None:
    for labels in (GOOD_Y.astype(float), GOOD_Y[:, None], GOOD_Y.astype(np.uint8)):
        np.savez(place / "good.npz", x=GOOD_X, y=labels)
        assert_array_equal(read_npz(place / "good.npz")[0].labels, GOOD_Y)


def test_a_file_cut_off_anywhere_or_changed_anywhere_is_refused_or_read_as_it_was(place: Path) -> None:
    np.savez(place / "whole.npz", x=GOOD_X, y=GOOD_Y)
    whole = (place / "whole.npz").read_bytes()
    for end in range(0, len(whole), 23):
        (place / "cut.npz").write_bytes(whole[:end])
        with pytest.raises(TaskError, match="cut.npz"):
            read_npz(place / "cut.npz")
    packed = gzip.compress(idx(bytes_of((7, 3))), mtime=0)
    for end in range(len(packed)):
        (place / "cut.gz").write_bytes(packed[:end])
        with pytest.raises(TaskError, match="cut.gz"):
            read_idx(place / "cut.gz")


VOWELS = """(c) words before the table
character 1: m=man, w=woman
w01ae 300 200 600 2000 2600 3600 610 2010 2610 620 2020 2620 630 2030 2630
w01ih 300 200 500 2100 2700 0 510 2110 2710 520 2120 2720 530 2130 2730
w02uw 300 200 400 1000 2500 3500 410 0 2510 420 1020 2520 430 1030 2530
w02ei 300 200 400 1000 2500 3500 410 1010 2510 420 1020 2520 430 1030 2530
m01ae 300 200 600 2000 2600 3600 610 2010 2610 620 2020 2620 630 2030 2630
"""


def test_vowels_are_whole_rows_of_women(place: Path) -> None:
    """F4 is no feature and may be missing; the second row of w02 lacks a formant, 'ei' is no benchmark vowel."""
    (place / "vowdata.dat").write_text(VOWELS)
    raw = read_vowels(place / "vowdata.dat")
    assert raw.features.shape == (2, 12) and raw.groups is not None and raw.groups.tolist() == ["w01", "w01"]
    assert raw.features[0].tolist() == [600, 2000, 2600, 610, 2010, 2610, 620, 2020, 2620, 630, 2030, 2630]
    assert [dataset_files.VOWELS[label] for label in raw.labels] == ["ae", "ih"]
    (place / "vowdata.dat").write_text("nothing of the kind")
    with pytest.raises(TaskError, match="holds no row such as"):
        read_vowels(place / "vowdata.dat")


# Places


def test_files_are_looked_for_in_order_packed_ones_too(place: Path, tmp_path: Path, monkeypatch: Any) -> None:
    other = tmp_path / "other"
    for folder in (place, other, tmp_path / "data"):
        folder.mkdir(exist_ok=True)
    monkeypatch.setenv(DATA_VARIABLE, f"{other}:{place}")
    assert data_directories() == (other, place, Path("data"))
    (place / "b.gz").write_bytes(b"")
    assert find(["a", "b"]) == place / "b.gz"
    (other / "b").write_bytes(b"")
    assert find(["a", "b"]) == other / "b" and find(["c"]) is None
    monkeypatch.delenv(DATA_VARIABLE)
    assert data_directories() == (Path("data"),)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("task", "file"),
    [
        ("mnist", "mnist/train-images-idx3-ubyte"), ("fashion_mnist", "fashion_mnist/t10k-labels-idx1-ubyte"),
        ("cifar10", "cifar10/data_batch_1.bin"), ("cifar10_subset", "cifar10-subset.npz"),
        ("vowels", "hillenbrand/vowdata.dat"),
    ],
)  # fmt: skip
def test_missing_data_are_named_with_their_place(place: Path, task: str, file: str) -> None:
    with pytest.raises(TaskError) as found:
        load(task)
    text = str(found.value)
    assert f"the data of task '{task}' are not here" in text and file in text
    assert str(place) in text and DATA_VARIABLE in text
    assert ("OpenML" in text and "no route to host" in text) == (task not in ("cifar10_subset", "vowels"))


@pytest.mark.usefixtures("offline")
def test_where_only_some_files_are_there_the_others_are_named(place: Path) -> None:
    write_mnist(place, "mnist", 5, 5)
    (place / "mnist" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(TaskError, match=r"put mnist/t10k-labels-idx1-ubyte below .* the other files .* are there"):
        load("mnist")
    (place / "cifar-10-batches-bin").mkdir()
    for batch in ("data_batch_1.bin", "data_batch_3.bin"):
        (place / "cifar-10-batches-bin" / batch).write_bytes(bytes(3073))
    with pytest.raises(TaskError) as found:
        load("cifar10")
    for batch, is_missing in {"data_batch_2.bin": True, "test_batch.bin": True, "data_batch_3.bin": False}.items():
        assert (f"cifar10/{batch}" in str(found.value)) is is_missing


def test_another_subset_of_cifar_is_refused(place: Path) -> None:
    np.savez(place / "cifar10-subset.npz", x_train=bytes_of((4, 3, 32, 32)), y_train=np.arange(4))
    with pytest.raises(TaskError, match=r"cifar10-subset.npz is not what it should be"):
        load("cifar10_subset")


def write_mnist(place: Path, task: str, train: int, test: int) -> dict[str, np.ndarray]:
    arrays = {
        "train-images-idx3-ubyte": bytes_of((train, 28, 28)), "train-labels-idx1-ubyte": np.arange(train) % 10,
        "t10k-images-idx3-ubyte": bytes_of((test, 28, 28), seed=1), "t10k-labels-idx1-ubyte": np.arange(test) % 10,
    }  # fmt: skip
    (place / task).mkdir()
    for name, array in arrays.items():
        (place / task / name).write_bytes(idx(array.astype(np.uint8)))
    return arrays


def small(monkeypatch: pytest.MonkeyPatch, name: str, train: int, validation: int, test: int) -> None:
    """The task with fewer samples."""
    task = BUILT_IN[name]
    counts = {"train_count": train, "validation_count": validation, "test_count": test}
    fields = {key: getattr(task, key) for key in ("name", "about", "input_shape", "classes")}
    monkeypatch.setitem(BUILT_IN, name, type(task)(**fields, **counts))  # type: ignore[arg-type]


def test_a_given_test_split_stays_the_test_split(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, "fashion_mnist", 80, 20, 30)
    arrays = write_mnist(place, "fashion_mnist", 100, 30)
    data = load_task("fashion_mnist")
    assert data.train.images.shape == (80, 1, 28, 28) and data.validation.labels.bincount().tolist() == [2] * 10
    assert torch.equal(data.test.images[:, 0], torch.from_numpy(arrays["t10k-images-idx3-ubyte"] / np.float32(255)))
    seen = torch.cat([data.train.images, data.validation.images])[:, 0] * 255
    whole = torch.from_numpy(arrays["train-images-idx3-ubyte"].astype(np.float32))
    assert torch.equal(torch.unique(seen.round().flatten(1), dim=0), torch.unique(whole.flatten(1), dim=0))


def test_files_of_other_sizes_or_labels_are_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_mnist(place, "fashion_mnist", 100, 30)
    with pytest.raises(TaskError, match=r"states \(60000, 10000\) samples, the data hold \(100, 30\)"):
        load("fashion_mnist")
    small(monkeypatch, "fashion_mnist", 80, 20, 30)
    (place / "fashion_mnist" / "t10k-labels-idx1-ubyte").write_bytes(idx(np.full(30, 10, dtype=np.uint8)))
    with pytest.raises(TaskError, match=r"must lie in 0 \.\. 9, found 10 \.\. 10"):
        load("fashion_mnist")


def test_mnist_of_another_checksum_is_refused(place: Path) -> None:
    write_mnist(place, "mnist", 100, 30)
    with pytest.raises(TaskError, match="train-images-idx3-ubyte is not what it should be"):
        load("mnist")


@pytest.mark.parametrize("name", list(FASHION_MD5))
def test_packed_fashion_files_are_the_published_ones(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, "fashion_mnist", 80, 20, 30)
    write_mnist(place, "fashion_mnist", 100, 30)
    packed = {}
    for file in FASHION_MD5:
        data = gzip.compress((place / "fashion_mnist" / file).read_bytes(), mtime=0)
        (place / "fashion_mnist" / file).unlink()
        (place / "fashion_mnist" / f"{file}.gz").write_bytes(data)
        packed[file] = hashlib.md5(data).hexdigest()
    monkeypatch.setattr(dataset_sources, "FASHION_MD5", packed)
    assert len(load("fashion_mnist")[1][0].labels) == 100
    path = place / "fashion_mnist" / f"{name}.gz"
    data = path.read_bytes()
    path.write_bytes(data[:9] + bytes([data[9] ^ 1]) + data[10:])  # its head's last byte: it unpacks as before
    with pytest.raises(TaskError, match=rf"{name}.gz is not what it should be: MD5 .*, expected {packed[name]}"):
        load("fashion_mnist")


@pytest.mark.parametrize("name", list(CIFAR_SHA1))
def test_a_flipped_bit_of_a_cifar_binary_is_refused(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, "cifar10", 40, 10, 10)
    folder = place / "cifar-10-batches-bin"
    folder.mkdir()
    record = np.concatenate([np.arange(10, dtype=np.uint8)[:, None], bytes_of((10, 3072))], axis=1).tobytes()
    for batch in CIFAR_SHA1:
        (folder / batch).write_bytes(record)
    with pytest.raises(TaskError, match=rf"data_batch_1.bin is not .*, expected {CIFAR_SHA1['data_batch_1.bin']}"):
        load("cifar10")
    monkeypatch.setattr(dataset_sources, "CIFAR_SHA1", dict.fromkeys(CIFAR_SHA1, hashlib.sha1(record).hexdigest()))
    assert len(load("cifar10")[1][0].labels) == 50
    (folder / name).write_bytes(record[:5000] + bytes([record[5000] ^ 1]) + record[5001:])
    with pytest.raises(TaskError, match=rf"{name} is not what it should be: SHA-1 "):
        load("cifar10")


@pytest.mark.parametrize("name", ["imagenet", "sst2"])
def test_a_task_of_sizes_alone_has_no_data_to_load(name: str) -> None:
    with pytest.raises(TaskError, match=f"task '{name}' has sizes alone"):
        load_task(name)


def test_openml_gives_what_files_would(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(monkeypatch, "mnist", 80, 20, 30)
    images, labels, asked = bytes_of((130, 784)), (np.arange(130) % 10).astype(str), []

    def fetch(name: str, **how: Any) -> SimpleNamespace:
        asked.append((name, how["version"]))
        return SimpleNamespace(data=images.astype(float), target=labels)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    data = load_task("mnist")
    assert asked == [("mnist_784", 1)]
    assert torch.equal(data.test.images.flatten(1), torch.from_numpy(images[100:] / np.float32(255)))
    np.savez(place / "mnist.npz", x_train=images[:100], y_train=labels[:100].astype(int), x_test=images[100:],
             y_test=labels[100:].astype(int))  # fmt: skip
    load_task.cache_clear()
    again = load_task("mnist")
    assert len(asked) == 1, "a file in a data directory comes before the network"
    assert torch.equal(again.train.images, data.train.images) and torch.equal(again.test.labels, data.test.labels)


# A data set of one's own

OWN = """about: two clouds
file: clouds.npz
input: [5]
classes: 2
train_count: 60
validation_count: 20
test_count: 20
"""


def write_own(place: Path, more: str = "", count: int = 100) -> None:
    labels = np.arange(count) % 2
    x = np.random.default_rng(0).standard_normal((count, 5)) + 3 * labels[:, None]
    np.savez(place / "clouds.npz", x=x, y=labels)
    (place / "clouds.yaml").write_text(OWN + more)


def test_a_data_set_of_ones_own_is_a_task(place: Path) -> None:
    write_own(place)
    assert "clouds" in TASKS and "clouds" in list(TASKS) and len(TASKS) == len(BUILT_IN) + 1
    task = TASKS["clouds"]
    assert (task.input_shape, task.classes, task.train_count) == ((5,), 2, 60) and task.about == "two clouds"
    data = load_task("clouds")
    assert data.train.images.shape == (60, 5) and data.test.labels.bincount().tolist() == [10, 10]
    assert float(data.train.images.min()) == 0.0 and float(data.train.images.max()) == 1.0
    assert torch.allclose(data.train.images.amin(0), torch.zeros(5)), "each feature by its range on training samples"
    assert float(data.test.images.min()) >= 0.0 and float(data.test.images.max()) <= 1.0


def test_its_content_is_part_of_what_weights_follow_from(place: Path) -> None:
    write_own(place)
    before = fingerprint("clouds")
    assert before == hashlib.sha256((place / "clouds.npz").read_bytes()).hexdigest()
    np.savez(place / "clouds.npz", x=np.zeros((100, 5)), y=np.arange(100) % 2)
    assert fingerprint("clouds") not in (before, None)
    assert fingerprint("digits") is None and fingerprint("nobody") is None


def test_a_class_with_one_sample_cannot_be_split(place: Path) -> None:
    write_own(place)
    np.savez(place / "clouds.npz", x=np.random.default_rng(0).normal(size=(100, 5)), y=np.arange(100) // 99)
    with pytest.raises(TaskError, match="a class of task 'clouds' has too few samples"):
        load("clouds")


def test_its_faults_are_named(place: Path) -> None:
    write_own(place, f"sha256: {'0' * 64}\n")
    with pytest.raises(TaskError, match="clouds.npz is not what it should be"):
        load("clouds")
    write_own(place, count=90)
    with pytest.raises(TaskError, match=r"states \(100, None\) samples|states"):
        load("clouds")
    (place / "clouds.npz").unlink()
    with pytest.raises(TaskError, match="the data of task 'clouds' are not here: no file .*clouds.npz"):
        load("clouds")
    (place / "clouds.yaml").write_text(OWN.replace("classes: 2", "classes: 1") + "unit: px\n")
    with pytest.raises(SpecError) as found:
        load("clouds")
    assert len(found.value.faults) == 2
    with pytest.raises(KeyError):
        TASKS["nobody"]


# The real files, where they are


def real(name: str) -> Any:
    """The task's data from the directory that the environment named before these tests, skipped where they are not."""
    try:
        return load_task(name)
    except TaskError as error:
        pytest.skip(str(error)[:80])


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("task", ["mnist", "cifar10_subset", "vowels"])
def test_real_files_have_the_sizes_that_the_task_states(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, REAL_PLACES)
    data, stated = real(task), TASKS[task]
    parts = (data.train, data.validation, data.test)
    assert [len(part.labels) for part in parts] == [stated.train_count, stated.validation_count, stated.test_count]
    for part in parts:
        assert part.images.shape[1:] == stated.input_shape
        assert float(part.images.min()) >= 0.0 and float(part.images.max()) <= 1.0
        assert set(part.labels.tolist()) == set(range(stated.classes))


@pytest.mark.usefixtures("offline")
def test_no_talker_is_heard_in_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, REAL_PLACES)
    from joulescape.accuracy.datasets import _places

    real("vowels")
    task, (raw, _) = dataset_sources.load("vowels")
    assert raw.groups is not None
    talkers = [set(raw.groups[part]) for part in _places(task, raw, None)]
    assert not (talkers[0] & talkers[1] or talkers[0] & talkers[2] or talkers[1] & talkers[2])
    assert sum(map(len, talkers)) == 48 and [len(one) for one in talkers] == [28, 10, 10]


def _real_places() -> str:
    return ":".join(str(path.resolve()) for path in data_directories())


REAL_PLACES = _real_places()
