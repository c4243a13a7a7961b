"""The least area of a machine over a question's hardware points: against every design, and what is not proven."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from joulescape.evaluation import evaluate
from joulescape.network.fidelity import Fidelity
from joulescape.pricing import least_area
from joulescape.pricing.first_look import barred
from joulescape.pricing.least_area import area_reason, areas_of
from joulescape.pricing.sealed import Read, Sealed
from joulescape.resolve.design_space import DesignSpace, load_space, resolve_space
from joulescape.spec.document import Document
from joulescape.spec.space import Bound

ROOT = Path(__file__).parents[2]
SPACES = sorted(path for path in (ROOT / "spaces").glob("*.yaml") if "study" not in path.stem)
MESH, ISAAC, ARRAY = "photonic/mzi_mesh", "memristive/isaac", "electronic/systolic_int8"

HARDWARE: dict[str, dict[str, Any]] = {
    MESH: {
        "mesh.size": {"kind": "choice", "options": [8, 16]},
        "shifter.kind": {"kind": "choice", "options": ["thermo_optic", "mems"]},
        "shifter.bits": {"kind": "int", "low": 4, "high": 6},
        "mesh.count": {"kind": "choice", "options": [4, 16]},
    },
    ISAAC: {
        "adc.bits": {"kind": "int", "low": 5, "high": 7, "step": 2},
        "cell.bits": {"kind": "choice", "options": [1, 2]},
        "tiles": {"kind": "choice", "options": [10, 20]},
    },
    ARRAY: {"array.rows": {"kind": "choice", "options": [8, 32]}},
}


def asking(back_end: str, limit: dict[str, float] | None = None, **more: Any) -> DesignSpace:
    content = {
        "question": "Which?",
        "task": "digits",
        "networks": ["digits_mlp"],
        "back_ends": [back_end],
        "objectives": {"inference_energy_pj": "minimize"},
        "constraints": {"area_mm2": limit} if limit else {},
        "hardware": {back_end: HARDWARE[back_end]},
        "budget": {"trials": 4},
        **more,
    }
    return resolve_space(Document("spaces/q.yaml", content), ROOT, "q")


def every_area(space: DesignSpace) -> list[float]:
    """Areas of all designs, as they are evaluated."""
    (pair,) = space.pairs
    domains = {one.name: one.domain for one in space.parameters(pair)}
    drawn = itertools.product(*(domain.values() for domain in domains.values()))
    found = [
        evaluate(space.candidate({"pair": pair.name, **dict(zip(domains, values, strict=True))}), space,
                 Fidelity(rung="closed_form"), 0)
        for values in drawn
    ]  # fmt: skip
    return [area for one in found for design in one if (area := design.metrics["area_mm2"]) is not None]


@pytest.mark.parametrize("node", ["as_published", 16])
@pytest.mark.parametrize("back_end", [ISAAC, ARRAY])
def test_the_areas_are_those_of_the_evaluation(back_end: str, node: Any) -> None:
    space = asking(back_end, node=node)
    known, seen = areas_of(space, back_end), every_area(space)
    assert known is not None
    assert {area for _, areas in known for area in areas.tolist()} == set(seen)


@pytest.mark.parametrize("back_end", [MESH, ISAAC, ARRAY])
def test_a_limit_is_out_of_reach_just_below_the_least_area(back_end: str) -> None:
    known = areas_of(asking(back_end), back_end)
    assert known is not None
    least = min(float(areas.min()) for _, areas in known)
    at, below = (asking(back_end, {"at_most": least * share}) for share in (1.0, 0.999))
    assert area_reason(at, back_end) is None
    reason = area_reason(below, back_end)
    assert reason is not None
    assert f"has {least:.4g} at the least" in reason
    (one,) = barred(below)
    assert (one.reason, one.is_proven) == (reason, True)
    most = max(float(areas.max()) for _, areas in known)
    assert "at the most" in str(area_reason(asking(back_end, {"at_least": 1.001 * most}), back_end))


def test_the_least_is_named_by_what_moves_it() -> None:
    reason = str(area_reason(asking(MESH, {"at_most": 1.0}), MESH))
    assert reason.endswith("(at mesh.size 8, shifter.kind thermo_optic, mesh.count 4)")


def test_without_a_limit_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(least_area, "areas_of", None)
    assert area_reason(asking(ARRAY), ARRAY) is None


def test_too_many_points_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(least_area, "MOST_POINTS", 1)
    assert areas_of(asking(ISAAC, {"at_most": 1e-3}), ISAAC) is None
    assert area_reason(asking(ISAAC, {"at_most": 1e-3}), ISAAC) is None


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.stem)
def test_every_machine_of_every_shipped_question_has_a_known_least_area(path: Path) -> None:
    """With the values that it does not look at sealed, and the same with every value at its ends."""
    space = load_space(path)
    limited = replace(space, spec=space.spec.model_copy(update={"constraints": {"area_mm2": Bound(at_most=1e-9)}}))
    for name, plan in space.hardware.items():
        known = areas_of(space, name)
        assert known is not None
        assert area_reason(limited, name) is not None
        least = min(float(areas.min()) for _, areas in known)
        for end in (0, -1):
            drawn = {field.path: field.domain.ends()[end] for field in plan.drawn if field.domain is not None}
            assert np.min(least_area._areas(space, plan, drawn)) >= least


@pytest.mark.parametrize(
    "look",
    [bool, float, int, len, hash, str, lambda x: x + 1, lambda x: 2 * x, lambda x: x == 1, lambda x: x < 3,
     lambda x: -x, lambda x: 3**x, lambda x: x.real, lambda x: f"{x:g}", lambda x: np.asarray(x, dtype=float) + 1,
     lambda x: np.ones(3) * x, lambda x: np.maximum(x, 2.0), lambda x: {1: 2}[x], round],
)  # fmt: skip
def test_a_sealed_value_cannot_be_looked_at(look: Any) -> None:
    with pytest.raises((Read, TypeError)):
        look(Sealed("adc.bits"))
