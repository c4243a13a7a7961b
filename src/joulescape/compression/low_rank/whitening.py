"""Directions of a layer's input by how much they carry: what turns an error of weights into one of outputs.

With the second moment C = X^T X / m of m rows of training input, the mean square error of the outputs is

    mean |x (W - W')^T|^2 = |(W - W') S|^2,   S S^T = C

so the truncated singular value decomposition of W S, its right factor taken back through the inverse of S, has the
least error of its rank on the training samples (as in DRONE, Chen et al. 2021, and SVD-LLM, Wang et al. 2024).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-6
"""Relative to the mean direction: what never carries anything (the rim of an image) still has an inverse."""

Array = NDArray[np.float64]


def whitening(rows: Array) -> tuple[Array, Array]:
    """S and its inverse, (K, K) each, of rows (m, K)."""
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    mean = float(values.mean())
    roots = np.sqrt(np.maximum(values, FLOOR * mean if mean > 0 else 1.0))
    return vectors * roots, (vectors / roots).T
