"""`cost`, from Python and from the command line: documented JSON, sums, sets, clear refusals."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from joulescape import cost
from joulescape.errors import Infeasible, SpecError

ROOT = Path(__file__).resolve().parents[2]
OWN = ("shg_digits", "physical/shg")
LAYER_KEYS = {
    "phase",
    "layer",
    "macs",
    "batch_latency_ns",
    "start_ns",
    "end_ns",
    "active_units",
    "utilisation_fraction",
    "bound_by",
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("joulescape")), "cost", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_json_has_the_documented_shape_and_adds_up() -> None:
    found = run("digits_lenet", "electronic/systolic_int8", "--phase", "inference", "--format", "json")
    assert found.returncode == 0, found.stderr
    report = json.loads(found.stdout)
    assert {"design", "batch", "totals", "layers", "traffic", "energy", "area"} <= set(report)
    assert set(report["layers"][0]) >= LAYER_KEYS
    assert set(report["traffic"][0]) >= {"phase", "layer", "memory", "operand", "read_bytes", "write_bytes"}
    assert set(report["energy"][0]) >= {"phase", "layer", "component", "energy_pj", "basis"}
    total = sum(row["energy_pj"] for row in report["energy"])
    assert total == pytest.approx(report["totals"]["inference_energy_pj"])
    assert sum(row["area_mm2"] for row in report["area"]) == pytest.approx(report["totals"]["area_mm2"])
    assert max(row["end_ns"] for row in report["layers"]) == pytest.approx(report["totals"]["inference_latency_ns"])


def test_every_key_of_the_json_is_explained() -> None:
    explained = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    report = cost("digits_mlp", "memristive/isaac", phases=("inference", "training"), root=ROOT).as_dict()
    rows = [report[name][0] for name in ("layers", "traffic", "energy", "area")]
    keys = {*report, *(key for row in rows for key in row)}
    assert [key for key in sorted(keys) if f"`{key}`" not in explained] == []


def test_only_a_machine_that_is_its_network_has_an_algorithm() -> None:
    trained = (cost(n, b, phases=("training",), root=ROOT) for n, b in (("digits_mlp", "memristive/isaac"), OWN))
    assert ["algorithm" in report.design["training"] for report in trained] == [False, True]


def test_csv_and_table_say_the_same() -> None:
    rows = list(csv.DictReader(io.StringIO(run("digits_mlp", "memristive/isaac", "--format", "csv").stdout)))
    report = cost("digits_mlp", "memristive/isaac", root=ROOT)
    assert sum(float(row["energy_pj"]) for row in rows) == pytest.approx(report.totals["inference_energy_pj"])
    table = run("digits_mlp", "memristive/isaac").stdout
    assert f"{report.totals['inference_energy_pj']:.6g}" in table


def test_sets_reach_hardware_compression_and_batch() -> None:
    base = cost("digits_lenet", "electronic/systolic_int8", root=ROOT)
    sets = {"hardware.array.rows": "64", "compression.quantize.weight_bits": "4", "batch": "3"}
    found = cost("digits_lenet", "electronic/systolic_int8", sets, root=ROOT)
    assert found.batch == 3
    assert found.totals["area_mm2"] != base.totals["area_mm2"]
    assert found.design["compression"][0]["weight_bits"] == 4


def test_a_dense_array_shows_no_saving_from_unstructured_zeros_in_its_cycles() -> None:
    def latency(granularity: str) -> float:
        sets = {"compression.prune.granularity": granularity, "compression.prune.density": "0.25"}
        found = cost("digits_lenet", "electronic/systolic_int8", sets, root=ROOT)
        return sum(row["macs"] for row in found.layers) + 0.0

    dense = sum(row["macs"] for row in cost("digits_lenet", "electronic/systolic_int8", root=ROOT).layers)
    assert latency("element") == dense
    assert latency("channel") < dense


def test_an_unknown_value_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="array.rows"):
        cost("digits_lenet", "electronic/systolic_int8", {"hardware.array.row": "64"}, root=ROOT)
    found = run("digits_lent", "electronic/systolic_int8")
    assert found.returncode == 2
    assert "digits_lenet" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_set_without_value_is_a_clear_error() -> None:
    found = run("digits_lenet", "electronic/systolic_int8", "--set", "batch")
    assert found.returncode == 2
    assert "NAME=VALUE" in found.stderr


def test_a_network_that_does_not_fit_is_refused_with_its_reason() -> None:
    with pytest.raises(Infeasible) as caught:
        cost("digits_resnet", "memristive/isaac", {"hardware.tiles": "1", "hardware.imas_per_tile": "1"}, root=ROOT)
    assert caught.value.violation > 0


def test_boundaries_nest() -> None:
    core, chip, system = (
        cost("digits_mlp", "electronic/systolic_int8", boundary=b, root=ROOT).totals["inference_energy_pj"]
        for b in ("core", "chip", "system")
    )
    assert core < chip < system  # type: ignore[operator]


def test_training_prints_roles() -> None:
    report = cost("digits_mlp", "electronic/systolic_int8", phases=("training",), root=ROOT)
    assert {row["role"] for row in report.layers} == {"forward", "input_gradient", "weight_gradient", "update"}
    assert report.steps == "nominal"


def test_another_node_is_told_by_both_published_rules() -> None:
    at = {rule: cost("digits_mlp", "electronic/eyeriss", {"node": 7, "scaling_rule": rule}, root=ROOT)
          for rule in ("stillmaker", "tpuv4i")}  # fmt: skip
    spread = at["stillmaker"].energy_by_rule
    assert spread == at["tpuv4i"].energy_by_rule
    for rule, report in at.items():
        assert report.totals["inference_energy_pj"] == pytest.approx(spread[rule])
        assert report.as_dict()["energy_by_rule"] == spread
    assert spread["tpuv4i"] > spread["stillmaker"]
    plain = cost("digits_mlp", "electronic/eyeriss", root=ROOT)
    assert plain.energy_by_rule == {} and "energy_by_rule" not in plain.as_dict()


def test_the_table_says_that_the_rules_disagree() -> None:
    found = run("digits_mlp", "electronic/eyeriss", "--set", "node=7")
    assert found.returncode == 0, found.stderr
    assert "rules of scaling to 7 nm disagree" in found.stdout
    assert "by stillmaker" in found.stdout and "by tpuv4i" in found.stdout


def test_explained_costs_say_how_layers_are_computed() -> None:
    plain = cost("digits_mlp", "memristive/isaac", {"hardware.adc.bits": 5}, root=ROOT)
    told = cost("digits_mlp", "memristive/isaac", {"hardware.adc.bits": 5}, root=ROOT, explains=True)
    assert plain.errors == () and "errors" not in plain.as_dict()
    assert {row["role"] for row in told.errors} == {"forward"}
    assert {row["value"] for row in told.errors if row["number"] == "adc_bits"} == {5.0}
    assert told.as_dict()["errors"] == list(told.errors) and told.totals == plain.totals
