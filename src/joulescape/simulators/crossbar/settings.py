"""What a user may set on a crossbar machine: its structure, the component table, the cell and its imperfections."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators.crossbar.converters import Adc, Dac
from joulescape.simulators.crossbar.devices import AgedCell, LowerIfKnown, PulseLaw, Writing
from joulescape.simulators.crossbar.layout import Layout
from joulescape.simulators.crossbar.mechanisms import AnalogActivations, Programmable, Speculation
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
    is_centred: bool = False
    """Of a differential pair: weights less a centre of their own for each output and array, which brings sums of
    columns near zero; the centre times the sum of the inputs is added as a number (andrulis2023raella)."""
    least_far_fraction: LowerIfKnown = None
    """Share of the read voltage that wires must leave the cell farthest from driver and ground. None: none is asked."""
    step_ns: LowerIsBetter
    """Shortest time of one analog read of the array."""
    fill_cycles: Annotated[int, Field(ge=0)]
    """Pipeline cycles before the first and after the last analog read (fetch, merge, activate, write back)."""


class Cell(AgedCell):
    """One memory cell as the array uses it: a device, its age, and the wires between it and the next."""

    bits: Annotated[int, Field(ge=1, le=8)]
    writing: Writing
    """What tuning a cell takes: of weights before inference, of what training writes, of buffers of the same cells."""
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


class Subarrays(Shape):
    """Arrays of the same cells as memory, beside those that compute: what passes between layers is written there."""

    per_tile: Count
    table: TableRow


class Links(Shape):
    """Chip-to-chip links; a machine without any reaches its memory through the off-chip interface alone."""

    links: Annotated[int, Field(ge=0)]
    table: TableRow
    gbps_per_link: HigherIsBetter


class Training(PulseLaw):
    """How trained weights get into the cells, per `reference_cells` cells of one crossbar; what a write of a cell takes
    and how many it outlives are its device's (`cell.writing`)."""

    update_scheme: Literal["serial", "outer_product", "pulses", "batch_average"]
    """serial: the host forms the gradient, each array is read and rewritten row by row once a step; outer_product:
    gradient and update are one event, a pulse coincidence in every cell for every input vector; pulses: the host forms
    the gradient and each cell gets as many pulses as it asks for once a step, row by row, unread; batch_average: each
    sample's errors are written into arrays of their own and read with its activations, the sums of a batch stand in
    memory subarrays, and cells are rewritten once a step (song2017). Errors go back through transposed copies."""
    weights: Literal["levels", "analog"] = "levels"
    """levels: trained weights are rounded to the levels and slices of inference; analog: one pair of cells a weight,
    read as pulses left it, each cell with the law below."""
    update_rule: Literal["sgd", "manhattan", "tiki_taka", "tiki_taka_buffered"] = "sgd"
    """With analog weights. manhattan: one pulse of the gradient's sign a step (prezioso2015); tiki_taka: gradients go
    into a hidden second array that the weights follow (gokmen2020), buffered: through digital sums (gokmen2021)."""
    fast_rate: Annotated[float, Field(gt=0)] = 1.0
    """tiki_taka: how strongly gradients drive the hidden array, times the learning rate."""
    transfer_rate: Annotated[float, Field(gt=0)] = 1.0
    """tiki_taka: step of the weights over what is read from the hidden array."""
    transfer_columns: Count = 1
    """tiki_taka: columns of the hidden array that are read at a transfer, one after the other."""
    transfer_every: Count = 1
    """tiki_taka: steps between transfers."""
    is_pipelined: bool = False
    """batch_average: samples of a batch follow each other: 2 L + B + 1 cycles a step instead of (2 L + 1) B."""
    write_probability: LowerIfKnown = None
    """outer_product, pulses: share of a weight's cells that one vector, or one step, moves. None: every cell."""
    reference_rows: Count
    reference_columns: Count
    serial_read_ns: LowerIsBetter
    serial_read_pj: LowerIsBetter
    outer_product_ns: LowerIsBetter
    """Time of one coincidence of a row and a column train, at least the pulse of the device."""

    @property
    def is_hidden(self) -> bool:
        """Whether gradients go into a second array of cells."""
        return self.update_rule in ("tiki_taka", "tiki_taka_buffered")

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        is_pulsed = self.update_scheme in ("outer_product", "pulses")
        if self.weights == "analog" and not is_pulsed:
            raise ValueError(f"weights: analog are moved by pulses, not by update_scheme: {self.update_scheme}")
        if self.update_rule != "sgd" and self.weights != "analog":
            raise ValueError(f"update_rule: {self.update_rule} needs weights: analog")
        if self.update_rule == "manhattan" and self.update_scheme != "pulses":
            raise ValueError("update_rule: manhattan takes the sign of a whole step and needs update_scheme: pulses")
        if self.refresh_every and (self.weights != "analog" or self.is_hidden):
            raise ValueError("cells that are refreshed need weights: analog that pulses move themselves")
        return self


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
    dynamic_products: Literal["host", "program"] = "host"
    """Who multiplies two activations (attention): the host, or arrays that are written with one of them every time."""
    operand_bits: Annotated[int, Field(ge=2, le=16)]
    """Widest operand of the datapath; wider formats are computed at this width."""
    input_bits: Annotated[int | None, Field(ge=2, le=16)] = None
    """Widest input, where drivers give less than `operand_bits`."""
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
    conversion: Literal["every_part", "leading_bits"] = "every_part"
    """What is converted of a product whose inputs and weights come in parts: every part at all the converter's bits, or
    of each only the bits that the leading part leaves room for, and nothing of what lies below them (chi2016)."""
    speculation: Speculation | None = None
    programmable: Programmable | None = None
    analog_activations: AnalogActivations | None = None
    """None: every sum is converted."""
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

    @property
    def trial(self) -> Speculation | None:
        """Speculation where it is on."""
        return self.speculation if self.speculation is not None and self.speculation.is_on else None

    @property
    def chain(self) -> AnalogActivations | None:
        """Voltages between layers where they are on."""
        return (
            self.analog_activations if self.analog_activations is not None and self.analog_activations.is_on else None
        )

    @property
    def program(self) -> Programmable | None:
        """Instructions where there are any."""
        return self.programmable if self.programmable is not None and self.programmable.is_on else None

    @model_validator(mode="after")
    def _mechanisms_meet_their_ground(self) -> Self:
        is_pair, is_adc = self.array.encoding == "differential", self.converter == "adc"
        is_analog = self.chain is not None
        asks = (
            ("array.is_centred", self.array.is_centred, "array.encoding: differential", is_pair),
            ("conversion: leading_bits", self.conversion == "leading_bits", "array.encoding: differential", is_pair),
            ("conversion: leading_bits", self.conversion == "leading_bits", "converter: adc", is_adc),
            ("speculation", self.trial is not None, "dac.bits: 1", self.dac.bits == 1),
            ("speculation", self.trial is not None, "converter: adc", is_adc),
            ("speculation", self.trial is not None, "conversion: every_part", self.conversion == "every_part"),
            ("analog_activations", is_analog, "converter: adc", is_adc),
            ("analog_activations", is_analog, "speculation.is_on: false", self.trial is None),
            ("analog_activations", is_analog, "conversion: every_part", self.conversion == "every_part"),
            ("analog_activations", is_analog, "layout.chips: 1", self.layout.chips == 1),
            ("a hidden array", self.training.is_hidden, "converter: adc", is_adc),
            ("layout.overflow: reload", self.layout.overflow == "reload", "no analog_activations", not is_analog),
            ("layout.partial_sums", self.layout.partial_sums == "routed", "no analog_activations", not is_analog),
            ("dynamic_products: program", self.dynamic_products == "program", "no analog_activations", not is_analog),
        )
        for choice, is_chosen, need, is_met in asks:
            if is_chosen and not is_met:
                raise ValueError(f"{choice} needs {need}")
        return self

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
        if self.training.weights == "analog":
            self._check_pairs()
        return self

    def _check_pairs(self) -> None:
        if self.array.encoding != "differential" or self.cell.bits < self.operand_bits - 1:
            raise ValueError(
                "training.weights: analog are one pair of cells each: array.encoding differential and cell.bits of "
                f"operand_bits - 1, here {self.operand_bits - 1}, at least"
            )
