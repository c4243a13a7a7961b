"""Block-circulant weights: each b x b block is its first row, moved on by one place in every row below.

Convolutions have their blocks over (output channels, input channels) at each filter position. A layer whose sizes b
does not divide is filled with rows and columns that are stored but never read.
"""

from __future__ import annotations

import math
from typing import Any

import array_api_compat as api
import numpy as np
from numpy.typing import NDArray


def defining_shape(shape: tuple[int, ...], block: int) -> tuple[int, ...]:
    """Shape of the stored numbers of a weight (out, in, *taps): (blocks out, blocks in, *taps, block)."""
    return (math.ceil(shape[0] / block), math.ceil(shape[1] / block), *shape[2:], block)


def stored_elements(shape: tuple[int, ...], block: int) -> int:
    """How many numbers are stored."""
    return math.prod(shape) if block == 1 else math.prod(defining_shape(shape, block))


def projected(weight: Any, block: int) -> Any:
    """The nearest block-circulant weight: each diagonal of a block becomes its mean over the entries that exist."""
    return expanded(_means(weight, block), tuple(weight.shape), block)


def expanded(rows: Any, shape: tuple[int, ...], block: int) -> Any:
    """The whole weight of the stored numbers: entry (i, j) of a block is number (j - i) mod b."""
    xp = api.array_namespace(rows)
    place = (xp.arange(block)[None, :] - xp.arange(block)[:, None]) % block
    whole = xp.take(rows, xp.reshape(place, (-1,)), axis=rows.ndim - 1)
    whole = xp.reshape(whole, (*rows.shape[:-1], block, block))
    taps = tuple(range(2, rows.ndim - 1))
    moved = xp.permute_dims(whole, (0, rows.ndim - 1, 1, rows.ndim, *taps))
    full = xp.reshape(moved, (rows.shape[0] * block, rows.shape[1] * block, *shape[2:]))
    return full[: shape[0], : shape[1], ...]


def defining(weight: NDArray[np.float32], block: int) -> NDArray[np.float32] | None:
    """The stored numbers of a block-circulant weight; None where it is not one."""
    means = np.asarray(_means(weight, block), dtype=np.float32)
    whole = expanded(means, weight.shape, block)
    if not np.allclose(whole, weight, rtol=1e-6, atol=0.0):
        return None
    filled, there = _filled(weight, block)
    return np.asarray(_first(filled, there, block), dtype=np.float32)


def _means(weight: Any, block: int) -> Any:
    xp = api.array_namespace(weight)
    blocks, there = (_diagonals(part, block) for part in _filled(weight, block))
    count = xp.sum(there, axis=-2)
    return xp.sum(blocks, axis=-2) / xp.where(count > 0, count, xp.ones_like(count))


def _first(filled: Any, there: Any, block: int) -> Any:
    """Of each diagonal the first entry that exists; where none does a weight of the same rows, so that what is stored
    but never read needs no value of its own.
    """
    values, exists = _diagonals(filled, block), _diagonals(there, block)
    first = np.take_along_axis(values, np.argmax(exists, axis=-2)[..., None, :], axis=-2)[..., 0, :]
    stand_in = filled[::block].reshape(len(first), -1)[:, 0].reshape(-1, *(1,) * (first.ndim - 1))
    return np.where(exists.any(axis=-2), first, stand_in)


def _filled(weight: Any, block: int) -> tuple[Any, Any]:
    """The weight with zeros up to whole blocks, and 1 where it really has an entry."""
    xp = api.array_namespace(weight)
    out, into = (math.ceil(size / block) * block for size in weight.shape[:2])
    taps = tuple(weight.shape[2:])

    def fill(values: Any) -> Any:
        right = xp.zeros((weight.shape[0], into - weight.shape[1], *taps), dtype=weight.dtype)
        below = xp.zeros((out - weight.shape[0], into, *taps), dtype=weight.dtype)
        return xp.concat([xp.concat([values, right], axis=1), below], axis=0)

    return fill(weight), fill(xp.ones_like(weight))


def _diagonals(filled: Any, block: int) -> Any:
    """(blocks out, blocks in, *taps, row, diagonal): entry (i, (i + d) mod b) of each block at [i, d]."""
    xp = api.array_namespace(filled)
    out, into = filled.shape[0] // block, filled.shape[1] // block
    taps = tuple(range(4, filled.ndim + 2))
    blocks = xp.reshape(filled, (out, block, into, block, *filled.shape[2:]))
    blocks = xp.permute_dims(blocks, (0, 2, *taps, 1, 3))
    place = (xp.arange(block)[:, None] + xp.arange(block)[None, :]) % block
    flat = xp.reshape(blocks, (*blocks.shape[:-2], block * block))
    columns = xp.reshape(xp.arange(block)[:, None] * block + place, (-1,))
    return xp.reshape(xp.take(flat, columns, axis=flat.ndim - 1), blocks.shape)
