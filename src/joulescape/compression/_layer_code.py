"""One layer's weights as bytes, and back. Of every code that holds them exactly the shortest is written.

    how (1 byte) | values (1 byte) | number of entries (4 bytes) | table, float32 | Huffman tables | codes

`how` is dense, sparse (relative index), n_of_m (places in groups), or one of the first two with Huffman codes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from joulescape.compression import _huffman
from joulescape.compression._coding import Integers, absolute, pack, place_bits, relative, unpack
from joulescape.compression._values import Coded, Floats, from_levels, to_levels
from joulescape.network.work import OperandFormat, Values

_HOWS = ("dense", "sparse", "n_of_m", "huffman_dense", "huffman_sparse")
_VALUES: tuple[Values, ...] = ("real", "uniform", "power_of_two", "codebook")
_HEAD = struct.Struct("<BBI")


@dataclass(frozen=True)
class LayerCode:
    """The bytes of one layer: `weight_bytes` of them are codes, index and tables; scales and the head are the rest."""

    data: bytes
    weight_bytes: int
    index_bytes: float


@dataclass(frozen=True)
class _Body:
    how: str
    entries: int
    data: bytes
    index_bits: int


def encode_layer(weight: Floats, form: OperandFormat) -> LayerCode:
    """The weights (channels, ...) of one layer, in the code of its format."""
    coded = to_levels(weight, form)
    body = min(_bodies(coded, form, weight.shape[0]), key=lambda one: len(one.data))
    table = coded.table.astype("<f4").tobytes()
    head = _HEAD.pack(_HOWS.index(body.how), _VALUES.index(coded.values), body.entries)
    is_listed = coded.values == "codebook"
    size = struct.pack("<H", len(coded.table)) if is_listed else b""
    held = len(body.data) + (len(table) if is_listed else 0)
    return LayerCode(head + size + table + body.data, held, body.index_bits / 8)


def decode_layer(data: bytes, shape: tuple[int, ...], form: OperandFormat) -> tuple[Floats, int]:
    """The weights that `encode_layer` was given, and how many bytes were read."""
    how, kind, entries = _HEAD.unpack_from(data)
    values, place = _VALUES[kind], _HEAD.size
    rows = 1 if form.scale_per == "layer" else shape[0]
    tabled = 0 if values == "real" else rows
    if values == "codebook":
        (tabled,) = struct.unpack_from("<H", data, place)
        place += 2
    table = np.frombuffer(data, "<f4", tabled, place).astype(np.float32)
    place += 4 * tabled
    bits = 32 if values == "real" else int(form.stored_bits)
    sizes = (shape[0], int(np.prod(shape[1:])))
    codes, used = _codes(_HOWS[how], data[place:], bits, sizes, entries, form)
    weight = from_levels(Coded(values, codes, bits, table), rows, form.weight_structure != "dense")
    return weight.reshape(shape), place + used


def _bodies(coded: Coded, form: OperandFormat, channels: int) -> Iterator[_Body]:
    codes, bits = coded.codes, coded.bits
    yield _Body("dense", codes.size, pack(codes, bits), 0)
    if form.is_entropy_coded and (1 << bits) <= _huffman.LARGEST_ALPHABET:
        code = _huffman.encode(codes, 1 << bits)
        yield _Body("huffman_dense", codes.size, code.table + code.codes, 0)
    if form.weight_structure == "n_of_m":
        grouped = _grouped(codes.reshape(channels, -1), bits, form)
        yield from () if grouped is None else (grouped,)
    if form.weight_structure != "unstructured":
        return
    runs, entries = relative(codes, form.index_bits)
    words = (runs << bits) | entries
    yield _Body("sparse", len(runs), pack(words, bits + form.index_bits), len(runs) * form.index_bits)
    if form.is_entropy_coded:
        yield _huffman_sparse(runs, entries, bits, form.index_bits)


def _huffman_sparse(runs: Integers, entries: Integers, bits: int, index_bits: int) -> _Body:
    """Gaps in a code of their own, then the values: in theirs, or at fixed width where the alphabet is too large."""
    gaps = _huffman.encode(runs, 1 << index_bits)
    index = gaps.table + gaps.codes
    if (1 << bits) <= _huffman.LARGEST_ALPHABET:
        code = _huffman.encode(entries, 1 << bits)
        values = code.table + code.codes
    else:
        values = pack(entries, bits)
    return _Body("huffman_sparse", len(runs), index + values, 8 * len(index))


def _grouped(rows: Integers, bits: int, form: OperandFormat) -> _Body | None:
    """Of every group of a row `kept` codes and their places, zeros where it has fewer; None where one has more."""
    kept, width = form.kept, place_bits(form.group)
    filling = -rows.shape[1] % form.group
    groups = np.pad(rows, ((0, 0), (0, filling))).reshape(-1, form.group)
    if ((groups != 0).sum(axis=1) > kept).any():
        return None
    places = np.sort(np.argsort(groups == 0, axis=1, kind="stable")[:, :kept], axis=1)
    words = (places << bits) | np.take_along_axis(groups, places, axis=1)
    return _Body("n_of_m", places.size, pack(words.ravel(), bits + width), places.size * width)


def _codes(
    how: str, data: bytes, bits: int, shape: tuple[int, int], entries: int, form: OperandFormat
) -> tuple[Integers, int]:
    """Codes, and bytes read."""
    elements = shape[0] * shape[1]
    if how == "dense":
        return unpack(data, bits, elements), -(-elements * bits // 8)
    if how == "huffman_dense":
        return _read_huffman(data, 1 << bits, elements)
    if how == "n_of_m":
        return _read_grouped(data, bits, shape, entries, form.group)
    if how == "sparse":
        width = bits + form.index_bits
        words = unpack(data, width, entries)
        return absolute(words >> bits, words & ((1 << bits) - 1), elements), -(-entries * width // 8)
    return _read_huffman_sparse(data, bits, elements, entries, form.index_bits)


def _read_huffman_sparse(data: bytes, bits: int, elements: int, entries: int, index_bits: int) -> tuple[Integers, int]:
    runs, used = _read_huffman(data, 1 << index_bits, entries)
    if (1 << bits) <= _huffman.LARGEST_ALPHABET:
        codes, more = _read_huffman(data[used:], 1 << bits, entries)
    else:
        codes, more = unpack(data[used:], bits, entries), -(-entries * bits // 8)
    return absolute(runs, codes, elements), used + more


def _read_huffman(data: bytes, alphabet: int, count: int) -> tuple[Integers, int]:
    tabled = -(-alphabet * _huffman.LENGTH_BITS // 8)
    table = data[:tabled]
    symbols = _huffman.decode(_huffman.HuffmanCode(table, data[tabled:], 0), alphabet, count)
    lengths = unpack(table, _huffman.LENGTH_BITS, alphabet)
    return symbols, tabled + -(-int(lengths[symbols].sum()) // 8)


def _read_grouped(data: bytes, bits: int, shape: tuple[int, int], entries: int, group: int) -> tuple[Integers, int]:
    width, groups = place_bits(group), shape[0] * -(-shape[1] // group)
    words = unpack(data, bits + width, entries)
    codes = np.zeros(groups * group, dtype=np.int64)
    codes[np.repeat(np.arange(groups), entries // groups) * group + (words >> bits)] = words & ((1 << bits) - 1)
    return codes.reshape(shape[0], -1)[:, : shape[1]].ravel(), -(-entries * (bits + width) // 8)
