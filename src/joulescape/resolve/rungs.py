"""The ladder that a question climbs: what it refuses, and what a reader should know of it."""

from __future__ import annotations

from joulescape.errors import Fault
from joulescape.spec.document import Document
from joulescape.spec.space import ACCURACY_METRICS, TRAINING_METRICS, SpaceSpec


def check_rungs(document: Document, spec: SpaceSpec) -> list[Fault]:
    """The closed form alone answers no question about accuracy."""
    if spec.rungs != ("closed_form",) or not spec.needs_accuracy:
        return []
    named = sorted((ACCURACY_METRICS | TRAINING_METRICS) & {*spec.objectives, *spec.constraints})
    expected = f"a rung that sees data above it (merged, tuned or full), for {' and '.join(named)}"
    return [document.fault(("budget", "rungs"), "'closed_form' alone", expected)]


def rung_notes(spec: SpaceSpec) -> list[str]:
    """Where the question climbs other rungs than its budget names."""
    if not spec.needs_accuracy:
        return ["no accuracy is asked for: designs are costed at nominal statistics, nothing is measured or trained"]
    if spec.rungs == spec.budget.rungs:
        return []
    if spec.names_training:
        named = " and ".join(sorted(TRAINING_METRICS & {*spec.objectives, *spec.constraints}))
        return [f"{named}: only rung '{spec.rungs[-1]}' trains on the machine, so every candidate is measured there"]
    return [f"a grid knows every candidate: all of them are measured on rung '{spec.rungs[-1]}'"]
