"""The page on machines that evolve: its table is what the benchmark prints, its sentences follow."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from benchmark_scripts import benchmark
from joulescape import load_space
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.training import TrainingSettings

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "physical_machines.md").read_text(encoding="utf-8")


def test_the_table_is_what_the_benchmark_prints(capsys: pytest.CaptureFixture[str]) -> None:
    benchmark("self_simulation").main()
    assert capsys.readouterr().out.strip() in PAGE


def test_what_is_said_of_the_table_follows_from_it() -> None:
    found = benchmark("self_simulation")
    ratios = {
        (name, settings.interface): found.load_back_end(ROOT, name).simulator.published(settings)
        for name in ("physical/shg", "physical/plate", "physical/circuit", "physical/oscillators")
        for settings in found.ways(name)
    }
    benches = [f["self_simulation_energy_ratio"] for (n, w), f in ratios.items() if w == "bench" and "osc" not in n]
    chips = [figures["self_simulation_energy_ratio"] for (_, way), figures in ratios.items() if way == "integrated"]
    assert all(1e-8 < ratio < 1e-6 for ratio in benches)
    assert 1e-5 < ratios["physical/oscillators", "bench"]["self_simulation_energy_ratio"] < 1e-3
    assert min(chips) == pytest.approx(0.04, rel=0.1) and max(chips) == pytest.approx(30, rel=0.1)


@pytest.mark.parametrize(
    ("interface", "algorithm", "joule"),
    [("bench", "pat", 350e3), ("bench", "in_silico", 0.84), ("bench", "ideal", 87e6), ("integrated", "pat", 420.0),
     ("integrated", "in_silico", 0.84), ("integrated", "ideal", 77.0)],
)  # fmt: skip
def test_trainings_take_what_the_page_says(interface: str, algorithm: str, joule: float) -> None:
    from joulescape.pricing import cost

    sets = {"hardware.interface": interface, "training.algorithm": algorithm}
    found = cost("shg_digits", "physical/shg", sets, phases=("training",), root=ROOT).totals["training_energy_pj"]
    assert found == pytest.approx(joule * 1e12, rel=0.01)


@pytest.fixture(scope="module")
def front() -> DesignSpace:
    return load_space(ROOT / "spaces" / "physical_front.yaml")


def test_four_families_stand_on_one_front(front: DesignSpace) -> None:
    assert {pair.back_end.partition("/")[0] for pair in front.pairs} == {
        "electronic", "memristive", "photonic", "physical"
    }  # fmt: skip
    systems = {pair.back_end for pair in front.pairs if pair.back_end.startswith("physical/")}
    assert systems == {f"physical/{name}" for name in ("shg", "plate", "circuit", "oscillators")}
    assert front.spec.lifecycle is not None and front.spec.lifecycle.inferences == 1e9


def test_depth_channels_controls_and_training_are_drawn_for_physical_systems_alone(front: DesignSpace) -> None:
    for pair in front.pairs:
        drawn = {parameter.name.removeprefix(f"hardware.{pair.back_end}.") for parameter in front.parameters(pair)}
        physical = {
            "compression.0.restack.depth",
            "compression.0.restack.channels",
            "control_bits",
            "averages",
            "evolves",
        }
        found = drawn & {*physical, "training.algorithm"}
        assert found == ({*physical, "training.algorithm"} if pair.back_end.startswith("physical/") else set()), pair
        assert any("quantize" in name for name in drawn) is not pair.back_end.startswith("physical/"), pair


def test_no_weights_of_a_machine_s_own_network_are_compressed(front: DesignSpace) -> None:
    said = "compression.1.quantize acts on no operator of physical_hybrid_digits and is dropped there"
    assert said in front.notes


def test_what_a_fitted_twin_is_billed_for_is_what_it_is_fitted_to() -> None:
    from joulescape.accuracy import own_bench, own_training
    from joulescape.network import evolved

    assert {f.name: f.default for f in fields(own_training.OwnRun)}["measurements"] == evolved.MEASUREMENTS
    assert set(own_bench.ALGORITHMS) == set(get_args(TrainingSettings.model_fields["algorithm"].annotation))
