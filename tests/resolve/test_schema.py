"""The checked-in JSON Schemas: in step with the code, valid themselves, and of one mind with `joulescape check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from joulescape import registry
from joulescape.resolve.schema import FOLDER, schemas, stale_schemas, text_of, write_schemas
from joulescape.resolve.shelves import back_end_names, back_end_path, network_names, network_path, space_names
from joulescape.spec.document import read_document

ROOT = Path(__file__).parents[2]


def validator(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((ROOT / FOLDER / name).read_text()))


def question(**changes: Any) -> dict[str, Any]:
    return {
        "question": "Which?", "task": "digits", "networks": ["a"], "back_ends": ["electronic/b"],
        "objectives": {"accuracy_fraction": "maximize"}, "budget": {"trials": 3}, **changes,
    }  # fmt: skip


def test_checked_in_schemas_are_in_step_with_the_code():
    assert stale_schemas(ROOT / FOLDER) == [], "run: joulescape schema --write docs/schema"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schemas_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(schemas()[name])


def test_what_is_written_is_in_step(tmp_path):
    assert {path.name for path in write_schemas(tmp_path / "deep")} == set(schemas())
    assert stale_schemas(tmp_path / "deep") == []


def test_old_and_missing_schemas_are_faults(tmp_path):
    write_schemas(tmp_path)
    (tmp_path / "space.schema.json").write_text("{}\n")
    (tmp_path / "network.schema.json").unlink()
    assert [fault.value for fault in stale_schemas(tmp_path)] == ["an old schema", "no file"]


@pytest.mark.parametrize("name", back_end_names(ROOT))
def test_every_back_end_fits_the_schema(name):
    validator("back_end.schema.json").validate(read_document(back_end_path(ROOT, name)).content)


def test_a_part_may_stand_for_a_shape_but_not_for_a_number():
    written = read_document(back_end_path(ROOT, "photonic/mzi_mesh")).content
    fits = validator("back_end.schema.json").is_valid
    assert fits(written)
    for wrong in ({"component": 3}, {}, {"component": "photonic/mzm_lightning", "colour": "red"}):
        assert not fits({**written, "parameters": {**written["parameters"], "modulator": wrong}}), wrong
    loss = {"component": "photonic/mzm_lightning", "loss_db": {"component": "photonic/mzm_lightning"}}
    assert not fits({**written, "parameters": {**written["parameters"], "modulator": loss}})


@pytest.mark.parametrize("name", network_names(ROOT))
def test_every_network_fits_the_schema(name):
    validator("network.schema.json").validate(read_document(network_path(ROOT, name)).content)


@pytest.mark.parametrize("name", space_names(ROOT))
def test_every_space_fits_the_schema(name):
    validator("space.schema.json").validate(read_document(ROOT / "spaces" / f"{name}.yaml").content)


def test_every_plugin_is_offered():
    methods = validator("space.schema.json").schema["properties"]["compression"]["items"]["properties"]
    assert set(methods) == {*registry.builtin_names("joulescape.compression"), "choice"}
    conditions = validator("back_end.schema.json").schema["allOf"]
    simulators = {rule["if"]["properties"]["simulator"]["const"] for rule in conditions}
    assert simulators == set(registry.builtin_names("joulescape.simulators"))


@pytest.mark.parametrize(
    "changes",
    [
        {"compression": [{"quantize": {"weight_bits": {"kind": "int", "low": 2, "high": 8, "per": "layer"}}}]},
        {"compression": [{"choice": {"none": {}, "prune": {"density": 0.5}}}]},
        {"hardware": {"memristive/isaac": {"adc.bits": {"kind": "choice", "options": [4, 8]}, "host.lanes": 4}}},
        {"training": {"batch": {"kind": "int", "low": 8, "high": 64}, "target": {"accuracy_fraction": 0.9}}},
        {"node": 28},
        {"node": "as_published"},
        {"constraints": {"area_mm2": {"at_most": 3}}},
    ],
)
def test_good_questions_fit(changes):
    validator("space.schema.json").validate(question(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"bugdet": {}},
        {"batch": 0},
        {"node": "fast"},
        {"compression": [{"quantise": {}}]},
        {"compression": [{"quantize": {"weight_bit": 4}}]},
        {"compression": [{"quantize": {"weight_bits": {"kind": "int", "low": 2}}}]},
        {"compression": [{"choice": {"none": {}}}]},
        {"compression": [{"prune": {"density": 0.5}, "quantize": {}}]},
        {"hardware": {"memristive/isaac": {"adc.bits": {"kind": "ints", "low": 2, "high": 3}}}},
        {"training": {"algorithm": "patt"}},
        {"objectives": {"acuracy_fraction": "maximize"}},
        {"objectives": {"accuracy_fraction": "maximise"}},
        {"budget": {"trials": 0}},
        {"phases": ["infrence"]},
    ],
)
def test_bad_questions_do_not_fit(changes):
    assert not validator("space.schema.json").is_valid(question(**changes))


def test_parameters_follow_the_simulator():
    content = read_document(back_end_path(ROOT, "electronic/systolic_int8")).content
    assert not validator("back_end.schema.json").is_valid({**content, "parameters": {**content["parameters"], "x": 1}})
    assert not validator("back_end.schema.json").is_valid({**content, "simulator": "crossbar"})


def test_text_is_stable():
    assert text_of({"b": 1, "a": "µ"}) == '{\n  "b": 1,\n  "a": "µ"\n}\n'
