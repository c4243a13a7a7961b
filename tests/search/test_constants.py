"""The constants of a question are kept: every number of its machines, hosts and memories; nothing moves unseen."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import yaml

from joulescape import load_space, tables
from joulescape.search.constants import constants_table

ROOT = Path(__file__).resolve().parents[2]
QUESTION = {
    "question": "Which?",
    "task": "digits",
    "networks": ["digits_mlp"],
    "back_ends": ["electronic/eyeriss", "memristive/isaac"],
    "compression": [{"quantize": {"weight_bits": 8, "activation_bits": 8}}],
    "objectives": {"inference_energy_pj": "minimize"},
    "budget": {"trials": 2},
}


def table(tmp_path: Path) -> pl.DataFrame:
    path = tmp_path / "spaces" / "q.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(QUESTION))
    return constants_table(load_space(path))


def shelf(tmp_path: Path) -> None:
    (tmp_path / "models").symlink_to(ROOT / "models")
    shutil.copytree(ROOT / "hwlib", tmp_path / "hwlib")


def test_every_number_has_its_proof(tmp_path: Path) -> None:
    shelf(tmp_path)
    found = table(tmp_path)
    assert dict(found.schema) == dict(tables.CONSTANTS)
    assert set(found["back_end"]) == set(QUESTION["back_ends"])  # type: ignore[call-overload]
    sourced = found.filter(pl.col("source").is_not_null())
    assert sourced.height > 40 and sourced["basis"].is_in(["measured", "derived", "assumed"]).all()
    assert found.filter(pl.col("value").is_null() & pl.col("text").is_null()).is_empty()
    assert found.select("back_end", "station", "path").is_duplicated().sum() == 0
    assert "isaac" in " ".join(found["station"].unique().to_list())


def test_a_changed_constant_is_the_one_row_that_differs(tmp_path: Path) -> None:
    shelf(tmp_path)
    before = table(tmp_path)
    path = tmp_path / "hwlib" / "components" / "lpddr4.yaml"
    text = yaml.safe_load(path.read_text())
    text["read_pj_per_bit"] |= {"value": 5.5, "low": 1.0, "high": 9.0}
    path.write_text(yaml.safe_dump(text))
    after = table(tmp_path)
    moved = before.join(after, on=["back_end", "station", "path"]).filter(pl.col("value") != pl.col("value_right"))
    assert set(moved["path"]) == {"read_pj_per_bit"} and set(moved["value_right"]) == {5.5}
