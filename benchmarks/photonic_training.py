"""Training on photonic machines as a question has it: accuracy on the test split, and what a whole training costs.

    python benchmarks/photonic_training.py                     digits_mlp and digits_lenet (some CPU minutes)
    python benchmarks/photonic_training.py --networks lenet5 --epochs 1 --trainings 1    MNIST (half an hour)

Forward and, where the machine can, backward products run with its errors; gradients are stepped by plain descent and
written back at every step: cells that are rewritten miss anew. `trainings` devices with weights of their own; energy
and time are those of all steps inside the system boundary. The first row is the same training on an int8 array.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from joulescape.accuracy.reference import ensure, single_thread
from joulescape.errors import SimulatorError
from joulescape.evaluation import evaluate
from joulescape.network.fidelity import Fidelity
from joulescape.resolve.single import single

ROOT = Path(__file__).parents[1]
MACHINES = (
    "electronic/systolic_int8", "photonic/mzi_mesh", "photonic/broadcast_weight", "photonic/bplight_cnn",
    "photonic/lightning_transformer", "memristive/isaac", "memristive/pipelayer",
)  # fmt: skip
RATE = 0.1


def main() -> None:
    """One row a network and machine."""
    options = _options()
    single_thread()
    sys.stdout.write("| network | machine | accuracy, % | energy, mJ | time, s | CPU s |\n|---|---|---|---|---|---|\n")
    for network in options.networks:
        for machine in options.machines:
            sys.stdout.write(row(network, machine, options.epochs, options.trainings) + "\n")
            sys.stdout.flush()


def row(network: str, machine: str, epochs: int, trainings: int) -> str:
    """Train on a machine and say what came of it."""
    sets = {
        "training.batch": 32, "training.epochs": epochs, "training.learning_rate": RATE,
        "compression.quantize.weight_bits": 8, "compression.quantize.activation_bits": 8,
    }  # fmt: skip
    space, candidate = single(network, machine, ROOT, sets, phases=("inference", "training"))
    for name, known in space.networks.items():
        ensure(space.graphs[name], known.training.model_dump(), space.spec.task, ROOT / "results" / "networks")
    fidelity = Fidelity(rung="full", split="test", draws=1, trains_on_machine=True, trainings=trainings)
    began = time.process_time()
    try:
        found = evaluate(candidate, space, fidelity, seed=0)[0]
    except SimulatorError as error:
        return f"| {network} | {machine} | {error} | | | {time.process_time() - began:.0f} |"
    seconds = time.process_time() - began
    seen, sd = found.metrics["trained_accuracy_fraction"], found.facts.get("trained_accuracy_sd_fraction")
    if seen is None:
        return f"| {network} | {machine} | {found.state}: {found.reason} | | | {seconds:.0f} |"
    spread = f" ± {100 * sd:.1f}" if sd is not None else ""
    scales = {"training_energy_pj": 1e9, "training_time_ns": 1e9}
    bill = " | ".join(f"{found.metrics[name] / scale:.3g}" for name, scale in scales.items())  # type: ignore[operator]
    return f"| {network} | {machine} | {100 * seen:.1f}{spread} | {bill} | {seconds:.0f} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["digits_mlp", "digits_lenet"])
    parser.add_argument("--machines", nargs="+", default=list(MACHINES))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--trainings", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
