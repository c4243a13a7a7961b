"""What a user may set on a crossbar machine: its structure, the component table, the cell and its imperfections."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators.crossbar.converters import Adc, Dac
from joulescape.simulators.crossbar.devices import AgedCell
from joulescape.simulators.crossbar.layout import Layout
from joulescape.simulators.crossbar.table import Count, TableRow
from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter


class ArrayShape(Shape):
    """One crossbar of memory cells and how weights lie in it."""

    rows: Annotated[int, Field(ge=8, le=1024)]
    columns: Annotated[int, Field(ge=8, le=1024)]
    encoding: Literal["offset", "differential"]
    """offset: w + 2^(b-1) in unsigned slices, a column stored inverted when it is more than half full; differential: a
    pair of columns for the magnitudes of the positive and the negative weights, subtracted before the converter."""
    step_ns: LowerIsBetter
    """Shortest time of one analog read of the array."""
    fill_cycles: Annotated[int, Field(ge=0)]
    """Pipeline cycles before the first and after the last analog read (fetch, merge, activate, write back)."""


class Cell(AgedCell):
    """One memory cell as the array uses it: a device, its age, and the wires between it and the next."""

    bits: Annotated[int, Field(ge=1, le=8)]
    copies: Annotated[int, Field(ge=1, le=16)]
    """Cells in parallel that hold one slice: their currents add on tied columns, so their errors average."""
    wire_kohm: LowerIsBetter
    """Wire resistance of one cell pitch, along rows and along columns."""


class PerBit(Shape):
    """A memory or a link that is charged by the bit, beside its table row."""

    table: TableRow
    energy_pj_per_bit: LowerIsBetter


class Edram(PerBit):
    """Tile buffer; `capacity_bytes` bounds the activations of one layer."""

    capacity_bytes: Count


class Spikes(Shape):
    """Weighted spikes in and integrate-and-fire circuits out, in the place of DAC, sample-and-hold and ADC (song2017).

    An input of b bits is a train of at most b spikes on its row, each of twice the weight of the one before. A column
    charges a capacitor for the whole train; a counter counts how often it fires: one count a column and input vector.
    """

    counter_bits: Annotated[int, Field(ge=1, le=24)]
    """Counts beyond 2^bits - 1 are lost."""
    clip_fraction: Annotated[float, Field(gt=0, le=1)]
    """Largest count as a share of the largest column sum seen in calibration: it sets the charge of one count."""
    table_bits: Count
    circuit: TableRow
    """Integrate-and-fire circuits with counters of `table_bits`, one a column; area is linear in the counter's bits."""
    read_pj: LowerIsBetter
    """One spike on one row of one array, with all that it sets off: driver, cells, circuits, counters."""
    write_pj: LowerIsBetter
    """One spike that writes one cell."""
    write_ns: LowerIsBetter
    """One such spike; all cells of a row are written at once."""


class AnalogActivations(Shape):
    """Sums handed to the next layer as voltages, without a converter between."""

    sigma_fraction: LowerIsBetter
    """Noise that each hand-over adds, as a share of the largest sum met in calibration."""


class Subarrays(Shape):
    """Arrays of the same cells as memory, beside those that compute: what passes between layers is written there."""

    per_tile: Count
    table: TableRow


class Links(Shape):
    """Chip-to-chip links; a machine without any reaches its memory through the off-chip interface alone."""

    links: Annotated[int, Field(ge=0)]
    table: TableRow
    gbps_per_link: HigherIsBetter


class Training(Shape):
    """How trained weights get into the cells, per `reference_cells` cells of one crossbar."""

    update_scheme: Literal["serial", "outer_product", "batch_average"]
    """serial: the host forms the gradient, each array is read and rewritten row by row once a step; outer_product:
    gradient and update are one event, a pulse coincidence in every cell for every input vector; batch_average: each
    sample's errors are written into arrays of their own and read with its activations, the sums of a batch stand in
    memory subarrays, and cells are rewritten once a step (song2017). Errors go back through transposed copies."""
    is_pipelined: bool = False
    """batch_average: samples of a batch follow each other: 2 L + B + 1 cycles a step instead of (2 L + 1) B."""
    reference_rows: Count
    reference_columns: Count
    serial_read_ns: LowerIsBetter
    serial_read_pj: LowerIsBetter
    serial_write_ns: LowerIsBetter
    serial_write_pj: LowerIsBetter
    outer_product_ns: LowerIsBetter
    outer_product_mw: LowerIsBetter
    states: HigherIsBetter
    """Distinguishable weights between both ends: one pulse moves 2 * weight_bound / states at the centre."""
    asymmetry: LowerIsBetter
    """Soft bounds: a pulse moves 1 - asymmetry * w / bound upwards and 1 + asymmetry * w / bound downwards."""
    cycle_noise: LowerIsBetter
    """Standard deviation of one pulse's step, as a fraction of the step."""
    weight_bound: Annotated[float, Field(gt=0)]
    endurance_writes: HigherIsBetter


class CrossbarSettings(Shape):
    """A chip of tiles of in-situ multiply-accumulate units (IMA) of crossbars."""

    tiles: Count
    imas_per_tile: Count
    crossbars_per_ima: Count
    replication: Count
    """Copies of each layer's arrays, at most one an output position, that share its input vectors."""
    positions_per_copy: Count | None = None
    """In the place of `replication`: as many copies of each layer as leave each at most so many output positions of a
    sample, so that layers keep pace with each other (the parallelism granularity of song2017)."""
    layout: Layout = Layout()
    operand_bits: Annotated[int, Field(ge=2, le=16)]
    """Widest operand of the datapath; wider formats are computed at this width."""
    clock_ghz: HigherIsBetter
    idle_fraction: LowerIsBetter
    """Share of every table power (cells excepted: they hold without power) that flows even when idle; it comes
    on top of the event energies."""
    converter: Literal["adc", "integrate_and_fire"] = "adc"
    """What reads a column: a shared converter, once a bit cycle, or a counter of `spikes`, once an input vector."""
    buffer: Literal["edram", "subarrays"] = "edram"
    """Where activations stand between layers."""
    spikes: Spikes | None = None
    subarrays: Subarrays | None = None
    analog_activations: AnalogActivations | None = None
    """Accuracy alone: noise adds up from layer to layer, since nothing rounds it away. None: every sum is converted."""
    array: ArrayShape
    cell: Cell
    crossbar: TableRow
    adc: Adc
    dac: Dac
    sample_hold: TableRow
    shift_add: TableRow
    input_register: TableRow
    output_register: TableRow
    edram: Edram
    bus: PerBit
    router: PerBit
    sigmoid: TableRow
    maxpool: TableRow
    tile_shift_add: TableRow
    tile_output_register: TableRow
    hypertransport: Links
    training: Training

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        asks = (
            ("converter: integrate_and_fire", self.converter == "integrate_and_fire", "spikes", self.spikes),
            ("buffer: subarrays", self.buffer == "subarrays", "spikes", self.spikes),
            ("buffer: subarrays", self.buffer == "subarrays", "subarrays", self.subarrays),
            ("update_scheme: batch_average", self.training.update_scheme == "batch_average", "spikes", self.spikes),
        )
        for choice, is_chosen, name, block in asks:
            if is_chosen and block is None:
                raise ValueError(f"{choice} needs {name}")
        return self
