"""Electronic chips of the shelf by simulator, and everything that one of them says about a small network."""

from __future__ import annotations

from dataclasses import replace

from machine_cases import Case, case, number

from joulescape.network.lower import lower
from joulescape.network.work import LayerStatistics, MatrixWork, Work
from joulescape.simulators.base import Context
from joulescape.testing.examples import example_context, example_formats, example_graph

CHIPS = {
    "training_core": ("lnpu", "ganpu", "hnpu", "t_pim", "df_lnpu"),
    "sram_in_memory": ("jia2020", "sinangil2021", "sram_6t_classifier", "sram_8t_dot", "sram_c2c", "sram_bit_serial"),
    "mlp_engine": ("minerva", "whatmough2017"),
    "unrolled": ("zhang2015", "qiu2016", "wei2017", "neuflow"),
    "roofline": (
        "gpu_k20", "gpu_k40", "gpu_titan_x", "gpu_gtx1080", "gpu_p100", "gpu_v100", "gpu_a100", "mobile_gpu_tegra_k1",
        "cpu_i7_5930k", "myriad2",
    ),
    "analog_sensor": ("redeye",),
    "nfu": ("dadiannao", "stripes", "cnvlutin"),
    "sparse_columns": ("eie",),
}  # fmt: skip
NAMES = tuple(name for names in CHIPS.values() for name in names)
CASES: dict[str, Case] = {name: case(f"electronic/{name}") for name in NAMES}
TRAINED = frozenset(CHIPS["training_core"])
SEEN = {name: LayerStatistics(input_density=0.4) for name in ("conv1", "fc1", "fc2")}


def asked(machine: Case, batch: int = 2, weights: float = 0.1) -> list[Work]:
    """What the chip takes of the example network, with zeros in inputs and in the weights of dense layers."""
    graph, phase = example_graph(), "training" if machine.simulator.name == "training_core" else "inference"
    works = lower(graph, example_formats(graph, 8.0), phase, batch, SEEN).works  # type: ignore[arg-type]
    taken = [work for work in works if machine.simulator.takes(graph.operator(work.layer), work.role, machine.settings)]
    return [thinned(work, weights) for work in taken]


def thinned(work: Work, density: float) -> Work:
    """Zeros anywhere in the stored weights of a dense layer."""
    if not isinstance(work, MatrixWork) or work.role != "forward" or work.layer.startswith("conv"):
        return work
    return replace(work, weight=replace(work.weight, density=density, structure="unstructured"))


def around(batch: int = 2) -> Context:
    """The image enters at conv1; the last dense layer answers; a sensor hands on behind its maximum."""
    return replace(example_context(batch), last=frozenset({"fc2"}), handed_on=frozenset({"pool1"}))


def said(machine: Case, batch: int = 2, weights: float = 0.1) -> dict[str, float]:
    """Every number of the chip about the example network: sums over layers by name, areas, powers."""
    costs = machine.cost(*asked(machine, batch, weights), context=around(batch))
    found = {"latency": sum(number(cost.latency_ns) for cost in costs), "energy": 0.0}
    for cost in costs:
        for spent in cost.energies:
            name, energy = f"energy of {spent.component.name}", number(spent.energy_pj)
            found[name] = found.get(name, 0.0) + energy
            found["energy"] += energy
        for move in cost.traffic:
            name = f"bytes of {move.memory}"
            found[name] = found.get(name, 0.0) + number(move.read_bytes) + number(move.write_bytes)
    found |= {f"area of {a.component.name}": number(a.area_mm2) for a in machine.simulator.area(machine.settings)}
    powers = machine.simulator.static_power(machine.settings)
    return found | {f"power of {p.component.name}": number(p.power_mw) for p in powers}


def moved(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What differs, as a ratio; 0 to something is infinite and left to the caller as the new value."""
    names = sorted(before.keys() | after.keys())
    pairs = {name: (before.get(name, 0.0), after.get(name, 0.0)) for name in names}
    return {name: b / a if a else b for name, (a, b) in pairs.items() if abs(a - b) > 1e-9 * max(abs(a), abs(b))}
