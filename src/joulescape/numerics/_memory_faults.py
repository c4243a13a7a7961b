"""Bit cells that lose their value at a low supply, and what a reader does about those it notices (Minerva, reagen2016).

A stored weight is a word of b bits in two's complement. A device draws which of its cells fail: each by itself, with
probability `weight_fault_fraction`; a failed cell reads inverted. A detector beside the sense amplifiers (Razor) tells
which bits of a word failed, and the reader

- `none`: uses the word as it is;
- `word`: takes zero in the place of a word with any failed bit;
- `bit`: puts the word's sign in the place of every failed bit, which rounds towards zero by that bit's weight; a word
  whose sign itself failed has nothing to fall back on and counts as zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

MASKINGS = ("none", "word", "bit")
"""What is done about a failed bit that was noticed, by the index `weight_fault_masking`."""


def read_with_faults(
    levels: Tensor, bits: int, numbers: Mapping[str, float], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Whole-number `levels` (N, K) of `bits` as one drawn device returns them, and which cells failed (N, K, bits).

    A higher fault fraction fails the same cells and others: devices drawn from one state are nested.
    """
    chance = torch.rand((*levels.shape, bits), generator=generator)
    failed = chance < numbers["weight_fault_fraction"]
    read = levels_of(bits_of(levels, bits) ^ failed)
    return _masked(levels, read, failed, MASKINGS[int(numbers.get("weight_fault_masking", 0.0))]), failed


def bits_of(levels: Tensor, bits: int) -> Tensor:
    """Two's complement of whole numbers, lowest bit first: (...) -> (..., bits), boolean."""
    codes = levels.to(torch.int64)[..., None] >> torch.arange(bits)
    return (codes & 1).bool()


def levels_of(word: Tensor) -> Tensor:
    """The numbers that such words are, (..., bits) -> (...), float32."""
    bits = word.shape[-1]
    weights = 2.0 ** torch.arange(bits)
    weights[-1] = -weights[-1]
    return word.float() @ weights


def _masked(levels: Tensor, read: Tensor, failed: Tensor, masking: str) -> Tensor:
    if masking == "none":
        return read
    if masking == "word":
        return torch.where(failed.any(dim=-1), torch.zeros(()), levels)
    word = bits_of(levels, failed.shape[-1])
    mended = levels_of(torch.where(failed, word[..., -1:], word))
    return torch.where(failed[..., -1], torch.zeros(()), mended)
