"""Random streams by name: all candidates meet the same draws (common random numbers)."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, purpose: str, draw: int = 0) -> torch.Generator:
    """The stream of (seed, purpose, draw); the same on any machine and in any process."""
    name = hashlib.sha256(f"{seed}/{purpose}/{draw}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(name[:8], "little") >> 1)
