"""How whole-number weights are stored: packed dense, non-zeros with a relative index, n of m; estimate and encoders.

Relative index (Han et al. 2016, Deep Compression): each stored entry holds the number of zeros since the entry before
in `index_bits` bits (INDEX_BITS unless a step says otherwise); a longer run of zeros inserts a padding entry of value
zero. Memory holds the smaller of both codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INDEX_BITS = 4
"""Width of one relative index: an entry stands at most 2^INDEX_BITS places after the one before."""

_WHOLE_BYTES = (8, 16, 32)
"""Widths that need no shifting."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Stored:
    """Bytes of one weight array in memory: all of them, and the index's share."""

    weight_bytes: float
    index_bytes: float


def bits_with_zeros(bits: float) -> float:
    """Bits of a weight that may be zero: a sign alone cannot say so, two bits hold -1, 0 and 1."""
    return max(bits, 2.0)


def stored(elements: int, bits: float, density: float, is_sparse: bool, index_bits: int = INDEX_BITS) -> Stored:
    """Expected bytes of `elements` weights of `bits` bits of which `density` are non-zero, zeros standing anywhere.

    A gap of at least s m zeros, s = 2^index_bits, needs m padding entries; with gaps geometrically distributed (ratio
    q = 1 - density) an entry draws sum over m of q^(s m) = q^s / (1 - q^s) of them on average.
    """
    dense = math.ceil(elements * bits / 8)
    if not is_sparse or density >= 1.0:
        return Stored(float(dense), 0.0)
    long_gap = (1.0 - density) ** (1 << index_bits)
    entries = elements * density / (1.0 - long_gap)
    coded = math.ceil(entries * (bits + index_bits) / 8)
    return Stored(float(coded), entries * index_bits / 8) if coded < dense else Stored(float(dense), 0.0)


def stored_n_of_m(elements: int, bits: float, kept: int, index_bits: int) -> Stored:
    """Bytes of `kept` of `elements` weights that stand in groups: each with its place in the group, or all dense."""
    dense, coded = math.ceil(elements * bits / 8), math.ceil(kept * (bits + index_bits) / 8)
    return Stored(float(coded), kept * index_bits / 8) if coded < dense else Stored(float(dense), 0.0)


def place_bits(group: int) -> int:
    """Bits of a place 0 .. group - 1."""
    return max(1, (group - 1).bit_length())


def relative(levels: Integers, index_bits: int = INDEX_BITS) -> tuple[Integers, Integers]:
    """Entries of the relative index: zeros skipped before each, and its level (0 for padding); last zeros implied."""
    span, flat = 1 << index_bits, levels.ravel()
    places = np.flatnonzero(flat)
    gaps = np.diff(places, prepend=-1) - 1
    padding = gaps // span
    entries = np.zeros(places.size + int(padding.sum()), dtype=np.int64)
    runs = np.full(entries.size, span - 1, dtype=np.int64)
    ends = np.cumsum(padding + 1) - 1
    entries[ends] = flat[places]
    runs[ends] = gaps - padding * span
    return runs, entries


def absolute(runs: Integers, entries: Integers, elements: int) -> Integers:
    """The `elements` levels that `relative` was given; entries beyond the end are filling."""
    places = np.cumsum(runs + 1) - 1
    inside = places < elements
    result = np.zeros(elements, dtype=np.int64)
    result[places[inside]] = entries[inside]
    return result


def encode_sparse(levels: Integers, bits: int, index_bits: int = INDEX_BITS) -> bytes:
    """The relative-index code of whole-number weights (two's complement, `bits` >= 2 wide); last zeros are implied."""
    runs, entries = relative(levels, index_bits)
    return pack((runs << bits) | (entries & ((1 << bits) - 1)), bits + index_bits)


def decode_sparse(code: bytes, bits: int, elements: int, index_bits: int = INDEX_BITS) -> Integers:
    """The `elements` whole numbers that `encode_sparse` was given."""
    width = bits + index_bits
    # Fewer than `width` trailing bits are filling, but a whole word of filling can stand there when width < 8.
    words = unpack(code, width, len(code) * 8 // width)
    return absolute(words >> bits, signed(words & ((1 << bits) - 1), bits), elements)


def encode_dense(levels: Integers, bits: int) -> bytes:
    """Whole-number weights packed side by side, `bits` wide, two's complement; one bit holds the sign of +-1."""
    flat = levels.ravel()
    return pack((flat < 0).astype(np.int64) if bits == 1 else flat & ((1 << bits) - 1), bits)


def decode_dense(code: bytes, bits: int, elements: int) -> Integers:
    """The `elements` whole numbers that `encode_dense` was given."""
    words = unpack(code, bits, elements)
    return 1 - 2 * words if bits == 1 else signed(words, bits)


def pack(words: Integers, width: int) -> bytes:
    """Whole numbers from 0 to 2^width - 1 side by side, most significant bit first; the last byte is filled with 0."""
    if width in _WHOLE_BYTES:
        return words.astype(f">u{width // 8}").tobytes()
    shifts = np.arange(width - 1, -1, -1)
    return np.packbits(((words[:, None] >> shifts) & 1).astype(np.uint8)).tobytes()


def unpack(code: bytes, width: int, count: int) -> Integers:
    """The first `count` numbers of `width` bits; ValueError where there are fewer."""
    if width in _WHOLE_BYTES:
        return np.frombuffer(code, dtype=f">u{width // 8}", count=count).astype(np.int64)
    read = np.unpackbits(np.frombuffer(code, dtype=np.uint8), count=count * width).reshape(count, width)
    return np.asarray(read.astype(np.int64) @ (1 << np.arange(width - 1, -1, -1)), dtype=np.int64)


def signed(words: Integers, bits: int) -> Integers:
    """Two's complement of `bits` bits read as signed numbers."""
    return np.where(words >> (bits - 1) == 1, words - (1 << bits), words)
