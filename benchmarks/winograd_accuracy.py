"""What Winograd's transforms cost in accuracy where products are of few bits: real networks on an int8 array.

    python benchmarks/winograd_accuracy.py digits_resnet vgg8_small

For each network and width of weights and inputs: accuracy on the whole test split without fine-tuning, computed as it
stands, by F(2 x 2) and by F(4 x 4); energy and latency of one inference beside. Reference weights are trained first
where `results/networks` lacks them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from joulescape.accuracy.measure import measure
from joulescape.compression.pipeline import describe
from joulescape.network.fidelity import Fidelity
from joulescape.pricing.design import report_on
from joulescape.resolve.single import single
from joulescape.spec.domain import Scalar

ROOT = Path(__file__).parents[1]
BACK_END = "electronic/systolic_int8"
WIDTHS = (8, 7, 6, 5)
TILES = (0, 2, 4)
FIDELITY = Fidelity(rung="merged", split="test", draws=1)


def row(network: str, bits: int, tile: int) -> tuple[float, float, float]:
    """Test accuracy, energy in uJ and latency in us."""
    sets: dict[str, Scalar] = {
        "compression.0.quantize.weight_bits": bits,
        "compression.0.quantize.activation_bits": bits,
    }
    if tile:
        sets |= {"hardware.winograd": True, "compression.1.winograd.tile": tile}
    space, candidate = single(network, BACK_END, ROOT, sets)
    described = describe(space.graphs[network], candidate.compression)
    errors = space.machine(candidate).errors(described)
    found = measure(described, errors, space.recipe(candidate), FIDELITY, 0, space.networks_dir)
    totals = report_on(space, candidate, "typical").totals
    energy, latency = totals["inference_energy_pj"], totals["inference_latency_ns"]
    if energy is None or latency is None:
        raise ValueError(f"{BACK_END} gives no energy or latency of {network} with {bits} bits and tile {tile}")
    return found.accuracy_fraction[0], energy / 1e6, latency / 1e3


def main(networks: list[str]) -> None:
    """One line a network, width and algorithm."""
    print("network, bits, tile, test accuracy %, energy uJ, latency us, CPU s")
    for network in networks:
        for bits in WIDTHS:
            for tile in TILES:
                began = time.process_time()
                accuracy, energy, latency = row(network, bits, tile)
                seconds = time.process_time() - began
                print(f"{network}, {bits}, {tile}, {100 * accuracy:.2f}, {energy:.2f}, {latency:.1f}, {seconds:.1f}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["digits_resnet"])
