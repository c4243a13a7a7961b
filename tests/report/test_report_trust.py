"""One line beside the answer says how far its costs are to be trusted: in Python and in the page alike."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from synthetic import synthetic

from joulescape.report import theme
from joulescape.report.sections import decision, own_record, published
from joulescape.report.shell import asset

NODE = shutil.which("node")
CASES: list[tuple[tuple[int, int] | None, float | None]] = [
    (None, None), (None, 1.0), ((0, 1), 0.4421), ((2, 5), None), ((5, 5), 0.0),
]  # fmt: skip


def test_predictions_alone_are_counted_and_by_machine() -> None:
    rows = [
        {"back_end": name, "role": role, "passes": passes}
        for name, role, passes in (
            ("a", "prediction", True), ("a", "prediction", False), ("a", "calibration", True), ("b", "input", True),
        )
    ]  # fmt: skip
    assert own_record.records(rows) == {"a": (1, 2)}


def test_the_line_states_both_grounds_or_says_what_is_lacking() -> None:
    said = own_record.trust_text((2, 5), 0.4421)
    assert "2 of 5 published figures" in said and f"44.2{theme.SPACE}% of this design's energy" in said
    assert "1 published figure of" in own_record.trust_text((0, 1), None)
    assert "not validated" in own_record.trust_text(None, 0.5)


def test_the_answer_s_line_is_of_its_own_machine_and_design() -> None:
    given = synthetic(80)
    found = decision.facts(given)
    assert found.decision.index is not None
    row = given.valid.row(found.decision.index, named=True)
    record = published.facts(given).records.get(row["back_end"])
    assert (f"{record[0]} of {record[1]} " if record else "not validated") in found.trust
    assert theme.show(row["assumed_energy_fraction"], "x_fraction") in found.trust


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_says_the_same() -> None:
    page = {"units": theme.UNITS, "plain_units": theme.PLAIN_UNITS}
    stub = """
    const [page, cases] = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    console.log(JSON.stringify(cases.map(([record, share]) => trustText(record || undefined, share, page))));"""
    source = "\n".join(asset(name) for name in ("decide.js", "numbers.js", "certainty.js")) + stub
    sent = json.dumps([page, CASES])
    ran = subprocess.run([str(NODE), "-e", source], input=sent, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [own_record.trust_text(*case) for case in CASES]
