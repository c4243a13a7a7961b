"""Accuracy of handwritten digits behind an analog sensor: what its noise and its converter really do to a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from joulescape.spec.back_end import PublishedRow
from joulescape.validation import published_row

torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[2]


def accuracy(**overrides: Any) -> float:
    """Of the convolutional network, on the test split, five draws."""
    row = PublishedRow(
        what="accuracy_fraction", value=1.0, role="prediction", source="joulescape", where="nowhere",
        workload="digits_lenet", overrides=overrides,
    )  # fmt: skip
    return float(published_row(ROOT, "electronic/redeye", row, slow=False)["model"])


def test_forty_decibels_and_four_bits_lose_nothing_and_far_less_does() -> None:
    """The paper admits 40 dB and 4 bits; a hundredth of the energy a sum (20 dB) costs little, 10 dB much."""
    quiet, admitted = accuracy(**{"snr_db": 80.0, "converter.bits": 10}), accuracy()
    assert abs(quiet - admitted) < 0.01
    assert admitted - 0.02 < accuracy(snr_db=20.0)
    assert accuracy(snr_db=10.0) < admitted - 0.03
    assert accuracy(**{"converter.bits": 2}) < admitted - 0.2
