"""Prints what channels pruned where a machine's energy is reach, against the same share of every layer.

    python benchmarks/energy_aware.py --network lenet5 --back-end electronic/systolic_int8 --density 0.5 0.3

Test split and fine-tuning as in compression_figures.py; energy of one inference on the machine at nominal statistics.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from compression_figures import CHANNELS, ROOT, measured, score

from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.reference import reference_tensors, single_thread
from joulescape.compression.pipeline import describe
from joulescape.pricing.energy import described_for
from joulescape.pricing.metrics import metrics_of, phase_work, price
from joulescape.resolve.single import single


def main() -> None:
    """Two lines a density: uniform, then by energy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="lenet5")
    parser.add_argument("--back-end", default="electronic/systolic_int8")
    parser.add_argument("--density", type=float, nargs="+", default=[0.5])
    parser.add_argument("--tilt", type=float, default=0.5)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--networks-dir", type=Path, default=ROOT / "results" / "networks")
    arguments = parser.parse_args()
    single_thread()
    how = {"epochs": arguments.epochs, "learning_rate": 0.002, "batch": 128}
    print("| density | scope | channels | energy nJ | parameters | loss, points |", flush=True)
    for density in arguments.density:
        for scope in ("layer", "energy"):
            settings = {**CHANNELS, "density": density, "scope": scope}
            settings |= {"tilt": arguments.tilt} if scope == "energy" else {}
            sets = {f"compression.prune.{name}": value for name, value in settings.items()}
            space, candidate = single(arguments.network, arguments.back_end, root=ROOT, sets=sets)
            spec, network = space.networks[arguments.network], described_for(space, candidate)
            machine = space.machine(candidate)
            priced = price(machine, network, {"inference": phase_work(network, "inference", 1, None, {})}, None)
            energy = metrics_of(priced, 1, None)["inference_energy_pj"]
            assert energy is not None
            data = load_task(spec.task).shaped(network.original.input_shape)
            recipe = spec.training.model_dump()
            reference = reference_tensors(network.original, recipe, spec.task, arguments.networks_dir)
            base = score(describe(network.original, []), reference, data).test
            rows = [measured(network, reference, data, how, seed) for seed in range(arguments.seeds)]
            losses = ", ".join(f"{100 * (base - row.tuned.test):+.2f}" for row in rows)
            widths = "-".join(str(o.out_shape[0]) for o in network.graph.matrix_operators)
            print(
                f"| {density:g} | {scope} | {widths} | {float(energy[0]) / 1e3:.1f} | {network.graph.parameter_count} "
                f"| {losses} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
