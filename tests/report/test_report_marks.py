"""Machines of one family are told apart by shade, dash and shape, on every page and by every eye."""

from __future__ import annotations

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.report import figure, theme
from joulescape.report.marks import DASHES, SHADES, SHAPES, Mark, marks_of, share_a_family, worn, worn_config
from joulescape.report.shell import VEGA_LITE
from joulescape.report.theme import Mode

EYES = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
"""Machado, Oliveira and Fernandes 2009, at full severity, on linear RGB."""

MODES: tuple[Mode, ...] = ("light", "dark")


def linear(colour: str) -> list[float]:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]


def seen(colour: str, eye: str) -> tuple[float, ...]:
    """OKLab of a colour as an eye sees it."""
    red, green, blue = (
        min(1.0, max(0.0, sum(m * c for m, c in zip(row, linear(colour), strict=True)))) for row in EYES[eye]
    )
    cones = (
        0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue,
        0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue,
        0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue,
    )
    long, middle, short = (cone ** (1 / 3) for cone in cones)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def luminance(colour: str) -> float:
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_shades_of_a_family_differ_for_every_eye_and_stand_off_the_page(mode: Mode) -> None:
    page = luminance(theme.colours(mode)["page"])
    for shades in SHADES[mode]:
        for eye, (one, other) in itertools.product(EYES, itertools.combinations(shades, 2)):
            assert 100 * math.dist(seen(one, eye), seen(other, eye)) > 11
        for shade in shades:
            low, high = sorted((luminance(shade), page))
            assert (high + 0.05) / (low + 0.05) >= 3.0


@pytest.mark.parametrize("mode", MODES)
def test_the_first_shade_is_the_family_s_own_colour(mode: Mode) -> None:
    assert tuple(shades[0] for shades in SHADES[mode]) == theme.FAMILY_COLOURS[mode]


families = st.dictionaries(st.sampled_from(theme.FAMILIES), st.integers(1, 9), min_size=1)


def machines(counts: dict[str, int]) -> list[tuple[str, str]]:
    return [(f"{name}/{at}", name) for name in theme.FAMILIES for at in range(counts.get(name, 0))]


@given(families)
def test_machines_of_a_family_differ_in_grey_and_keep_its_hue(counts: dict[str, int]) -> None:
    marks = marks_of(machines(counts))
    assert share_a_family(marks) == any(count > 1 for count in counts.values())
    for name in counts:
        mine = [mark for mark in marks if mark.family == name]
        assert len({mark.shape for mark in mine}) == len({mark.dash for mark in mine}) == len(mine)
        place = theme.FAMILIES.index(name)
        assert all(mark.light in SHADES["light"][place] and mark.dark in SHADES["dark"][place] for mark in mine)
        first = mine[0]
        assert (first.shape, first.dash) == (theme.FAMILY_SHAPES[place], theme.FAMILY_DASHES[place])
    extra = sum(counts.values()) - len(counts)
    if extra <= len(SHAPES):  # then no two machines of the page share a shape
        assert len({mark.shape for mark in marks}) == len(marks)


def test_shape_and_dash_together_repeat_late() -> None:
    assert math.gcd(len(SHAPES), len(DASHES)) == 1
    assert len(set(SHAPES)) == len(SHAPES) and len(set(DASHES)) == len(DASHES)
    assert not set(DASHES) & set(theme.FAMILY_DASHES)


def test_a_family_of_a_plug_in_is_quiet_and_told_apart_by_shape() -> None:
    one, two = marks_of([("neuromorphic/a", "neuromorphic"), ("neuromorphic/b", "neuromorphic")])
    assert one.light == two.light == theme.colours("light")["quiet"]
    assert one.shape != two.shape and one.dash != two.dash


def test_a_spec_wears_the_machines_and_keeps_what_is_no_family() -> None:
    marks: tuple[Mark, ...] = marks_of([("photonic/a", "photonic"), ("photonic/b", "photonic")])
    encoding = {name: made.to_dict() for name, made in (("color", figure.family_colour()), ("x", figure.family_dash()))}
    spec = {"layer": [{"encoding": {**encoding, "shape": figure.family_shape().to_dict()}}], "height": 3}
    found = worn(spec, marks)
    inner = found["layer"][0]["encoding"]
    assert inner["color"]["field"] == inner["shape"]["field"] == "back_end"
    assert inner["shape"]["scale"] == {"domain": ["photonic/a", "photonic/b"], "range": ["triangle-up", SHAPES[0]]}
    assert "range" not in inner["color"]["scale"]
    assert inner["x"] == encoding["x"] and found["height"] == 3
    assert worn_config("dark", marks)["range"]["category"] == list(SHADES["dark"][1][:2])


@pytest.mark.parametrize("mode", MODES)
def test_names_of_every_shade_are_read_from_the_page(mode: Mode) -> None:
    import altair as alt
    import vl_convert

    shades = [shade for family in SHADES[mode] for shade in family]
    page = theme.colours(mode)["page"]
    rows = [{"back_end": f"m{place}"} for place in range(len(shades))]
    names = alt.Chart(alt.NamedData("rows")).mark_text(fill=figure.name_colour()).encode(text="back_end:N")
    scale = alt.Scale(domain=[row["back_end"] for row in rows], range=shades)
    points = alt.Chart(alt.NamedData("rows")).mark_point().encode(color=alt.Color("back_end:N", scale=scale))
    spec = figure.layered(names, points, params=[alt.param(name="paper", value=page)]).to_dict(validate=False)
    svg = vl_convert.vegalite_to_svg({**spec, "datasets": {"rows": rows}}, vl_version=VEGA_LITE)
    fills = {name: fill for fill, name in re.findall(r'<text[^>]*fill="(rgb[^"]*)"[^>]*>(m\d+)<', svg)}
    assert fills.keys() == {row["back_end"] for row in rows}
    for fill in fills.values():
        colour = "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", fill))
        assert contrast(luminance(colour), luminance(page)) >= 4.5
