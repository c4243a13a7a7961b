"""FPGA designs against their papers: cycles exactly where the authors' models are recalled, measured times near."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from machine_cases import ROOT, case

from joulescape import cost
from joulescape.network.operators import Loops
from joulescape.simulators._node import energy_factor
from joulescape.simulators.unrolled.settings import UnrolledSettings
from joulescape.simulators.unrolled.unrolling import cycles

GROUPS = {  # K, C, side of the outputs, side of the window; cycles of one of AlexNet's two groups (zhang2015)
    "conv1": (48, 3, 55, 11, 366025),
    "conv2": (128, 48, 27, 5, 255430),
    "conv3": (192, 256, 13, 3, 171051),
    "conv4": (192, 192, 13, 3, 129444),
    "conv5": (128, 192, 13, 3, 86296),
}
OWN_MS = {"conv1": 21.41, "conv2": 16.06, "conv3": 26.76, "conv4": 26.76, "conv5": 32.11}
"""Computing time of VGG-16's groups of layers by the paper's own estimate (qiu2016)."""
MEASURED_MS = {"conv1": 31.29, "conv2": 23.58, "conv3": 39.29, "conv4": 36.30, "conv5": 32.95}


@cache
def times_ms(network: str, machine: str, boundary: str = "system", **sets: Any) -> dict[str, float]:
    """Time of every layer that multiplies."""
    found = cost(
        network, f"electronic/{machine}", {name.replace("__", "."): value for name, value in sets.items()},
        boundary=boundary, root=ROOT,
    )  # fmt: skip
    return {one["layer"]: one["batch_latency_ns"] / 1e6 for one in found.layers if one["macs"]}


def group(times: dict[str, float], name: str) -> float:
    """Layers whose names begin alike, together."""
    return sum(time for layer, time in times.items() if layer.startswith(name))


@pytest.mark.parametrize("layer", GROUPS)
def test_loop_tiling_takes_the_cycles_of_its_paper_exactly(layer: str) -> None:
    k, c, side, window, expected = GROUPS[layer]
    loops = Loops(K=k, C=c, OY=side, OX=side, FY=window, FX=window)
    design = case("electronic/zhang2015").settings
    assert isinstance(design, UnrolledSettings)
    assert cycles(loops, {"K": 64, "C": 7}, 1, design) == expected
    whole = times_ms("alexnet_grouped", "zhang2015", "chip")[layer]
    assert whole == pytest.approx(2 * expected / 1e5, rel=1e-12)


def test_the_cycles_add_up_to_the_papers_total() -> None:
    assert sum(row[-1] for row in GROUPS.values()) == 1008246
    times = times_ms("alexnet_grouped", "zhang2015", "chip")
    assert sum(times[layer] for layer in GROUPS) == pytest.approx(2 * 10.08246, rel=1e-12)


def test_measured_time_is_near_and_dense_layers_wait_for_memory() -> None:
    times = times_ms("alexnet_grouped", "zhang2015")
    assert sum(times[layer] for layer in GROUPS) == pytest.approx(21.61, rel=0.08)
    fetched_ms = 9216 * 4096 * 4 * 8 / 36 / 1e6
    assert times["fc6"] == pytest.approx(fetched_ms, rel=0.01)


@pytest.mark.parametrize("name", OWN_MS)
def test_convolvers_take_the_time_of_their_papers_estimate(name: str) -> None:
    assert group(times_ms("vgg16_svd", "qiu2016", "chip"), name) == pytest.approx(OWN_MS[name], abs=0.006)


def test_without_fixed_tiles_the_last_maps_would_take_a_quarter() -> None:
    """14 x 14 outputs in tiles of 28 x 28: a calibration that this law explains."""
    machine = case("electronic/qiu2016")
    free = machine.settings.model_copy(update={"whole": {}})
    loops = Loops(K=512, C=512, OY=14, OX=14, FY=3, FX=3)
    unrolled = {"K": 2, "C": 64, "FY": 3, "FX": 3}
    tiled, plain = (cycles(loops, unrolled, 1, design) for design in (machine.settings, free))  # type: ignore[arg-type]
    assert tiled == 4 * plain


@pytest.mark.parametrize("name", MEASURED_MS)
def test_transfers_that_do_not_hide_come_near_the_measured_time(name: str) -> None:
    single = group(times_ms("vgg16_svd", "qiu2016", hardware__buffer__is_double="false"), name)
    double = group(times_ms("vgg16_svd", "qiu2016"), name)
    assert double < single
    assert single == pytest.approx(MEASURED_MS[name], rel=0.2)


def test_a_factorised_dense_layer_waits_for_seven_times_fewer_weights() -> None:
    plain, factored = times_ms("vgg16", "qiu2016"), times_ms("vgg16_svd", "qiu2016")
    weights = 25088 * 4096 / (25088 * 500 + 500 * 4096)
    assert plain["fc6"] / group(factored, "fc6") == pytest.approx(weights, rel=0.02)
    assert weights == pytest.approx(7.04, abs=0.01)


def test_narrow_weights_speed_up_dense_layers_and_nothing_else() -> None:
    wide = times_ms("vgg16_svd", "qiu2016")
    narrow = times_ms("vgg16_svd", "qiu2016", compression__0__quantize__weight_bits="4")
    assert narrow["fc7"] / wide["fc7"] == pytest.approx(0.25, rel=0.05)
    assert group(narrow, "conv") == pytest.approx(group(wide, "conv"), rel=0.02)


def test_a_systolic_array_reaches_the_published_rate_and_a_broadcasting_one_does_not() -> None:
    convolutions = 2 * 15_346_630_656 / 1e9
    near = convolutions / group(times_ms("vgg16", "wei2017"), "conv")
    far = convolutions / group(times_ms("vgg16", "wei2017", hardware__broadcast__is_on="true"), "conv")
    assert near == pytest.approx(1.1713, rel=0.1)
    assert far < 0.6 * near


def test_a_stream_grid_reaches_the_published_rate_on_its_filter_bank() -> None:
    (time,) = times_ms("neuflow_filters", "neuflow").values()
    assert 2 * 1_542_918_400 / time / 1e6 == pytest.approx(147, rel=0.1)


def test_a_chip_has_its_device_idle_and_the_widest_boundary_the_board() -> None:
    settings = case("electronic/zhang2015").settings
    reports = {boundary: cost("alexnet_grouped", "electronic/zhang2015", boundary=boundary, root=ROOT)
               for boundary in ("core", "chip", "system")}  # type: ignore[arg-type]  # fmt: skip
    powers = {boundary: float(report.totals["mean_power_mw"] or 0) for boundary, report in reports.items()}
    assert powers["system"] == pytest.approx(18610, rel=0.01)
    board = settings.board  # type: ignore[attr-defined]
    device_mw = board.idle_mw.value * board.device_fraction.value
    assert device_mw < powers["chip"] < powers["system"] - board.idle_mw.value + device_mw
    assert powers["core"] < powers["chip"] - device_mw


def test_a_node_moves_the_device_and_leaves_the_rest_of_the_board() -> None:
    here, there = (
        cost("alexnet_grouped", "electronic/zhang2015", node, boundary="system", root=ROOT)
        for node in ({}, {"node": "16"})
    )
    before, after = (
        {name: sum(float(part["energy_pj"]) for part in report.energy if part["component"] == name)
         for name in ("device_idle", "board_idle", "units", "off_chip_memory")}
        for report in (here, there)
    )  # fmt: skip
    assert before["board_idle"] > 0
    for name in ("board_idle", "off_chip_memory"):
        assert after[name] == pytest.approx(before[name])
    for name in ("device_idle", "units"):
        assert after[name] == pytest.approx(energy_factor(28, 16) * before[name])
