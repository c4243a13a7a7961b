"""Steps, code and thresholds as parameters of a question: what is drawn, measured, paid, and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from joulescape import evaluate, load_space
from joulescape.errors import SpecError
from joulescape.evaluation import Evaluation
from joulescape.network.fidelity import Fidelity
from joulescape.resolve.design_space import DesignSpace

ROOT = Path(__file__).resolve().parents[2]
LOIHI, TRUENORTH = "electronic/loihi", "electronic/truenorth"
QUICK = Fidelity(samples=200)
SPACE: dict[str, Any] = {
    "question": "How long must spikes be looked at?",
    "task": "digits",
    "networks": ["digits_mlp"],
    "back_ends": [LOIHI],
    "fine_tune": {"epochs": 1, "noise_aware": True},
    "hardware": {
        LOIHI: {
            "timesteps": {"kind": "int", "low": 1, "high": 64},
            "code": {"kind": "choice", "options": ["rate", "first_spike"]},
            "threshold_percentile": {"kind": "float", "low": 90.0, "high": 100.0},
            "tick_ns": {"kind": "choice", "options": [100000.0, 500000.0]},
        }
    },
    "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
    "budget": {"trials": 4},
}


def question(tmp_path: Path, **changes: object) -> DesignSpace:
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(ROOT / shelf)
    (tmp_path / "spaces").mkdir()
    path = tmp_path / "spaces" / "q.yaml"
    path.write_text(yaml.safe_dump({**SPACE, **changes}))
    return load_space(path)


def judged(space: DesignSpace, back_end: str = LOIHI, **values: Any) -> tuple[Evaluation, ...]:
    given = {f"hardware.{back_end}.{path}": value for path, value in values.items()}
    return evaluate(space.candidate({"pair": f"digits_mlp@{back_end}", **given}), space, QUICK, 0)


def metric(one: Evaluation, name: str) -> float:
    value = one.metrics[name]
    assert value is not None
    return value


def test_steps_and_code_are_drawn_and_ticks_are_swept(tmp_path: Path) -> None:
    """Numbers that accuracy depends on make candidates; the tick only makes variants of one measurement."""
    space = question(tmp_path)
    told = {}
    for steps in (4, 32):
        fast, slow = judged(space, timesteps=steps, code="rate", threshold_percentile=99.9)
        assert metric(fast, "accuracy_fraction") == metric(slow, "accuracy_fraction")
        assert metric(slow, "inference_latency_ns") == pytest.approx(5 * metric(fast, "inference_latency_ns"))
        assert metric(slow, "inference_energy_pj") > metric(fast, "inference_energy_pj")
        told[steps] = fast
    assert metric(told[4], "accuracy_fraction") > 0.9
    assert metric(told[32], "inference_energy_pj") > 4 * metric(told[4], "inference_energy_pj")
    assert told[32].facts["extras"]["spikes_per_neuron"] > 6 * told[4].facts["extras"]["spikes_per_neuron"]


def test_first_spikes_take_fewer_events_and_more_ticks(tmp_path: Path) -> None:
    space = question(tmp_path)
    (rate, _), (first, _) = (
        judged(space, timesteps=32, code=c, threshold_percentile=99.9) for c in ("rate", "first_spike")
    )
    assert metric(first, "inference_latency_ns") > 2 * metric(rate, "inference_latency_ns")
    assert first.facts["extras"]["spikes_per_neuron"] < 1 < rate.facts["extras"]["spikes_per_neuron"]
    assert abs(metric(first, "accuracy_fraction") - metric(rate, "accuracy_fraction")) < 0.03


def test_wider_weights_than_synapses_are_infeasible_and_ternary_ones_are_not(tmp_path: Path) -> None:
    space = question(
        tmp_path, back_ends=[TRUENORTH], hardware={}, fine_tune={"epochs": 3},
        compression=[{"choice": {"none": {}, "ternary": {}}}],
    )  # fmt: skip
    pair = {"pair": f"digits_mlp@{TRUENORTH}"}
    refused, kept = (
        evaluate(space.candidate({**pair, "compression.0": method}), space, QUICK, 0)[0]
        for method in ("none", "ternary")
    )
    assert refused.state == "infeasible" and "`ternary` with fine-tuning would do" in str(refused.reason)
    assert kept.state == "valid" and metric(kept, "accuracy_fraction") > 0.9


def test_no_steps_are_refused_where_they_are_asked_for(tmp_path: Path) -> None:
    hardware = {LOIHI: {"timesteps": {"kind": "int", "low": 0, "high": 8}}}
    with pytest.raises(SpecError, match=r"timesteps(.|\n)*0(.|\n)*>= 1"):
        question(tmp_path, hardware=hardware)
