"""Shapes read from plain mappings: what is found, or the one fault that is said."""

from __future__ import annotations

from typing import Any, TypeVar

from joulescape.errors import Fault
from joulescape.spec.base import Shape
from joulescape.spec.document import Document
from joulescape.spec.faults import checked

S = TypeVar("S", bound=Shape)


def read(shape: type[S], content: dict[str, Any]) -> S:
    """The shape, without a fault."""
    faults: list[Fault] = []
    found = checked(shape, Document("f.yaml", content), faults)
    assert found is not None, faults
    return found


def said(shape: type[Shape], content: dict[str, Any]) -> str:
    """The words of the one fault."""
    faults: list[Fault] = []
    assert checked(shape, Document("f.yaml", content), faults) is None
    assert len(faults) == 1, faults
    return str(faults[0])
