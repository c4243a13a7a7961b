"""Prints what a physical machine's accuracy owes to training on the device: python benchmarks/physical_controls.py."""

from __future__ import annotations

import argparse
from pathlib import Path

from joulescape.accuracy.own_controls import Control, controls
from joulescape.accuracy.reference import single_thread
from joulescape.compression.pipeline import describe
from joulescape.resolve.single import single

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Train every control on the test split and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", default="shg_digits")
    parser.add_argument("--back-end", default="physical/shg")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    single_thread()
    sets = dict(text.split("=", 1) for text in arguments.set)
    space, candidate = single(arguments.network, arguments.back_end, ROOT, sets)
    network = describe(space.graphs[candidate.network], ())
    errors = space.machine(candidate).errors(network)
    recipe = space.recipe(candidate)
    seeds, split = range(arguments.seeds), arguments.split
    for row in controls(network.graph, errors, {**recipe.reference, **recipe.training}, recipe.task, seeds, split):
        print(_line(row))


def _line(row: Control) -> str:
    spread = "" if row.sd_fraction is None else f" +- {100 * row.sd_fraction:.1f}"
    return f"{row.name:24s} {100 * row.mean_fraction:5.1f}{spread} %   {row.about}"


if __name__ == "__main__":
    main()
