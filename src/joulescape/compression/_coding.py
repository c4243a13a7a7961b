"""How weights are stored: packed dense, or non-zeros with a relative index; the estimate and the encoder itself.

Relative index (Han et al. 2016, Deep Compression): each stored entry holds the number of zeros since the entry before
in INDEX_BITS bits; a longer run of zeros inserts a padding entry of value zero. Memory holds the smaller of both codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INDEX_BITS = 4
"""Width of one relative index."""

_SPAN = 1 << INDEX_BITS
"""An entry can stand at most this many places after the one before."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Stored:
    """Bytes of one weight array in memory: all of them, and the index's share."""

    weight_bytes: float
    index_bytes: float


def bits_with_zeros(bits: float) -> float:
    """Bits of a weight that may be zero: a sign alone cannot say so, two bits hold -1, 0 and 1."""
    return max(bits, 2.0)


def stored(elements: int, bits: float, density: float, is_sparse: bool) -> Stored:
    """Expected bytes of `elements` weights of `bits` bits of which `density` are non-zero, zeros standing anywhere.

    A gap of at least 16 m zeros needs m padding entries; with gaps geometrically distributed (ratio q = 1 - density) an
    entry draws sum over m of q^(16 m) = q^16 / (1 - q^16) of them on average.
    """
    dense = math.ceil(elements * bits / 8)
    if not is_sparse or density >= 1.0:
        return Stored(float(dense), 0.0)
    long_gap = (1.0 - density) ** _SPAN
    entries = elements * density / (1.0 - long_gap)
    coded = math.ceil(entries * (bits + INDEX_BITS) / 8)
    return Stored(float(coded), entries * INDEX_BITS / 8) if coded < dense else Stored(float(dense), 0.0)


def encode_sparse(levels: Integers, bits: int) -> bytes:
    """The relative-index code of whole-number weights (two's complement, `bits` >= 2 wide); last zeros are implied."""
    flat = levels.ravel()
    places = np.flatnonzero(flat)
    if not places.size:
        return b""
    gaps = np.diff(places, prepend=-1) - 1
    padding = gaps // _SPAN
    entries = np.zeros(places.size + int(padding.sum()), dtype=np.int64)
    runs = np.full(entries.size, _SPAN - 1, dtype=np.int64)
    ends = np.cumsum(padding + 1) - 1
    entries[ends] = flat[places]
    runs[ends] = gaps - padding * _SPAN
    words = (runs << bits) | (entries & ((1 << bits) - 1))
    return _pack(words, bits + INDEX_BITS)


def decode_sparse(code: bytes, bits: int, elements: int) -> Integers:
    """The `elements` whole numbers that `encode_sparse` was given."""
    width = bits + INDEX_BITS
    words = _unpack(code, width, len(code) * 8 // width)
    # Fewer than `width` trailing bits are filling, but a whole word of filling can stand there when width < 8.
    places = np.cumsum((words >> bits) + 1) - 1
    values = _signed(words & ((1 << bits) - 1), bits)
    inside = places < elements
    result = np.zeros(elements, dtype=np.int64)
    result[places[inside]] = values[inside]
    return result


def encode_dense(levels: Integers, bits: int) -> bytes:
    """Whole-number weights packed side by side, `bits` wide, two's complement; one bit holds the sign of +-1."""
    flat = levels.ravel()
    return _pack((flat < 0).astype(np.int64) if bits == 1 else flat & ((1 << bits) - 1), bits)


def decode_dense(code: bytes, bits: int, elements: int) -> Integers:
    """The `elements` whole numbers that `encode_dense` was given."""
    words = _unpack(code, bits, elements)
    return 1 - 2 * words if bits == 1 else _signed(words, bits)


def _pack(words: Integers, width: int) -> bytes:
    shifts = np.arange(width - 1, -1, -1)
    return np.packbits(((words[:, None] >> shifts) & 1).astype(np.uint8)).tobytes()


def _unpack(code: bytes, width: int, count: int) -> Integers:
    read = np.unpackbits(np.frombuffer(code, dtype=np.uint8), count=count * width).reshape(count, width)
    return np.asarray(read.astype(np.int64) @ (1 << np.arange(width - 1, -1, -1)), dtype=np.int64)


def _signed(words: Integers, bits: int) -> Integers:
    return np.where(words >> (bits - 1) == 1, words - (1 << bits), words)
