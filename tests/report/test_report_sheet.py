"""One design explained: its question pins what the search drew, in both languages; its parts and layers add up."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import subprocess
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import random_given
from synthetic import empty, synthetic
from test_report_comparison import written
from typer.testing import CliRunner

from joulescape.cli.explain_command import explain_command
from joulescape.errors import ResultsError
from joulescape.network.digest import canonical
from joulescape.report.explanation import chosen, lines
from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.pinned import is_domain, pinned, question_text
from joulescape.report.sections import sheet
from joulescape.spec.space import SpaceSpec

ROOT = Path(__file__).parents[2]
EXAMPLES = settings(max_examples=15, deadline=None)
NODE = shutil.which("node")
SPACES = ("which_machine", "train_on_device", "cost_only_imagenet")


def spec_of(space: str) -> Mapping[str, Any]:
    """A shipped question as resolved.json holds it."""
    raw = yaml.safe_load((ROOT / "spaces" / f"{space}.yaml").read_text(encoding="utf-8"))
    found: Mapping[str, Any] = json.loads(json.dumps(canonical(SpaceSpec.model_validate(raw))))
    return found


def domains(value: Any, name: str) -> dict[str, Any]:
    """Every domain in a value by its column's name."""
    if is_domain(value):
        return {name: value}
    inner = value.items() if isinstance(value, Mapping) else ()
    return {key: found for part, each in inner for key, found in domains(each, f"{name}.{part}").items()}


def drawn(domain: Mapping[str, Any], chance: random.Random) -> Any:
    if "options" in domain:
        return chance.choice(domain["options"])
    low, high = domain["low"], domain["high"]
    return chance.randint(low, high) if domain["kind"] == "int" else low


def a_row(spec: Mapping[str, Any], chance: random.Random) -> dict[str, Any]:
    """A row of the trials as a search of this question could have written it."""
    name = chance.choice(spec["back_ends"])
    row: dict[str, Any] = {"network": chance.choice(spec["networks"]), "back_end": name, "design_id": "d1"}
    searched = domains((spec.get("hardware") or {}).get(name, {}), f"hardware.{name}")
    searched |= domains(spec.get("training") or {}, "training")
    for place, step in enumerate(spec["compression"]):
        chosen_method = chance.choice(list(step["choice"])) if "choice" in step else next(iter(step))
        row |= {f"compression.{place}": chosen_method} if "choice" in step else {}
        fields = step.get("choice", step)[chosen_method] or {}
        searched |= domains(fields, f"compression.{place}.{chosen_method}")
    return {**row, **{key: drawn(domain, chance) for key, domain in searched.items()}}


def asked(spec: Mapping[str, Any]) -> Tables:
    return dataclasses.replace(synthetic(12), resolved={"spec": spec})


@pytest.mark.parametrize("space", SPACES)
def test_a_pinned_question_is_a_question_without_a_choice(space: str) -> None:
    spec, chance = spec_of(space), random.Random(space)
    for _ in range(8):
        row = a_row(spec, chance)
        found = yaml.safe_load(question_text(asked(spec), row))
        valid = canonical(SpaceSpec.model_validate(found))
        assert valid["networks"] == [row["network"]] and valid["back_ends"] == [row["back_end"]]
        assert not domains(valid["hardware"], "hardware") and not domains(valid.get("training") or {}, "training")
        chosen_methods = [row.get(f"compression.{place}") for place in range(len(spec["compression"]))]
        assert valid["budget"]["trials"] == 1
        assert len(found["compression"]) == sum(method != "none" for method in chosen_methods)
        for name, value in row.items():
            if name.startswith(f"hardware.{row['back_end']}."):
                path = name.removeprefix(f"hardware.{row['back_end']}.")
                assert found["hardware"][row["back_end"]][path] == value


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("space", SPACES)
def test_the_page_pins_as_python_does(space: str) -> None:
    spec, chance = spec_of(space), random.Random(space)
    rows = [a_row(spec, chance) for _ in range(6)]
    tables = asked(spec)
    names = sorted(
        {name for row in rows for name in row if name.startswith(("hardware.", "compression.", "training."))}
    )
    columns = {key: [row[key] for row in rows] for key in ("back_end", "network")}
    more = {name: [row.get(name) for row in rows] for name in names}
    source = (files("joulescape.report") / "assets" / "sheet.js").read_text(encoding="utf-8")
    body = "\nconst g = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    body += (
        "console.log(JSON.stringify(g.columns.network.map((_, r) => questionText(g.columns, g.more, g.question, r))));"
    )
    sent = json.dumps({"columns": columns, "more": more, "question": sheet.facts(tables).question})
    ran = subprocess.run([str(NODE), "-e", source + body], input=sent, capture_output=True, text=True, check=True)
    for row, text in zip(rows, json.loads(ran.stdout), strict=True):
        assert yaml.safe_load(text) == yaml.safe_load(question_text(tables, row))


def test_a_step_that_was_dropped_for_a_network_is_left_out() -> None:
    spec = {"compression": [{"prune": {"density": {"kind": "float", "low": 0.1, "high": 1.0}}}]}
    found = pinned(asked(spec), {"network": "n", "back_end": "b", "compression.0.prune.density": None})
    assert found["compression"] == []


def test_without_a_question_nothing_is_pinned() -> None:
    assert pinned(dataclasses.replace(synthetic(5), resolved={}), {"network": "n", "back_end": "b"}) == {}


@given(random_given())
@EXAMPLES
def test_shares_of_a_sheet_are_of_the_whole(tables: Tables) -> None:
    found = sheet.facts(tables)
    sums: dict[tuple[str, str], float] = {}
    for row in found.parts:
        assert row["share"] >= 0
        sums[row["id"], row["phase"]] = sums.get((row["id"], row["phase"]), 0.0) + row["share"]
    assert all(total == pytest.approx(1.0, abs=5e-3) for total in sums.values())
    counts: dict[tuple[str, str], int] = {}
    for row in found.layers:
        counts[row["id"], row["phase"]] = counts.get((row["id"], row["phase"]), 0) + 1
        assert 0 <= row["share"] <= 1 + 1e-9 and row["used"].endswith(("%", "–"))
    assert all(count <= sheet.SHOWN + 1 for count in counts.values())
    timed: dict[tuple[str, str], float] = {}
    for row in found.layers:
        timed[row["id"], row["phase"]] = timed.get((row["id"], row["phase"]), 0.0) + row["share"]
    assert all(total == pytest.approx(1.0, abs=5e-3) or total == 0 for total in timed.values())


def test_a_sheet_names_what_the_parts_name() -> None:
    tables = synthetic(150)
    one = tables.parts["design_id"][0]
    mine = tables.parts.filter(
        (pl.col("design_id") == one) & (pl.col("quantity") == "energy") & (pl.col("node") == "as_published")
    )
    found = [row for row in sheet.facts(tables).parts if row["id"] == one]
    assert {row["phase"] for row in found} == set(mine["phase"].unique())
    assert len(found) <= mine.height


@given(st.integers(2, 8))
@EXAMPLES
def test_a_design_is_found_by_its_first_characters(count: int) -> None:
    tables = synthetic(40)
    whole = tables.trials["design_id"][7]
    prefix = whole[:count]
    same = [name for name in tables.trials["design_id"].to_list() if name.startswith(prefix)]
    if len(same) == 1:
        assert chosen(tables, prefix)["design_id"] == whole
    else:
        with pytest.raises(ResultsError, match=f"{len(same)} designs begin"):
            chosen(tables, prefix)


def test_an_unknown_design_names_the_nearest() -> None:
    with pytest.raises(ResultsError, match="the nearest is d00007"):
        chosen(synthetic(200), "d00007x")
    with pytest.raises(ResultsError, match="no valid design"):
        chosen(empty(), None)


def test_what_is_said_is_what_is_stored() -> None:
    tables = synthetic(150)
    row = chosen(tables, tables.parts["design_id"][0])
    said = "\n".join(lines(tables, row, Path("results/q")))
    for text in (
        row["design_id"],
        "energy of inference:",
        "time of inference:",
        "joulescape cost",
        "--onnx",
        "networks:",
    ):
        assert text in said


def test_the_command_explains_and_prints_the_question(tmp_path: Path) -> None:
    folder = written(synthetic(60), tmp_path / "q")
    app = typer.Typer()
    app.command()(explain_command)
    whole = CliRunner().invoke(app, [str(folder)])
    assert whole.exit_code == 0
    assert "cost it again, at nominal statistics (no data is read): joulescape cost" in whole.output
    only = CliRunner().invoke(app, [str(folder), "--yaml"])
    assert yaml.safe_load(only.output)["budget"]["trials"] == 1


def test_the_page_holds_the_sheet_and_its_script() -> None:
    page = render(synthetic(60))
    assert 'id="sheet-question"' in page and "questionText" in page
