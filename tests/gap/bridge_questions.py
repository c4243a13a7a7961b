"""Small questions for the bridge's tests: costs alone, on two networks that are priced in milliseconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from joulescape.gap.bills import Bill
from joulescape.gap.priced import priced_bills
from joulescape.resolve.design_space import DesignSpace, resolve_space
from joulescape.resolve.study import Study
from joulescape.spec.document import Document
from joulescape.spec.study import StudySpec

ROOT = Path(__file__).parents[2]
BASELINE = "electronic/systolic_int8"
METRICS = ("inference_energy_pj", "inference_latency_ns", "gops_per_mm2")
STATES = {"none": {}, "quantize": {"weight_bits": 8, "activation_bits": 8},
          "fixed_point": {"weight_bits": 4, "activation_bits": 4}}  # fmt: skip
COSTS = {"inference_energy_pj": "minimize", "inference_latency_ns": "minimize"}


def question(**changes: Any) -> DesignSpace:
    content: dict[str, Any] = {
        "question": "?", "task": "digits", "networks": ["digits_mlp", "digits_lenet"],
        "back_ends": [BASELINE, "electronic/stripes", "memristive/isaac", "photonic/mzi_mesh"],
        "node": 28, "compression": [{"choice": STATES}], "objectives": COSTS, "budget": {"trials": 4},
        "hardware": {
            "memristive/isaac": {"tiles": {"kind": "choice", "options": [1, 2, 8]}, "hypertransport.links": 0}
        },
    }  # fmt: skip
    return resolve_space(Document("q.yaml", {**content, **changes}), ROOT, "q")


@cache
def asked() -> DesignSpace:
    return question()


@cache
def billed() -> tuple[Bill, ...]:
    return tuple(priced_bills(asked(), asked().networks))


def study(space: DesignSpace, role: str = "bridge", root: Path = ROOT) -> Study:
    spec = StudySpec.model_validate(
        {"study": "gap", "question": "?", "questions": {role: "q"}, "baselines": [BASELINE], "metrics": METRICS,
         "shores": {"trends": ["networks"]}}
    )  # fmt: skip
    return Study("s", root / "spaces" / "s.yaml", root, spec, {role: space}, {})  # type: ignore[dict-item]
