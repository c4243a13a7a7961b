"""The arrays of the parts: truncated singular value decompositions and Tucker-2 by orthogonal iteration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ITERATIONS = 5
"""Rounds of higher-order orthogonal iteration; the first one is the higher-order singular value decomposition."""

Array = NDArray[np.float64]


def factors(weight: Array, parts: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """Weights of the parts called in, core, out or down, across, of the shapes given: their product is nearest to
    `weight` in the mean square; for Tucker-2 the nearest that alternating steps reach.
    """
    from threadpoolctl import threadpool_limits

    # Several threads on matrices of this size wait for each other a thousand times longer than one computes.
    with threadpool_limits(limits=1, user_api="blas"):
        if "core" in parts:
            return _tucker(weight, shapes[0][0], shapes[1][0])
        if "down" in parts:
            return _spatial(weight, shapes[0][0])
        left, right = _truncated(weight.reshape(weight.shape[0], -1), shapes[0][0])
        return [right.reshape(shapes[0]), left.reshape(shapes[1])]


def _truncated(matrix: Array, rank: int) -> tuple[Array, Array]:
    """(out, rank) and (rank, in) with equal shares of each singular value."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(values[:rank])
    return left[:, :rank] * root, root[:, None] * right[:rank]


def _spatial(weight: Array, rank: int) -> list[Array]:
    """W[n, c, y, x] = sum_r A[n, r, x] D[r, c, y]."""
    out, into, height, width = weight.shape
    matrix = weight.transpose(0, 3, 1, 2).reshape(out * width, into * height)
    left, right = _truncated(matrix, rank)
    across = left.reshape(out, width, rank).transpose(0, 2, 1)[:, :, None, :]
    return [right.reshape(rank, into, height, 1), across]


def _tucker(weight: Array, rank_in: int, rank_out: int) -> list[Array]:
    """W[n, c, y, x] = sum_pq O[n, p] G[p, q, y, x] I[q, c], with orthonormal O and I."""
    into = _leading(weight.transpose(1, 0, 2, 3), rank_in)
    for _ in range(ITERATIONS):
        out = _leading(np.einsum("ncyx,cq->nqyx", weight, into), rank_out)
        into = _leading(np.einsum("ncyx,np->cpyx", weight, out), rank_in)
    core = np.einsum("ncyx,np,cq->pqyx", weight, out, into)
    return [into.T[:, :, None, None], core, out[:, :, None, None]]


def _leading(tensor: Array, rank: int) -> Array:
    """The `rank` leading left singular vectors of the first unfolding."""
    left, _, _ = np.linalg.svd(tensor.reshape(tensor.shape[0], -1), full_matrices=False)
    return np.asarray(left[:, :rank])
