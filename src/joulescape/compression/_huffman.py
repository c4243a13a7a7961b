"""Canonical Huffman codes (Huffman 1952) of whole numbers: a table of code lengths, then the codes side by side."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from joulescape.compression._coding import Integers, pack, unpack

LENGTH_BITS = 5
"""Width of one entry of the table: 0 (the symbol does not occur) or its code's length, at most LONGEST."""

LONGEST = 31

LARGEST_ALPHABET = 4096
"""Wider symbols keep their fixed width: their table would weigh more than it saves."""


@dataclass(frozen=True)
class HuffmanCode:
    """One coded stream: table of lengths of the whole alphabet, and the codes; sizes in bytes are what is stored."""

    table: bytes
    codes: bytes
    code_bits: int
    """Bits of `codes` before the last byte was filled."""


def encode(symbols: Integers, alphabet: int) -> HuffmanCode:
    """Symbols 0 .. alphabet - 1 in the shortest prefix code; a single symbol takes one bit each time."""
    lengths = code_lengths(np.bincount(symbols, minlength=alphabet))
    codes = _canonical(lengths)
    each, words = lengths[symbols], codes[symbols]
    starts = np.cumsum(each) - each
    total = int(each.sum())
    bits = np.zeros(total, dtype=np.uint8)
    for place in range(int(each.max(initial=0))):
        there = each > place
        bits[starts[there] + place] = (words[there] >> (each[there] - 1 - place)) & 1
    return HuffmanCode(pack(lengths, LENGTH_BITS), np.packbits(bits).tobytes(), total)


def decode(code: HuffmanCode, alphabet: int, count: int) -> Integers:
    """The `count` symbols that `encode` was given (only `table` and `codes` are read)."""
    lengths = unpack(code.table, LENGTH_BITS, alphabet)
    codes = _canonical(lengths)
    symbol_of = {(int(lengths[s]), int(codes[s])): s for s in range(alphabet) if lengths[s]}
    stream = iter(np.unpackbits(np.frombuffer(code.codes, dtype=np.uint8)).tolist())
    found = np.zeros(count, dtype=np.int64)
    for place in range(count):
        length, word = 1, next(stream)
        while (length, word) not in symbol_of:
            length, word = length + 1, (word << 1) | next(stream)
        found[place] = symbol_of[length, word]
    return found


def code_lengths(counts: NDArray[np.int64]) -> Integers:
    """Length of each symbol's code, 0 where it does not occur; counts are halved until no code is over LONGEST."""
    while True:
        lengths = _tree_lengths(counts)
        if lengths.max(initial=0) <= LONGEST:
            return lengths
        counts = np.where(counts > 0, (counts + 1) // 2, 0)


def _tree_lengths(counts: NDArray[np.int64]) -> Integers:
    lengths = np.zeros(len(counts), dtype=np.int64)
    present = np.flatnonzero(counts)
    if present.size == 1:
        lengths[present] = 1
    heap = [(int(counts[symbol]), int(symbol), [int(symbol)]) for symbol in present]
    heapq.heapify(heap)
    while len(heap) > 1:
        (one, first, left), (other, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        lengths[left + right] += 1
        heapq.heappush(heap, (one + other, first, left + right))
    return lengths


def _canonical(lengths: Integers) -> Integers:
    """Codes in order of length, then symbol: the table of lengths is all that a reader needs."""
    codes, word, before = np.zeros(len(lengths), dtype=np.int64), 0, 0
    for symbol in np.lexsort((np.arange(len(lengths)), lengths)):
        length = int(lengths[symbol])
        if length:
            word <<= length - before
            codes[symbol], before = word, length
            word += 1
    return codes
