"""`joulescape cost`: three forms of one price list; what is wider costs more; wrong words are placed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from joulescape.cli import cost_command as module
from joulescape.cli.cost_command import cost_command
from joulescape.errors import Infeasible, JoulescapeError, SpecError

ROOT = Path(__file__).resolve().parents[2]
MLP = ("digits_mlp", "electronic/systolic_int8")
BACK_ENDS = ("electronic/systolic_int8", "memristive/isaac", "photonic/mzi_mesh")


def run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(cost_command)
    found = CliRunner().invoke(app, [*arguments, "--root", str(ROOT)])
    if isinstance(found.exception, JoulescapeError):
        raise found.exception
    assert found.exit_code == 0, found.output
    return found.output


@cache
def told(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--format", "json"))
    return found


def energy(*arguments: str) -> float:
    return float(told(*arguments)["totals"]["inference_energy_pj"])


@pytest.mark.parametrize("name", BACK_ENDS)
def test_totals_are_the_sums_of_what_is_listed(name: str) -> None:
    found = told("digits_mlp", name)
    assert found["statistics"] == "nominal" and found["design"]["back_end"] == name
    assert sum(row["energy_pj"] for row in found["energy"]) == pytest.approx(found["totals"]["inference_energy_pj"])
    assert sum(row["area_mm2"] for row in found["area"]) == pytest.approx(found["totals"]["area_mm2"])
    ends = max(row["end_ns"] for row in found["layers"])
    assert ends == pytest.approx(found["totals"]["inference_latency_ns"])
    assert all(row["start_ns"] <= row["end_ns"] for row in found["layers"])


@pytest.mark.parametrize("name", BACK_ENDS)
def test_a_layer_that_multiplies_is_never_above_its_peak(name: str) -> None:
    layers = [row for row in told("digits_mlp", name)["layers"] if row["macs"] and row["peak_gops"]]
    assert layers
    for row in layers:
        assert 2 * row["macs"] / row["batch_latency_ns"] <= row["peak_gops"] * (1 + 1e-9)


@pytest.mark.parametrize("name", BACK_ENDS[:2])
def test_corners_are_ordered_and_a_wider_boundary_costs_no_less(name: str) -> None:
    ends = [energy("digits_mlp", name, "--corner", corner) for corner in ("optimistic", "typical", "pessimistic")]
    assert ends == sorted(ends) and ends[0] < ends[2]
    bounds = [energy("digits_mlp", name, "--boundary", bound) for bound in ("core", "chip", "system")]
    assert bounds == sorted(bounds) and bounds[0] < bounds[2]


def test_a_machine_that_a_corner_breaks_says_what_would_mend_it() -> None:
    with pytest.raises(Infeasible, match=r"effective bits .* it would close with \d bits \(adc\.bits\)"):
        run("digits_mlp", "photonic/mzi_mesh", "--corner", "pessimistic")


def test_csv_has_the_same_energy_by_part() -> None:
    rows = list(csv.DictReader(io.StringIO(run(*MLP, "--format", "csv"))))
    wanted = told(*MLP)["energy"]
    assert [(row["layer"], row["component"]) for row in rows] == [(row["layer"], row["component"]) for row in wanted]
    assert [float(row["energy_pj"]) for row in rows] == pytest.approx([row["energy_pj"] for row in wanted])
    assert set(rows[0]) == {*wanted[0], "mapping_gap_fraction"}


def test_a_table_lists_shares_that_make_up_the_whole() -> None:
    said = run(*MLP)
    block = said[said.index("Energy by component") : said.index("Schedule")]
    shares = [float(text) for text in re.findall(r"([\d.]+) %", block)]
    assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares) + 0.1)
    assert shares == sorted(shares, reverse=True)
    parts = {(row["component"], row["basis"]) for row in told(*MLP)["energy"]}
    assert len(shares) == len(parts) and all(component in block for component, _ in parts)
    assert "digits_mlp on electronic/systolic_int8 · boundary system · batch 1" in said
    assert all(row["layer"] in said for row in told(*MLP)["layers"])


def test_training_is_priced_by_its_own_roles() -> None:
    found = told(*MLP, "--phase", "training")
    roles = Counter(row["role"] for row in found["layers"])
    assert {"forward", "input_gradient", "weight_gradient", "update"} <= set(roles)
    assert found["totals"]["training_energy_pj"] == pytest.approx(sum(row["energy_pj"] for row in found["energy"]))
    assert {row["role"] for row in told(*MLP)["layers"]} == {"forward"}


def test_explaining_adds_how_each_layer_is_computed() -> None:
    found = told("digits_mlp", "memristive/isaac", "--explain")
    assert {row["role"] for row in found["errors"]} == {"forward"}
    assert {row["layer"] for row in found["errors"]} <= {row["layer"] for row in found["layers"]}
    assert "errors" not in told("digits_mlp", "memristive/isaac")
    said = run("digits_mlp", "memristive/isaac", "--explain")
    table = said[said.index("How each layer is computed") :]
    assert all(row["number"] in table and row["kind"] in table for row in found["errors"])


def test_a_value_that_is_set_is_the_one_that_is_priced() -> None:
    eight = told(*MLP, "--set", "hardware.array.rows=8")
    sixty_four = told(*MLP, "--set", "hardware.array.rows=64")
    assert eight["totals"]["area_mm2"] < sixty_four["totals"]["area_mm2"]
    batched = told(*MLP, "--set", "batch=4")
    assert batched["batch"] == 4 and batched["layers"][0]["macs"] == 4 * told(*MLP)["layers"][0]["macs"]


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["rows"], "at '--set' found 'rows', expected NAME=VALUE"),
        (["hardware.array.row=8"], "rows"),
        (["hardware.array.rows=0"], "rows"),
        (["compression.quantise.weight_bits=4"], "quanti"),
        (["boundry=chip"], "boundry"),
    ],
)
def test_a_wrong_word_is_placed(sets: list[str], said: str) -> None:
    with pytest.raises(SpecError, match=re.escape(said)):
        run(*MLP, *(word for one in sets for word in ("--set", one)))


def test_every_wrong_pair_is_named_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        module._pairs(["a", "b=1", "c"])
    assert [fault.value for fault in caught.value.faults] == ["'a'", "'c'"]
    assert module._pairs(["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}


@pytest.mark.parametrize(
    "option", [("--phase", "use"), ("--boundary", "board"), ("--corner", "best"), ("--format", "xml")]
)
def test_an_option_has_its_words(option: tuple[str, str]) -> None:
    app = typer.Typer()
    app.command()(cost_command)
    found = CliRunner().invoke(app, [*MLP, *option])
    assert found.exit_code == 2 and option[1] in found.output


@pytest.mark.parametrize(("node", "said"), [("28", "node 32 nm, CMOS parts scaled to 28 nm ·"), ("32", "node 32 nm ·")])
def test_a_title_names_the_node_that_its_numbers_are_scaled_to(node: str, said: str) -> None:
    title = run("digits_mlp", "memristive/isaac", "--set", f"node={node}").splitlines()[0]
    assert said in title
