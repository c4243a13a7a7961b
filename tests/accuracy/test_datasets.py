"""The split belongs to the task: sizes, strata, no image twice."""

from __future__ import annotations

import pytest
import torch

from joulescape.accuracy.datasets import TaskError, load_task, talkers_anew
from joulescape.network.task import TASKS


def test_digits_has_the_sizes_that_the_task_states() -> None:
    data, task = load_task("digits"), TASKS["digits"]
    sizes = [len(part.labels) for part in (data.train, data.validation, data.test)]
    assert sizes == [task.train_count, task.validation_count, task.test_count] == [1077, 360, 360]
    assert data.train.images.shape[1:] == task.input_shape
    assert float(data.train.images.min()) == 0.0 and float(data.train.images.max()) == 1.0


def test_every_class_keeps_its_share() -> None:
    data = load_task("digits")
    shares = [torch.bincount(part.labels, minlength=10) / len(part.labels) for part in (data.train, data.test)]
    assert float((shares[0] - shares[1]).abs().max()) < 0.005
    assert data.part("validation") is data.validation and data.part("test") is data.test


def test_no_image_stands_in_two_parts() -> None:
    from sklearn.datasets import load_digits

    data = load_task("digits")
    together = torch.cat([part.images.flatten(1) for part in (data.train, data.validation, data.test)]) * 16
    whole = torch.from_numpy(load_digits().data).float()
    assert torch.equal(torch.unique(together, dim=0), torch.unique(whole, dim=0)) and len(together) == len(whole)


def test_samples_are_reshaped_for_the_network_or_refused() -> None:
    data = load_task("digits")
    assert data.shaped((64,)).test.images.shape == (360, 64)
    assert data.test.first(7).images.shape[0] == 7 and data.test.first(None) is data.test
    with pytest.raises(TaskError, match="does not fit"):
        data.shaped((1, 28, 28))


def test_an_unknown_task_is_named_with_the_nearest() -> None:
    with pytest.raises(TaskError, match="no task 'digit'; known: cifar10, .*, vowels_all; did you mean 'digits'"):
        load_task("digit")


@pytest.mark.parametrize("task", ["vowels", "vowels_all"])
def test_talkers_are_split_anew_and_never_divided(task: str) -> None:
    try:
        first, again, other = talkers_anew(task, 1), talkers_anew(task, 1), talkers_anew(task, 2)
    except TaskError as error:
        pytest.skip(str(error))
    total = sum(len(part.labels) for part in (first.train, first.validation, first.test))
    assert total == {"vowels": 316, "vowels_all": 919}[task]
    assert first is again and len(other.train.labels) == pytest.approx(0.58 * total, rel=0.1)
    assert not torch.equal(first.test.images[:9], other.test.images[:9])
    assert float(first.test.images.min()) >= 0 and float(first.test.images.max()) <= 1


def test_samples_without_groups_cannot_be_split_anew() -> None:
    with pytest.raises(TaskError, match="'digits' come in no groups"):
        talkers_anew("digits", 0)
