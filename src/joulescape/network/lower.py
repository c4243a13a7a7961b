"""Lowering: a graph and the formats of its layers become the works of one phase.

Forward, a matrix operator keeps its loop bounds with the batch in `B`; a product of two activations has the batch in
`G`, because each sample brings matrices of its own. Backward (dY is the error of the output):

- input gradient: the transposed convolution dX = W^T * dY. K and C change places, positions are the input's; with
  stride s only every s-th filter tap meets an error, so a dot product has ceil(F / s)^2 taps.
- weight gradient: dW[k, c, fy, fx] = sum over batch and positions of dY[k, y, x] X[c, s y + fy, s x + fx]. Batch and
  input channels change places: `B` = C, `C` = batch, filter = output positions, positions = filter; `loops.reduction`
  is batch * OY * OX. The stationary operand is dY, an activation (`is_weight_stored` False).

Errors and gradients are stored at the width of the layer's activations; their zeros are those of `zeros`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from joulescape.network.build import DATA
from joulescape.network.evolved import evolution, is_alike, is_without_device, twin
from joulescape.network.kinds import KINDS
from joulescape.network.operators import Graph, Loops, Operator, Phase, Role
from joulescape.network.work import (
    LayerStatistics,
    MatrixWork,
    Operand,
    OperandFormat,
    PhaseWork,
    Statistics,
    Structure,
    VectorWork,
    Work,
)
from joulescape.network.zeros import Zeros

FREE_KINDS = frozenset(name for name, kind in KINDS.items() if kind.is_free)
"""Operators that only rename elements: they cost nothing and yield no work."""

UPDATE_OPS_PER_PARAMETER = 2.0
"""Stochastic gradient descent: multiply by the learning rate, add."""


def lower(
    graph: Graph,
    formats: Mapping[str, OperandFormat],
    phase: Phase,
    batch: int,
    statistics: Statistics,
    algorithm: str = "pat",
) -> PhaseWork:
    """The works of one phase, in the order in which they run; for training those of ONE step.

    Inference: one work an operator. Training: forward in order, then per operator in reverse order its input gradient
    (left out where nothing trained stands before it) and weight gradient, then the updates. What a physical system does
    in it depends on the training's `algorithm` (`network.evolved`).
    """
    lowering = _Lowering(graph, formats, batch, statistics, phase, algorithm)
    works = [work for operator in graph.operators for work in lowering.forward(operator)]
    if phase == "training":
        works += [work for operator in reversed(graph.operators) for work in lowering.backward(operator)]
        works += [lowering.update(operator) for operator in graph.operators if operator.parameter_count]
    return PhaseWork(phase, batch, tuple(works))


def is_nonnegative(graph: Graph, name: str) -> bool:
    """Whether the tensor `name` can hold no negative value; data count as non-negative (tasks scale them to [0, 1])."""
    if name == DATA:
        return True
    operator = graph.operator(name)
    sign = KINDS[operator.kind].sign
    return sign == "nonnegative" or (
        sign == "kept" and all(is_nonnegative(graph, source) for source in operator.inputs)
    )


def reads_trained(graph: Graph) -> frozenset[str]:
    """Operators that read something trained: only these need an input gradient."""
    trained: set[str] = set()
    found: set[str] = set()
    for operator in graph.operators:
        if trained.intersection(operator.inputs):
            found.add(operator.name)
        if operator.parameter_count or operator.name in found:
            trained.add(operator.name)
    return frozenset(found)


def has_work(operator: Operator, role: Role, trained: frozenset[str]) -> bool:
    """Whether the operator yields a work in this role; `trained` are those that read something trained."""
    if operator.kind in FREE_KINDS:
        return False
    if role == "input_gradient":
        return operator.name in trained
    if role == "weight_gradient":
        return operator.is_matrix or operator.is_physical
    return role == "forward" or operator.parameter_count > 0


def _input_gradient_loops(operator: Operator, batch: int) -> Loops:
    loops = _loops(operator)
    if operator.kind == "matmul":
        return replace(loops, G=2 * batch * loops.G, K=loops.C, C=loops.K)
    if operator.kind == "dense":
        return replace(loops, B=batch, K=loops.C, C=loops.K)
    height, width = operator.in_shapes[0][1:]
    taps = math.ceil(loops.FY / loops.stride_y), math.ceil(loops.FX / loops.stride_x)
    return Loops(B=batch, G=loops.G, K=loops.C, C=loops.K, OY=height, OX=width, FY=taps[0], FX=taps[1])


def _batched(operator: Operator, batch: int) -> Loops:
    """Loop bounds for a whole batch: samples share weights, but of two activations each sample has its own matrices."""
    loops = _loops(operator)
    return replace(loops, G=batch * loops.G) if operator.kind == "matmul" else replace(loops, B=batch)


def _weight_gradient_loops(operator: Operator, batch: int) -> Loops:
    loops = _loops(operator)
    return Loops(
        B=loops.C, G=loops.G, K=loops.K, C=batch, OY=loops.FY, OX=loops.FX, FY=loops.OY, FX=loops.OX,
    )  # fmt: skip


def _loops(operator: Operator) -> Loops:
    if operator.loops is None:
        raise ValueError(f"operator '{operator.name}' ({operator.kind}) has no loop bounds")
    return operator.loops


@dataclass(frozen=True)
class _Lowering:
    graph: Graph
    formats: Mapping[str, OperandFormat]
    batch: int
    statistics: Statistics
    phase: Phase
    algorithm: str

    def forward(self, operator: Operator) -> Iterator[Work]:
        if operator.is_matrix:
            yield self._matrix_forward(operator)
        elif operator.is_physical:
            yield self._physical_forward(operator)
        elif operator.kind not in FREE_KINDS:
            training = KINDS[operator.kind].training_ops_per_element if self.phase == "training" else None
            ops = operator.ops_per_element if training is None else training
            yield self._vector(operator, "forward", ops * operator.out_elements, operator.in_elements)

    def backward(self, operator: Operator) -> Iterator[Work]:
        has_input_gradient = operator.name in reads_trained(self.graph)
        if operator.kind in FREE_KINDS:
            return
        if has_input_gradient:
            yield from self._input_gradient(operator)
        if operator.is_matrix and operator.kind != "matmul":
            yield self._weight_gradient(operator)
        elif operator.is_physical:
            yield twin(operator, "weight_gradient", self.batch, self.algorithm)

    def update(self, operator: Operator) -> VectorWork:
        count, form = operator.parameter_count, self._format(operator.name)
        bits = max(form.weight_bits, form.activation_bits) if operator.is_matrix else 32.0
        return VectorWork(
            operator.name, "update", "update", UPDATE_OPS_PER_PARAMETER * count, 2 * count, count, bits,
        )  # fmt: skip

    def _physical_forward(self, operator: Operator) -> Work:
        if self.phase != "training":
            return evolution(operator, self.batch)
        if is_without_device(self.algorithm):
            return twin(operator, "forward", self.batch, self.algorithm)
        alike = sum(is_alike(operator, other) for other in self.graph.physical_operators)
        return evolution(operator, self.batch, self.algorithm, alike)

    def _matrix_forward(self, operator: Operator) -> MatrixWork:
        return MatrixWork(
            layer=operator.name,
            role="forward",
            loops=_batched(operator, self.batch),
            weight=self._weight(operator),
            input=self._input(operator),
            output=self._output(operator),
            is_weight_stored=operator.kind != "matmul",
            format=self._format(operator.name),
        )

    def _input_gradient(self, operator: Operator) -> Iterator[Work]:
        if operator.is_physical:
            yield twin(operator, "input_gradient", self.batch, self.algorithm)
        elif operator.is_matrix:
            yield self._matrix_input_gradient(operator)
        else:
            ops = KINDS[operator.kind].backward_ops_per_element * operator.in_elements
            yield self._vector(operator, "input_gradient", ops, operator.out_elements + operator.in_elements)

    def _matrix_input_gradient(self, operator: Operator) -> MatrixWork:
        """For a product of two activations both errors are wanted: dY R^T and L^T dY have as many MACs as L R each."""
        loops = _input_gradient_loops(operator, self.batch)
        bits = self._format(operator.name).activation_bits
        return MatrixWork(
            layer=operator.name,
            role="input_gradient",
            loops=loops,
            weight=self._both(operator) if operator.kind == "matmul" else self._weight(operator),
            input=self._error(operator),
            output=Operand(self.batch * operator.in_elements, bits, needed=self._zeros.asked(operator)),
            is_weight_stored=operator.kind != "matmul",
        )

    def _weight_gradient(self, operator: Operator) -> MatrixWork:
        bits = self._format(operator.name).activation_bits
        return MatrixWork(
            layer=operator.name,
            role="weight_gradient",
            loops=_weight_gradient_loops(operator, self.batch),
            weight=self._error(operator),
            input=self._input(operator),
            output=Operand(math.prod(operator.weight_shape or ()), bits),
            is_weight_stored=False,
        )

    def _error(self, operator: Operator) -> Operand:
        bits, density = self._format(operator.name).activation_bits, self._zeros.error_density(operator.name)
        structure: Structure = "unstructured" if density < 1 else "dense"
        return Operand(self.batch * operator.out_elements, bits, density, structure)

    def _both(self, operator: Operator) -> Operand:
        return Operand(self.batch * operator.in_elements, self._format(operator.name).activation_bits)

    def _weight(self, operator: Operator) -> Operand:
        form, seen = self._format(operator.name), self.statistics.get(operator.name)
        if operator.kind == "matmul":
            elements = self.batch * math.prod(operator.in_shapes[1])
            return Operand(elements, form.activation_bits, is_signed=not is_nonnegative(self.graph, operator.inputs[1]))
        nominal = LayerStatistics(weight_density=form.weight_density)
        seen = seen or nominal
        return Operand(
            elements=math.prod(operator.weight_shape or ()),
            bits=form.weight_bits,
            density=seen.weight_density,
            structure=form.weight_structure,
            stored_bytes=form.weight_bytes if seen.weight_bytes is None else seen.weight_bytes,
            index_bytes=form.index_bytes if seen.index_bytes is None else seen.index_bytes,
            mean_fraction=seen.weight_mean_fraction,
            mean_square_fraction=seen.weight_mean_square_fraction,
            histogram=seen.weight_histogram,
        )

    def _input(self, operator: Operator) -> Operand:
        form = self._format(operator.name)
        seen = self.statistics.get(operator.name, LayerStatistics(input_density=form.input_density))
        return Operand(
            elements=self.batch * math.prod(operator.in_shapes[0]),
            bits=form.activation_bits,
            density=seen.input_density,
            structure="unstructured" if seen.input_density < 1 else "dense",
            mean_fraction=seen.input_mean_fraction,
            mean_square_fraction=seen.input_mean_square_fraction,
            histogram=seen.input_histogram,
            is_signed=not is_nonnegative(self.graph, operator.inputs[0]),
            spikes=seen.input_spikes,
            events=seen.synaptic_events,
        )

    def _output(self, operator: Operator) -> Operand:
        width, needed = self._width(operator.name), self._zeros.needed(operator.name)
        return Operand(self.batch * operator.out_elements, width, needed=needed)

    def _vector(self, operator: Operator, role: Role, ops: float, reads: int) -> VectorWork:
        writes = operator.out_elements if role == "forward" else operator.in_elements
        width = self._width(operator.name)
        kind, batch = operator.kind, self.batch
        return VectorWork(operator.name, role, kind, ops * batch, reads * batch, writes * batch, width)

    def _format(self, name: str) -> OperandFormat:
        return self.formats.get(name, OperandFormat())

    def _width(self, name: str) -> float:
        """Bits at which a tensor is stored."""
        return self._widths.get(name, self._format(name).activation_bits)

    @cached_property
    def _zeros(self) -> Zeros:
        matrix = self.graph.matrix_operators
        return Zeros(self.graph, {operator.name: self._input(operator).density for operator in matrix})

    @cached_property
    def _widths(self) -> Mapping[str, float]:
        """By tensor that somebody reads: what its matrix readers ask for, found through vector operators."""
        asked: dict[str, float] = {}
        for reader in reversed(self.graph.operators):
            own = self._format(reader.name).activation_bits
            width = own if reader.is_matrix else asked.get(reader.name, own)
            asked.update({source: max(asked.get(source, 0.0), width) for source in reader.inputs})
        return asked
