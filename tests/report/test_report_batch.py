"""What latency is called: of one inference, or of a whole batch where the question asks for one."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from synthetic import synthetic

from joulescape.report import theme
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts, render

ONE, WHOLE = "Latency per inference", "Latency of a batch of 16"


def at_batch(**spec: Any) -> Tables:
    made = synthetic(80)
    return dataclasses.replace(made, resolved={**made.resolved, "spec": {**made.spec, **spec}})


@pytest.mark.parametrize(("batch", "label"), [(1, ONE), (None, ONE), (16, WHOLE)])
def test_every_heading_of_latency_states_the_batch(batch: int | None, label: str) -> None:
    given = at_batch(batch=batch)
    facts = Facts.of(given)
    figure = facts.figures()["latency"]
    assert figure.title == f"Accuracy against {label.lower()}"
    assert f"{label} (better ←)" in json.dumps(figure.spec(), ensure_ascii=False)
    assert {slider.label for slider in facts.decision.sliders if slider.role == "latency"} == {label}


def test_a_page_of_a_batch_never_speaks_of_one_inference_s_latency() -> None:
    page = render(at_batch(batch=16))
    assert ONE not in page
    assert WHOLE in page


def test_only_latency_is_called_otherwise() -> None:
    changed = {name for name, label in theme.labels(16).items() if label != theme.LABELS[name]}
    assert changed == {"inference_latency_ns"}
    assert theme.labels() == theme.LABELS


def test_a_declared_life_is_named_where_its_energy_is() -> None:
    found = theme.labels(1, 1e9)
    assert {name for name, label in found.items() if label != theme.LABELS[name]} == {"lifecycle_energy_pj"}
    assert found["lifecycle_energy_pj"] == "Energy of training and 1,000,000,000 inferences"
