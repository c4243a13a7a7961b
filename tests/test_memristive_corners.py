"""Every memristive entry at all corners: what the shelf ships can be built, and its figures stand in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from joulescape.errors import Infeasible
from joulescape.pricing import cost
from joulescape.spec.sourced import CORNERS, Corner

ROOT = Path(__file__).resolve().parents[1]
RUNS = {
    "analog_chain": "digits_mlp", "isaac": "digits_lenet", "memristor_12x12": "letters", "memristor_dct": "dct_blocks",
    "mram_64x64": "digits_mlp", "neurram": "digits_lenet", "nor_flash_mnist": "mnist_perceptron",
    "pcm_500x661": "mnist_pcm", "pipelayer": "digits_lenet", "prime": "digits_lenet", "puma": "digits_lenet",
    "raella": "digits_lenet", "rpu": "digits_mlp", "rpu_ecram": "digits_mlp",
    "rram_128x8": "digits_perceptron", "rram_16mb": "lenet5",
}  # fmt: skip
METRICS = ("inference_energy_pj", "inference_latency_ns", "area_mm2")


def at(name: str, network: str, corner: Corner) -> dict[str, float]:
    totals = cost(network, f"memristive/{name}", {}, corner=corner, root=ROOT).totals
    return {metric: float(value) for metric in METRICS if (value := totals[metric]) is not None}


def test_every_machine_is_held() -> None:
    assert {path.stem for path in (ROOT / "hwlib/memristive").glob("*.yaml")} == set(RUNS)


@pytest.mark.parametrize(("name", "network"), RUNS.items())
def test_corners_keep_order_and_none_forbids_what_the_shelf_ships(name: str, network: str) -> None:
    best, typical, worst = (at(name, network, corner) for corner in ("optimistic", "typical", "pessimistic"))
    assert set(CORNERS) == {"optimistic", "typical", "pessimistic"} and set(typical) == set(METRICS)
    for metric in METRICS:
        assert best[metric] <= typical[metric] <= worst[metric], metric
    assert best["inference_energy_pj"] < worst["inference_energy_pj"]


def test_cells_with_too_few_levels_are_still_refused() -> None:
    """The shelf's electrochemical cell goes down to 50 levels, which hold no seven bits: the machine asks for more."""
    with pytest.raises(Infeasible, match="need 256 levels and the device has 128: at most 7 bits a cell"):
        cost("digits_mlp", "memristive/rpu_ecram", {"hardware.cell.bits": 8}, corner="pessimistic", root=ROOT)


@pytest.mark.parametrize("name", ["analog_chain", "isaac", "pipelayer", "puma", "rpu", "rpu_ecram"])
def test_arrays_that_wires_cannot_serve_are_refused_on_every_crossbar(name: str) -> None:
    wide = {"hardware.array.rows": 1024, "hardware.array.columns": 1024}
    with pytest.raises(Infeasible, match="wires leave the far cell of 1024 x 1024 cells"):
        cost("digits_mlp", f"memristive/{name}", wide, corner="pessimistic", root=ROOT)
