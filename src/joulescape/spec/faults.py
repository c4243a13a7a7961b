"""Turns what pydantic found into faults in plain words: where, what stands there, what was expected, nearest name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from joulescape.errors import Fault, nearest
from joulescape.spec.document import Document, Keys, shown
from joulescape.spec.domain import AnyDomain, Domain
from joulescape.units import house_name

M = TypeVar("M", bound=BaseModel)
Origin = Callable[[Keys], Keys]
"""Where in the document the value at a place of the checked content was written."""

_WORDS = {
    "missing": "this required key",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "greater_than_equal": "a value >= {ge}",
    "greater_than": "a value > {gt}",
    "less_than_equal": "a value <= {le}",
    "less_than": "a value < {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "string_pattern_mismatch": "text of the form {pattern}",
    "literal_error": "{expected}",
    "union_tag_invalid": "one of {expected_tags}",
    "union_tag_not_found": "a mapping with the key {discriminator}",
    "value_error": "this to hold: {error}",
}
_TRUTHS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_DOMAIN: TypeAdapter[AnyDomain] = TypeAdapter(Domain)


def checked(model: type[M], document: Document, faults: list[Fault]) -> M | None:
    """The whole document as `model`; None, with its faults added to `faults`, where it does not fit."""
    return checked_part(model, document.content, document, lambda keys: keys, faults)


def checked_part(model: type[M], content: Any, document: Document, origin: Origin, faults: list[Fault]) -> M | None:
    """`content`, whose parts were written at `origin(keys)` of `document`, as `model`; strict as JSON is strict."""
    try:
        return model.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        faults.extend(faults_of(error, model, content, document, origin))
        return None


def checked_domain(document: Document, keys: Keys, faults: list[Fault]) -> AnyDomain | None:
    """The domain written at `keys`; None, with its faults added to `faults`, where it is impossible."""
    content = document.at(keys)
    try:
        return _DOMAIN.validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        faults.extend(faults_of(error, Domain, content, document, lambda inner: (*keys, *inner)))
        return None


def faults_of(error: ValidationError, model: Any, content: Any, document: Document, origin: Origin) -> list[Fault]:
    """One fault a place; alternatives of a union that all failed are joined with 'or'."""
    by_place: dict[tuple[Keys, str], Fault] = {}
    errors = error.errors(include_url=False)
    for item in errors:
        keys = _keys(item, content)
        if item["type"] == "too_short" and any(_is_below(other, item) for other in errors):
            continue  # entries were left out because they are faults themselves
        fault = _fault(item, keys, model, content, document, origin(keys))
        earlier = by_place.get((keys, fault.value))
        if earlier is not None and fault.expected not in earlier.expected:
            joined = f"{earlier.expected} or {fault.expected}"
            fault = Fault(fault.file, fault.line, fault.path, fault.value, joined, earlier.nearest or fault.nearest)
        by_place[keys, fault.value] = fault
    return list(by_place.values())


def _is_below(other: Any, item: Any) -> bool:
    return bool(other["loc"][: len(item["loc"])] == item["loc"] and other is not item)


def _keys(item: Any, content: Any) -> Keys:
    """The error's place without the names of union branches, which are not in the file."""
    keys: list[str | int] = []
    location = [key for key in item["loc"] if key != "[key]"]
    for position, key in enumerate(location):
        is_list = isinstance(content, list) and isinstance(key, int) and key < len(content)
        if is_list or (isinstance(content, dict) and key in content):
            content = content[key]
            keys.append(key)
        elif item["type"] == "missing" and position == len(location) - 1:
            keys.append(key)
    return tuple(keys)


def _fault(item: Any, keys: Keys, model: Any, content: Any, document: Document, place: Keys) -> Fault:
    kind, value = item["type"], item["input"]
    if kind == "extra_forbidden":
        known = known_keys(model, keys[:-1], content)
        name = str(keys[-1])
        if name in place:  # the key itself, not the end of the domain that stands there
            place = place[: len(place) - place[::-1].index(name)]
        return document.fault(place, f"unknown key '{name}'", one_of(known), nearest_key(name, known))
    if kind == "missing":
        return document.fault(place, "nothing", _WORDS["missing"])
    if kind == "union_tag_invalid":
        place, value = (*place, "kind"), item["ctx"]["tag"]
    return document.fault(place, shown(value), _expected(item), _nearest_value(item, value))


def nearest_key(name: str, known: Sequence[str]) -> str | None:
    """The key that was meant: the same quantity in house units, or else the closest spelling."""
    house = house_name(name)
    return house if house in known else nearest(house or name, known)


def one_of(known: Iterable[str]) -> str:
    """`one of a, b, c`; long lists are cut."""
    listed = list(known)
    if not listed:
        return "no key here"
    rest = f" ... ({len(listed)} in all)" if len(listed) > 24 else ""
    return f"one of {', '.join(listed[:24])}{rest}"


def _expected(item: Any) -> str:
    context = {key: str(value) for key, value in item.get("ctx", {}).items()}
    words = _WORDS.get(item["type"])
    if words is None:
        return re.sub(r"^Input should be ", "", str(item["msg"]))
    text = words.format(**context)
    return re.sub(r"^at least 1 entries$", "at least one entry", text)


def _nearest_value(item: Any, value: Any) -> str | None:
    if item["type"] == "bool_type" and isinstance(value, str):
        return _TRUTHS.get(value.lower())
    context = item.get("ctx", {})
    options = re.findall(r"'([^']*)'", str(context.get("expected") or context.get("expected_tags") or ""))
    return nearest_key(value, options) if isinstance(value, str) and options else None


def known_keys(model: Any, keys: Keys, content: Any = None) -> tuple[str, ...]:
    """Field names of the model that stands at `keys` below `model`, in their order."""
    kinds = _kinds(model)
    for key in keys:
        content = content[key] if content is not None else None
        kinds = [deeper for kind in kinds for deeper in _below(kind, key)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    tag = content.get("kind") if isinstance(content, dict) else None
    tagged = [
        kind for kind in models if "kind" in kind.model_fields and tag in get_args(kind.model_fields["kind"].annotation)
    ]
    return tuple(dict.fromkeys(name for kind in tagged or models for name in kind.model_fields))


def _below(kind: Any, key: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        named = kind.model_fields.get(str(key))
        return [] if named is None else _kinds(named.annotation)
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
    return _kinds(arguments[-1]) if arguments else []


def _kinds(annotation: Any) -> list[Any]:
    """The annotation's alternatives, without Annotated and Union."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [kind for argument in get_args(annotation) for kind in _kinds(argument)]
    return [annotation]
