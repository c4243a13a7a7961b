"""What makes comparators on columns of +-1 weights a classifier (zhang2017sram): boosting, the columns in the loop.

Each column of a 128-row array is a weak classifier of one digit against another: 64 pixels of 5 bits and 48 rows that
are always driven a little, whose signs set its threshold. A strong classifier is a weighted vote of columns, each
trained on what the columns before it, as they really are, got wrong.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics.sram_in_memory import plugin

torch.set_num_threads(1)
Array = NDArray[np.float64]
TOP = 31.0
"""Five bits."""
BIAS_ROWS, BIAS = 48, 8.0
DIGITS = range(4)
COLUMNS = 6
NUMBERS: dict[str, float] = {
    "rows": 128, "weight_bits": 1, "input_bits": 5, "dac_bits": 5, "is_joined": 0, "adc_bits": 1, "range_rows": 0,
    "clip_fraction": 1.0, "bend_fraction": 0.1, "read_sigma_fraction": 0.0,
}  # fmt: skip


@cache
def images() -> tuple[Array, NDArray[np.int64], Array, NDArray[np.int64]]:
    """Rows that are driven, of training and of test images of four digits."""
    pixels, labels = load_digits(return_X_y=True)
    chosen = np.isin(labels, DIGITS)
    pixels, labels = pixels[chosen], labels[chosen]
    driven = np.hstack([np.round(pixels / 16 * TOP), np.full((len(pixels), BIAS_ROWS), BIAS)])
    is_test = np.arange(len(pixels)) % 4 == 0
    return driven[~is_test], labels[~is_test], driven[is_test], labels[is_test]


def weak(x: Array, target: Array, share: Array) -> Array:
    """Signs of a weighted least-squares classifier, and bias rows for the threshold that errs least, (rows,)."""
    pixels = x[:, :-BIAS_ROWS]
    with_one = np.hstack([pixels, np.ones((len(x), 1))])
    moment = with_one.T @ (share[:, None] * with_one)
    moment += 1e-4 * np.trace(moment) / len(moment) * np.eye(len(moment))
    signs = np.where(np.linalg.solve(moment, with_one.T @ (share * target))[:-1] >= 0, 1.0, -1.0)
    sums = pixels @ signs
    levels = np.arange(-BIAS_ROWS, BIAS_ROWS + 1, 2)  # what so many cells of +-1 add up to
    errors = [share[np.where(sums + BIAS * level >= 0, 1.0, -1.0) != target].sum() for level in levels]
    positive = (int(levels[int(np.argmin(errors))]) + BIAS_ROWS) // 2
    weights: Array = np.concatenate([signs, np.ones(positive), -np.ones(BIAS_ROWS - positive)])
    return weights


class Column:
    """One column of one device: its comparator's decisions."""

    def __init__(self, weights: Array, x: Array, mismatch: float, seed: int) -> None:
        spec = ErrorSpec("sram_in_memory", "column", "forward", {**NUMBERS, "mismatch_sigma_fraction": mismatch})
        stream = torch.Generator().manual_seed(seed)
        self._stream = stream
        seen = torch.cat([torch.from_numpy(x).float(), torch.full((1, len(weights)), TOP)])
        self._device = plugin.program(torch.from_numpy(weights).float()[None], spec, seen, stream, "full")

    def __call__(self, x: Array) -> Array:
        decided: Array = np.sign(self._device(torch.from_numpy(x).float(), self._stream).double().numpy()[:, 0])
        return decided


def boosted(x: Array, target: Array, mismatch: float, seed: int, in_loop: bool) -> list[tuple[float, Column]]:
    """Votes and columns; `in_loop`: each column learns from what the real ones decided, else from ideal ones."""
    share, found = np.full(len(x), 1 / len(x)), []
    for index in range(COLUMNS):
        weights = weak(x, target, share)
        real = Column(weights, x, mismatch, 100 * seed + index)
        decided = (real if in_loop else Column(weights, x, 0.0, 0))(x)
        error = float(np.clip(share[decided != target].sum(), 1e-3, 0.499))
        vote = 0.5 * np.log((1 - error) / error)
        found.append((vote, real))
        share = share * np.exp(-vote * target * decided)
        share /= share.sum()
    return found


@cache
def accuracies(mismatch: float, in_loop: bool, seed: int = 0) -> list[float]:
    """Four-way accuracy on test images by the number of columns a pair, from votes of all pairs."""
    x, labels, test, wanted = images()
    votes = np.zeros((COLUMNS, len(test), len(DIGITS)))
    for number, (one, other) in enumerate(combinations(DIGITS, 2)):
        met = np.isin(labels, (one, other))
        target = np.where(labels[met] == one, 1.0, -1.0)
        columns = boosted(x[met], target, mismatch, 10 * seed + number, in_loop)
        strong = np.cumsum([vote * column(test) for vote, column in columns], axis=0)
        votes[:, :, one] += strong > 0
        votes[:, :, other] += strong <= 0
    return [float((found.argmax(axis=1) == wanted).mean()) for found in votes]


def test_one_column_is_weak_and_several_are_strong() -> None:
    found = accuracies(0.0, in_loop=True)
    assert found[-1] > found[0] + 0.01
    assert found[-1] > 0.94


def test_columns_in_the_loop_learn_around_their_own_mismatch() -> None:
    """Where cells miss by 60 %, votes trained for ideal columns fall behind; those of the real columns do not."""
    ideal = accuracies(0.0, in_loop=True)[-1]
    real, blind = (accuracies(0.6, in_loop)[-1] for in_loop in (True, False))
    assert real > blind + 0.02
    assert real > ideal - 0.04


def test_the_shelved_mismatch_is_harmless() -> None:
    assert accuracies(0.15, in_loop=True)[-1] > accuracies(0.0, in_loop=True)[-1] - 0.02
