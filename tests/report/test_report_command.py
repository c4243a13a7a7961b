"""The command under the answer: every parameter and fixed value is in it, quoted, and the tool takes it."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import synthetic

from joulescape.report.command import Fixed, boundary, command, fixed_values
from joulescape.report.designs import design_columns, table_columns
from joulescape.report.inputs import Tables
from joulescape.report.sections import decision

NODE = shutil.which("node")
ROOT = Path(__file__).resolve().parents[2]
COMPRESSION = [
    {
        "choice": {
            "none": {},
            "prune": {"granularity": "element", "density": {"kind": "float", "low": 0.3, "high": 1.0}},
        }
    },
    {"quantize": {"weight_bits": {"kind": "int", "low": 2, "high": 8}, "activation_bits": 8}},
]
HARDWARE = {
    "memristive/isaac": {"adc.bits": {"kind": "int", "low": 4, "high": 9}, "hypertransport.links": 0},
    "electronic/systolic_int8": {"array": {"rows": 16, "columns": {"kind": "choice", "options": [8, 16]}}},
}


def asked(given: Tables, **spec: Any) -> Tables:
    return dataclasses.replace(given, resolved={**given.resolved, "spec": {**given.spec, **spec}})


@pytest.fixture(scope="module")
def tables() -> Tables:
    made = synthetic(120)
    drawn = pl.when(pl.col("trial") % 2 == 0).then(pl.lit("prune")).otherwise(pl.lit("none"))
    trials = made.trials.with_columns(
        drawn.alias("compression.0"),
        pl.when(drawn == "prune").then(pl.col("compression.0.prune.density")).alias("compression.0.prune.density"),
    )
    return asked(dataclasses.replace(made, trials=trials), compression=COMPRESSION, hardware=HARDWARE, batch=4)


def sets_of(text: str) -> dict[str, str]:
    words = shlex.split(text)
    pairs = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert len({pair.split("=", 1)[0] for pair in pairs}) == len(pairs), "a name is set twice"
    return dict(pair.split("=", 1) for pair in pairs)


def test_every_drawn_parameter_is_set_and_no_other(tables: Tables) -> None:
    for row in tables.valid.iter_rows(named=True):
        found = sets_of(command(tables, row))
        drawn = {name for name in row if name.startswith(("compression.", "hardware.")) and row[name] is not None}
        assert drawn <= set(found)
        assert all(found[name] == str(row[name]) for name in drawn)


def test_what_the_question_fixes_is_set_too(tables: Tables) -> None:
    for row in tables.valid.iter_rows(named=True):
        found = sets_of(command(tables, row))
        assert found["batch"] == "4"
        assert found["compression.1.quantize.activation_bits"] == "8"
        is_pruned = row["compression.0"] == "prune"
        assert (found.get("compression.0.prune.granularity") == "element") == is_pruned
        is_memristive, is_systolic = row["family"] == "memristive", row["family"] == "electronic"
        assert ("hardware.memristive/isaac.hypertransport.links" in found) == is_memristive
        assert (found.get("hardware.electronic/systolic_int8.array.rows") == "16") == is_systolic


def test_a_searched_domain_is_not_fixed(tables: Tables) -> None:
    names = {fixed.name for fixed in fixed_values(tables)}
    assert names == {
        "batch",
        "hardware.memristive/isaac.hypertransport.links",
        "hardware.electronic/systolic_int8.array.rows",
        "compression.0.prune.granularity",
        "compression.1.quantize.activation_bits",
    }


def test_defaults_are_left_out(tables: Tables) -> None:
    plain = asked(tables, batch=1, node="as_published", compression=[], hardware={})
    assert fixed_values(plain) == ()
    assert boundary(plain) == ()
    assert boundary(asked(plain, boundary="core")) == ("--boundary", "core")
    assert fixed_values(asked(plain, node=28)) == (Fixed("node", "28"),)


def test_a_question_without_a_spec_still_has_a_command(tables: Tables) -> None:
    bare = dataclasses.replace(tables, resolved={})
    row = bare.valid.row(0, named=True)
    assert command(bare, row).startswith(f"joulescape cost {row['network']} {row['back_end']} --set ")


@given(name=st.text(min_size=1, max_size=12), value=st.text(max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_name_can_end_the_command(name: str, value: str) -> None:
    made = asked(synthetic(12), hardware={}, compression=[], batch=value or 1)
    row = {**made.valid.row(0, named=True), "network": name}
    words = shlex.split(command(made, row))
    assert words[:3] == ["joulescape", "cost", name]
    assert value in ("", "as_published") or f"batch={value}" in words


def test_booleans_are_written_as_yaml(tables: Tables) -> None:
    made = asked(tables, hardware={"physical/shg": {"is_shared": True}}, compression=[])
    assert Fixed("hardware.physical/shg.is_shared", "true", back_end="physical/shg") in fixed_values(made)


def test_the_answer_s_command_is_of_the_answer(tables: Tables) -> None:
    found = decision.facts(tables)
    assert found.decision.index is not None
    assert found.command == command(tables, tables.valid.row(found.decision.index, named=True))
    none = dataclasses.replace(tables, trials=tables.trials.clear())
    assert decision.facts(none).command == ""


def test_the_tool_takes_the_command_it_is_given() -> None:
    """The names of a real space's parameters, as the search writes them, resolve to a design of the same values."""
    from joulescape.resolve.design_space import load_space
    from joulescape.resolve.single import single

    space = load_space(ROOT / "spaces" / "which_machine.yaml")
    made = synthetic(8)
    spec = space.spec.model_dump(mode="json") if hasattr(space.spec, "model_dump") else {}
    for pair in space.pairs:
        values = {parameter.name: first(parameter.domain) for parameter in space.parameters(pair)}
        row = {"network": pair.network, "back_end": pair.back_end, **values}
        columns = [pl.lit(None).alias(name) for name in values]
        trials = made.trials.select(pl.exclude("^(compression|hardware)\\..*$")).with_columns(columns)
        named = dataclasses.replace(made, trials=trials, resolved={"spec": spec})
        words = shlex.split(command(named, row))
        assert words[:4] == ["joulescape", "cost", pair.network, pair.back_end]
        _, candidate = single(pair.network, pair.back_end, ROOT, sets_of(shlex.join(words)))
        assert candidate.network == pair.network


def first(domain: Any) -> Any:
    """A value that the domain holds."""
    options = getattr(domain, "options", None)
    return options[-1] if options else domain.low


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_writes_the_same_command_for_every_design(tables: Tables) -> None:
    strange = tables.trials.with_columns(network=pl.concat_str(pl.col("network"), pl.lit("'s $HOME; `ls` é")))
    odd = dataclasses.replace(tables, trials=strange)
    script = (files("joulescape.report") / "assets" / "certainty.js").read_text(encoding="utf-8")
    script += """
    const [columns, more, fixed] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    console.log(JSON.stringify(columns.id.map((_, row) => commandText(columns, more, fixed, row))));"""
    for given_tables in (tables, odd):
        more = {name: values.to_list() for name, values in table_columns(given_tables).items()}
        sent = [design_columns(given_tables), more, decision.facts(given_tables).fixed]
        ran = subprocess.run(
            [str(NODE), "-e", script], input=json.dumps(sent), capture_output=True, text=True, check=True
        )
        rounded = given_tables.valid.with_columns(
            pl.Series("compression.0.prune.density", more["compression.0.prune.density"])
        )
        wanted = [command(given_tables, row) for row in rounded.iter_rows(named=True)]
        assert [shlex.split(text) for text in json.loads(ran.stdout)] == [shlex.split(text) for text in wanted]
