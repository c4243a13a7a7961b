"""Back ends, components, parts, compressed states and data sets: what their files must say, and what contradicts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shape_reading import read, said

from joulescape.spec.back_end import CLAIMED_RATIOS, FAMILIES, BackEndSpec, OffChipSpec, PartSpec, Product, PublishedRow
from joulescape.spec.block import BlockUse
from joulescape.spec.dataset import DatasetSpec
from joulescape.spec.reported import ReportedLayer, ReportedSpec

ROW: dict[str, Any] = {"what": "chip_power_mw", "value": 100, "role": "prediction", "source": "a2020", "where": "p. 1"}
CLAIM: dict[str, Any] = {
    **ROW, "what": "inference_energy_ratio", "role": "claim", "against": "electronic/x", "workload": "digits_mlp",
    "node": 28,
}  # fmt: skip
BACK_END: dict[str, Any] = {
    "about": "A machine.", "simulator": "systolic", "equivalence": "exact", "node_nm": 28, "parameters": {},
}  # fmt: skip
PROOF: dict[str, Any] = {"value": 2.0, "basis": "measured", "source": "a2020"}
OFF_CHIP: dict[str, Any] = {
    "kind": "off_chip_memory", "about": "LPDDR", "read_pj_per_bit": PROOF, "write_pj_per_bit": PROOF,
    "bandwidth_gbps": PROOF,
}  # fmt: skip
REPORTED: dict[str, Any] = {"source": "a2020", "where": "Table 1", "basis": "measured"}
DATA: dict[str, Any] = {
    "about": "Mine", "file": "x.npz", "input": [8], "classes": 2, "train_count": 8, "validation_count": 2,
    "test_count": 2,
}  # fmt: skip


def test_a_row_s_defaults() -> None:
    found = read(PublishedRow, ROW)
    assert (found.batch, found.boundary, found.kind, found.expected, found.confidence) == (
        1, "chip", "quick", "pass", "high",
    )  # fmt: skip
    assert found.workload is None and found.products == () and found.layers == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"expected": "miss"}, "an expected miss needs a reason"),
        ({"expected": "miss", "reason": ""}, "an expected miss needs a reason"),
        ({"layer": "conv1"}, "a layer needs its workload"),
        ({"layers": ["conv1"]}, "a layer needs its workload"),
        ({"sets": {"batch": 2}}, "sets, the settings of a run, needs its workload"),
        ({"workload": "w", "layer": "a", "layers": ["b"]}, "either one layer or several together"),
        ({"workload": "w", "products": [{"outputs": 1, "reduction": 1, "vectors": 1}]},
         "products stand in place of a workload"),
        ({"role": "claim", "reason": "none", "products": [{"outputs": 1, "reduction": 1, "vectors": 1}]},
         "products stand in place of a workload"),
        ({"against": "electronic/x"}, "only a claim is compared with another back end"),
        ({"against_overrides": {"a": 1}}, "only a claim is compared with another back end"),
        ({"node": 28}, "only a claim is compared with another back end"),
        ({"role": "claim"}, "a claim that is compared with no back end needs a reason"),
    ],
)  # fmt: skip
def test_a_row_that_contradicts_itself_is_refused(changes: dict[str, Any], reason: str) -> None:
    assert reason in said(PublishedRow, {**ROW, **changes})


def test_what_a_row_needs_makes_it_good() -> None:
    assert read(PublishedRow, {**ROW, "expected": "miss", "reason": "another memory"}).reason == "another memory"
    assert read(PublishedRow, {**ROW, "workload": "w", "layers": ["a", "b"]}).layers == ("a", "b")
    assert read(PublishedRow, {**ROW, "workload": "w", "sets": {"batch": 2}}).sets == {"batch": 2}
    assert read(PublishedRow, {**ROW, "role": "claim", "reason": "the rival is not named"}).against is None


@pytest.mark.parametrize("what", CLAIMED_RATIOS)
def test_a_claim_is_of_a_ratio_of_a_workload_at_a_node(what: str) -> None:
    assert read(PublishedRow, {**CLAIM, "what": what}).what == what
    for gone in ("workload", "node"):
        content = {name: value for name, value in CLAIM.items() if name != gone}
        assert "a compared claim needs a workload, a node and one of" in said(PublishedRow, {**content, "what": what})


@pytest.mark.parametrize("what", ["inference_energy_pj", "energy_ratio", "inference_area_ratio"])
def test_no_other_quantity_is_claimed_against_a_machine(what: str) -> None:
    assert "a compared claim needs" in said(PublishedRow, {**CLAIM, "what": what})


@given(st.sampled_from(["weight_density", "input_density"]), st.floats(-1, 2))
def test_a_density_is_a_share_above_nothing(name: str, value: float) -> None:
    content = {"outputs": 4, "reduction": 4, "vectors": 1, name: value}
    if 0 < value <= 1:
        assert getattr(read(Product, content), name) == value
        assert getattr(read(ReportedLayer, {name: value}), name) == value
    else:
        assert name in said(Product, content) and name in said(ReportedLayer, {name: value})


@pytest.mark.parametrize("name", ["outputs", "reduction", "vectors", "times"])
def test_a_product_has_sizes(name: str) -> None:
    content = {"outputs": 4, "reduction": 4, "vectors": 1, name: 0}
    assert said(Product, content).endswith("found 0, expected a value >= 1")


def test_a_back_end_is_a_design_unless_it_says_otherwise() -> None:
    found = read(BackEndSpec, BACK_END)
    assert found.is_design and found.host is None and found.off_chip is None and found.published == ()
    assert not read(BackEndSpec, {**BACK_END, "is_design": False}).is_design
    assert FAMILIES == ("electronic", "memristive", "photonic", "physical")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"equivalence": "same"}, "expected 'exact', 'approximate' or 'own'"),
        ({"node_nm": 2}, "expected a value >= 3"),
        ({"node_nm": 300}, "expected a value <= 250"),
        ({"style": "gpus"}, "did you mean 'gpu'?"),
        ({"hosts": "electronic/x"}, "did you mean 'host'?"),
    ],
)
def test_a_back_end_that_is_none(changes: dict[str, Any], expected: str) -> None:
    assert expected in said(BackEndSpec, {**BACK_END, **changes})


def test_a_fault_of_a_published_row_says_which() -> None:
    text = said(BackEndSpec, {**BACK_END, "published": [ROW, {**ROW, "expected": "miss"}]})
    assert "at 'published.1'" in text and "an expected miss needs a reason" in text


def test_off_chip_memory_states_energy_and_bandwidth_with_proof() -> None:
    found = read(OffChipSpec, OFF_CHIP)
    assert found.bandwidth_gbps.value == 2.0 and found.standby_mw is None
    for name in ("read_pj_per_bit", "write_pj_per_bit", "bandwidth_gbps"):
        bare = {**OFF_CHIP, name: {"value": 2.0, "basis": "assumed", "source": "a2020"}}
        assert "an assumed value needs low and high" in said(OffChipSpec, bare)
    assert "off_chip_memory" in said(OffChipSpec, {**OFF_CHIP, "kind": "memory"})


def test_a_part_keeps_its_parameters_as_they_are() -> None:
    parameters = {"bits": 8, "energy": {"value": 1}}
    assert read(PartSpec, {"kind": "adc", "about": "x", "parameters": parameters}).parameters == parameters


def test_a_reported_state_says_something() -> None:
    assert "a reported state needs `every` or `layers`" in said(ReportedSpec, REPORTED)
    assert read(ReportedSpec, {**REPORTED, "every": {}}).every == ReportedLayer()
    one = read(ReportedSpec, {**REPORTED, "layers": {"conv1": {"weight_bits": 4}}})
    assert one.layers["conv1"].weight_bits == 4 and one.layers["conv1"].weight_density == 1.0
    assert one.accuracy_loss_fraction is None


@pytest.mark.parametrize(
    ("layer", "place"),
    [({"weight_bits": 0}, "weight_bits"), ({"weight_bits": 33}, "weight_bits"), ({"input_bits": 1}, "input_bits"),
     ({"values": "grid"}, "values")],
)  # fmt: skip
def test_a_reported_layer_has_widths(layer: dict[str, Any], place: str) -> None:
    assert f"at 'layers.fc.{place}'" in said(ReportedSpec, {**REPORTED, "layers": {"fc": layer}})


@given(st.floats(-2, 2))
def test_a_loss_is_a_difference_of_accuracies(loss: float) -> None:
    content = {**REPORTED, "every": {}, "accuracy_loss_fraction": loss}
    if -1 < loss < 1:
        assert read(ReportedSpec, content).accuracy_loss_fraction == loss
    else:
        assert "accuracy_loss_fraction" in said(ReportedSpec, content)


@pytest.mark.parametrize(
    ("changes", "place"),
    [({"classes": 1}, "classes"), ({"sha256": "abc"}, "sha256"), ({"input": []}, "input"),
     ({"input": [1, 2, 3, 4]}, "input"), ({"test_count": 0}, "test_count")],
)  # fmt: skip
def test_a_data_set_that_is_none(changes: dict[str, Any], place: str) -> None:
    assert read(DatasetSpec, DATA).sha256 is None
    assert f"at '{place}'" in said(DatasetSpec, {**DATA, **changes})


def test_a_checksum_is_64_small_hexadecimal_figures() -> None:
    good = "0123456789abcdef" * 4
    assert read(DatasetSpec, {**DATA, "sha256": good}).sha256 == good
    assert "sha256" in said(DatasetSpec, {**DATA, "sha256": good.upper()})


@pytest.mark.parametrize(
    ("use", "place"),
    [({"name": "1a", "block": "b"}, "name"), ({"name": "a", "block": "b", "repeat": 0}, "repeat"),
     ({"name": "a", "block": "b", "inputs": []}, "inputs"),
     ({"name": "a", "block": "b", "inputs": ["c", "d"]}, "inputs")],
)  # fmt: skip
def test_a_block_is_put_once_or_more_and_reads_one(use: dict[str, Any], place: str) -> None:
    assert f"at '{place}'" in said(BlockUse, use)
    assert read(BlockUse, {"name": "a", "block": "b", "inputs": ["c"], "repeat": 3}).repeat == 3
