"""Where a machine's energy is, there it is pruned; a machine that skips zeros does not pay for those of real data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from joulescape import evaluate, load_space
from joulescape.evaluation.case import Case
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.pricing.design import cost
from joulescape.pricing.energy import described_for, energy_fractions
from joulescape.pricing.metrics import phase_work
from joulescape.resolve.candidate import Candidate
from joulescape.resolve.design_space import DesignSpace
from joulescape.simulators.systolic.matrix import multiply_add_pj

torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[2]
QUICK = Fidelity(samples=120, draws=1, is_screening=False)
ARRAY, CROSSBAR = "electronic/systolic_int8", "memristive/isaac"
AWARE = {"prune": {"granularity": "channel", "scope": "energy", "density": 0.5}}
SPACE: dict[str, Any] = {
    "question": "Where does the energy go?",
    "task": "digits",
    "networks": ["tiny"],
    "back_ends": [ARRAY, CROSSBAR],
    "phases": ["inference"],
    "compression": [AWARE],
    "fine_tune": {"epochs": 0},
    "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
    "budget": {"trials": 4},
}


class Notebook:
    """A memory that counts its hits."""

    def __init__(self) -> None:
        self.kept: dict[str, Measured] = {}
        self.hits = 0

    def get(self, key: str) -> Measured | None:
        self.hits += key in self.kept
        return self.kept.get(key)

    def put(self, key: str, measured: Measured) -> None:
        self.kept[key] = measured


NETWORK: dict[str, Any] = {
    "about": "a small network that trains in a second",
    "task": "digits",
    "input": [1, 8, 8],
    "operators": [
        {"name": "conv1", "kind": "conv", "out_channels": 6, "kernel": 3},
        {"name": "relu1", "kind": "relu"},
        {"name": "conv2", "kind": "conv", "out_channels": 8, "kernel": 3, "stride": 2},
        {"name": "relu2", "kind": "relu"},
        {"name": "flat", "kind": "flatten"},
        {"name": "fc1", "kind": "dense", "out_features": 40},
        {"name": "relu3", "kind": "relu"},
        {"name": "fc2", "kind": "dense", "out_features": 10},
    ],
    "training": {"epochs": 4, "batch": 32, "learning_rate": 0.01},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the shipped machines, whose one network is trained once."""
    found = tmp_path_factory.mktemp("project")
    (found / "hwlib").symlink_to(ROOT / "hwlib")
    for shelf in ("models", "spaces"):
        (found / shelf).mkdir()
    (found / "models" / "tiny.yaml").write_text(yaml.safe_dump(NETWORK))
    return found


def question(root: Path, **changes: object) -> DesignSpace:
    path = root / "spaces" / "q.yaml"
    path.write_text(yaml.safe_dump({**SPACE, **changes}))
    return load_space(path)


def on(space: DesignSpace, back_end: str) -> Candidate:
    return space.candidate({"pair": f"tiny@{back_end}"})


def pruned(space: DesignSpace, back_end: str) -> tuple[dict[str, float], dict[str, int]]:
    """Shares that the step was told of every product, and outputs that each product keeps."""
    network = described_for(space, on(space, back_end))
    (step,) = network.steps
    told = {name: step.at(name)["energy_fraction"] for name in ("conv1", "conv2", "fc1", "fc2")}
    plain = energy_fractions(space.machine(on(space, back_end)), network, 1)
    assert all(value == round(value, 2) for value in told.values()) and 0.9 < sum(told.values()) <= 1.01
    assert set(told) < set(plain)
    return told, {o.name: o.out_shape[0] for o in network.graph.matrix_operators}


def test_two_machines_get_two_designs_of_one_question(root: Path) -> None:
    """Weights come from memory on the array; a crossbar with one copy of each layer reads an image position after
    position, and the whole chip draws its idle power meanwhile."""
    space = question(root, hardware={CROSSBAR: {"layout.duplication": "fixed"}})
    (array, array_widths), (crossbar, crossbar_widths) = pruned(space, ARRAY), pruned(space, CROSSBAR)
    assert array["fc1"] > array["conv1"] and crossbar["conv1"] > crossbar["fc1"]
    assert array_widths["fc1"] < crossbar_widths["fc1"] and array_widths["conv1"] > crossbar_widths["conv1"]
    assert array_widths["fc2"] == crossbar_widths["fc2"] == space.graphs["tiny"].output.out_shape[0] == 10


def test_copies_that_keep_layers_in_pace_leave_no_layer_dearer_than_another(root: Path) -> None:
    """A network that is small for the chip has a copy for every position: each layer takes the time of one vector, and
    idle power, nearly all of its energy, is shared by time. What is spent on events still falls with the positions."""
    space = question(root)
    told, _ = pruned(space, CROSSBAR)
    assert set(told.values()) == {0.25}
    network = described_for(space, on(space, CROSSBAR))
    runs = space.machine(on(space, CROSSBAR)).cost(network, phase_work(network, "inference", 1, None, {})).layers
    events = {
        run.cost.layer: sum(
            np.asarray(e.energy_pj).item() for e in run.energies if not e.component.name.endswith("_idle")
        )
        for run in runs
    }
    idle = sum(
        np.asarray(e.energy_pj).item() for run in runs for e in run.energies if e.component.name.endswith("_idle")
    )
    assert events["conv1"] > events["conv2"] > events["fc1"] and idle > 5 * sum(events.values())


def key_of(case: Case) -> str:
    book = Notebook()
    measured = Case(case.candidate, case.space, case.fidelity, case.seed, book, case.machine, case.network).measured()
    (key,) = book.kept
    assert measured is book.kept[key]
    return key


def test_shares_are_part_of_the_measurements_name(root: Path) -> None:
    """Exact machines of one number format share a measurement when, and only when, their shares are equal."""
    keys, shares = [], []
    for hardware in ({"array.rows": 32}, {"clock_ghz": 0.4999}, {"array.rows": 2, "clock_ghz": 0.001}):
        space = question(root, hardware={ARRAY: hardware}, back_ends=[ARRAY])
        case = Case.of(on(space, ARRAY), space, QUICK, 0, None)
        shares.append(dict(case.network.steps[0].per_layer))
        keys.append(key_of(case))
    assert shares[0] == shares[1] != shares[2]
    assert keys[0] == keys[1] != keys[2]


def test_corners_move_costs_but_never_the_design(root: Path) -> None:
    space = question(root, back_ends=[ARRAY])
    corners = [Case.of(on(space, ARRAY), space, Fidelity(corner=c), 0, None) for c in ("optimistic", "pessimistic")]
    assert corners[0].network.steps == corners[1].network.steps
    energies = [case.priced(None).phases["inference"].energy_pj() for case in corners]
    assert energies[0] < energies[1]


def test_pruning_by_energy_costs_about_what_plain_pruning_costs() -> None:
    """Equal by the linear model; what the machine really needs differs by rounding and by what does not scale."""
    sets = {"compression.prune.granularity": "channel", "compression.prune.density": 0.5}
    plain = cost("digits_lenet", ARRAY, sets, root=ROOT)
    aware = cost("digits_lenet", ARRAY, {**sets, "compression.prune.scope": "energy"}, root=ROOT)
    whole = cost("digits_lenet", ARRAY, root=ROOT)
    energies = [float(report.totals["inference_energy_pj"] or 0) for report in (aware, plain, whole)]
    assert energies[0] == pytest.approx(energies[1], rel=0.15) and energies[1] < 0.6 * energies[2]
    plainly, instead = (
        {o: sum(row["energy_pj"] for row in report.energy if row["layer"] == o) for o in ("fc1", "conv1")}
        for report in (plain, aware)
    )
    assert instead["fc1"] < plainly["fc1"] and instead["conv1"] > plainly["conv1"]


# Zeros of real data


def test_measured_zeros_feed_a_machine_that_skips_them(root: Path) -> None:
    """The multiplier's energy falls by weight density times input density of each layer, as real data leave them."""
    space = question(
        root,
        back_ends=[ARRAY],
        compression=[{"prune": {"density": 0.25}}],
        hardware={ARRAY: {"zero_gating": {"kind": "choice", "options": [False, True]}}},
    )
    book = Notebook()
    plain, gated = evaluate(on(space, ARRAY), space, QUICK, 0, book)
    assert plain.variant[f"hardware.{ARRAY}.zero_gating"] is False
    (measured,) = book.kept.values()
    case = Case.of(on(space, ARRAY), space, QUICK, 0, None)
    priced, nominal = case.priced(measured), case.priced(None)
    multiply, add = multiply_add_pj(case.machine.own.settings)
    saved = 0.0
    for run in priced.phases["inference"].layers:
        seen = measured.statistics.get(run.cost.layer)
        if seen is not None:
            (arithmetic,) = (e.energy_pj for e in run.cost.energies if e.component.name == "mac_array")
            left = (multiply * seen.weight_density * seen.input_density + add) / (multiply + add)
            assert arithmetic[1] / arithmetic[0] == pytest.approx(left, rel=1e-9)
            saved += float(arithmetic[0] - arithmetic[1])
    assert saved > 0
    total = plain.metrics["inference_energy_pj"], gated.metrics["inference_energy_pj"]
    assert total[0] - total[1] == pytest.approx(saved, rel=0.2)  # type: ignore[operator]
    inputs = {name: measured.statistics[name].input_density for name in ("conv1", "conv2", "fc1", "fc2")}
    assert all(0.05 < value < 0.95 for value in inputs.values()), (
        "digits have a dark ground, rectified layers have zeros"
    )
    at_nominal, at_measured = (p.phases["inference"].energy_pj() for p in (nominal, priced))
    assert at_measured[1] < at_nominal[1] and at_measured[0] == pytest.approx(at_nominal[0], rel=1e-6)
