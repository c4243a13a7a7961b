"""Citations are of exactly the models used: machines, parts, methods, data, scaling; none is missing, none too many."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl
import pytest
import yaml
from synthetic import synthetic

from joulescape import load_space, registry, tables
from joulescape.network.task import BUILT_IN
from joulescape.report.inputs import Tables, read_references
from joulescape.report.sections.provenance import SCALING, citation, source_keys
from joulescape.resolve.steps import METHODS
from joulescape.search.constants import sources_of
from joulescape.simulators._node import SCALING_RULES

ROOT = Path(__file__).parents[2]
REFERENCES = read_references(ROOT / "hwlib" / "references.bib")
STEPS = [{"choice": {"none": {}, "prune": {}, "ternary": {}}}, {"quantize": {"weight_bits": 8}}]
SOURCES = {
    "compression": {"prune": ["han2015"], "ternary": ["li2016"], "quantize": ["jacob2018"]},
    "data": ["alpaydin1998"],
}


def asked(drawn: list[str | None], steps: list[dict[str, object]] | None = None) -> Tables:
    """Tables of a question with a choice of methods, of which some were drawn."""
    base = synthetic(12)
    column = pl.Series("compression.0", (drawn * 12)[: base.trials.height], dtype=pl.String)
    spec = {**base.spec, "compression": STEPS if steps is None else steps}
    resolved = {**base.resolved, "spec": spec, "sources": SOURCES}
    return dataclasses.replace(base, trials=base.trials.with_columns(column), resolved=resolved)


@pytest.mark.parametrize(
    ("drawn", "cited"),
    [
        (["none"], {"jacob2018"}),
        (["none", "prune"], {"jacob2018", "han2015"}),
        (["ternary", "prune", None], {"jacob2018", "han2015", "li2016"}),
    ],
)
def test_methods_are_cited_where_a_design_used_them(drawn: list[str | None], cited: set[str]) -> None:
    every = {key for keys in SOURCES["compression"].values() for key in keys}  # type: ignore[attr-defined]
    found = set(source_keys(asked(drawn)))
    assert found & every == cited and "alpaydin1998" in found


def test_constants_of_machines_that_were_tried_are_cited_and_no_others() -> None:
    row = {"station": "s", "path": "x", "value": 1.0, "basis": "derived"}
    rows = [
        {**row, "back_end": "memristive/isaac", "source": "wan2022, accelergy2019; scaled by bits"},
        {**row, "back_end": "electronic/elsewhere", "source": "park2015"},
        {**row, "back_end": "memristive/isaac", "source": None},
    ]
    found = source_keys(dataclasses.replace(synthetic(20), constants=tables.make(rows, tables.CONSTANTS)))
    assert {"wan2022", "accelergy2019"} <= set(found) and "park2015" not in found


def test_scaling_is_cited_where_parts_were_scaled() -> None:
    base = synthetic(20)
    assert SCALING["stillmaker"] in source_keys(base)
    plain = dataclasses.replace(base, parts=base.parts.filter(pl.col("node") == "as_published"))
    assert not set(SCALING.values()) & set(source_keys(plain))
    both = base.parts.with_columns(
        node=pl.when(pl.col("node") == "28 nm").then(pl.lit("28 nm, tpuv4i")).otherwise("node")
    )
    assert SCALING["tpuv4i"] in source_keys(dataclasses.replace(base, parts=both))
    assert set(SCALING) == set(SCALING_RULES)


def test_every_method_and_data_set_names_known_references() -> None:
    named = {key for name in registry.names(METHODS) for key in registry.load(METHODS, name).sources}
    named |= {task.source for task in BUILT_IN.values() if task.source}
    assert len(named) > 20 and sorted(named - set(REFERENCES)) == []
    assert all(task.source for task in BUILT_IN.values() if task.has_data)
    for key in named:
        assert REFERENCES[key]["title"] and REFERENCES[key]["year"]
        assert len(citation(key, REFERENCES[key]).text.split(". ")) >= 4


def test_a_search_writes_down_whom_to_cite(tmp_path: Path) -> None:
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(ROOT / shelf)
    (tmp_path / "spaces").mkdir()
    question = {
        "question": "Which?",
        "task": "digits",
        "networks": ["digits_mlp"],
        "back_ends": ["electronic/eyeriss"],
        "compression": [{"choice": {"none": {}, "share": {"bits": 4}}}, {"huffman": {}}],
        "objectives": {"accuracy_fraction": "maximize", "inference_energy_pj": "minimize"},
        "budget": {"trials": 2},
    }
    path = tmp_path / "spaces" / "q.yaml"
    path.write_text(yaml.safe_dump(question))
    told = sources_of(load_space(path))
    assert told == {"compression": {"huffman": ["han2016dc"], "share": ["han2016dc"]}, "data": ["alpaydin1998"]}
    path.write_text(yaml.safe_dump({**question, "objectives": {"inference_energy_pj": "minimize"}}))
    assert sources_of(load_space(path))["data"] == []
