"""Weight sharing by k-means (Han et al. 2016): the weights of a layer take one of a few values, stored as its number.

The values start evenly between the layer's smallest and largest weight, and move to the mean of their weights until
nothing changes. While fine-tuning each weight keeps its value's number, and the values are trained: the gradient of a
value is the sum over all weights that share it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import array_api_compat as api
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from joulescape.compression._grid_method import ActivationBits, GridMethod, GridSettings, acted_on, activations
from joulescape.compression.base import Described, Tensors
from joulescape.network.work import OperandFormat

ITERATIONS = 200
"""k-means on a line has settled long before."""


class ShareSettings(GridSettings):
    """How many values one layer has."""

    bits: Annotated[int, Field(ge=1, le=8)] = 5
    """2^bits values; one of them is zero where weights were pruned."""
    activation_bits: ActivationBits = 32
    """Bits of the layer's input, on a uniform grid; 32 leaves it as it is."""


class Share(GridMethod[ShareSettings]):
    """Keeps, beside each weight, `<operator>.codes` (numbers, 0 for a pruned weight) and `.codebook` (values)."""

    name = "share"
    sources = ("han2016dc",)
    Settings = ShareSettings
    trained = frozenset({"codebook"})

    def form(self, form: OperandFormat, at: ShareSettings) -> OperandFormat:
        """Short numbers and a list of values; a machine that looks nothing up multiplies at its own width."""
        bits = max(at.bits, 2) if form.weight_structure != "dense" else at.bits
        return form.with_(
            weight_bits=32.0,
            code_bits=float(bits),
            values="codebook",
            arithmetic="multiply",
            **activations(at.activation_bits, "mse"),
        )

    def on_grid(self, weight: Any, at: ShareSettings) -> Any:
        """Each weight's shared value, found by k-means."""
        return looked_up(*_shared(weight, at.bits, has_zero=bool((weight == 0).any())))

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, ShareSettings]) -> Tensors:
        """Values by number; numbers and values are found where they are absent or of another shape."""
        found = dict(tensors)
        for operator in acted_on(described, settings):
            if operator.weight_shape:
                bits = int(described.formats[operator.name].stored_bits)
                found.update(_layer(operator.name, tensors, bits, described.formats[operator.name]))
        return found


def _layer(name: str, tensors: Tensors, bits: int, form: OperandFormat) -> dict[str, Any]:
    weight, has_zero = tensors[f"{name}.weight"], form.weight_structure != "dense"
    listed = found_before(name, tensors, (1 << bits) - has_zero)
    codes, book = _shared(weight, bits, has_zero) if listed is None else listed
    return {f"{name}.codes": codes, f"{name}.codebook": book, f"{name}.weight": looked_up(codes, book)}


def found_before(name: str, tensors: Tensors, count: int) -> tuple[Any, Any] | None:
    """Numbers and values that this step gave the layer before; None where there are none, or another's: of other shape
    or of more or fewer values than `count`.
    """
    weight, codes = tensors[f"{name}.weight"], tensors.get(f"{name}.codes")
    if codes is None or codes.shape != weight.shape:
        return None
    book = tensors[f"{name}.codebook"]
    return (codes, book) if book.shape[0] == count else None


def looked_up(codes: Any, book: Any) -> Any:
    """The value of each number; 0 stands for zero, 1 for the first value."""
    xp = api.array_namespace(book)
    values = xp.concat([xp.zeros((1,), dtype=book.dtype), book])
    return xp.reshape(xp.take(values, xp.reshape(codes, (-1,))), codes.shape)


def _shared(weight: Any, bits: int, has_zero: bool) -> tuple[Any, Any]:
    """Numbers (1 ..) and values of a layer; with `has_zero` a zero weight is not shared but has number 0."""
    xp = api.array_namespace(weight)
    values = np.asarray(weight, dtype=np.float64)
    inside = values != 0 if has_zero else np.ones(values.shape, dtype=bool)
    count = (1 << bits) - has_zero
    book = centroids(values[inside], count)
    codes = np.where(inside, 1 + _nearest(values, book), 0)
    # As many values whatever the weights are: what is trained keeps its shape. Those that no weight has are not stored.
    return xp.asarray(codes), xp.asarray(np.pad(book, (0, count - book.size), mode="edge").astype(np.float32))


def centroids(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """At most `count` means of k-means on a line, ascending; fewer where some would have no weight."""
    ordered = np.sort(values.ravel())
    if not ordered.size:
        return np.zeros(1)
    distinct = np.unique(ordered)
    if distinct.size <= count:
        return distinct
    sums = np.concatenate([[0.0], np.cumsum(ordered)])
    centres = np.linspace(ordered[0], ordered[-1], count)
    for _ in range(ITERATIONS):
        edges = np.searchsorted(ordered, (centres[1:] + centres[:-1]) / 2)
        ends = np.concatenate([[0], edges, [ordered.size]])
        sizes = np.diff(ends)
        moved = np.where(sizes > 0, np.diff(sums[ends]) / np.maximum(sizes, 1), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres[sizes > 0]


def _nearest(values: NDArray[np.float64], book: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(np.searchsorted((book[1:] + book[:-1]) / 2, values), dtype=np.int64)


plugin = Share()
