"""Units by the whole of a name's ending, in both languages, and the reference point in its metrics' own units."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import subprocess
from typing import Any

import pytest
from synthetic import OBJECTIVES, synthetic

from joulescape.report import theme
from joulescape.report.sections import provenance, published
from joulescape.report.shell import asset

NODE = shutil.which("node")
NAMES = {
    "gops_per_mm2": "GOPS/mm²",
    "peak_gops_per_mm2": "GOPS/mm²",
    "storage_mebibytes_per_mm2": "MiB/mm²",
    "peak_tops_per_w": "TOPS/W",
    "chip_area_mm2": "mm²",
    "area_mm2": "mm²",
    "cells_per_mm2": "",
    "spikes_per_ns": "",
}


@pytest.mark.parametrize(("name", "unit"), NAMES.items())
def test_a_unit_is_the_whole_ending(name: str, unit: str) -> None:
    assert theme.unit_of(name) == (1.0, unit)
    assert theme.show(479.0, name) == f"479{theme.SPACE}{unit}".rstrip()


def test_published_densities_are_no_areas() -> None:
    assert published.shown(479.0, "gops_per_mm2") == f"479{theme.SPACE}GOPS/mm²"
    assert published.shown(0.74, "storage_mebibytes_per_mm2") == f"0.740{theme.SPACE}MiB/mm²"
    assert published.shown(2.5e6, "gops_per_mm2") == f"2,500,000{theme.SPACE}GOPS/mm²"
    assert published.shown(12.5, "cells_per_mm2") == "12.5"
    assert published.shown(None, "gops_per_mm2") == "–"


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_reads_the_same_units() -> None:
    names = [name for name, unit in NAMES.items() if unit]
    page = {
        "units": dict(sorted(theme.UNITS.items())),
        "plain_units": dict(sorted(theme.PLAIN_UNITS.items())),
    }
    source = asset("numbers.js") + "\nconst [names, page] = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    source += "\nconsole.log(JSON.stringify(names.flatMap((name) => [479, 250000].map((v) => show(v, name, page)))));"
    sent = json.dumps([names, page])
    ran = subprocess.run([str(NODE), "-e", source], input=sent, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [theme.show(value, name) for name in names for value in (479.0, 250_000.0)]


def reference(**point: Any) -> str | None:
    made = synthetic(12)
    run = {**made.resolved["run"], "reference_point": point or None}
    found = provenance.facts(dataclasses.replace(made, resolved={**made.resolved, "run": run}))
    return dict(found.items).get("Reference point of the hypervolume")


def test_the_reference_point_reads_in_units_not_logarithms() -> None:
    assert OBJECTIVES["accuracy_fraction"] == "maximize"
    said = reference(accuracy_fraction=-0.72, inference_energy_pj=math.log10(4.4e14), inference_latency_ns=3.0)
    space = theme.SPACE
    assert said == f"Accuracy 72.0{space}%, Energy per inference 440{space}J, Latency per inference 1.00{space}µs"
    assert reference() is None
