"""A project with a file of published points, and the study of it."""

from __future__ import annotations

from pathlib import Path

from joulescape.resolve.study import Study
from joulescape.resolve.trends import load_trend
from joulescape.spec.study import StudySpec

BIB = "@misc{seen,\n}\n@misc{told,\n}\n"
TREND = """\
about: What chips deliver
quantities:
  area_mm2: {label: Die area, unit: mm2}
  rate_gops: {label: Peak rate, unit: GOPS}
  density: {label: Density, unit: GOPS/mm2, quotient: [rate_gops, area_mm2]}
series:
  density_by_year:
    about: Density by year
    x: year
    law: exponential
    groups:
      chips: {about: all chips, y: density, kinds: [chip]}
      best: {about: the best so far, y: density, kinds: [chip], fit: highest}
      boards: {about: boards, y: density, kinds: [board]}
  density_by_node:
    about: Density by node
    x: node_nm
    law: power
    groups:
      chips: {about: all chips, y: density, kinds: [chip]}
points:
"""


def point(name, year, rate=None, area=10.0, kind="chip", node=28, rate_sure="high", area_sure="high", note=""):
    """One point in YAML; without a rate or area it lacks them."""
    values = [
        f"      {key}: {{value: {value}, source: {source}, where: page {key}, confidence: {sure}}}"
        for key, value, source, sure in (("rate_gops", rate, "seen", rate_sure), ("area_mm2", area, "told", area_sure))
        if value is not None
    ]
    lines = [f"  - name: {name}", f"    kind: {kind}", f"    year: {year}", f"    node_nm: {node}"]
    return "\n".join([*lines, *([f"    note: {note}"] if note else []), "    values:", *values]) + "\n"


def written(folder: Path, points: str, text: str = TREND) -> Path:
    """A project's root with `hwlib/trends/chips.yaml`."""
    (folder / "hwlib" / "trends").mkdir(parents=True, exist_ok=True)
    (folder / "hwlib" / "references.bib").write_text(BIB)
    if "kind: board" not in points:  # a group of no kind is a fault
        text = "".join(line for line in text.splitlines(keepends=True) if "boards:" not in line)
    (folder / "hwlib" / "trends" / "chips.yaml").write_text(text + points)
    return folder


def study_of(root: Path, last: int = 2018, trends: tuple[str, ...] = ("chips",)) -> Study:
    """A study of these trends alone."""
    spec = StudySpec.model_validate(
        {
            "study": "gap",
            "question": "How far?",
            "questions": {},
            "baselines": ["electronic/core"],
            "metrics": ["inference_energy_pj"],
            "shores": {"trends": list(trends), "first_span_until": last},
        }
    )
    loaded = {name: load_trend(root, name) for name in trends}
    return Study("little", root / "spaces" / "little.yaml", root, spec, {}, loaded)
