"""Prefix codes: they give back what they were given, and no prefix code of whole bits is shorter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.compression import _huffman as huffman

SOME = settings(max_examples=80, deadline=None)


@st.composite
def streams(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """Symbols of a skewed distribution, and the size of their alphabet."""
    alphabet, count = draw(st.integers(1, 64)), draw(st.integers(0, 300))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    weights = rng.random(alphabet) ** draw(st.integers(1, 8)) + 1e-9
    return rng.choice(alphabet, count, p=weights / weights.sum()), alphabet


@SOME
@given(streams())
def test_what_is_coded_is_read_again(stream: tuple[np.ndarray, int]) -> None:
    symbols, alphabet = stream
    code = huffman.encode(symbols, alphabet)
    assert np.array_equal(huffman.decode(code, alphabet, len(symbols)), symbols)
    assert len(code.codes) == math.ceil(code.code_bits / 8)
    assert len(code.table) == math.ceil(alphabet * huffman.LENGTH_BITS / 8)


@SOME
@given(streams())
def test_a_code_lies_between_the_entropy_and_one_bit_more(stream: tuple[np.ndarray, int]) -> None:
    symbols, alphabet = stream
    counts = np.bincount(symbols, minlength=alphabet)
    used = counts[counts > 0]
    if used.size < 2:
        return
    entropy = float(-(used * np.log2(used / used.sum())).sum())
    bits = huffman.encode(symbols, alphabet).code_bits
    assert entropy - 1e-6 <= bits <= entropy + used.sum()


@SOME
@given(streams())
def test_lengths_fill_the_tree_and_rare_symbols_are_never_shorter(stream: tuple[np.ndarray, int]) -> None:
    symbols, alphabet = stream
    counts = np.bincount(symbols, minlength=alphabet)
    lengths = huffman.code_lengths(counts)
    assert np.array_equal(lengths > 0, counts > 0)
    used = np.flatnonzero(counts)
    if used.size > 1:
        assert math.isclose(float((0.5 ** lengths[used]).sum()), 1.0)
    for one in used:
        for other in used:
            assert counts[one] <= counts[other] or lengths[one] <= lengths[other]


def test_a_hand_made_example() -> None:
    """Four symbols of counts 4, 2, 1, 1: codes of 1, 2, 3 and 3 bits, 14 bits in all."""
    symbols = np.array([0, 1, 0, 2, 0, 1, 3, 0])
    code = huffman.encode(symbols, 4)
    assert huffman.code_lengths(np.array([4, 2, 1, 1])).tolist() == [1, 2, 3, 3]
    assert code.code_bits == 14 and len(code.codes) == 2
    # Canonical: 0 -> 0, 1 -> 10, 2 -> 110, 3 -> 111.
    bits = "".join(f"{byte:08b}" for byte in code.codes)
    assert bits[:14] == "01001100101110"


def test_a_single_symbol_takes_one_bit_and_none_takes_nothing() -> None:
    assert huffman.encode(np.full(9, 5), 8).code_bits == 9
    assert huffman.encode(np.zeros(0, dtype=np.int64), 8).codes == b""


def test_codes_never_grow_beyond_what_the_table_can_say() -> None:
    """Counts like the Fibonacci numbers make the deepest tree."""
    counts = [1, 1]
    while len(counts) < 45:
        counts.append(counts[-1] + counts[-2])
    lengths = huffman.code_lengths(np.array(counts, dtype=np.int64))
    assert lengths.max() <= huffman.LONGEST < 1 << huffman.LENGTH_BITS
    assert float((0.5**lengths).sum()) == pytest.approx(1.0)
