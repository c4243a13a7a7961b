"""Accuracy of crossbar machines as their files have them, over many drawn chips.

Two small networks of the digits task as they were trained (no fine-tuning), typical corner, the task's test split; full
and merged reads meet the same chips. The last rows say what costs accuracy: one setting of an entry changed at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from joulescape.accuracy.measure import measure
from joulescape.compression.pipeline import describe
from joulescape.network.fidelity import Detail, Fidelity
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.single import single

ROOT = Path(__file__).resolve().parents[1]
COLUMNS: tuple[tuple[str, Detail, int], ...] = (
    ("digits_mlp", "full", 60),
    ("digits_mlp", "merged", 60),
    ("digits_lenet", "full", 30),
)
"""Network, how it is read, chips."""
ENTRIES = ("isaac", "puma", "pipelayer", "prime", "raella", "rpu", "analog_chain")
EXACT = {f"cell.programming_sigma_fraction.{end}": 0.0 for end in ("value", "low")}
CHANGES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    *((f"{name}, cells written exactly", name, EXACT) for name in ("pipelayer", "prime", "raella")),
    ("pipelayer, cells of 2 bits", "pipelayer", {"cell.bits": 2}),
    ("raella, slices of 2 bits", "raella", {"cell.bits": 2}),
    ("raella, slices of 4 bits", "raella", {"cell.bits": 4}),
    ("raella, programming error 0.5 %", "raella", {"cell.programming_sigma_fraction.value": 0.005}),
    ("raella, programming error 3.8 %", "raella", {"cell.programming_sigma_fraction.value": 0.038}),
)


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    sys.stdout.write(
        f"| machine | {' | '.join(f'{network}, {rung}, {chips} chips' for network, rung, chips in COLUMNS)} |\n"
    )
    for entry in ENTRIES:
        found = [shown(network, entry, {}, rung, chips) for network, rung, chips in COLUMNS]
        sys.stdout.write(f"| {entry} | {' | '.join(found)} |\n")
    for what, entry, changes in CHANGES:
        sys.stdout.write(f"| {what} | {shown('digits_mlp', entry, changes)} |\n")


def shown(network: str, entry: str, changes: Mapping[str, Any], rung: Detail = "full", chips: int = 60) -> str:
    """Mean, standard deviation over chips and the worst of them, %; what cannot meet is a dash."""
    space, candidate = single(network, f"memristive/{entry}", ROOT, {})
    machine = load_back_end(ROOT, f"memristive/{entry}", changes).machine("system")
    described = describe(space.graphs[network], ())
    if entry == "analog_chain" and network == "digits_lenet":
        return "- (no pooling)"
    fidelity = Fidelity(rung=rung, split="test", draws=1 if changes == EXACT else chips)
    seen = measure(described, machine.errors(described), space.recipe(candidate), fidelity, 0, space.networks_dir)
    percent = 100 * np.array(seen.accuracy_fraction)
    return (
        f"{percent.mean():.1f} ± {percent.std(ddof=1):.1f} ({percent.min():.1f})"
        if len(percent) > 1
        else f"{percent[0]:.1f}"
    )


if __name__ == "__main__":
    main()
