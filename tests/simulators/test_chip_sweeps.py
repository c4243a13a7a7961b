"""Every setting that a question may sweep on these chips, alone and among others: arrays say what each value says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from chip_cases import CASES, CHIPS, TRAINED, around
from chip_cases import asked as asked_of_all
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import Case, number

from joulescape.network.work import Work
from joulescape.simulators._variants import swept, variants
from joulescape.simulators.base import Limit

FEW = settings(max_examples=2, deadline=None)
MEMORY = [4096, 65536, 1 << 22]
CLOCK = [0.05, 0.3, 1.0]
YES = [True, False]

SWEPT: dict[str, dict[str, list[Any]]] = {
    "training_core": {
        "clock_ghz": CLOCK, "external_gbps": [0.1, 3.0, 100.0], "feedback.is_beside": YES,
        "feedback.matrices": ["generated", "stored"], "stash.is_coded": YES, "stash.segment": [1, 2],
        "supply_factor": [1.0, 1.2, 1.41], "transpose.is_transposable": YES, "weights_stay": YES,
        "zeros.is_balanced": YES, "zeros.is_coded": YES, "zeros.is_on": YES,
    },
    "sram_in_memory": {
        "analog.activity": ["constant", "non_zero", "value"], "analog.supply_v": [0.8, 1.0, 1.2],
        "array.columns": [64, 128, 512], "array.weight_sets": [1, 2, 16], "buffer.kib": [1, 64, 512],
        "macros": [1, 4, 100],
    },
    "mlp_engine": {
        "clock_ghz": CLOCK, "lanes": [1, 16, 64], "stored_activities": [64, 2048, 8192],
        "stored_weights": [1000, 12000, 1 << 20],
    },
    "unrolled": {
        "array.columns": [1, 2, 8], "array.lanes": [1, 3, 16], "array.rows": [2, 16, 64], "broadcast.is_on": YES,
        "buffer.bytes": MEMORY, "buffer.is_double": YES, "clock_ghz": CLOCK, "mapping": ["unified", "per_layer"],
        "packs_weights": YES, "streams_inputs": YES,
    },
    "roofline": {},
    "analog_sensor": {
        "held.values": [100, 1000, 1 << 20], "kernels.bytes": [100, 1000, 1 << 20], "raw_readout": YES,
    },
    "nfu": {
        "chips": [1, 4, 16], "clock_ghz": CLOCK, "inputs": ["parallel", "serial", "non_zero"],
        "neurons.bytes": MEMORY, "neurons.is_refreshed": YES, "neurons.retention_ns": [1e4, 4e4, 1e5],
        "synapses.bytes": MEMORY, "synapses.is_refreshed": YES, "synapses.retention_ns": [1e4, 4e4, 1e5],
        "tiles": [1, 8, 16], "unit.filters": [1, 16, 32], "unit.lanes": [4, 16, 64], "unit.windows": [1, 8, 16],
    },
    "sparse_columns": {
        "clock_ghz": CLOCK, "code.has_filling": YES, "code.index_bits": [2, 4, 8],
        "element.matrix_bytes": [64, 1024, 131072], "element.pointer_bytes": [64, 2048, 32768],
        "element.queue": [1, 4, 8], "element.skips_zero_inputs": YES, "elements": [1, 16, 64],
    },
}  # fmt: skip
"""Valid values by simulator."""

FORM = ("jia2020", "sram_bit_serial", "lnpu", "cnvlutin", "dadiannao", "minerva", "wei2017", "qiu2016", "redeye", "eie")
"""Chips of different forms: analog and serial, linked and not, handing on and not."""
FEEDBACK = {"feedback.matrices", "feedback.is_beside", "stash.is_coded"}
IDLE = {
    "jia2020": {"array.weight_sets"}, "sram_bit_serial": {"array.weight_sets"}, "lnpu": FEEDBACK,
    "cnvlutin": {"unit.windows"}, "dadiannao": {"unit.windows"}, "wei2017": {"packs_weights"},
    "qiu2016": {"array.columns", "mapping", "streams_inputs"}, "eie": {"element.queue"},
}  # fmt: skip
"""What is seen only where a network exceeds the chip, learns by feedback, comes bit by bit or in fewer bits."""

LINKLESS = frozenset({"cnvlutin", "stripes"})
PARALLEL = {"dadiannao": ["parallel", "serial"]}
"""A chip without the width of an offset cannot skip."""
chips = pytest.mark.parametrize("name", FORM)


def has(machine: Case, path: str) -> bool:
    """Whether the optional part below which a path lies is there."""
    return getattr(machine.settings, path.partition(".")[0]) is not None


def domains(name: str) -> dict[str, list[Any]]:
    """What may be swept on this chip: nothing below a part that it lacks."""
    machine = CASES[name]
    searched = SWEPT[machine.simulator.name].keys() & machine.simulator.searchable
    known = {path: SWEPT[machine.simulator.name][path] for path in sorted(searched) if has(machine, path)}
    if name in LINKLESS:
        known.pop("chips")
    return known | ({"inputs": PARALLEL[name]} if name in PARALLEL else {})


def columns(name: str, count: int = 3) -> st.SearchStrategy[dict[str, list[Any]]]:
    """A random value of every path in each variant."""
    return st.fixed_dictionaries({
        path: st.lists(st.sampled_from(options), min_size=count, max_size=count)
        for path, options in domains(name).items()
    })  # fmt: skip


@pytest.mark.parametrize("simulator", CHIPS)
def test_the_values_here_are_of_all_that_may_be_swept(simulator: str) -> None:
    found = CASES[CHIPS[simulator][0]].simulator
    assert set(SWEPT[simulator]) >= set(found.searchable - found.changes_numbers)


def asked(machine: Case) -> list[Work]:
    """The chip's works; of a training its dense layers alone, which meet all its settings."""
    is_trained = machine.simulator.name in {CASES[name].simulator.name for name in TRAINED}
    return [work for work in asked_of_all(machine) if not (is_trained and work.layer.startswith("conv"))]


def everything(machine: Case) -> dict[str, Any]:
    """Every number and name, by work and by part; a move of no bytes is none."""
    found: dict[str, Any] = {}
    for cost in machine.cost(*asked(machine), context=around()):
        where = f"{cost.layer} {cost.role}"
        found |= {f"{where} time": cost.latency_ns, f"{where} units": cost.active_units}
        found |= {f"{where} use": cost.utilisation_fraction, f"{where} bound": np.asarray(cost.bound_by)}
        found |= {f"{where} {part.component.name}": part.energy_pj for part in cost.energies}
        for move in cost.traffic:
            found[f"{where} {move.memory} {move.operand} in"] = move.read_bytes
            found[f"{where} {move.memory} {move.operand} out"] = move.write_bytes
    found |= {f"area {part.component.name}": part.area_mm2 for part in machine.simulator.area(machine.settings)}
    powers = machine.simulator.static_power(machine.settings)
    return found | {f"power {part.component.name}": part.power_mw for part in powers}


def check(machine: Case, sweep: dict[str, list[Any]]) -> None:
    """All variants at once say what each says by itself."""
    count = len(next(iter(sweep.values())))
    together = everything(machine.at({path: np.asarray(values) for path, values in sweep.items()}))
    for index in range(count):
        alone = everything(machine.at({path: values[index] for path, values in sweep.items()}))
        for name, quantity in together.items():
            found = np.broadcast_to(np.asarray(quantity), (count,))[index]
            same = (
                found == alone[name] if found.dtype.kind == "U" else np.isclose(found, alone.get(name, 0.0), rtol=1e-9)
            )
            assert same, f"{name} of variant {index} is {found} in a sweep, {alone.get(name)} alone"
        assert alone.keys() <= together.keys()


@chips
def test_each_setting_alone_broadcasts(name: str) -> None:
    for path, options in domains(name).items():
        check(CASES[name], {path: options})


@chips
@FEW
@given(data=st.data())
def test_a_variant_among_others_costs_what_it_costs_alone(name: str, data: st.DataObject) -> None:
    check(CASES[name], data.draw(columns(name)))


def limits(machine: Case) -> list[Limit]:
    return list(machine.simulator.limits(asked(machine), machine.settings, around()))


def worst(found: list[Limit], index: int, count: int) -> float:
    """By how much a variant breaks the limit that it breaks most; 0 where it keeps all."""
    over = [np.broadcast_to(np.asarray(limit.overshoot, dtype=float), (count,))[index] for limit in found]
    return max(0.0, *(float(one) for one in over), 0.0)


@chips
@FEW
@given(data=st.data())
def test_a_variant_is_allowed_in_a_sweep_as_it_is_alone(name: str, data: st.DataObject) -> None:
    machine, sweep = CASES[name], data.draw(columns(name))
    together = limits(machine.at({path: np.asarray(values) for path, values in sweep.items()}))
    for index in range(3):
        alone = limits(machine.at({path: values[index] for path, values in sweep.items()}))
        assert worst(together, index, 3) == pytest.approx(worst(alone, 0, 1), abs=1e-12)


@chips
@FEW
@given(data=st.data())
def test_settings_taken_apart_are_those_that_were_put_together(name: str, data: st.DataObject) -> None:
    machine, sweep = CASES[name], data.draw(columns(name))
    together = machine.at({path: np.asarray(values) for path, values in sweep.items()}).settings
    apart = variants(together, machine.simulator.searchable)
    assert [one.model_dump() for one in apart] == [
        machine.at({path: values[index] for path, values in sweep.items()}).settings.model_dump() for index in range(3)
    ]
    assert swept(together, machine.simulator.searchable).keys() == sweep.keys()
    assert all(not swept(one, machine.simulator.searchable) for one in apart)


@chips
def test_what_is_swept_moves_something_that_is_said(name: str) -> None:
    """No path is idle: on this network, its areas, powers or limits, one of its values moves a number."""
    machine, idle = CASES[name], set()
    for path, options in domains(name).items():
        if len({numbers(machine.at({path: value})) for value in options}) == 1:
            idle.add(path)
    assert idle <= IDLE.get(name, set())


def numbers(machine: Case) -> tuple[float, ...]:
    """All that a machine says, in order."""
    costs = machine.cost(*asked_of_all(machine), context=around())
    spent = [number(part.energy_pj) for cost in costs for part in cost.energies]
    parts = [number(part.area_mm2) for part in machine.simulator.area(machine.settings)]
    powers = [number(part.power_mw) for part in machine.simulator.static_power(machine.settings)]
    over = [number(limit.overshoot) for limit in limits(machine)]
    return (*spent, *parts, *powers, *over, *(number(cost.latency_ns) for cost in costs))
