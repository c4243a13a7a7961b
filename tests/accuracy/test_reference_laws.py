"""Laws of reference weights on disk: one training for two processes, the same anywhere, no trust in broken files."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from joulescape.accuracy import reference
from joulescape.accuracy.kept import REFERENCE_SEEDS
from joulescape.accuracy.measure import measure
from joulescape.accuracy.reference import (
    Reference,
    ReferenceMetrics,
    complete,
    ensure,
    identity,
    reference_tensors,
    train_and_save,
)
from joulescape.compression.pipeline import describe
from joulescape.errors import ResultsError
from joulescape.network.build import build_graph
from joulescape.network.fidelity import Fidelity
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

ASK = """
import json, sys
from pathlib import Path
from joulescape.accuracy import reference
from joulescape.network.build import build_graph
from joulescape.spec.network import NetworkSpec
asked = json.loads(sys.argv[1])
spec = NetworkSpec.model_validate(asked["network"])
trained = []
honest = reference._trained
reference._trained = lambda *a: trained.append(1) or honest(*a)
path = reference.ensure(build_graph("small", spec), spec.training.model_dump(), spec.task, Path(asked["where"]))
print(len(trained), path)
"""


def asking(spec: NetworkSpec, where: Path) -> subprocess.Popen[str]:
    asked = json.dumps({"network": spec.model_dump(mode="json", exclude_none=True), "where": str(where)})
    return subprocess.Popen([sys.executable, "-c", ASK, asked], stdout=subprocess.PIPE, text=True)


def test_two_processes_at_once_train_once(small: Graph, small_spec: NetworkSpec, tmp_path: Path) -> None:
    both = [asking(small_spec, tmp_path) for _ in range(2)]
    answers = [process.communicate(timeout=400)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(count for count, _ in answers) == ["0", "1"], "one trains, the other waits and reads"
    assert {path for _, path in answers} == {str(tmp_path / "small.npz")}
    training = small_spec.training.model_dump()
    theirs = reference_tensors(small, training, "digits", tmp_path)
    ours = reference_tensors(small, training, "digits", tmp_path / "ours")
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in ours), "another process trains the same weights"
    assert not list(tmp_path.glob("*draft*")) and not list(tmp_path.glob(".*draft*"))


@pytest.fixture
def kept(small: Graph, small_spec: NetworkSpec, tmp_path: Path) -> Callable[[], Path]:
    """Asks for the weights of a one-epoch recipe."""
    training = {**small_spec.training.model_dump(), "epochs": 1}

    def ask() -> Path:
        path = ensure(small, training, "digits", tmp_path)
        reference_tensors(small, training, "digits", tmp_path)
        return path

    return ask


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "noise": lambda whole: os.urandom(len(whole)),
    "a text": lambda whole: b"weights",
    "an array": lambda whole: b"\x93NUMPY\x01\x00" + whole[8:],
    "flipped": lambda whole: whole[:200] + bytes(255 - b for b in whole[200:400]) + whole[400:],
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_weights_are_named_with_the_remedy(kept: Callable[[], Path], how: str) -> None:
    path = kept()
    path.write_bytes(BROKEN[how](path.read_bytes()))
    os.utime(path, ns=(1, 10**18))
    with pytest.raises(ResultsError, match=r"small\.npz cannot be read .*; delete it") as caught:
        kept()
    assert str(path) in str(caught.value)
    path.unlink()
    assert kept() == path, "the remedy works"


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "\x00\x01", '{"digest": '])
def test_broken_metrics_are_named_with_the_remedy(kept: Callable[[], Path], text: str) -> None:
    metrics = kept().with_suffix(".json")
    metrics.write_text(text)
    os.utime(metrics, ns=(1, 10**18))
    with pytest.raises(ResultsError, match=r"small\.json cannot be read .*; delete it"):
        kept()
    metrics.unlink()
    assert kept().with_suffix(".json").is_file()


def test_a_measurement_says_the_same(small: Graph, recipe: Any, tmp_path: Path) -> None:
    measure(describe(small, ()), {}, recipe(), Fidelity(), 0, tmp_path)
    (tmp_path / "small.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ResultsError, match="the weights are trained again"):
        measure(describe(small, ()), {}, recipe(), Fidelity(), 0, tmp_path)


def test_weights_are_arrays_and_nothing_that_runs_code(kept: Callable[[], Path]) -> None:
    path = kept()
    np.savez(path, allow_pickle=True, **{"fc1.weight": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(ResultsError, match="cannot be read"):
        kept()


def test_metrics_of_another_digest_mean_training_anew(kept: Callable[[], Path]) -> None:
    path = kept()
    metrics, before = path.with_suffix(".json"), path.read_bytes()
    changed = {**json.loads(metrics.read_text()), "digest": "0" * 16}
    metrics.write_text(json.dumps(changed))
    path.write_bytes(b"of another recipe")
    assert kept().read_bytes() == before
    assert json.loads(metrics.read_text())["digest"] != "0" * 16


def test_a_trainer_waits_for_the_lock_and_then_finds_the_weights(
    small: Graph, small_spec: NetworkSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process holds the lock nothing is trained; when it lets go, what it left is taken."""
    training = small_spec.training.model_dump()
    elsewhere = ensure(small, training, "digits", tmp_path / "elsewhere")
    where, trained = tmp_path / "here", []
    where.mkdir()
    monkeypatch.setattr(reference, "_trained", lambda *a: trained.append(a))
    with (where / ".small.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        asker = threading.Thread(target=ensure, args=(small, training, "digits", where))
        asker.start()
        asker.join(0.3)
        assert asker.is_alive()
        for source in (elsewhere, elsewhere.with_suffix(".json")):
            (where / source.name).write_bytes(source.read_bytes())
    asker.join(10)
    assert not asker.is_alive() and trained == []


def test_a_failed_training_lets_go_of_the_lock_and_leaves_nothing(
    small: Graph, small_spec: NetworkSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, honest = small_spec.training.model_dump(), reference._trained

    def broken(*arguments: Any) -> Reference:
        raise RuntimeError("the power went")

    monkeypatch.setattr(reference, "_trained", broken)
    with pytest.raises(RuntimeError, match="the power went"):
        ensure(small, training, "digits", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".small.lock"]
    monkeypatch.setattr(reference, "_trained", honest)
    assert ensure(small, training, "digits", tmp_path).is_file()


def test_a_kill_between_weights_and_metrics_leaves_neither_trusted(
    small: Graph, small_spec: NetworkSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old metrics go first: weights of a new recipe never stand beside the digest of an old one."""
    training = small_spec.training.model_dump()
    path = ensure(small, {**training, "epochs": 1}, "digits", tmp_path)
    monkeypatch.setattr(ReferenceMetrics, "row", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ensure(small, {**training, "epochs": 2}, "digits", tmp_path)
    assert path.is_file() and not path.with_suffix(".json").exists()


def test_more_seeds_keep_the_first_ones_weights(small: Graph, small_spec: NetworkSpec, tmp_path: Path) -> None:
    one = train_and_save(small, small_spec.training.model_dump(), "digits", 1, tmp_path / "one")
    three = train_and_save(small, small_spec.training.model_dump(), "digits", 3, tmp_path / "three")
    assert three.validation_accuracy_fraction[0] == one.validation_accuracy_fraction[0]
    assert len(set(three.test_accuracy_fraction)) > 1 and one.digest == three.digest
    arrays = [np.load(tmp_path / place / "small.npz") for place in ("one", "three")]
    assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0].files)


def test_a_search_makes_the_first_seed_and_confirm_the_others(
    small: Graph, small_spec: NetworkSpec, tmp_path: Path
) -> None:
    training = small_spec.training.model_dump()
    all_at_once = train_and_save(small, training, "digits", REFERENCE_SEEDS, tmp_path / "workflow")
    weights = ensure(small, training, "digits", tmp_path / "search")
    first, bytes_ = json.loads(weights.with_suffix(".json").read_text()), weights.read_bytes()
    assert (first["seeds_count"], first["seeds_asked_count"]) == (1, REFERENCE_SEEDS)
    complete(small, training, "digits", tmp_path / "search")
    found = json.loads(weights.with_suffix(".json").read_text())
    assert found == json.loads((tmp_path / "workflow" / "small.json").read_text())
    assert found["seeds_count"] == len(all_at_once.test_accuracy_fraction) == REFERENCE_SEEDS == 5
    assert weights.read_bytes() == bytes_
    complete(small, training, "digits", tmp_path / "search")
    assert json.loads(weights.with_suffix(".json").read_text()) == found


def test_seeds_that_were_asked_for_by_number_stay_so_many(
    small: Graph, small_spec: NetworkSpec, tmp_path: Path
) -> None:
    training = small_spec.training.model_dump()
    train_and_save(small, training, "digits", 2, tmp_path)
    before = (tmp_path / "small.json").read_text()
    complete(small, training, "digits", tmp_path)
    assert (tmp_path / "small.json").read_text() == before


def test_the_identity_follows_everything_that_weights_follow(small: Graph, small_spec: NetworkSpec) -> None:
    training = small_spec.training.model_dump()
    wider = small_spec.model_dump()
    wider["operators"][0]["out_features"] = 25
    other = build_graph("small", NetworkSpec.model_validate(wider))
    found = {
        identity(small, training, "digits"),
        identity(other, training, "digits"),
        identity(small, training, "letters"),
        *(identity(small, {**training, key: value}, "digits") for key, value in _CHANGES.items()),
    }
    assert len(found) == 3 + len(_CHANGES)
    assert identity(small, dict(reversed(training.items())), "digits") in found


_CHANGES: dict[str, Any] = {
    "epochs": 13,
    "batch": 63,
    "learning_rate": 0.021,
    "optimizer": "sgd",
    "schedule": "cosine",
    "weight_decay": 0.1,
    "label_smoothing": 0.1,
}
