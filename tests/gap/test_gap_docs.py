"""The page about the study is true: its commands exist, its example is a point, its numbers are those of the fits."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import yaml

from joulescape.cli import COMMANDS
from joulescape.gap import shores
from joulescape.resolve.study import Study
from joulescape.resolve.trends import load_trend
from joulescape.spec.study import StudySpec
from joulescape.spec.trend import CONFIDENCES, Point

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["networks", "performance_density", "memory_energy"]
PAGE = (ROOT / "docs" / "gap.md").read_text(encoding="utf-8")


def test_its_commands_exist_and_its_files_are_there():
    used = set(re.findall(r"joulescape (\w+)", "\n".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL))))
    assert {"check", "gap"} <= used <= set(COMMANDS)
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    for name in re.findall(r"`((?:hwlib|spaces|docs)/[\w/]+\.(?:yaml|json|bib))`", PAGE):
        assert (ROOT / name).exists(), name


def test_its_example_is_a_point_of_the_file_that_it_speaks_of():
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (written,) = yaml.safe_load(textwrap.dedent(block))
    point = Point.model_validate(written)
    trend = load_trend(ROOT, "performance_density").spec
    assert point.kind in {one.kind for one in trend.points}
    assert set(point.values) <= set(trend.quantities)


def test_every_confidence_is_explained():
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(CONFIDENCES)


def shipped_fits():
    """The fits of the first span of every shipped trend, by series and group."""
    spec = StudySpec.model_validate(
        {
            "study": "gap", "question": "?", "questions": {}, "baselines": ["?"], "metrics": ["inference_energy_pj"],
            "shores": {"trends": NAMES},
        }
    )  # fmt: skip
    trends = {name: load_trend(ROOT, name) for name in NAMES}
    rows = shores.rows(Study("gap", ROOT / "spaces" / "gap_study.yaml", ROOT, spec, {}, trends))["fits"]
    return {(row["series"], row["group"]): row for row in rows if row["span"] == "first"}


def test_its_counts_of_recalled_points_are_the_shipped_ones():
    fits = shipped_fits()
    told = re.findall(r"^\| `(\w+)`, `(\w+)` \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    assert len(told) == 11
    for series, group, points, recalled in told:
        assert f"Recalled, not looked up: {recalled} of {points}." in fits[series, group]["sentence"]


def test_its_splits_and_its_first_span_are_those_of_the_study():
    study = yaml.safe_load((ROOT / "spaces" / "gap_study.yaml").read_text(encoding="utf-8"))
    shares = [f"{100 * share:g}" for share in study["lifecycle"]["splits"]]
    said = re.sub(r"\s+", " ", PAGE)
    assert f"spends {', '.join(shares[:-1])} or {shares[-1]} % of its energy" in said
    assert f"now {study['shores']['first_span_until']}" in said


def test_its_example_of_a_fit_is_the_shipped_one():
    told = re.search(r"\*×([\d.]+) a year \(95 %: ×([\d.]+) to ×([\d.]+)\)\*", PAGE)
    fit = shipped_fits()["performance_density_by_year", "gpu_float32"]
    wanted = [fit["growth_factor"], fit["growth_low"], fit["growth_high"]]
    assert [float(number) for number in told.groups()] == pytest.approx(wanted, abs=0.005)
