"""The law of the door: whatever a user writes, the answer is a space or faults, and every fault says where and what."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stand_in_project import FILES

from joulescape.errors import SpecError
from joulescape.resolve.design_space import load_space

GOOD: dict[str, Any] = yaml.safe_load("""\
question: Which?
task: digits
networks: [mlp, optical]
back_ends: [electronic/grid, physical/lens]
boundary: chip
batch: 2
node: 28
phases: [inference, training]
compression:
  - choice:
      none: {}
      shrink: {bits: {kind: int, low: 2, high: 8, per: layer}, mode: channel}
  - shrink: {bits: {kind: choice, options: [3, 4]}}
training: {batch: {kind: int, low: 8, high: 16}, target: {accuracy_fraction: 0.9}}
fine_tune: {epochs: 1}
hardware:
  electronic/grid:
    {adc.bits: {kind: int, low: 4, high: 8}, array.columns: 64, host.lanes: {kind: choice, options: [1, 2]}}
objectives: {accuracy_fraction: maximize, lifecycle_energy_pj: minimize}
constraints: {area_mm2: {at_most: 100.0}}
lifecycle: {inferences: 1000.0}
budget: {trials: 10, seed: 1}
""")
JUNK: list[Any] = [
    None, True, -1, 0, 3, 1e300, "", "no", "x", "mlp", "choice", "none", [], [None], ["x"], [[]], {}, {"kind": "int"},
    {"kind": "float", "low": 0.0, "high": 1.0}, {"kind": "choice", "options": []}, {"kind": {}}, {"low": 1},
    {"none": {}},
    {"choice": {}}, {"shrink": None}, {"x": {"y": 1}}, {"kind": "choice", "options": ["a", None]}, {"value": 1},
    {"kind": "int", "low": 0, "high": 10**9}, {"kind": "float", "low": -1.0, "high": 1.0, "points": 9999},
]  # fmt: skip


def places(content: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [here, *(place for key, child in children for place in places(child, (*here, key)))]


def changed(content: Any, place: tuple[Any, ...], change: str, junk: Any) -> Any:
    if not place:
        return junk
    content = copy.deepcopy(content)
    target = content
    for key in place[:-1]:
        target = target[key]
    if change == "replace":
        target[place[-1]] = junk
    elif change == "delete":
        del target[place[-1]]
    elif isinstance(target, dict):
        target["extra"] = junk
    else:
        target.append(junk)
    return content


def judge(file: Path) -> None:
    try:
        space = load_space(file)
    except SpecError as error:
        assert error.faults
        for fault in error.faults:
            assert fault.file
            assert fault.value
            assert fault.expected
            assert fault.line is None or fault.line >= 1
        return
    for pair in space.pairs:
        values = {p.name: p.domain.ends()[0] for p in space.parameters(pair)}
        machine = space.machine(space.candidate({"pair": pair.name, **values}))
        assert len(machine.variants) == space.hardware[pair.back_end].variant_count


def test_the_good_one_is_good(project):
    (project / "spaces" / "s.yaml").write_text(yaml.safe_dump(GOOD))
    assert len(load_space("spaces/s.yaml").pairs) == 2


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(["replace", "delete", "add"]), st.sampled_from(JUNK)),
        min_size=1,
        max_size=3,
    )
)
def test_a_damaged_space_gives_faults_or_a_space(project, changes):
    content: Any = GOOD
    for position, change, junk in changes:
        every = places(content)
        content = changed(content, every[position % len(every)], change, junk)
    (project / "spaces" / "s.yaml").write_text(yaml.safe_dump(content))
    judge(Path("spaces/s.yaml"))


@pytest.mark.parametrize("file", sorted(FILES))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 200), change=st.sampled_from(["replace", "delete", "add"]), junk=st.sampled_from(JUNK))
def test_a_damaged_shelf_gives_faults_or_a_space(project, file, position, change, junk):
    content = yaml.safe_load(FILES[file])
    every = places(content)
    (project / "spaces" / "s.yaml").write_text(yaml.safe_dump(GOOD))
    (project / file).write_text(yaml.safe_dump(changed(content, every[position % len(every)], change, junk)))
    judge(Path("spaces/s.yaml"))
