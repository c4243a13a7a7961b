"""DeepThin's re-layout: a layer's weights, in order, fill the rows of a matrix of low rank and of another shape.

    W[i, j] = (L R)[f div width, f mod width],  f = i inputs + j;  L (rows, rank), R (rank, width)

With a width that shares no divisor with the inputs, rows of W are cut out of L R at ever other places, so even rank one
gives W full rank: that is what tells it from a low rank of W itself.
"""

from __future__ import annotations

import math
from typing import Any

import array_api_compat as api
import numpy as np

from joulescape.network.work import Thin


def thin_of(shape: tuple[int, ...], rank: int) -> Thin | None:
    """The thin form of a weight; None where its factors would hold no fewer numbers than it does.

    Its width is the first from the square root of the elements on that shares no divisor with the inputs: there rows
    and width together are fewest.
    """
    elements, inputs = math.prod(shape), math.prod(shape[1:])
    width = math.isqrt(elements - 1) + 1
    while math.gcd(width, inputs) != 1:
        width += 1
    thin = Thin(elements, width, rank)
    return thin if thin.numbers < elements else None


def expanded(left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    """The weight that the factors stand for."""
    xp = api.array_namespace(left)
    return xp.reshape(xp.reshape(left @ right, (-1,))[: math.prod(shape)], shape)


def factorised(weight: Any, thin: Thin) -> tuple[Any, Any]:
    """The factors whose product is nearest to the weight in the mean square, each with half of a singular value."""
    from threadpoolctl import threadpool_limits

    xp = api.array_namespace(weight)
    flat = np.asarray(weight, dtype=np.float64).ravel()
    matrix = np.pad(flat, (0, thin.rows * thin.width - flat.size)).reshape(thin.rows, thin.width)
    with threadpool_limits(limits=1, user_api="blas"):
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(values[: thin.rank])
    factors = left[:, : thin.rank] * root, root[:, None] * right[: thin.rank]
    one, other = (xp.asarray(np.ascontiguousarray(factor, dtype=np.float32)) for factor in factors)
    return one, other
