"""Marks of machines: who stands after a machine changes nothing of it, and a spec wears them without other harm."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.report import theme
from joulescape.report.marks import BASE_PATHS, DASHES, SHADES, SHAPES, marks_of, share_a_family, worn, worn_config
from joulescape.report.theme import Mode

MODES: tuple[Mode, ...] = ("light", "dark")
PLUGIN = "neuromorphic"

machines = st.lists(st.sampled_from([*theme.FAMILIES, PLUGIN]), max_size=14).map(
    lambda families: [(f"{family}/{place}", family) for place, family in enumerate(families)]
)


@given(machines, st.integers(0, 14))
@settings(max_examples=40, deadline=None)
def test_a_machine_more_at_the_end_leaves_the_others_marks(back_ends: list[tuple[str, str]], count: int) -> None:
    marks = marks_of(back_ends)
    assert [(mark.back_end, mark.family) for mark in marks] == back_ends
    assert marks_of(back_ends[:count]) == marks[:count]
    assert share_a_family(marks) == (len({family for _, family in back_ends}) < len(back_ends))


@given(machines)
@settings(max_examples=40, deadline=None)
def test_a_machine_has_the_same_shade_in_both_themes_and_its_own_among_three(back_ends: list[tuple[str, str]]) -> None:
    """The nth of its family on the page, whatever stands between."""
    seen: dict[str, int] = {}
    for mark in marks_of(back_ends):
        nth = seen.setdefault(mark.family, 0)
        seen[mark.family] += 1
        if mark.family == PLUGIN:
            assert (mark.light, mark.dark) == tuple(theme.colours(mode)["quiet"] for mode in MODES)
            continue
        place = theme.FAMILIES.index(mark.family)
        shades = [SHADES[mode][place] for mode in MODES]
        assert (mark.light, mark.dark) == tuple(some[nth % len(some)] for some in shades)
        is_own = mark.shape == theme.FAMILY_SHAPES[place] and mark.dash == theme.FAMILY_DASHES[place]
        assert is_own == (nth == 0)


@given(machines)
@settings(max_examples=40, deadline=None)
def test_no_two_machines_are_drawn_alike_while_shapes_and_dashes_last(back_ends: list[tuple[str, str]]) -> None:
    marks = marks_of(back_ends)
    assert len(marks) <= len(SHAPES) * len(DASHES)
    assert len({(mark.shape, mark.dash) for mark in marks}) == len(marks)


def test_every_shape_is_a_path_around_nothing_else_than_its_middle() -> None:
    """What the page's text draws: a closed path within a box of 2.8, that holds the middle of its own extent near 0."""
    assert set(theme.FAMILY_SHAPES) == set(BASE_PATHS)
    for path in (*BASE_PATHS.values(), *SHAPES):
        assert re.fullmatch(r"M[-\d.,MLAHVZ]+Z", path), path
        figures = [abs(float(one)) for one in re.findall(r"-?\d+(?:\.\d+)?", path)]
        assert max(figures) <= 2.16 and (max(figures) <= 1.4 or "A" in path)
    for mark in marks_of([(f"{family}/{nth}", family) for family in theme.FAMILIES for nth in range(4)]):
        assert mark.path.startswith("M") and mark.path.endswith("Z")
        assert mark.path == BASE_PATHS.get(mark.shape, mark.shape)


leaf = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["family", "back_end", "energy"])
channel = st.fixed_dictionaries({"field": st.sampled_from(["family", "energy"]), "type": st.just("nominal")})
encoding = st.dictionaries(st.sampled_from(["color", "shape", "strokeDash", "x"]), channel, min_size=1)
keys = st.sampled_from(["color", "shape", "layer", "encoding", "field", "condition"])
specs = st.recursive(
    encoding | leaf | channel,
    lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=4) | st.lists(inner, min_size=1, max_size=3),
)


def encodings(spec: Any) -> list[tuple[str, Any]]:
    """Every entry of every mapping below, outermost first."""
    if isinstance(spec, list):
        return [one for entry in spec for one in encodings(entry)]
    if not isinstance(spec, dict):
        return []
    return [(key, entry) for key, entry in spec.items()] + [one for entry in spec.values() for one in encodings(entry)]


@given(specs, machines)
@settings(max_examples=40, deadline=None)
def test_a_spec_that_is_worn_names_no_family_by_its_marks_and_stays_itself(
    spec: Any, back_ends: list[tuple[str, str]]
) -> None:
    marks, before = marks_of(back_ends), copy.deepcopy(spec)
    found = worn(spec, marks)
    assert spec == before
    assert worn(found, marks) == found
    wears = [(key, entry) for key, entry in encodings(found) if key in {"color", "shape", "strokeDash"}]
    assert not any(isinstance(entry, dict) and entry.get("field") == "family" for _, entry in wears)
    for key, entry in wears:
        scale = entry.get("scale") if isinstance(entry, dict) else None
        if isinstance(scale, dict) and "domain" in scale:
            assert scale["domain"] == [name for name, _ in back_ends]
            assert ("range" in scale) == (key != "color")
            assert len(scale.get("range", back_ends)) == len(back_ends)
    was = [(key, entry) for key, entry in encodings(spec) if key in {"color", "shape", "strokeDash"}]
    if not any(isinstance(entry, dict) and entry.get("field") == "family" for _, entry in was):
        assert found == spec


@pytest.mark.parametrize("mode", MODES)
@given(back_ends=machines)
@settings(max_examples=20, deadline=None)
def test_a_theme_changes_colours_and_nothing_else_of_its_own(mode: Mode, back_ends: list[tuple[str, str]]) -> None:
    marks, plain = marks_of(back_ends), theme.vega_config(mode)
    found = worn_config(mode, marks)
    assert found["range"].pop("category") == [getattr(mark, mode) for mark in marks]
    was = {**plain, "range": {name: value for name, value in plain["range"].items() if name != "category"}}
    assert found == was and theme.vega_config(mode) == plain
