"""What a layer's product needs once it is compressed: multiplications, additions, shifts, gates; nominal counts.

A machine that can use them all computes `operations`; one that cannot multiplies `macs` times. Per output and weight:

- multiply: density * MACs multiplications and as many additions;
- shift: the multiplications are shifts;
- add: no multiplication but the scale of each output;
- xnor: one gate a MAC, whose ones are counted, and the scale of each output;
- circulant, block b: real Fourier transforms of (in / b) blocks in and (out / b) blocks out at each position, b/2 log2
  b complex multiplications and b log2 b complex additions for two of them, and (in / b)(out / b)(b/2 + 1) complex
  products at each position and filter tap, summed before they are transformed back; weights are kept transformed. A
  complex product is four multiplications and two additions. A block that is no power of two counts as the next one.

A layer with a `transform` (Winograd, Fourier, Strassen) is counted by `network.transforms` instead: it multiplies
transformed weights, so neither zeros nor signs of the plain ones save anything more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joulescape.network.operators import Graph, Loops, Operator
from joulescape.network.transforms import Transformed, fourier, strassen, winograd
from joulescape.network.work import LayerStatistics, MatrixWork, OperandFormat, Statistics, Transform


@dataclass(frozen=True)
class Operations:
    """Operations of one layer, per sample or for a work's batch; `macs` are those of the layer without any saving."""

    macs: int
    multiplications: float
    additions: float
    shifts: float = 0.0
    gates: float = 0.0
    transformed_weights: float = 0.0
    """Weights that a transform holds in place of the plain ones; 0 without one."""


def operations(operator: Operator, form: OperandFormat) -> Operations:
    """The least operations that the format allows; ValueError for an operator that multiplies no matrix."""
    if operator.loops is None:
        raise ValueError(f"operator '{operator.name}' ({operator.kind}) has no multiply-accumulates")
    return _counted(operator.loops, form, operator.out_elements, math.prod(operator.in_shapes[0]))


def operations_of(work: MatrixWork) -> Operations:
    """The same for a forward work, for its whole batch, with the density that was measured where it was."""
    seen = work.format.with_(weight_density=work.weight.density)
    return _counted(work.loops, seen, work.output.elements, work.input.elements)


def layer_rows(
    graph: Graph, formats: Mapping[str, OperandFormat], statistics: Statistics
) -> tuple[Mapping[str, str | float], ...]:
    """One row a matrix operator, per sample: its operations, stored bytes with the index's share, and activation bytes.

    Bytes and densities are measured ones where `statistics` has them. Activations are the input at its own width.
    """
    return tuple(
        _row(
            operator,
            formats[operator.name],
            statistics.get(operator.name, LayerStatistics(formats[operator.name].weight_density)),
        )
        for operator in graph.matrix_operators
    )


def _row(operator: Operator, form: OperandFormat, measured: LayerStatistics | None) -> Mapping[str, str | float]:
    seen = measured or LayerStatistics(form.weight_density)
    counted = operations(operator, form.with_(weight_density=seen.weight_density))
    stored = form.weight_bytes if seen.weight_bytes is None else seen.weight_bytes
    return {
        "layer": operator.name,
        "macs": counted.macs,
        "multiplications": counted.multiplications,
        "additions": counted.additions,
        "shifts": counted.shifts,
        "gates": counted.gates,
        "transformed_weights": counted.transformed_weights,
        "weight_bytes": 0.0 if stored is None else stored,
        "index_bytes": form.index_bytes if seen.index_bytes is None else seen.index_bytes,
        "activation_bytes": operator.in_elements * form.activation_bits / 8,
    }


def _counted(loops: Loops, form: OperandFormat, outputs: int, inputs: int) -> Operations:
    macs = loops.macs
    if form.transform != "none":
        return _transformed(loops, form)
    acting, scales = macs * form.weight_density, float(outputs)
    if form.arithmetic == "shift":
        return Operations(macs, scales, acting, shifts=acting)
    if form.arithmetic == "add":
        return Operations(macs, scales, acting)
    if form.arithmetic == "xnor":
        return Operations(macs, scales, acting, gates=acting)
    if form.arithmetic == "circulant":
        return _circulant(loops, form.block, inputs)
    return Operations(macs, acting, acting)


_TRANSFORMS: Mapping[Transform, Callable[[Loops, int], Transformed]] = {
    "winograd": winograd,
    "fft": fourier,
    "strassen": strassen,
}


def _transformed(loops: Loops, form: OperandFormat) -> Operations:
    counted = _TRANSFORMS[form.transform](loops, form.tile)
    return Operations(
        loops.macs,
        counted.multiplications,
        counted.additions,
        counted.shifts,
        transformed_weights=counted.weights,
    )


def _circulant(loops: Loops, block: int, inputs: int) -> Operations:
    points = 1 << (block - 1).bit_length()
    out, into = math.ceil(loops.K / block), math.ceil(loops.C / block)
    transforms = (into * inputs / loops.C + out * loops.positions) / 2
    stages = math.log2(points)
    products = out * into * loops.positions * loops.FY * loops.FX * (points / 2 + 1)
    multiplied = transforms * points / 2 * stages + products
    return Operations(loops.macs, 4 * multiplied, 2 * multiplied + 2 * (transforms * points * stages + products))
