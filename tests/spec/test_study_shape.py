"""Studies, published points over the years, and networks: what their files must say, and what they misname."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shape_reading import read, said

from joulescape.errors import Fault
from joulescape.spec.document import Document
from joulescape.spec.faults import checked
from joulescape.spec.network import NetworkSpec, NetworkTraining, OnnxNetworkSpec, OperatorSpec, ReadNetworkSpec
from joulescape.spec.study import PARTS, ROLES, StudySpec, is_study
from joulescape.spec.trend import CONFIDENCES, NODE, YEAR, SeriesSpec, TrendSpec

STUDY: dict[str, Any] = {
    "study": "gap", "question": "How far?", "questions": {"bridge": "gap_imagenet"}, "baselines": ["electronic/a"],
    "metrics": ["inference_energy_pj"], "shores": {"trends": ["chips"]},
}  # fmt: skip
FIGURE: dict[str, Any] = {"value": 2.0, "source": "a2020", "where": "p. 1", "confidence": "high"}
TREND: dict[str, Any] = {
    "about": "Chips",
    "quantities": {
        "tops": {"label": "Rate"}, "watts": {"label": "Power"},
        "tops_per_w": {"label": "Efficiency", "quotient": ["tops", "watts"]},
    },
    "series": {
        "growth": {"about": "x", "x": "year", "law": "exponential", "groups": {"a": {"about": "x", "y": "tops_per_w"}}},
        "size": {"about": "x", "x": "tops", "law": "power", "groups": {"all": {"about": "x", "y": "watts"}}},
    },
    "points": [{"name": "A", "kind": "gpu", "year": 2020, "values": {"tops": FIGURE, "watts": dict(FIGURE)}}],
}  # fmt: skip
NETWORK: dict[str, Any] = {
    "about": "x", "task": "digits", "input": [8], "operators": [{"name": "fc", "kind": "dense", "out_features": 2}],
}  # fmt: skip


def with_(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The same with one value, at a dotted path, set."""
    made = copy.deepcopy(content)
    inner: Any = made
    *keys, last = path.split(".")
    for key in keys:
        inner = inner[int(key)] if key.isdigit() else inner[key]
    inner[int(last) if last.isdigit() else last] = value
    return made


def test_a_study_takes_every_machine_and_network_unless_it_says_so() -> None:
    found = read(StudySpec, STUDY)
    assert (found.networks, found.overtake.machines, found.lifecycle.splits) == ((), (), (0.9,))
    assert (found.overtake.metrics, found.overtake.networks) == (("inference_energy_pj",), ())
    assert (found.equal_accuracy.rivals_fraction, found.equal_accuracy.bridge_fraction) == (0.01, 0.02)
    assert found.lifecycle.priced == ()
    assert (found.questions.measured, found.questions.training) == (None, None)
    assert found.shores.first_span_until == 2018
    assert set(type(found.questions).model_fields) == set(ROLES)
    assert {"shores", "overtake", "lifecycle"} <= set(PARTS)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("study", "gaps", "expected 'gap'"),
        ("baselines", [], "expected at least one entry"),
        ("metrics", [], "expected at least one entry"),
        ("metrics", ["energy_pj"], "at 'metrics.0'"),
        ("shores.trends", [], "at 'shores.trends'"),
        ("shores.first_span_until", 1900, "expected a value >= 1950"),
        ("questions.bridges", "x", "did you mean 'bridge'?"),
        ("lifecycle", {"splits": [1.0]}, "at 'lifecycle.splits.0' found 1.0"),
        ("lifecycle", {"splits": []}, "at 'lifecycle.splits'"),
        ("overtake", {"machines": [{"back_end": "a/b", "parameters": []}]}, "at 'overtake.machines.0.parameters'"),
        ("overtake", {"metrics": []}, "at 'overtake.metrics'"),
        ("overtake", {"metrics": ["inference_energy_nj"]}, "did you mean 'inference_energy_pj'?"),
        ("overtake", {"machine": []}, "did you mean 'machines'?"),
        ("equal_accuracy", {"rivals_fraction": 1.0}, "at 'equal_accuracy.rivals_fraction' found 1.0"),
        ("equal_accuracy", {"rival_fraction": 0.1}, "did you mean 'rivals_fraction'?"),
        ("lifecycle", {"priced": [{"network": "vgg16", "batch": 0}]}, "at 'lifecycle.priced.0.batch' found 0"),
        ("lifecycle", {"priced": [{"network": "vgg16", "bach": 1}]}, "did you mean 'batch'?"),
    ],
)
def test_a_study_that_is_none(path: str, value: Any, expected: str) -> None:
    assert expected in said(StudySpec, with_(STUDY, path, value))


def test_what_is_overtaken_is_energy_unless_it_says_otherwise() -> None:
    made = with_(STUDY, "overtake", {"machines": [{"back_end": "a/b", "parameters": ["adc.energy_pj"]}]})
    found = read(StudySpec, made).overtake
    assert found.metrics == ("inference_energy_pj",) and found.machines[0].metrics == ()


def test_a_study_is_known_by_its_key() -> None:
    assert is_study(Document("s.yaml", STUDY)) and is_study(Document("s.yaml", {"study": None}))
    assert not is_study(Document("q.yaml", {"question": "study"}))


def test_a_trend_that_names_what_it_has_is_whole() -> None:
    found = read(TrendSpec, TREND)
    assert found.misnamed() == []
    assert found.known() == ("tops", "watts", "tops_per_w", YEAR, NODE)
    assert CONFIDENCES[0] == "low" and CONFIDENCES[-1] == "high"


@pytest.mark.parametrize(
    ("path", "value", "place", "known"),
    [
        ("quantities.tops_per_w.quotient", ["tops", "joules"], ("quantities", "tops_per_w", "quotient", 1),
         ("tops", "watts")),
        ("quantities.tops_per_w.quotient", ["tops_per_w", "watts"], ("quantities", "tops_per_w", "quotient", 0),
         ("tops", "watts")),
        ("series.size.x", "area", ("series", "size", "x"), ("tops", "watts", "tops_per_w", "year", "node_nm")),
        ("series.size.groups.all.y", "area", ("series", "size", "groups", "all", "y"),
         ("tops", "watts", "tops_per_w", "year", "node_nm")),
        ("series.size.groups.all.x", "area", ("series", "size", "groups", "all", "x"),
         ("tops", "watts", "tops_per_w", "year", "node_nm")),
        ("series.size.groups.all.kinds", ["gpu", "tpu"], ("series", "size", "groups", "all", "kinds", 1), ("gpu",)),
        ("series.size.groups.all.names", ["B"], ("series", "size", "groups", "all", "names", 0), ("A",)),
        ("series.size.groups.all", {"about": "x", "y": "tops", "fit": "lowest", "records_of": "area"},
         ("series", "size", "groups", "all", "records_of"), ("tops", "watts")),
        ("series.size.groups.all", {"about": "x", "y": "tops", "at_most": {"area": 1.0}},
         ("series", "size", "groups", "all", "at_most", "area"), ("tops", "watts")),
        ("points.0.values", {"tops_per_w": FIGURE}, ("points", 0, "values", "tops_per_w"), ("tops", "watts")),
    ],
)  # fmt: skip
def test_a_name_that_the_file_does_not_define_is_placed(path: str, value: Any, place: Any, known: Any) -> None:
    misnamed = read(TrendSpec, with_(TREND, path, value)).misnamed()
    assert (place, known) in [(where, names) for where, _, names in misnamed]
    assert all(name not in names for _, name, names in misnamed)


def test_records_of_a_quantity_need_a_side() -> None:
    content = {"about": "x", "x": "year", "law": "exponential"}
    group = {"about": "x", "y": "tops", "records_of": "watts"}
    assert "records_of needs fit: lowest or highest" in said(SeriesSpec, {**content, "groups": {"all": group}})
    assert read(SeriesSpec, {**content, "groups": {"all": {**group, "fit": "lowest"}}}).groups["all"].at_most == {}


def test_a_group_reads_the_series_own_axis_where_it_names_none() -> None:
    wrong = with_(TREND, "series.size.x", "area")
    places = [where for where, _, _ in read(TrendSpec, wrong).misnamed()]
    assert places == [("series", "size", "x"), ("series", "size", "groups", "all", "x")]
    own = with_(wrong, "series.size.groups.all.x", "tops")
    assert [where for where, _, _ in read(TrendSpec, own).misnamed()] == [("series", "size", "x")]


@given(st.sampled_from(["exponential", "power"]), st.sampled_from(["year", "node_nm", "tops"]))
def test_an_exponential_runs_over_years_and_nothing_else_does(law: str, x: str) -> None:
    content = {"about": "x", "x": x, "law": law, "groups": {"all": {"about": "x", "y": "tops"}}}
    if (law == "exponential") == (x == "year"):
        assert read(SeriesSpec, content).x == x
    else:
        assert "an exponential law runs over years" in said(SeriesSpec, content)


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("points.0.values.tops.value", 0, "points.0.values.tops.value"),
        ("points.0.values.tops.confidence", "sure", "points.0.values.tops.confidence"),
        ("points.0.values", {}, "points.0.values"),
        ("points.0.year", 1900, "points.0.year"),
        ("points.0.kind", "GPU", "points.0.kind"),
        ("points.0.node_nm", 0, "points.0.node_nm"),
        ("points", [], "points"),
        ("quantities.tops_per_w.quotient", ["tops"], "quantities.tops_per_w.quotient"),
        ("series.size.groups.all.fit", "best", "series.size.groups.all.fit"),
    ],
)
def test_a_point_that_is_none(path: str, value: Any, place: str) -> None:
    assert f"at '{place}'" in said(TrendSpec, with_(TREND, path, value))


def test_a_network_without_a_recipe_is_a_workload() -> None:
    bare = read(NetworkSpec, NETWORK)
    assert bare.is_workload and bare.recipe == {}
    trained = read(NetworkSpec, {**NETWORK, "training": {"epochs": 3}})
    assert not trained.is_workload and trained.recipe["epochs"] == 3
    assert "early_stopping" not in trained.recipe and "input_noise_fraction" not in trained.recipe
    assert trained.recipe == NetworkTraining(epochs=3).model_dump(exclude_none=True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"operators": []}, "expected at least one entry"),
        (
            {"operators": [{"name": "Fc", "kind": "dense"}]},
            "at 'operators.0.name' found 'Fc', expected text of the form",
        ),
        ({"operators": [{"name": "fc", "kind": "dens"}]}, "did you mean 'dense'?"),
        ({"operators": [{"name": "fc", "kind": "dense", "out_feature": 2}]}, "did you mean 'out_features'?"),
        ({"operators": [{"name": "fc", "kind": "conv", "kernel": 0}]}, "at 'operators.0.kernel' found 0"),
        ({"operators": [{"name": "fc", "block": "b", "repeat": 0}]}, "at 'operators.0.repeat' found 0"),
        ({"input": [1, 2, 3, 4]}, "at 'input'"),
        ({"training": {"epochs": 0}}, "at 'training.epochs' found 0"),
        ({"training": {"epochs": 1, "early_stopping": False}}, "at 'training.early_stopping'"),
        ({"blocks": {"b": []}}, "at 'blocks.b'"),
    ],
)
def test_a_network_that_is_none(changes: dict[str, Any], expected: str) -> None:
    assert expected in said(NetworkSpec, {**NETWORK, **changes})


def test_a_block_and_an_operator_stand_in_one_list() -> None:
    blocks = {"b": [{"name": "fc", "kind": "dense", "out_features": 2}]}
    content = {**NETWORK, "blocks": blocks, "operators": [{"name": "a", "block": "b"}, {"name": "r", "kind": "relu"}]}
    found = read(NetworkSpec, content)
    assert [type(entry).__name__ for entry in found.operators] == ["BlockUse", "OperatorSpec"]


def test_no_yaml_names_a_foreign_operator_but_a_file_that_was_read_may() -> None:
    foreign = {"name": "t", "kind": "foreign", "inputs": ["fc"], "onnx": "AA==", "ops_per_element": 2.0}
    faults: list[Fault] = []
    assert checked(NetworkSpec, Document("f.yaml", {**NETWORK, "operators": [foreign]}), faults) is None
    assert (faults[0].path, faults[0].value) == ("operators.0.kind", "'foreign'")
    assert "foreign" not in faults[0].expected
    weights = {"onnx": "x.onnx", "sha256": "0" * 64}
    made = read(ReadNetworkSpec, {**NETWORK, "operators": [*NETWORK["operators"], foreign], "training": weights})
    assert made.operators[1].kind == "foreign" and made.recipe["onnx"] == "x.onnx"  # type: ignore[union-attr]


def test_a_network_of_an_onnx_file_says_where_it_lies() -> None:
    content = {"about": "x", "task": "digits", "onnx": "x.onnx"}
    assert read(OnnxNetworkSpec, content).sha256 is None
    assert "at 'onnx'" in said(OnnxNetworkSpec, {**content, "onnx": ""})
    hosted = {"Tanh": {"runs_on": "host", "ops_per_element": 0}}
    assert "at 'treat_as.Tanh.ops_per_element'" in said(OnnxNetworkSpec, {**content, "treat_as": hosted})


def test_an_operator_says_only_what_it_has() -> None:
    found = read(OperatorSpec, {"name": "c", "kind": "conv", "out_channels": 4, "kernel": 3})
    assert found.model_dump(exclude_none=True) == {"name": "c", "kind": "conv", "out_channels": 4, "kernel": 3}
