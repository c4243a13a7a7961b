"""Rows beyond what wires allow: refused with what would do, or a word where an array may be built and loses much."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from crossbar_cases import ISAAC, SIMULATOR, dense, isaac
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.numerics.crossbar.wires import LEAST_ATTENUATION
from joulescape.simulators.crossbar.rules import column_attenuation
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.simulators.crossbar.wires import CLOSED_FORM_SHARE, far_cell_share, most_rows, wire_limit
from joulescape.testing.examples import example_context

HALF = {"value": 0.5, "low": 0.25, "high": 0.75, "basis": "assumed", "source": "joulescape", "where": "a test"}


def chip(rows: int, columns: int, ohm: float, microsiemens: float, **changes: Any) -> CrossbarSettings:
    known = {"basis": "derived", "source": "joulescape", "where": "a test"}
    return isaac(
        array__rows=rows, array__columns=columns, array__least_far_fraction=HALF,
        cell__wire_kohm={"value": ohm / 1e3, **known}, cell__g_on_msiemens={"value": microsiemens / 1e3, **known},
        **changes,
    )  # fmt: skip


def nodal_far_share(rows: int, columns: int, wire_kohm: float, g_msiemens: float) -> float:
    """Voltage over the far cell with every row driven and every cell on, by Kirchhoff's law at both lines' nodes."""
    count, link = rows * columns, 1 / wire_kohm
    matrix, current = np.zeros((2 * count, 2 * count)), np.zeros(2 * count)
    for row in range(rows):
        for column in range(columns):
            word, bit = row * columns + column, count + row * columns + column
            matrix[[word, bit], [word, bit]] += g_msiemens
            matrix[[word, bit], [bit, word]] -= g_msiemens
            matrix[word, word] += link
            if column:
                matrix[word, word - 1] -= link
                matrix[word - 1, word] -= link
                matrix[word - 1, word - 1] += link
            else:
                current[word] += link
            matrix[bit, bit] += link
            if row + 1 < rows:
                matrix[bit + columns, bit + columns] += link
                matrix[bit, bit + columns] -= link
                matrix[bit + columns, bit] -= link
    found = np.linalg.solve(matrix, current)
    return float(found[columns - 1] - found[count + columns - 1])


@pytest.mark.parametrize(("rows", "columns", "x"), [(16, 16, 0.3), (20, 12, 0.3), (16, 16, 0.6)])
def test_the_far_cell_keeps_about_what_every_node_says(rows: int, columns: int, x: float) -> None:
    """The product of both lines' closed forms: each takes its drop as if the other took none, so it asks for more than
    there is; the error is second order in what is lost."""
    wire, g = 0.01, (x / rows) ** 2 / 0.01
    exact = nodal_far_share(rows, columns, wire, g)
    closed = far_cell_share(chip(rows, columns, wire * 1e3, g * 1e3))
    assert closed == pytest.approx(exact, rel=0.35 * (1 - exact))


def test_isaac_is_far_from_its_wires() -> None:
    assert far_cell_share(ISAAC) == pytest.approx(0.9194, rel=1e-3)
    assert wire_limit(ISAAC) == ()
    assert list(SIMULATOR.cautions(ISAAC)) == []


def test_too_many_rows_are_refused_with_what_would_do() -> None:
    machine = isaac(array__rows=1024, array__least_far_fraction=HALF)
    (reason,) = [limit.reason for limit in SIMULATOR.limits([dense(64, 64)], machine, example_context())
                 if float(limit.overshoot) > 0]  # fmt: skip
    assert "of 1024 x 128 cells" in reason
    (side, conductance) = re.findall(r"at most (\d+) x \d+, or cells of at most ([\d.e-]+) mS", reason)[0]
    assert wire_limit(isaac(array__rows=int(side), array__columns=int(side), array__least_far_fraction=HALF)) == ()
    lower = {**ISAAC.cell.g_on_msiemens.model_dump(), "value": float(conductance), "low": 0.0, "high": 1.0}
    assert wire_limit(isaac(array__rows=1024, array__least_far_fraction=HALF, cell__g_on_msiemens=lower)) == ()
    assert reason in SIMULATOR.cautions(machine)


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 1024), st.floats(0.1, 20), st.floats(1, 500))
def test_the_rows_that_are_named_are_the_most(rows: int, ohm: float, microsiemens: float) -> None:
    machine = chip(rows, rows, ohm, microsiemens)
    most = most_rows(machine, 0.5)
    assert (wire_limit(machine) != ()) == (rows > most)


def test_nobody_asks_for_a_share_unless_told() -> None:
    machine = isaac(array__rows=1024, array__least_far_fraction=None)
    assert wire_limit(machine) == ()


def test_between_both_a_word_is_said() -> None:
    """A column of 128 cells of 25 uS at 5 ohm keeps 0.72 of its current: doubtful if 8 columns wide, none if 128."""
    machine = chip(128, 8, 3.0, 25.0)
    kept = column_attenuation(0.003, 0.025, 128)
    assert far_cell_share(machine) > 0.5 and kept < CLOSED_FORM_SHARE
    (caution,) = SIMULATOR.cautions(machine)
    assert "every node" in caution
    assert float(wire_limit(chip(128, 128, 3.0, 25.0))[0].overshoot) > 0


def test_the_word_is_said_where_accuracy_turns_to_every_node() -> None:
    assert CLOSED_FORM_SHARE == LEAST_ATTENUATION


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cell__levels": {**HALF, "value": 2.0, "low": 2.0, "high": 3.0}}, "at most 1 bits a cell"),
        ({"cell__remapping": "pairs"}, "array.encoding differential"),
    ],
)
def test_what_settings_alone_forbid_is_said_before_any_work(change: dict[str, Any], said: str) -> None:
    (caution,) = SIMULATOR.cautions(isaac(**change))
    assert said in caution


def test_an_age_that_changes_nothing_is_told() -> None:
    """Without drift an age is no more than a number; a device of PCM has it, and nothing is said."""
    settled = isaac(cell__age_s=3e7, cell__drift=None, cell__flicker=None, cell__programming=None)
    (caution,) = SIMULATOR.cautions(settled)
    assert "cell.age_s 3e+07" in caution and "nothing changes" in caution
    assert (
        list(SIMULATOR.cautions(settled.model_copy(update={"cell": settled.cell.model_copy(update={"age_s": 0.0})})))
        == []
    )
