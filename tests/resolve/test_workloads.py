"""Networks without weights: what may be asked of them, and what is refused by name."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulescape.cli.train_command import train_command
from joulescape.compression.pipeline import describe
from joulescape.errors import JoulescapeError, SpecError
from joulescape.network.build import build_graph
from joulescape.pricing import cost
from joulescape.resolve.design_space import load_space, resolve_space
from joulescape.resolve.workloads import check_workloads, workload_faults
from joulescape.spec.document import Document
from joulescape.spec.network import GivenWeights, NetworkSpec, ReadNetworkSpec
from joulescape.spec.reported import ReportedSpec
from joulescape.spec.space import SpaceSpec

ROOT = Path(__file__).parents[2]


def read(name: str) -> NetworkSpec:
    return NetworkSpec.model_validate(yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text()))


COSTS = {"inference_energy_pj": "minimize", "inference_latency_ns": "minimize"}


def question(**changes: Any) -> Document:
    content: dict[str, Any] = {
        "question": "?", "task": "imagenet", "networks": ["vgg16"], "back_ends": ["electronic/systolic_int8"],
        "objectives": COSTS, "budget": {"trials": 4},
    }  # fmt: skip
    return Document("q.yaml", {**content, **changes})


def faults_of(**changes: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        resolve_space(question(**changes), ROOT, "q")
    return [str(fault) for fault in caught.value.faults]


def test_costs_alone_are_answered() -> None:
    space = resolve_space(question(), ROOT, "q")
    assert space.spec.rungs == ("closed_form",)
    assert space.recipe(space.candidate({"pair": space.pairs[0].name})).reference == {}
    shipped = load_space(ROOT / "spaces" / "cost_only_imagenet.yaml")
    assert {pair.network for pair in shipped.pairs} == {"vgg16", "resnet50"} and len(shipped.pairs) == 6


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"objectives": {**COSTS, "accuracy_fraction": "maximize"}}, "objectives.accuracy_fraction"),
        ({"constraints": {"accuracy_fraction": {"at_least": 0.7}}}, "constraints.accuracy_fraction"),
        (
            {"phases": ["inference", "training"], "objectives": {**COSTS, "training_energy_pj": "minimize"},
             "training": {"target": {"accuracy_fraction": 0.7}}},
            "training.target",
        ),
    ],
)  # fmt: skip
def test_an_accuracy_of_a_workload_is_refused(changes: dict[str, Any], place: str) -> None:
    (fault,) = faults_of(**changes)
    assert f"at '{place}'" in fault and "asked of vgg16" in fault
    assert "vgg16 has no `training:` recipe, so no weights and no accuracy" in fault


def test_given_weights_without_data_are_priced_and_not_measured() -> None:
    """An ONNX network of a task of sizes alone has weights, and nothing to measure them on."""
    given = ReadNetworkSpec(
        about="a", task="imagenet", input=(3, 224, 224), operators=read("vgg16").operators,
        training=GivenWeights(onnx="net.onnx", sha256="0" * 64),
    )  # fmt: skip
    graph, document = build_graph("net", given), Document("net.yaml", {})
    assert workload_faults(given, graph, document) == []
    asked = SpaceSpec(**{**question().content, "objectives": {"accuracy_fraction": "maximize"}})
    (fault,) = check_workloads(question(), asked, {"net": given}, ())
    assert "net has no data (its task has sizes alone)" in str(fault)
    assert check_workloads(question(), SpaceSpec(**question().content), {"net": given}, ()) == []


def test_training_costs_of_a_workload_are_those_of_the_tasks_samples() -> None:
    sets = {"training.batch": 256, "training.epochs": 90}
    report = cost("resnet18", "electronic/systolic_int8", sets, phases=("training",), root=ROOT)
    assert report.steps == "nominal" and report.totals["training_time_ns"]
    once = cost("resnet18", "electronic/systolic_int8", {**sets, "training.epochs": 1}, phases=("training",), root=ROOT)
    assert report.totals["training_energy_pj"] == pytest.approx(90 * once.totals["training_energy_pj"])  # type: ignore[operator]


def test_reported_densities_and_widths_are_priced() -> None:
    back_end = "electronic/systolic_int8"
    dense, reported = (
        resolve_space(question(compression=[{step: {}}] if step else []), ROOT, "q") for step in ("", "reported")
    )
    assert not dense.candidate({"pair": f"vgg16@{back_end}"}).compression
    (step,) = reported.candidate({"pair": f"vgg16@{back_end}"}).compression
    said = {"weight_density": 0.04, "weight_bits": 5, "input_density": 0.183}
    assert step.at("fc6") == {**said, "values": "codebook", "input_bits": 32}
    plain = cost("vgg16", back_end, {"hardware.zero_gating": True}, root=ROOT).totals["inference_energy_pj"]
    gated = cost("vgg16", back_end, {"hardware.zero_gating": True, "compression.0": "reported"}, root=ROOT)
    assert plain is not None and (gated.totals["inference_energy_pj"] or plain) < plain


def test_one_figure_for_all_layers_is_priced_in_each_of_them() -> None:
    space = resolve_space(question(networks=["resnet50"], compression=[{"reported": {}}]), ROOT, "q")
    candidate = space.candidate({"pair": space.pairs[0].name})
    described = describe(space.graphs["resnet50"], candidate.compression)
    layers = [described.formats[o.name] for o in described.graph.matrix_operators]
    assert {(f.weight_density, f.weight_bits, f.activation_bits, f.values) for f in layers} == {(0.39, 8, 8, "uniform")}
    weights = sum(math.prod(o.weight_shape or ()) for o in described.graph.matrix_operators)
    assert sum((f.weight_bytes or 0) for f in layers) == pytest.approx(0.39 * 1.5 * weights, rel=0.01)  # 8 + 4 bits


def test_a_reported_state_says_something() -> None:
    with pytest.raises(ValueError, match="needs `every` or `layers`"):
        ReportedSpec(source="joulescape", where="nowhere", basis="assumed")


def test_reported_states_are_refused_where_nothing_is_reported_or_something_is_measured() -> None:
    (silent,) = faults_of(networks=["vgg16", "resnet152"], compression=[{"reported": {}}])
    assert "compression.0" in silent and "`reported:` in the YAML of resnet152" in silent
    measured = faults_of(
        task="digits", networks=["digits_mlp"], compression=[{"reported": {}}],
        objectives={**COSTS, "accuracy_fraction": "maximize"},
    )  # fmt: skip
    assert any("a reported state has no weights to measure" in fault for fault in measured)


def _project(tmp_path: Path, **changes: Any) -> Path:
    (tmp_path / "hwlib").symlink_to(ROOT / "hwlib")
    (tmp_path / "models").mkdir()
    content = yaml.safe_load((ROOT / "models" / "alexnet.yaml").read_text())
    (tmp_path / "models" / "net.yaml").write_text(yaml.safe_dump({**content, **changes}, sort_keys=False))
    return tmp_path


RELU = {"name": "relu1", "kind": "relu"}
FAULTS: list[tuple[dict[str, Any], str]] = [
    (
        {"reported": {"source": "han2016", "where": "t", "basis": "assumed", "layers": {"fc9": {}}}},
        "at 'reported.layers.fc9' found 'fc9', expected an operator of the network with weights (conv1 ... fc8); did",
    ),
    (
        {"reported": {"source": "han2016", "where": "t", "basis": "assumed", "layers": {"fc8": {"weight_density": 0}}}},
        "'reported.layers.fc8.weight_density' found 0, expected a value > 0",
    ),
    ({"training": {"epochs": 1}}, "'training' found a recipe, expected no recipe: the task 'imagenet' has sizes alone"),
    ({"operators": [{"name": "a", "block": "unit"}]}, "operators.0' found an operator that does not fit, expected"),
    (
        {"blocks": {"unit": [RELU, {"name": "c", "kind": "conv", "out_channels": "width", "kernel": 3}]},
         "operators": [{"name": "a", "block": "unit"}]},
        "operator 'a_c' of block 'unit': out_channels is 'width', a value that is not given",
    ),
    ({"operators": [{"name": "a", "block": "unit", "depth": 2}]}, "unknown key 'depth'"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), FAULTS, ids=[fault[1][:40] for fault in FAULTS])
def test_faults_of_a_workloads_file(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    root = _project(tmp_path, **changes)
    with pytest.raises(SpecError) as caught:
        resolve_space(question(networks=["net"]), root, "q")
    assert message in "\n".join(map(str, caught.value.faults))


def test_a_workload_is_not_trained_and_no_start_of_a_question(tmp_path: Path) -> None:
    from joulescape.resolve.example import example_names

    with pytest.raises(SpecError, match="a workload, to be priced and never trained"):
        train_command(str(ROOT / "models" / "vgg16.yaml"), 1, tmp_path)
    found = example_names(ROOT)
    assert found.network.startswith("digits")
    assert [name.partition("/")[0] for name in found.back_ends] == ["electronic", "memristive"]


def test_weights_of_a_reported_state_are_refused() -> None:
    from joulescape.compression.base import Step
    from joulescape.compression.pipeline import describe, project

    described = describe(build_graph("m", read("digits_mlp")), [Step("reported", {"weight_density": 0.5}, {})])
    assert described.formats["fc1"].weight_structure == "unstructured"
    with pytest.raises(JoulescapeError, match="no weights to measure"):
        project({}, described)
