"""The mapper beside zigzag-dse: python benchmarks/mapper.py --zigzag-python /path/to/venv/bin/python [--keep FOLDER].

Both tools read the same hardware file (from the installed zigzag-dse) and map the same layers. ZigZag runs in its own
environment (zigzag-dse 3.9.1 and six; it never enters this project's lock), once a network and hardware; with --keep
its answers are kept and read again. Times are CPU seconds of one process.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.hierarchy import Hierarchy
from joulescape.simulators._mapping.known_sweep import KnownSweep
from joulescape.simulators._mapping.lattice import divisors, factors, lattice
from joulescape.simulators._mapping.layer import Layer, Widths
from joulescape.simulators._mapping.mapper import Effort, map_layer
from joulescape.simulators._mapping.moved_words import Tiles
from joulescape.simulators._mapping.nest import Nest
from joulescape.simulators._mapping.objectives import Objective, best_for
from joulescape.simulators._mapping.quantities import Quantities
from joulescape.simulators._mapping.search import Search
from joulescape.simulators._mapping.sweep import Sweep
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling
from joulescape.simulators._mapping.zigzag_file import read_zigzag
from joulescape.simulators._mapping.zigzag_search import ZigzagCost, zigzag_best, zigzag_cost

PEER = Path(__file__).with_name("zigzag_peer.py")
RUNS = (("tpu_like", "alexnet"), ("tpu_like", "resnet18"), ("tpu_like", "vgg16"), ("eyeriss_like", "alexnet"))
POINTS = 256
EFFORTS: tuple[tuple[Objective, int, int], ...] = (
    ("energy", 3, 0), ("edp", 3, 0), ("edp", 12, 0), ("edp", 6, 1_000_000)
)  # fmt: skip
"""Objective, rounds (a third of them are weightings of the product), mappings walked to close the gap."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Case:
    """One layer of one network with what ZigZag says of it."""

    layer: Layer
    told: Mapping[str, Any]

    def unrolling(self, goal: str) -> Unrolling:
        """The unrolling of ZigZag's best mapping for a goal."""
        return unrolling_of(self.told["least"][goal])


def main() -> None:
    """Run every pair of hardware and network and print a line for each layer and each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--zigzag-python", type=Path, help="Python of an environment with zigzag-dse; not needed for kept answers"
    )
    parser.add_argument("--keep", type=Path, help="folder for ZigZag's answers")
    parser.add_argument("--only", nargs=2, metavar=("HARDWARE", "NETWORK"))
    arguments = parser.parse_args()
    for hardware, network in [tuple(arguments.only)] if arguments.only else RUNS:
        compare(answers(hardware, network, arguments.zigzag_python, arguments.keep))
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


def answers(hardware: str, network: str, python: Path | None, keep: Path | None) -> dict[str, Any]:
    """What ZigZag says, from a kept file or from a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = (keep or Path(folder)) / f"{hardware}_{network}.json"
        if not path.exists():
            if python is None:
                raise SystemExit(f"{path} is not there: --zigzag-python is needed")
            subprocess.run([python, PEER, hardware, network, path], check=True, stdout=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(path.read_text())
        return found


def compare(told: Mapping[str, Any]) -> None:
    """One hardware and network: agreement, quality, speed."""
    hierarchy = read_zigzag(Path(told["hardware_file"]))
    every = [Case(layer_of(layer), layer) for layer in told["layers"]]
    cases = list({case.layer: case for case in every}.values())
    print(f"\n{told['hardware']}, {told['network']}: {len(every)} layers, {len(cases)} shapes")
    agreement(cases, hierarchy)
    quality(cases, hierarchy)
    speed(every, cases, hierarchy, told)


def agreement(cases: Iterable[Case], hierarchy: Hierarchy) -> None:
    """Our cost of ZigZag's mappings in its accounting against its own."""
    count, energy, cycles = 0, 0.0, 0.0
    for case in cases:
        for mapping in (*case.told["samples"], case.told["pick"], *case.told["least"].values()):
            ours = zigzag_cost(Spatial.of(case.layer, hierarchy, unrolling_of(mapping)), nest_of(mapping))
            energy = max(energy, abs(ours.energy_pj / mapping["energy_pj"] - 1))
            cycles = max(cycles, abs(ours.cycles / mapping["cycles"] - 1))
            count += 1
    print(f"  ZigZag's mappings costed by us: {count}, largest difference energy {energy:.1e}, cycles {cycles:.1e}")


def quality(cases: Iterable[Case], hierarchy: Hierarchy) -> None:
    """Our best in ZigZag's accounting against the least of all that it visited."""
    ratios = []
    print("  layer                              ZigZag visited      E ours/least    EDP ours/least")
    for case in cases:
        least = case.told["least"]
        energy = min(zigzag_best(case.layer, hierarchy, u).energy_pj for u in seen_unrollings(case))
        product = min(zigzag_best(case.layer, hierarchy, u, "edp").edp for u in seen_unrollings(case))
        ratios.append((energy / least["energy"]["value"], product / least["edp"]["value"]))
        print(f"  {case.told['name']:<40}{case.told['mappings_count']:>9}{ratios[-1][0]:>18.6f}{ratios[-1][1]:>18.6f}")
    means = [math.exp(sum(map(math.log, column)) / len(ratios)) for column in zip(*ratios, strict=True)]
    worst = [max(column) for column in zip(*ratios, strict=True)]
    print(f"  geometric mean (worst): energy {means[0]:.4f} ({worst[0]:.4f}), EDP {means[1]:.4f} ({worst[1]:.4f})")


def totals(cases: list[Case], hierarchy: Hierarchy) -> None:
    """Every shape once, in ZigZag's accounting, on the unrollings of its own picks: its picks beside our best."""
    ours = [zigzag_best(case.layer, hierarchy, unrolling_of(case.told["pick"]), "edp") for case in cases]
    least = [zigzag_best(case.layer, hierarchy, unrolling_of(case.told["pick"])) for case in cases]
    picks = [case.told["pick"] for case in cases]
    print(
        f"  all shapes: ZigZag's picks {sum(p['energy_pj'] for p in picks):.4e} pJ, "
        f"{sum(p['cycles'] for p in picks):.4e} cycles; ours for energy {summed(least)}, for the product {summed(ours)}"
    )


def summed(found: list[ZigzagCost]) -> str:
    """Energy and cycles of all layers."""
    return f"{sum(one.energy_pj for one in found):.4e} pJ, {sum(one.cycles for one in found):.4e} cycles"


def speed(every: list[Case], cases: list[Case], hierarchy: Hierarchy, told: Mapping[str, Any]) -> None:
    """CPU seconds of both tools; ours cold (nothing remembered), then for known shapes on other machines."""
    totals(cases, hierarchy)
    repeats = len(every) / len(cases)
    visited, peer_s = sum(case.told["mappings_count"] for case in every), told["cpu_s"]
    print(f"  ZigZag: {peer_s:.1f} CPU s, {len(every) / peer_s:.2f} layers/s, {visited / peer_s:.0f} mappings/s")
    questions = [(case.layer, u) for case in cases for u in seen_unrollings(case)]
    for objective, rounds, closing in EFFORTS:
        seconds, found = cold(questions, hierarchy, objective, rounds, closing)
        rate, placed = len(questions) / seconds, sum(one.mappings_count for one in found)
        gaps, longest = [one.gap_fraction for one in found], max(one.seconds for one in found)
        print(
            f"  cold {objective}, {rounds // 3} weightings, {'closed' if closing else 'open'}: "
            f"{1e3 * seconds / len(questions):.2f} CPU ms a shape and unrolling (longest {1e3 * longest:.0f}), "
            f"{repeats * rate:.0f} layers/s with repeated shapes remembered, {placed / seconds:.1e} tiles placed/s, "
            f"gap mean {np.mean(gaps):.1e}, most {max(gaps):.1e}, {told['cpu_s'] / seconds:.0f}x less CPU than ZigZag"
        )
    print(f"  warm energy, proven: {warm(questions, hierarchy):.0f} layers/s over {POINTS} machines")
    for objective in ("energy", "edp"):
        print(f"  warm {objective}, known: {known(questions, hierarchy, objective)}")


@dataclass(frozen=True)
class Run:
    """One cold search."""

    seconds: float
    mappings_count: int
    gap_fraction: float


def cold(
    questions: list[tuple[Layer, Unrolling]], hierarchy: Hierarchy, objective: Objective, rounds: int, closing: int
) -> tuple[float, list[Run]]:
    """CPU seconds and every search, with every table built anew; the best of three passes."""

    def run() -> list[Run]:
        for table in (lattice, divisors, factors):
            table.cache_clear()
        found = []
        for layer, unrolling in questions:
            started = time.process_time()
            tiles = Tiles(Spatial.of(layer, hierarchy, unrolling), "own")
            search = Search(Quantities(tiles, hierarchy, objective != "energy"), 400)
            best = best_for(search, objective, rounds, closing)
            found.append(Run(time.process_time() - started, best.mappings_count, best.gap_fraction))
        return found

    return min((timed(run) for _ in range(3)), key=lambda pair: pair[0])


def warm(questions: list[tuple[Layer, Unrolling]], hierarchy: Hierarchy) -> float:
    """Layers a CPU second for known shapes on machines with other energies and sizes, each proven to 4e-6."""
    generator = np.random.default_rng(0)
    machines = [varied(hierarchy, generator) for _ in range(POINTS)]
    sweeps = [Sweep(Tiles(Spatial.of(layer, hierarchy, unrolling), "own")) for layer, unrolling in questions]
    for sweep in sweeps:
        sweep.best(machines[:64])
    fresh = [varied(hierarchy, generator) for _ in range(POINTS)]
    return len(questions) * POINTS / timed(lambda: [sweep.best(fresh) for sweep in sweeps])[0]


def known(questions: list[tuple[Layer, Unrolling]], hierarchy: Hierarchy, objective: Objective) -> str:
    """The same with other bandwidths too, from chains that won on 24 machines; some are searched alone to compare."""
    generator = np.random.default_rng(1)
    taught = [varied(hierarchy, generator, 2) for _ in range(24)]
    fresh = [varied(hierarchy, generator, 2) for _ in range(POINTS)]
    sweeps = [KnownSweep(Tiles(Spatial.of(layer, hierarchy, u), "own"), objective) for layer, u in questions]
    for sweep in sweeps:
        sweep.learn(taught)
        sweep.best(fresh[:64])
    seconds, found = timed(lambda: [sweep.best(fresh) for sweep in sweeps])
    over = []
    for (layer, unrolling), winners in zip(questions, found, strict=True):
        for machine, winner in list(zip(fresh, winners, strict=True))[:: POINTS // 4]:
            alone = map_layer(layer, machine, unrolling, objective, Effort(most_mappings=200_000))
            values = [one.energy_pj * (one.cycles if objective == "edp" else 1.0) for one in (winner, alone)]
            over.append(values[0] / values[1] - 1)
    gaps = [winner.gap_fraction for winners in found for winner in winners]
    return (
        f"{len(questions) * POINTS / seconds:.0f} layers/s; over a search of each machine (every 64th): mean "
        f"{np.mean(over):.1e}, most {max(over):.1e}; stated gap mean {np.mean(gaps):.2f}"
    )


def varied(hierarchy: Hierarchy, generator: np.random.Generator, widest: int = 1) -> Hierarchy:
    """The same topology with energies from half to twice, memories up to four times as large, ports up to so wide."""
    memories = []
    for memory in hierarchy.memories:
        factor, larger = generator.uniform(0.5, 2.0), 2 ** int(generator.integers(0, 3))
        wider = int(generator.integers(1, widest + 1))
        memories.append(
            replace(
                memory,
                read_pj=memory.read_pj * factor,
                write_pj=memory.write_pj * factor,
                size_bits=memory.size_bits * larger,
                ports=tuple(replace(port, bits=port.bits * wider) for port in memory.ports),
            )
        )
    return replace(hierarchy, memories=tuple(memories))


def timed(run: Callable[[], Answer]) -> tuple[float, Answer]:
    """CPU seconds of a call, and its answer."""
    started = time.process_time()
    answer = run()
    return time.process_time() - started, answer


def seen_unrollings(case: Case) -> list[Unrolling]:
    """Every unrolling that ZigZag tried on a layer."""
    mappings = (*case.told["samples"], *case.told["least"].values())
    return list(dict.fromkeys(unrolling_of(mapping) for mapping in mappings))


def layer_of(told: Mapping[str, Any]) -> Layer:
    """A layer of ZigZag's workload; the rows of a dense layer are its batch."""
    loops = {named(dim): int(size) for dim, size in told["loops"].items()}
    strides = {
        match[1]: int(match[2]) for match in map(re.compile(r"I([XY]) = (\d+)\*O").match, told["relations"]) if match
    }
    bits, extents = told["bits"], told["input_sizes"]
    return Layer(
        Loops(**loops, stride_y=strides.get("Y", 1), stride_x=strides.get("X", 1)),
        Widths(bits["W"], bits["I"], bits["O"], bits["O_final"]),
        extents.get("IY"),
        extents.get("IX"),
    )


def nest_of(mapping: Mapping[str, Any]) -> Nest:
    """ZigZag's loops and how it cut them."""
    temporal = mapping["temporal"]
    loops = tuple((named(dim), int(size)) for level in temporal["O"] for dim, size in level)
    cuts = {
        operand: tuple(np.cumsum([len(level) for level in levels[:-1]]).tolist())
        for operand, levels in temporal.items()
    }
    return Nest(loops, cuts)


def unrolling_of(mapping: Mapping[str, Any]) -> Unrolling:
    """ZigZag's unrolling."""
    return tuple(
        (array, tuple((named(dim), int(units)) for dim, units in loops.items()))
        for array, loops in mapping["unrolling"].items()
    )


def named(dim: str) -> str:
    """ZigZag calls the rows of a dense layer D."""
    return "B" if dim == "D" else dim


if __name__ == "__main__":
    main()
