"""What a design's row says of bytes and operations is what the encoder writes and the layers add up to."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from joulescape import evaluate, load_space
from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.measure import weights
from joulescape.accuracy.stored import written
from joulescape.compression.pipeline import describe
from joulescape.network.arithmetic import layer_rows
from joulescape.network.fidelity import Fidelity
from joulescape.report.designs import MORE
from joulescape.tables import TRIALS

ROOT = Path(__file__).resolve().parents[2]
MEASURED = Fidelity(rung="merged", samples=60, draws=1)
COUNTS = ("file_bytes", "weight_bytes", "index_bytes", "activation_bytes", "macs", "multiplications", "additions",
          "shifts", "gates")  # fmt: skip
QUESTION = {
    "question": "How many bytes?",
    "task": "digits",
    "networks": ["digits_mlp"],
    "back_ends": ["electronic/systolic_int8"],
    "compression": [
        {"prune": {"granularity": "element", "density": 0.4}},
        {"choice": {
            "quantize": {"weight_bits": 4, "activation_bits": 8},
            "logarithmic": {"weight_bits": 4, "activation_bits": 6},
        }},
    ],
    "fine_tune": {"epochs": 0},
    "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
    "budget": {"trials": 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bytes")
    for shelf in ("hwlib", "models"):
        (folder / shelf).symlink_to(ROOT / shelf)
    (folder / "spaces").mkdir()
    (folder / "spaces" / "q.yaml").write_text(yaml.safe_dump(QUESTION))
    return load_space(folder / "spaces" / "q.yaml")


def design(space, method):
    (pair,) = space.pairs
    (choice,) = (p.name for p in space.parameters(pair) if p.name.startswith("compression.1"))
    return space.candidate({"pair": pair.name, choice: method})


def test_every_count_is_a_column_of_trials_and_of_the_report():
    assert set(COUNTS) <= set(TRIALS)
    assert set(COUNTS) <= set(MORE)


@pytest.mark.parametrize("method", ["quantize", "logarithmic"])
def test_file_bytes_are_those_of_the_file_that_is_written(space, method):
    candidate = design(space, method)
    (found,) = evaluate(candidate, space, MEASURED, 0)
    network = describe(space.graphs["digits_mlp"], candidate.compression)
    recipe, data = space.recipe(candidate), load_task("digits").shaped((64,))
    file = written(network, weights(network, {}, recipe, MEASURED, 0, space.networks_dir, data))
    assert found.facts["file_bytes"] == len(file.data)
    assert found.facts["weight_bytes"] == sum(stored.weight_bytes for stored in file.layers.values())
    assert found.facts["index_bytes"] == sum(stored.index_bytes for stored in file.layers.values()) > 0
    assert found.facts["weight_bytes"] + 4 * (64 + 10) < found.facts["file_bytes"]  # biases, scales and header too


def test_operations_follow_the_arithmetic(space):
    (products,), (shifts,) = (evaluate(design(space, name), space, MEASURED, 0) for name in ("quantize", "logarithmic"))
    assert products.facts["macs"] == shifts.facts["macs"] == 64 * 64 + 64 * 10
    assert products.facts["multiplications"] == products.facts["additions"] <= 0.41 * products.facts["macs"]
    assert products.facts["shifts"] == 0
    assert shifts.facts["shifts"] == pytest.approx(products.facts["additions"], rel=0.05)
    assert shifts.facts["multiplications"] == 64 + 10
    assert products.facts["activation_bytes"] == (64 + 64) * 8 / 8
    assert shifts.facts["activation_bytes"] == (64 + 64) * 6 / 8


def test_without_data_no_file_is_written_and_the_rest_is_announced(space):
    candidate = design(space, "quantize")
    (found,) = evaluate(candidate, space, Fidelity(rung="closed_form"), 0)
    assert found.facts["file_bytes"] is None
    network = describe(space.graphs["digits_mlp"], candidate.compression)
    rows = layer_rows(network.graph, network.formats, {})
    assert found.facts["index_bytes"] == sum(row["index_bytes"] for row in rows) > 0
