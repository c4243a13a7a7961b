"""One layer evolving against the same layer simulated, for every physical entry: energy and time, with their ranges.

    python benchmarks/self_simulation.py

Prints a Markdown table: energy of one pass of the device (typical, and at its corners), of simulating it by arithmetic
alone and on the host core, the ratio at typical values, and the size from which the device needs less than arithmetic.
"""

from __future__ import annotations

import sys
from pathlib import Path

from joulescape.network.work import VectorWork
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.shelves import back_end_names
from joulescape.simulators.base import Context
from joulescape.simulators.evolution.reference import sample_work
from joulescape.simulators.evolution.settings import EvolutionSettings
from joulescape.spec.sourced import CORNERS, at_corner

ROOT = Path(__file__).resolve().parents[1]
HEADS = ("entry", "sample", "device pJ (low - high)", "device ns", "arithmetic pJ", "host pJ", "ratio", "break-even")


def main() -> None:
    """Print the table."""
    rows = [row(name, way) for name in back_end_names(ROOT) if name.startswith("physical/") for way in ways(name)]
    for line in (HEADS, ["---"] * len(HEADS), *rows):
        sys.stdout.write(f"| {' | '.join(line)} |\n")


def ways(name: str) -> list[EvolutionSettings]:
    """The entry's settings with each interface."""
    settings = load_back_end(ROOT, name).settings
    assert isinstance(settings, EvolutionSettings)
    return [settings.model_copy(update={"interface": way}) for way in ("bench", "integrated")]


def row(name: str, settings: EvolutionSettings) -> list[str]:
    """One line of the table."""
    plugin = load_back_end(ROOT, name).simulator
    typical = plugin.published(settings)
    ends = sorted(plugin.published(at_corner(settings, corner))["layer_energy_pj"] for corner in CORNERS)
    size = typical.get("break_even_size")
    grows, sizes = settings.sample.grows, settings.sample.sizes
    return [
        f"{name}, {settings.interface}",
        f"{sizes[grows]} {grows}",
        f"{typical['layer_energy_pj']:.3g} ({ends[0]:.2g} - {ends[-1]:.2g})",
        f"{typical['layer_latency_ns']:.3g}",
        f"{typical['simulation_energy_pj']:.3g}",
        f"{on_host(settings):.3g}",
        f"{typical['self_simulation_energy_ratio']:.2g}",
        "none" if size is None else f"{size:.3g} {grows}",
    ]


def on_host(settings: EvolutionSettings) -> float:
    """Energy of one pass of the twin on the scalar core, static power left out."""
    host = load_back_end(ROOT, "electronic/scalar_core")
    work = sample_work(settings, int(settings.sample.sizes[settings.sample.grows]))
    twin = VectorWork("sample", "forward", f"{settings.system}_twin", work.twin_ops, work.inputs, work.outputs, 32.0)
    machine = host.machine("system")
    (found,) = host.simulator.cost([twin], host.settings, Context(1, machine.off_chip, True))
    return sum(float(part.energy_pj) for part in found.energies)


if __name__ == "__main__":
    main()
