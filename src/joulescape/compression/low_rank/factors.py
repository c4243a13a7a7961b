"""The arrays of the parts: truncated singular value decompositions and Tucker-2 by orthogonal iteration.

With rows of a layer's input the error that is least is that of its outputs (`whitening`): exactly for dense layers and
`svd`; for `spatial` with columns of the window, and for `tucker` with its places, taken as if each were alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from joulescape.compression.low_rank.whitening import Array, whitening

ITERATIONS = 5
"""Rounds of higher-order orthogonal iteration; the first one is the higher-order singular value decomposition."""


def factors(
    weight: Array, parts: Sequence[str], shapes: Sequence[tuple[int, ...]], rows: Array | None = None
) -> list[Array]:
    """Weights of the parts called in, core, out or down, across, of the shapes given: their product is nearest to
    `weight` in the mean square, or in the mean square of the outputs on `rows` of input, (rows, inputs * window); for
    Tucker-2 the nearest that alternating steps reach.
    """
    from threadpoolctl import threadpool_limits

    # Several threads on matrices of this size wait for each other a thousand times longer than one computes.
    with threadpool_limits(limits=1, user_api="blas"):
        if "core" in parts:
            return _tucker(weight, shapes[0][0], shapes[1][0], rows)
        if "down" in parts:
            return _spatial(weight, shapes[0][0], rows)
        left, right = _truncated(weight.reshape(weight.shape[0], -1), shapes[0][0], rows)
        return [right.reshape(shapes[0]), left.reshape(shapes[1])]


def spectrum(weight: Array, rows: Array | None = None) -> Array:
    """Squares of the singular values of a weight as a matrix, the largest first: what each further rank adds."""
    matrix = weight.reshape(weight.shape[0], -1)
    seen = matrix if rows is None else matrix @ whitening(rows)[0]
    return np.asarray(np.linalg.svd(seen, compute_uv=False) ** 2)


def _truncated(matrix: Array, rank: int, rows: Array | None) -> tuple[Array, Array]:
    """(out, rank) and (rank, in) with equal shares of each singular value."""
    forth, back = (None, None) if rows is None else whitening(rows)
    left, values, right = np.linalg.svd(matrix if forth is None else matrix @ forth, full_matrices=False)
    root = np.sqrt(values[:rank])
    second = root[:, None] * right[:rank]
    return left[:, :rank] * root, second if back is None else second @ back


def _spatial(weight: Array, rank: int, rows: Array | None) -> list[Array]:
    """W[n, c, y, x] = sum_r A[n, r, x] D[r, c, y]."""
    out, into, height, width = weight.shape
    matrix = weight.transpose(0, 3, 1, 2).reshape(out * width, into * height)
    windows = None if rows is None else rows.reshape(-1, into, height, width).transpose(0, 3, 1, 2)
    left, right = _truncated(matrix, rank, None if windows is None else windows.reshape(-1, into * height))
    across = left.reshape(out, width, rank).transpose(0, 2, 1)[:, :, None, :]
    return [right.reshape(rank, into, height, 1), across]


def _tucker(weight: Array, rank_in: int, rank_out: int, rows: Array | None) -> list[Array]:
    """W[n, c, y, x] = sum_pq O[n, p] G[p, q, y, x] I[q, c], with orthonormal O and, without rows, I."""
    channels = weight.shape[1]
    forth = back = np.eye(channels)
    if rows is not None:
        forth, back = whitening(rows.reshape(len(rows), channels, -1).transpose(0, 2, 1).reshape(-1, channels))
    seen = np.einsum("ncyx,cd->ndyx", weight, forth)
    into = _leading(seen.transpose(1, 0, 2, 3), rank_in)
    for _ in range(ITERATIONS):
        out = _leading(np.einsum("ncyx,cq->nqyx", seen, into), rank_out)
        into = _leading(np.einsum("ncyx,np->cpyx", seen, out), rank_in)
    core = np.einsum("ncyx,np,cq->pqyx", seen, out, into)
    return [(into.T @ back)[:, :, None, None], core, out[:, :, None, None]]


def _leading(tensor: Array, rank: int) -> Array:
    """The `rank` leading left singular vectors of the first unfolding."""
    left, _, _ = np.linalg.svd(tensor.reshape(tensor.shape[0], -1), full_matrices=False)
    return np.asarray(left[:, :rank])
