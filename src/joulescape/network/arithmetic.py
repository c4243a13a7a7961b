"""What a layer's product needs once it is compressed: multiplications, additions, shifts, gates; nominal counts.

A machine that can use them all computes `operations`; one that cannot multiplies `macs` times. Per sample:

- multiply: density * MACs multiplications and as many additions;
- shift: the multiplications are shifts;
- add: no multiplication but the scale of each output;
- xnor: one gate a MAC, whose ones are counted, and the scale of each output;
- circulant, block b: real Fourier transforms of (in / b) blocks in and (out / b) blocks out at each position, b/2 log2
  b complex multiplications and b log2 b complex additions for two of them, and (in / b)(out / b)(b/2 + 1) complex
  products at each position and filter tap, summed before they are transformed back; weights are kept transformed. A
  complex product is four multiplications and two additions. A block that is no power of two counts as the next one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat


@dataclass(frozen=True)
class Operations:
    """Operations of one layer per sample; `macs` are those of the dense layer without any saving."""

    macs: int
    multiplications: float
    additions: float
    shifts: float = 0.0
    gates: float = 0.0


def operations(operator: Operator, form: OperandFormat) -> Operations:
    """The least operations that the format allows; ValueError for an operator that multiplies no matrix."""
    if operator.loops is None:
        raise ValueError(f"operator '{operator.name}' ({operator.kind}) has no multiply-accumulates")
    macs = operator.loops.macs
    acting, outputs = macs * form.weight_density, float(operator.out_elements)
    if form.arithmetic == "shift":
        return Operations(macs, outputs, acting, shifts=acting)
    if form.arithmetic == "add":
        return Operations(macs, outputs, acting)
    if form.arithmetic == "xnor":
        return Operations(macs, outputs, acting, gates=acting)
    if form.arithmetic == "circulant":
        return _circulant(operator, form.block)
    return Operations(macs, acting, acting)


def _circulant(operator: Operator, block: int) -> Operations:
    loops = operator.loops
    if loops is None:
        raise ValueError(f"operator '{operator.name}' has no multiply-accumulates")
    points = 1 << (block - 1).bit_length()
    out, into = math.ceil(loops.K / block), math.ceil(loops.C / block)
    positions_in = math.prod(operator.in_shapes[0][1:]) if operator.kind == "conv" else loops.OX
    transforms = (into * positions_in + out * loops.OY * loops.OX) / 2
    stages = math.log2(points) if points > 1 else 0.0
    products = out * into * loops.OY * loops.OX * loops.FY * loops.FX * (points / 2 + 1)
    multiplied = transforms * points / 2 * stages + products
    return Operations(loops.macs, 4 * multiplied, 2 * multiplied + 2 * (transforms * points * stages + products))
