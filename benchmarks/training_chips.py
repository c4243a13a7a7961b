"""Training in few bits on a training processor: accuracy on the test split by number format, rounding and feedback.

    python benchmarks/training_chips.py            digits_mlp and digits_lenet (some CPU minutes)

Fresh weights, plain gradient descent, `trainings` seeds; energy is that of all steps on the named machine inside the
system boundary, where the format is the chip's own. The first row of a network is float32 on no machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from joulescape.accuracy.measure import measure
from joulescape.accuracy.reference import ensure, single_thread
from joulescape.errors import SimulatorError
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.pricing.design import report_on
from joulescape.pricing.energy import described_for
from joulescape.resolve.single import single

ROOT = Path(__file__).parents[1]
MACHINE = "electronic/lnpu"
FIXED = {"hardware.arithmetic.form": "dynamic_fixed"}
CASES: dict[str, dict[str, Any]] = {
    "float32": {},
    "FP16, stored FP16, nearest": {"hardware.arithmetic.bits": 16, "training.rounding": "nearest"},
    "FP16, stored FP16, DFA": {"hardware.arithmetic.bits": 16, "training.feedback": "dfa"},
    "FP8, stored FP16, stochastic": {},
    "FP8, stored FP16, nearest": {"training.rounding": "nearest"},
    "FP8 without tensors' scales, stored FP16, stochastic": {"hardware.arithmetic.is_scaled": False},
    "FP8, stored FP8, stochastic": {"hardware.arithmetic.master_bits": 8},
    "FP8, stored FP8, nearest": {"hardware.arithmetic.master_bits": 8, "training.rounding": "nearest"},
    "dynamic fixed 8, stored 16, stochastic": FIXED,
    "dynamic fixed 8, stored 8, stochastic": {**FIXED, "hardware.arithmetic.master_bits": 8},
    "dynamic fixed 8, stored 8, nearest": {
        **FIXED, "hardware.arithmetic.master_bits": 8, "training.rounding": "nearest",
    },
    "dynamic fixed 4, ends 8, stored 16, stochastic": {
        **FIXED, "hardware.arithmetic.bits": 4, "hardware.arithmetic.edge_bits": 8,
    },
    "dynamic fixed 4, stored 16, stochastic": {**FIXED, "hardware.arithmetic.bits": 4},
    "FP8, stored FP16, stochastic, DFA": {"training.feedback": "dfa"},
}  # fmt: skip


def main() -> None:
    """One row a network and case."""
    options = _options()
    single_thread()
    sys.stdout.write("| network | arithmetic | accuracy, % | energy, mJ | CPU s |\n|---|---|---|---|---|\n")
    for network in options.networks:
        for name, sets in CASES.items():
            sys.stdout.write(row(network, name, sets, options) + "\n")
            sys.stdout.flush()


def row(network: str, name: str, sets: dict[str, Any], options: argparse.Namespace) -> str:
    """Train and say what came of it."""
    began = time.process_time()
    how = {"training.epochs": options.epochs, "training.batch": 32, "training.learning_rate": options.rate, **sets}
    space, candidate = single(network, MACHINE, ROOT, how, phases=("inference", "training"))
    for one, known in space.networks.items():
        ensure(space.graphs[one], known.training.model_dump(), space.spec.task, ROOT / "results" / "networks")
    fidelity = Fidelity(rung="full", split="test", draws=1, trains_on_machine=True)
    described = described_for(space, candidate)
    errors = {} if name == "float32" else space.machine(candidate).errors(described)
    recipe, seeds = space.recipe(candidate), range(options.trainings)
    try:
        seen = _trained([measure(described, errors, recipe, fidelity, seed, space.networks_dir) for seed in seeds])
    except SimulatorError as error:
        seen = str(error)
    energy = report_on(space, candidate, "typical").totals["training_energy_pj"]
    is_own = name != "float32" and "hardware.arithmetic.form" not in sets
    bill = f"{energy / 1e9:.3g}" if is_own and energy is not None else ""
    return f"| `{network}` | {name} | {seen} | {bill} | {time.process_time() - began:.0f} |"


def _trained(found: list[Measured]) -> str:
    reached = [accuracy for one in found for accuracy in one.trained_accuracy_fraction or ()]
    spread = f" ± {100 * stdev(reached):.1f}" if len(reached) > 1 else ""
    return f"{100 * fmean(reached):.1f}{spread}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["digits_mlp", "digits_lenet"])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--trainings", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
