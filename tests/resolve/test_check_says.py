"""What `joulescape check` prints for a question with refused pairs, dropped steps and a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest
from stand_in_project import SPACE

from joulescape.cli.check_command import check_command
from joulescape.errors import SpecError

TEXT = (
    SPACE.replace("[mlp]", "[mlp, optical]").replace("[electronic/grid]", "[electronic/grid, physical/lens]")
    + """\
compression: [{shrink: {bits: {kind: int, low: 2, high: 4}}}]
hardware: {electronic/grid: {array.rows: {kind: choice, options: [8, 16]}}}
"""
)


def test_refused_pairs_and_notes_are_no_fault(project, capsys):
    Path("spaces/s.yaml").write_text(TEXT)
    check_command([Path("spaces/s.yaml")])
    assert (
        capsys.readouterr().out
        == """\
spaces/s.yaml: Which?
  task digits, boundary system, batch 1, phases inference
  2 pairs of network and back end:
    mlp@electronic/grid: 1 drawn parameter, 2 variants swept
    optical@physical/lens: 0 drawn parameters, 1 variant swept
  2 pairs that cannot meet:
    mlp@physical/lens: physical/lens is its own network, and mlp holds none of its physical operators
    optical@electronic/grid: nothing in electronic/grid takes operator 'shg1' (shg) in role forward
  note: compression.0.shrink acts on no operator of optical and is dropped there
  note: sampler nsga2: each pair of network and back end is bred by itself; nothing crosses over between pairs
  10 trials by nsga2, seed 0: no fault
"""
    )


def test_a_fault_that_two_files_share_is_said_once(project):
    for name in ("a", "b"):
        Path(f"spaces/{name}.yaml").write_text(SPACE)
    Path("hwlib/electronic/core.yaml").write_text("about: broken\n")
    with pytest.raises(SpecError) as caught:
        check_command([Path("spaces/a.yaml"), Path("spaces/b.yaml")])
    assert {fault.file for fault in caught.value.faults} == {"hwlib/electronic/core.yaml"}
    assert len(set(caught.value.faults)) == len(caught.value.faults)
