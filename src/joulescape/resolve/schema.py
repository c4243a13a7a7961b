"""JSON Schema of every kind of file that a user writes, plug-in settings included, for editors to complete YAML.

A schema says what is written where; `joulescape check` says the rest (names on the shelves, ends of domains, pairs).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from joulescape import registry
from joulescape.errors import Fault
from joulescape.resolve.back_end import SIMULATORS
from joulescape.resolve.hardware import HOST
from joulescape.resolve.parts import COMPONENT
from joulescape.resolve.shelves import PART_FILE
from joulescape.resolve.steps import METHODS, NONE
from joulescape.resolve.training import TrainingSettings
from joulescape.spec.back_end import BackEndSpec
from joulescape.spec.document import display
from joulescape.spec.domain import Domain
from joulescape.spec.network import NetworkSpec, OnnxNetworkSpec
from joulescape.spec.sourced import Sourced
from joulescape.spec.space import SpaceSpec
from joulescape.spec.study import StudySpec
from joulescape.spec.trend import TrendSpec

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path("docs/schema")
"""Where the schemas are checked in, below the project's root."""


def schemas() -> dict[str, Json]:
    """Every schema by file name. Built-in plug-ins only: the checked-in files must not depend on installed guests."""
    builders: Mapping[str, Callable[[], Json]] = {
        "space.schema.json": space_schema,
        "network.schema.json": network_schema,
        "back_end.schema.json": back_end_schema,
        "study.schema.json": lambda: _root(StudySpec, "A study: spaces/<name>.yaml with the key study"),
        "trend.schema.json": lambda: _root(TrendSpec, "Published points over the years: hwlib/trends/<name>.yaml"),
    }
    return {name: build() for name, build in builders.items()}


def network_schema() -> Json:
    """Schema of `models/<name>.yaml`: operators stand there, or in the ONNX file that it names."""
    schema = TypeAdapter(NetworkSpec | OnnxNetworkSpec).json_schema(ref_template=_ref("{model}"))
    return {"$schema": DIALECT, "title": "A network: models/<name>.yaml", **schema}


def space_schema() -> Json:
    """Schema of `spaces/<name>.yaml`."""
    schema = _root(SpaceSpec, "A question: spaces/<name>.yaml")
    definitions = schema["$defs"]
    definitions["Domain"] = _embedded(TypeAdapter(Domain).json_schema(ref_template=_ref("{model}")), definitions)
    steps = {name: _open(_settings(METHODS, name), definitions) for name in _builtins(METHODS)}
    options = {NONE: {"type": "object", "maxProperties": 0}, **steps}
    choice = {"type": "object", "properties": options, "additionalProperties": False, "minProperties": 2}
    schema["properties"]["compression"]["items"] = {
        "type": "object",
        "properties": {**steps, "choice": choice},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    schema["properties"]["training"] = _open(TrainingSettings, definitions)
    schema["properties"]["hardware"]["additionalProperties"] = _hardware(definitions)
    return schema


def back_end_schema() -> Json:
    """Schema of `hwlib/<family>/<name>.yaml`: `parameters` follow the simulator's name."""
    schema = _root(BackEndSpec, "A back end: hwlib/<family>/<name>.yaml")
    names = _builtins(SIMULATORS)
    schema["allOf"] = [
        {
            "if": {"properties": {"simulator": {"const": name}}, "required": ["simulator"]},
            "then": {"properties": {"parameters": _closed(_settings(SIMULATORS, name), schema["$defs"], name)}},
        }
        for name in names
    ]
    schema["properties"]["simulator"]["examples"] = list(names)
    return schema


def text_of(schema: Json) -> str:
    """A schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> tuple[Path, ...]:
    """Write every schema into `folder`; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (folder / name).write_text(text_of(schema), encoding="utf-8")
    return tuple(folder / name for name in schemas())


def stale_schemas(folder: Path) -> list[Fault]:
    """A fault for each schema of `folder` that is missing or differs from what the code says."""
    faults: list[Fault] = []
    for name, schema in schemas().items():
        path = folder / name
        if not path.is_file():
            faults.append(
                Fault(display(path), None, "", "no file", "the schema that `joulescape schema --write` makes")
            )
        elif path.read_text(encoding="utf-8") != text_of(schema):
            faults.append(Fault(display(path), None, "", "an old schema", "what `joulescape schema --write` makes"))
    return faults


def _root(model: type[BaseModel], title: str) -> Json:
    schema = model.model_json_schema(ref_template=_ref("{model}"))
    return {"$schema": DIALECT, "$defs": schema.pop("$defs", {}), **schema, "title": title}


def _ref(name: str) -> str:
    return f"#/$defs/{name}"


def _builtins(group: str) -> tuple[str, ...]:
    return tuple(sorted(registry.builtin_names(group)))


def _settings(group: str, name: str) -> type[BaseModel]:
    settings: type[BaseModel] = registry.load(group, name).Settings
    return settings


def _embedded(schema: Json, definitions: Json) -> Json:
    definitions.update(schema.pop("$defs", {}))
    return schema


def _open(model: type[BaseModel], definitions: Json) -> Json:
    """The model's schema where a domain may stand for any field."""
    schema = _embedded(model.model_json_schema(ref_template=_ref("{model}")), definitions)
    fields = {name: _or_domain(field) for name, field in schema.get("properties", {}).items()}
    return {**schema, "properties": fields}


def _or_domain(field: Json) -> Json:
    said: Json = {key: field[key] for key in ("description", "default") if key in field}
    value = {key: item for key, item in field.items() if key not in said}
    return {**said, "anyOf": [value, {"$ref": _ref("Domain")}]}


def _closed(model: type[BaseModel], definitions: Json, prefix: str) -> Json:
    """The model's schema with definitions of its own: two simulators may both have a shape called Array."""
    schema = model.model_json_schema(ref_template=_ref(f"{prefix}.{{model}}"))
    shapes = {name: _or_part(name, shape) for name, shape in schema.pop("$defs", {}).items()}
    definitions.update({f"{prefix}.{name}": shape for name, shape in shapes.items()})
    return schema


def _or_part(name: str, shape: Json) -> Json:
    """The shape, or a part off the shelf that brings what is required; a sourced value is written out."""
    if shape.get("type") != "object" or name == Sourced.__name__:
        return shape
    part = {"type": "string", "description": f"A part off the shelf: {PART_FILE}"}
    complete = {"anyOf": [{"required": shape["required"]}, {"required": [COMPONENT]}]} if "required" in shape else {}
    kept = {key: value for key, value in shape.items() if key != "required"}
    return {**kept, "properties": {**shape.get("properties", {}), COMPONENT: part}, **complete}


def _hardware(definitions: Json) -> Json:
    paths = sorted({path for name in _builtins(SIMULATORS) for path in _searchable(name)})
    value = {"anyOf": [{"type": ["boolean", "number", "string"]}, {"$ref": _ref("Domain")}]}
    definitions["HardwareValue"] = value
    return {
        "type": "object",
        "properties": {path: {"$ref": _ref("HardwareValue")} for path in paths},
        "patternProperties": {f"^{HOST.replace('.', '[.]')}": {"$ref": _ref("HardwareValue")}},
        "additionalProperties": {"$ref": _ref("HardwareValue")},
    }


def _searchable(name: str) -> Iterable[str]:
    searchable: frozenset[str] = registry.load(SIMULATORS, name).searchable
    return searchable
