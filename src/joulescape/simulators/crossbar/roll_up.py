"""The component table summed up: how many units of each component a chip has, their power and their area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from joulescape.simulators.base import Component, Quantity, Scope
from joulescape.simulators.crossbar.converters import converter_area, converter_power, driver_growth
from joulescape.simulators.crossbar.mechanisms import AnalogActivations
from joulescape.simulators.crossbar.rules import is_counted, spikes_of
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.table import TableRow
from joulescape.spec.sourced import Sourced


@dataclass(frozen=True)
class Fitted:
    """One component: power and area of ONE unit after scaling, and the units in one IMA, one tile or the chip."""

    name: str
    scope: Scope
    level: str
    units: Quantity
    unit_power_mw: Sourced
    unit_area_mm2: Sourced
    scales: bool = True

    def component(self, constant: Sourced) -> Component:
        """The component with its proof taken from `constant`."""
        return Component.of(self.name, self.scope, constant, self.scales)

    def idle(self, share: Sourced) -> Component:
        """What the component draws when idle, as a component of its own: it rests on `share`."""
        return Component.of(f"{self.name}_idle", self.scope, share, self.scales)

    @property
    def power_mw(self) -> Quantity:
        """Power at full use, per IMA, tile or chip."""
        return self.units * self.unit_power_mw.value

    @property
    def area_mm2(self) -> Quantity:
        """Area, per IMA, tile or chip."""
        return self.units * self.unit_area_mm2.value


Parts = Mapping[str, Fitted]


def parts(settings: CrossbarSettings) -> Parts:
    """Every component by name."""
    analog = settings.chain
    if analog is None:
        found = (*_ima_parts(settings), *_tile_parts(settings), *_program_parts(settings), _links(settings))
    else:
        found = (*_chain_parts(settings, analog), _links(settings))
    return {part.name: part for part in found}


def copies(part: Fitted, settings: CrossbarSettings) -> Quantity:
    """How often the level of `part` stands on the chip."""
    chips = np.asarray(settings.layout.chips)
    tiles = chips * settings.tiles
    return {"ima": tiles * settings.imas_per_tile, "tile": tiles, "chip": chips}[part.level]


def ima_power_mw(settings: CrossbarSettings) -> Quantity:
    """Power of one IMA at full use."""
    return sum((p.power_mw for p in parts(settings).values() if p.level == "ima"), start=np.float64(0))


def ima_area_mm2(settings: CrossbarSettings) -> Quantity:
    """Area of one IMA."""
    return sum((p.area_mm2 for p in parts(settings).values() if p.level == "ima"), start=np.float64(0))


def tile_power_mw(settings: CrossbarSettings) -> Quantity:
    """Power of one tile with its IMAs at full use."""
    own = sum((p.power_mw for p in parts(settings).values() if p.level == "tile"), start=np.float64(0))
    return own + settings.imas_per_tile * ima_power_mw(settings)


def tile_area_mm2(settings: CrossbarSettings) -> Quantity:
    """Area of one tile with its IMAs."""
    own = sum((p.area_mm2 for p in parts(settings).values() if p.level == "tile"), start=np.float64(0))
    return own + settings.imas_per_tile * ima_area_mm2(settings)


def chip_power_mw(settings: CrossbarSettings) -> Quantity:
    """Power of the chip at full use: tiles, links, and what else it has but once."""
    own = sum((p.power_mw for p in parts(settings).values() if p.level == "chip"), start=np.float64(0))
    return settings.tiles * tile_power_mw(settings) + own


def chip_area_mm2(settings: CrossbarSettings) -> Quantity:
    """Area of the chip: tiles, links, and what else it has but once."""
    own = sum((p.area_mm2 for p in parts(settings).values() if p.level == "chip"), start=np.float64(0))
    return settings.tiles * tile_area_mm2(settings) + own


def _ima_parts(settings: CrossbarSettings) -> tuple[Fitted, ...]:
    return _counted_parts(settings) if is_counted(settings) else _converted_parts(settings)


def _counted_parts(settings: CrossbarSettings) -> tuple[Fitted, ...]:
    """Drivers, cells and circuits draw what the spikes do (`spike_read`, every row spiking); they only take area."""
    arrays, rows, columns = np.asarray(settings.crossbars_per_ima), settings.array.rows, settings.array.columns
    spikes = spikes_of(settings)
    counters = spikes.circuit.area_mm2.scaled(spikes.counter_bits / spikes.table_bits, "linear counter bits")
    power = spikes.read_pj.scaled(rows / settings.array.step_ns.value, "every row spiking")
    rows_of = {
        "spike_driver": (settings.dac.table, arrays * rows, True),
        "crossbar": (settings.crossbar, arrays * rows * columns, False),
        "integrate_and_fire": (spikes.circuit.model_copy(update={"area_mm2": counters}), arrays * columns, False),
    }
    silent = (replace(_fitted(name, "core", "ima", row, units, scales), unit_power_mw=_nothing(row.power_mw))
              for name, (row, units, scales) in rows_of.items())  # fmt: skip
    return (
        *silent,
        Fitted("spike_read", "core", "ima", arrays, power, _nothing(power), scales=False),
        _fitted("shift_add", "core", "ima", settings.shift_add, arrays),
    )


def _nothing(constant: Sourced) -> Sourced:
    return constant.scaled(0.0, "counted in spike_read")


def _converted_parts(settings: CrossbarSettings) -> tuple[Fitted, ...]:
    arrays, rows, columns = np.asarray(settings.crossbars_per_ima), settings.array.rows, settings.array.columns
    converters = arrays * settings.adc.per_crossbar
    return (
        *_adc(settings, converters),
        _dac(settings, arrays * rows),
        _fitted("sample_hold", "core", "ima", settings.sample_hold, arrays * columns, scales=False),
        _fitted("crossbar", "core", "ima", settings.crossbar, arrays * rows * columns, scales=False),
        _fitted("shift_add", "core", "ima", settings.shift_add, converters),
        _fitted("input_register", "chip", "ima", settings.input_register, arrays * rows),
        _fitted("output_register", "chip", "ima", settings.output_register, arrays * columns),
    )


def _tile_parts(settings: CrossbarSettings) -> tuple[Fitted, ...]:
    one = np.asarray(1)
    memory = settings.subarrays if settings.buffer == "subarrays" else None
    rows: dict[str, TableRow] = {
        **({"edram": settings.edram.table} if memory is None else {"subarrays": memory.table}),
        "bus": settings.bus.table,
        "router": settings.router.table,
        "sigmoid": settings.sigmoid,
        "maxpool": settings.maxpool,
        "tile_shift_add": settings.tile_shift_add,
        "tile_output_register": settings.tile_output_register,
    }
    shared = {"sigmoid": settings.sigmoid.count, "subarrays": 0 if memory is None else memory.per_tile}
    return tuple(_fitted(name, "chip", "tile", row, one * shared.get(name, 1)) for name, row in rows.items())


def _program_parts(settings: CrossbarSettings) -> tuple[Fitted, ...]:
    program = settings.program
    if program is None:
        return ()
    one, lanes = np.asarray(1), {"vector": program.vector.count}
    core = (_fitted(name, "core", "ima", row, one * lanes.get(name, 1)) for name, row in program.core_rows.items())
    return (*core, *(_fitted(name, "chip", "tile", row, one) for name, row in program.tile_rows.items()))


def _chain_parts(settings: CrossbarSettings, analog: AnalogActivations) -> tuple[Fitted, ...]:
    """Arrays with an amplifier a pair of columns; converters once a chip, at both ends. Cells draw what events say."""
    arrays, array, ends = np.asarray(settings.crossbars_per_ima), settings.array, analog.inputs
    draws = ends.energy_pj.scaled(1 / analog.settle_ns.value, "a conversion each settling time")
    (converters, *_) = _adc(settings, np.asarray(analog.outputs))
    return (
        _fitted("crossbar", "core", "ima", settings.crossbar, arrays * array.rows * array.columns, scales=False),
        _fitted("amplifier", "core", "ima", analog.amplifier, arrays * array.columns / 2, scales=False),
        Fitted("input_dac", "core", "chip", np.asarray(ends.count), draws, ends.area_mm2, scales=False),
        replace(converters, level="chip"),
    )


def _links(settings: CrossbarSettings) -> Fitted:
    links = settings.hypertransport
    return _fitted("hypertransport", "chip", "chip", links.table, np.asarray(links.links), scales=False)


def _fitted(name: str, scope: Scope, level: str, row: TableRow, units: Quantity, scales: bool = True) -> Fitted:
    share = 1 / row.count
    power, area = row.power_mw.scaled(share, "unit count"), row.area_mm2.scaled(share, "unit count")
    return Fitted(name, scope, level, units, power, area, scales)


def _adc(settings: CrossbarSettings, units: Quantity) -> tuple[Fitted, ...]:
    """Converters, and of those that follow a ramp the generator that an array's converters share."""
    adc = settings.adc
    converters = Fitted("adc", "core", "ima", units, converter_power(adc), converter_area(adc), False)
    if adc.model != "ramp" or adc.ramp is None:
        return (converters,)
    arrays, ramp = np.asarray(settings.crossbars_per_ima), adc.ramp
    return (converters, Fitted("ramp_generator", "core", "ima", arrays, ramp.generator_mw, ramp.generator_mm2, False))


def _dac(settings: CrossbarSettings, units: Quantity) -> Fitted:
    row, rule = settings.dac.table, "dac over bits"
    factor = driver_growth(settings.dac) / row.count
    return Fitted("dac", "core", "ima", units, row.power_mw.scaled(factor, rule), row.area_mm2.scaled(factor, rule))
