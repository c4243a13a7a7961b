"""Random streams by name: all candidates meet the same draws (common random numbers)."""

from __future__ import annotations

import hashlib

import torch

from joulescape.network.fidelity import Split

CONFIRMING = 2**16
"""Number of the first device that the test split meets."""


def generator(seed: int, purpose: str, draw: int = 0) -> torch.Generator:
    """The stream of (seed, purpose, draw); the same on any machine and in any process."""
    name = hashlib.sha256(f"{seed}/{purpose}/{draw}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(name[:8], "little") >> 1)


def drawn(split: Split, count: int) -> range:
    """Numbers of the devices drawn. Those that confirm a design are others than those on which it was chosen, as the
    samples are: the best of many on three chips is partly the best for these three."""
    first = CONFIRMING if split == "test" else 0
    return range(first, first + count)
