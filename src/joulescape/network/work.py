"""What a simulator is asked to cost: workloads, and the plain numbers that data puts into them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from joulescape.network.histograms import Histogram
from joulescape.network.operators import Loops, Phase, Role

Structure = Literal["dense", "unstructured", "n_of_m"]
"""Where zeros stand: `dense` nowhere, `unstructured` anywhere, with an index, `n_of_m` as many in every group of m
weights of one output channel. Removed channels change the loops."""

Values = Literal["real", "uniform", "power_of_two", "codebook"]
"""Which values a weight may take: any; whole multiples of a scale; a sign and a power of two of a scale; one of a few
listed for its layer."""

ActivationRule = Literal["mse", "percentile", "peak", "power_of_two", "binary", "half_wave"]
"""How the grid of a layer's input is found on training data: a uniform one by least mean square error, a percentile or
the largest magnitude, by the best power of two; two values; the optimal levels of a half-wave Gaussian."""

Arithmetic = Literal["multiply", "shift", "add", "xnor", "circulant"]
"""The least that a product with a weight needs: a multiplier; a shifter; only its sign (or nothing); one gate, both
operands being signs; Fourier transforms of blocks and products between them."""

Transform = Literal["none", "winograd", "fft", "strassen"]
"""The fast algorithm that a machine may compute a layer by (`network.transforms`); it multiplies transformed weights,
whatever the plain ones need."""


@dataclass(frozen=True)
class Operand:
    """One operand of a work: its size and the statistics that data-dependent energy needs.

    `bits` is the stored width. `density` is the fraction of non-zero values; only a machine that can skip zeros of
    this `structure` may save by it. `stored_bytes` is what memory holds, index included; a machine that cannot decode
    that format stores `elements * bits` instead. Means are of |value| and value^2 relative to the operand's range.
    """

    elements: int
    bits: float
    density: float = 1.0
    structure: Structure = "dense"
    stored_bytes: float | None = None
    index_bytes: float = 0.0
    mean_fraction: float = 0.5
    mean_square_fraction: float = 1.0 / 3.0
    is_signed: bool = True
    histogram: Histogram = ()
    """Shares of values by magnitude, where they were measured: what digits of bit-serial drives and slices are."""
    needed: float = 1.0
    """Of a result: the share of values that a rectifier behind it does not put to zero whatever they are."""
    spikes: float | None = None
    """Of an input: how many spikes one element sends in one inference on a spiking machine (None: not counted)."""
    events: float | None = None
    """Of an input: spikes that meet a weight other than zero, a multiply-accumulate (None: not counted)."""

    @property
    def dense_bytes(self) -> float:
        """Bytes without any coding of zeros: elements * bits / 8."""
        return self.elements * self.bits / 8


@dataclass(frozen=True)
class Thin:
    """A weight of so many elements that is cut, in order, from a product of two factors (rows, rank) and (rank, width).

    It is stored so while it has as many elements and its values are real numbers without zeros of their own.
    """

    elements: int
    width: int
    rank: int

    @property
    def rows(self) -> int:
        """Rows of the product; its last row may be longer than what is left of the weight."""
        return -(-self.elements // self.width)

    @property
    def numbers(self) -> int:
        """Numbers of both factors."""
        return self.rank * (self.rows + self.width)


@dataclass(frozen=True)
class OperandFormat:
    """How compression leaves one layer: widths, density and bytes, before data is seen.

    `weight_bits` is the width of a whole-number grid that holds every weight (32 where none does: a machine rounds to
    its own width); `code_bits` is what one stored weight takes before any index and entropy code (None: `weight_bits`).
    They differ where values are listed (a 4-bit index of 32-bit values) or are powers of two (a short exponent).
    """

    weight_bits: float = 32.0
    activation_bits: float = 32.0
    input_density: float = 1.0
    """Share of inputs that are not zero, where a publication reports it; what is measured counts before it."""
    weight_density: float = 1.0
    weight_structure: Structure = "dense"
    weight_bytes: float | None = None
    index_bytes: float = 0.0
    code_bits: float | None = None
    values: Values = "real"
    scale_per: Literal["channel", "layer"] = "channel"
    arithmetic: Arithmetic = "multiply"
    activation_rule: ActivationRule = "mse"
    activation_percentile: float = 100.0
    """percentile: magnitudes above it are clipped."""
    index_bits: int = 4
    """Width of one relative index (`unstructured`)."""
    group: int = 1
    kept: int = 1
    """n_of_m: weights of one group, and how many of them stay."""
    block: int = 1
    """circulant: rows and columns of one block, of which one row is stored."""
    transform: Transform = "none"
    tile: int = 1
    """winograd: outputs of a tile along each axis; fft: points along each axis; strassen: levels at most."""
    thin: Thin | None = None
    """The factors that stand in the weights' place."""
    is_entropy_coded: bool = False
    """Whether a Huffman code stands in place of fixed-width codes and indices."""
    bias_bits: int = 32
    """Width of a stored bias (float)."""

    @property
    def stored_bits(self) -> float:
        """Bits of one stored weight before any index and entropy code."""
        return self.weight_bits if self.code_bits is None else self.code_bits

    def factors(self, elements: int) -> Thin | None:
        """The factors that are stored in place of so many weights; None where the weights themselves are."""
        is_plain = self.values == "real" and self.weight_structure == "dense" and self.block == 1
        return self.thin if is_plain and self.thin is not None and self.thin.elements == elements else None

    def with_(self, **changes: object) -> OperandFormat:
        """This format with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class MatrixWork:
    """A matrix product of one layer and role, for the whole batch (`loops.B`).

    `weight` is the stationary operand; `is_weight_stored` is False where it is an activation (attention, say). `format`
    is how compression left the layer: what a machine with shifters, tables or transforms may save by.
    """

    layer: str
    role: Role
    loops: Loops
    weight: Operand
    input: Operand
    output: Operand
    is_weight_stored: bool = True
    format: OperandFormat = OperandFormat()

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the whole batch."""
        return self.loops.macs


@dataclass(frozen=True)
class VectorWork:
    """Element-wise, pooling, normalisation, softmax or update work of one layer and role, for the whole batch."""

    layer: str
    role: Role
    kind: str
    ops: float
    read_elements: int
    write_elements: int
    bits: float

    @property
    def macs(self) -> int:
        """A vector work has none."""
        return 0


@dataclass(frozen=True)
class PhysicalWork:
    """One physical layer for the whole batch: `numbers` are the system's own sizes (bins, data_bins ...)."""

    layer: str
    role: Role
    system: str
    passes: int
    inputs: int
    outputs: int
    numbers: Mapping[str, float] = field(default_factory=dict)
    parameters: int = 0
    """Trained controls."""
    twin_ops: float = 0.0
    """Digital operations that simulate one pass."""
    measurements: float = 0.0
    """Passes of the device, beside `passes` and once for the whole training, that its twin is fitted to."""

    @property
    def macs(self) -> int:
        """A physical evolution has no multiply-accumulates of its own."""
        return 0


Work = MatrixWork | VectorWork | PhysicalWork


@dataclass(frozen=True)
class LayerStatistics:
    """What a measurement saw in one layer; means are relative to the operand's range."""

    weight_density: float = 1.0
    input_density: float = 1.0
    input_mean_fraction: float = 0.5
    input_mean_square_fraction: float = 1.0 / 3.0
    weight_mean_fraction: float = 0.5
    weight_mean_square_fraction: float = 1.0 / 3.0
    input_histogram: Histogram = ()
    weight_histogram: Histogram = ()
    weight_bytes: float | None = None
    """Bytes of the stored weights, index and tables included, as the encoder wrote them (None: not measured)."""
    index_bytes: float | None = None
    """The index's share of `weight_bytes`."""
    input_spikes: float | None = None
    """Spikes that one element of the input sends in one inference: mean over elements and samples."""
    synaptic_events: float | None = None
    """Spikes that meet a weight other than zero, a multiply-accumulate of one inference (spiking machines)."""


Statistics = Mapping[str, LayerStatistics]
"""By layer; a layer that is absent has nominal statistics."""


def weight_bytes(formats: Mapping[str, OperandFormat], statistics: Statistics) -> float:
    """Bytes of all stored weights: as the encoder wrote them where that was measured, else as announced."""
    seen = {name: found.weight_bytes for name, found in statistics.items() if found.weight_bytes is not None}
    announced = {name: form.weight_bytes for name, form in formats.items() if form.weight_bytes is not None}
    return float(sum({**announced, **seen}.values()))


@dataclass(frozen=True)
class TrainingPlan:
    """What a training run is, for its cost: batch, steps, and whether steps were measured or are the recipe's."""

    batch: int
    steps: int
    steps_basis: Literal["nominal", "measured"]
    feedback: str = "backprop"
    rounding: str = "stochastic"
    algorithm: str = "pat"


@dataclass(frozen=True)
class PhaseWork:
    """Everything a machine does in one phase: for training the works of ONE step at the plan's batch."""

    phase: Phase
    batch: int
    works: tuple[Work, ...]
    steps: int | None = None
    """Steps of the whole training run where a plan is known: what wears a memory out."""
    feedback: str = "backprop"
    """How errors go back: backprop or dfa (direct feedback alignment)."""
    rounding: str = "stochastic"
