"""Published points against what the house computes by itself: networks by their graphs, memories and chips by hwlib."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from joulescape.network.build import build_graph
from joulescape.resolve.networks import read_network
from joulescape.resolve.shelves import network_path, trend_names
from joulescape.resolve.trends import load_trend
from joulescape.simulators._node import MEASURED_PJ

ROOT = Path(__file__).resolve().parents[2]


@cache
def points(name):
    """Points of a shipped file by name."""
    return {point.name: point for point in load_trend(ROOT, name).spec.points}


@cache
def graph(name):
    """A network of the shelf."""
    faults = []
    read = read_network(network_path(ROOT, name), faults)
    assert faults == []
    return build_graph(name, read[1])


SHELF = {
    "AlexNet (two towers)": "alexnet_grouped", "VGG-16": "vgg16", "VGG-19": "vgg19", "GoogLeNet": "googlenet",
    "ResNet-18": "resnet18", "ResNet-50": "resnet50", "ResNet-152": "resnet152", "MobileNetV2": "mobilenet_v2",
    "ShuffleNetV2 x1.0": "shufflenet_v2",
}  # fmt: skip


@pytest.mark.parametrize(("published", "ours"), SHELF.items())
def test_parameters_are_those_of_the_graph(published, ours):
    stated = points("networks")[published].values["parameters_count"].value
    assert sum(operator.parameter_count for operator in graph(ours).operators) == stated


@pytest.mark.parametrize(("published", "ours"), SHELF.items())
def test_operations_are_those_of_the_graph(published, ours):
    """Profilers differ by a percent or two in what they count beside products."""
    stated = points("networks")[published].values["operations_gop"].value
    assert 2 * graph(ours).macs / 1e9 == pytest.approx(stated, rel=0.02)


@pytest.mark.parametrize("cell", ["hp", "lop"])
def test_memories_are_those_of_the_shelf_s_parts(cell):
    part = "sram_45nm_hp" if cell == "hp" else "sram_45nm"
    reads = yaml.safe_load((ROOT / f"hwlib/components/electronic/{part}.yaml").read_text())["parameters"]["read_pj"]
    seen = [
        (point.values["size_kib"].value, point.values["sram_pj_per_bit"].value)
        for point in points("memory_energy").values()
        if point.node_nm == 45 and point.kind.startswith(f"sram_{cell}_")
    ]
    assert len(seen) == 11
    for size, energy in seen:
        assert energy == pytest.approx(reads[int(size * 1024)]["value"] / 64, rel=1e-3)


def test_published_memories_are_those_that_the_scaling_rule_was_made_of():
    known = {(old / 64, new / 64) for old, new in MEASURED_PJ[-3:]}
    by_size = {}
    for point in points("memory_energy").values():
        if point.kind.startswith("sram_published"):
            by_size.setdefault(point.kind, {})[point.node_nm] = point.values["sram_pj_per_bit"].value
    found = sorted((pair[45], pair[7]) for pair in by_size.values())
    for (old, new), (known_old, known_new) in zip(found, sorted(known), strict=True):
        assert (old, new) == pytest.approx((known_old, known_new), rel=1e-3)


@pytest.mark.parametrize("name", trend_names(ROOT))
def test_derived_rates_are_units_times_clock(name):
    """`2880 units at 876 MHz` is 2 x 2880 x 0.876 GOPS."""
    checked = 0
    for point in points(name).values():
        for figure in point.values.values():
            told = re.search(r"([\d,]+) (?:units|cells) at ([\d.]+) (MHz|GHz)", figure.where)
            if told is not None:
                clock = float(told[2]) * (1 if told[3] == "GHz" else 1e-3)
                assert figure.value == pytest.approx(2 * int(told[1].replace(",", "")) * clock, rel=5e-3), point.name
                checked += 1
    assert checked >= (8 if name == "performance_density" else 0)


def test_energies_of_devices_are_current_times_voltage_over_their_rate():
    """`243 mA at 1.2 V and 3 mA at 2.5 V over 38.4 Gb/s` is their sum in mW over Gb/s, which is pJ/bit."""
    checked = 0
    for point in points("memory_energy").values():
        where = point.values.get("dram_pj_per_bit", point.values.get("sram_pj_per_bit")).where
        rate = re.search(r"over ([\d.]+) Gb/s", where)
        if rate is not None:
            powers = [float(a) * float(v) for a, v in re.findall(r"([\d.]+) mA at ([\d.]+) V", where)]
            powers += [float(mw) for mw in re.findall(r"(\d+) mW over", where)]
            told = point.values["dram_pj_per_bit"].value
            assert told == pytest.approx(sum(powers) / float(rate[1]), rel=6e-3), point.name
            checked += 1
    assert checked >= 15


def test_operations_are_twice_the_stated_macs():
    checked = 0
    for point in points("networks").values():
        figure = point.values.get("operations_gop")
        told = re.search(r"([\d.]+) GMAC", figure.where) if figure else None
        if told is not None:
            assert figure.value == pytest.approx(2 * float(told[1]), rel=2e-3), point.name
            checked += 1
    assert checked > 30


def test_errors_are_what_the_stated_accuracy_leaves():
    for point in points("networks").values():
        figure = point.values.get("single_crop_error_fraction")
        told = re.search(r"acc@5 ([\d.]+) %", figure.where) if figure else None
        if told is not None:
            assert figure.value == pytest.approx(1 - float(told[1]) / 100, abs=6e-5), point.name


def test_more_crops_and_more_models_never_err_more():
    """Of one network: single crop >= 10 crops >= 144 crops >= ensemble."""
    order = (
        "single_crop_error_fraction",
        "ten_crop_error_fraction",
        "many_crop_error_fraction",
        "ensemble_error_fraction",
    )
    compared = 0
    for point in points("networks").values():
        known = [point.values[name].value for name in order if name in point.values]
        assert known == sorted(known, reverse=True), point.name
        compared += len(known) > 1
    assert compared >= 5


@pytest.mark.parametrize("name", trend_names(ROOT))
def test_fractions_are_fractions_and_years_are_past(name):
    for point in points(name).values():
        assert 1990 <= point.year <= 2026, point.name
        for key, figure in point.values.items():
            if key.endswith("_fraction"):
                assert 0 < figure.value < 1, point.name
            assert figure.where, point.name


def test_recalled_and_doubtful_numbers_say_so():
    """`low` is for what is not about the thing itself; nothing that was only recalled is called seen."""
    every = [
        figure for name in trend_names(ROOT) for point in points(name).values() for figure in point.values.values()
    ]
    assert not [figure for figure in every if "recalled" in figure.where and figure.confidence == "high"]
    assert {figure.source for figure in every if figure.confidence == "low"} == {
        "pham2012", "chaware2012", "gem52024",
    }  # fmt: skip


def test_the_span_after_2018_is_covered():
    """Each shore has points with which the trend until 2018 can be tested."""
    for name in trend_names(ROOT):
        later = [point.name for point in points(name).values() if point.year > 2018]
        assert later, name
    assert sum(point.year > 2018 for name in trend_names(ROOT) for point in points(name).values()) >= 35
