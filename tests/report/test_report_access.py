"""The page for readers who do not see, do not use a mouse, print, or run no scripts; and the index page."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from drawn_pages import empty_page, ordinary_page
from page_reader import Element, assert_sound, elements, named
from synthetic import save, synthetic

from joulescape.report import theme
from joulescape.report.index import Entry, entries, render_index
from joulescape.report.page import Facts, summary_text
from joulescape.report.shell import asset, environment

CONTROLS = ("button", "input", "select", "textarea")
LEVELS = ("h1", "h2", "h3", "h4")


@pytest.fixture(scope="module", params=["full", "empty"])
def page(request: pytest.FixtureRequest) -> list[Element]:
    return elements(ordinary_page() if request.param == "full" else empty_page())


def label_of(control: Element, page: list[Element]) -> str:
    """What a screen reader calls a control: its own label, a <label> for it or around it, or its text."""
    own = control.attributes.get("aria-label", "") + control.text
    pointing = [
        found.text for found in named(page, "label") if found.attributes.get("for") == control.attributes.get("id")
    ]
    around = [found.text for found in control.around if found.tag == "label"]
    return " ".join([own, *pointing, *around]).strip()


def test_the_page_has_a_language_a_title_and_one_first_heading(page: list[Element]) -> None:
    assert named(page, "html")[0].attributes["lang"] == "en"
    assert named(page, "title")[0].text.strip()
    assert len(named(page, "h1")) == 1
    assert len(named(page, "main")) == 1


def test_headings_never_skip_a_level(page: list[Element]) -> None:
    levels = [int(found.tag[1]) for found in named(page, *LEVELS)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(found.text.strip() for found in named(page, *LEVELS))


def test_every_control_has_a_name(page: list[Element]) -> None:
    for control in named(page, *CONTROLS):
        assert label_of(control, page), control.attributes


def test_ids_are_unique_and_every_reference_finds_one(page: list[Element]) -> None:
    ids = [found.attributes["id"] for found in page if "id" in found.attributes]
    assert len(ids) == len(set(ids))
    for link in named(page, "a"):
        target = link.attributes["href"]
        assert not target.startswith("#") or target[1:] in ids, target
    for label in named(page, "label"):
        assert "for" not in label.attributes or label.attributes["for"] in ids


def test_every_chart_has_words_beside_it(page: list[Element]) -> None:
    charts = [found for found in page if "data-chart" in found.attributes]
    for chart in charts:
        assert chart.attributes["role"] == "img" and chart.attributes["aria-label"].strip()
        around = chart.around[-1]
        assert around.tag == "figure"
        assert any(child.tag == "figcaption" and child.text.strip() for child in around.children)


def test_every_table_has_a_head_with_names(page: list[Element]) -> None:
    for table in named(page, "table"):
        inside = [found for found in page if table in found.around]
        heads = [found for found in inside if found.tag == "th"]
        is_filled_by_script = any(found.attributes.get("id") == "table-box" for found in table.around)
        assert is_filled_by_script or heads
        assert all(head.text.strip() for head in heads)
        columns = [head for head in heads if "colspan" not in head.attributes]
        rows = [
            found for found in inside if found.tag == "tr" and any(around.tag == "tbody" for around in found.around)
        ]
        assert all(len(row.children) == len(columns) for row in rows)


def test_what_changes_is_announced() -> None:
    page = elements(ordinary_page())
    found = {element.attributes.get("id"): element for element in page}
    for name in ("answer", "why", "tie", "range", "looked", "table-count"):
        chain = (*found[name].around, found[name])
        assert any(around.attributes.get("aria-live") == "polite" for around in chain), name
    pressed = [element for element in page if "aria-pressed" in element.attributes]
    groups = [element for element in page if element.attributes.get("role") == "group"]
    assert pressed and groups and all(group.attributes["aria-label"] for group in groups)
    for group in groups:
        states = [child.attributes["aria-pressed"] for child in group.children]
        assert states.count("true") == 1


def test_signs_and_colour_swatches_are_hidden_from_readers() -> None:
    page = elements(ordinary_page())
    glyphs = [element for element in page if "glyph" in element.attributes.get("class", "").split()]
    assert glyphs and all(element.attributes["aria-hidden"] == "true" for element in glyphs)
    shares = [element for element in page if element.attributes.get("class") == "shares"]
    assert shares and all("assumed" in element.attributes["aria-label"] for element in shares)


def test_the_skip_link_comes_first_and_leads_to_the_answer() -> None:
    page = elements(ordinary_page())
    first = named(page, "a")[0]
    assert (first.attributes["class"], first.attributes["href"]) == ("skip", "#decide")
    section = next(element for element in page if element.attributes.get("id") == "decide")
    answer = next(element for element in page if element.attributes.get("id") == "answer")
    assert section in answer.around


def test_without_scripts_the_answer_the_offers_and_the_fronts_are_there() -> None:
    given = synthetic(160)
    page, facts = elements(ordinary_page()), Facts.of(given).decision
    found = {element.attributes.get("id"): element.text for element in page}
    assert found["answer"] == facts.answer
    assert (found["range"], found["tie"], found["command"]) == (facts.range, facts.tie, facts.command)
    rows = [element for element in page if element.tag == "tr" and "data-back-end" in element.attributes]
    assert [row.attributes["data-back-end"] for row in rows] == [offer.back_end for offer in facts.offers]
    for row, offer in zip(rows, facts.offers, strict=True):
        assert [cell.text for cell in row.children[2:]] == [
            offer.values.get(role, "–") for role in given.axes.__dataclass_fields__
        ]
    assert found["sure"] == facts.trust
    picture = next(element for element in page if element.tag == "svg" and element.around[-1].tag == "noscript")
    drawn = [element for element in page if picture in element.around]
    assert sum(element.tag == "path" for element in drawn) > 20
    assert not any(element.tag in {"script", "image", "foreignobject", "a"} for element in drawn)


PRINT = asset("report.css").split("@media print")[1]
STYLE = asset("report.css")


def test_print_hides_controls_and_keeps_figures_whole() -> None:
    assert re.search(r"\.controls[^{]*\{ display: none !important; \}", PRINT)
    assert "figure { margin: 0 0 10px; min-width: 0; break-inside: avoid; }" in STYLE
    assert re.search(r"h2 \{[^}]*break-after: avoid", STYLE)
    assert "#table-box { height: auto; overflow: visible; }" in PRINT
    assert not re.search(r"(#answer|\.answer|\.command|\.why|\.tie)[^{}]*\{[^}]*display: none", PRINT)


def test_every_class_and_variable_of_the_style_is_used_or_set() -> None:
    page = ordinary_page()
    scripts = "".join(asset(name) for name in ("panel.js", "table.js", "sheet.js", "charts.js", "main.js"))
    markup = (
        page.split("</style>")[1].split('<script type="application/json"')[0]
        + scripts
        + render_index((Entry("s", "q", "h", "a", (), "l"),))
    )
    without_values = re.sub(r"\{[^}]*\}", "{}", re.sub(r"/\*.*?\*/", "", STYLE, flags=re.S))
    for name in set(re.findall(r"\.([a-z][a-z-]+)", without_values)) - {"vega-embed"}:
        assert re.search(rf"\b{name}\b", markup), f".{name} styles nothing"
    head = page.split("</style>")[0]
    for name in set(re.findall(r"var\(--([a-z0-9-]+)\)", STYLE + markup)):
        assert f"--{name}:" in head, f"--{name} is not set"


def test_focus_is_visible_motion_can_be_stilled_and_targets_are_large() -> None:
    assert ":focus-visible { outline: 2px solid" in STYLE
    assert "prefers-reduced-motion" in STYLE
    sizes = [
        int(size) for size in re.findall(r"min-height: (\d+)px", STYLE.split("button {")[0].split("select, button")[0])
    ]
    assert all(size >= 20 for size in sizes if size)
    assert "outline: none" not in STYLE and "user-scalable" not in empty_page()


def linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two colours."""
    high, low = sorted(
        (sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear(c), strict=True)) for c in (first, second)),
        reverse=True,
    )
    return (high + 0.05) / (low + 0.05)


def oklab(colour: str) -> list[float]:
    """OKLab coordinates (Ottosson, 2020)."""
    red, green, blue = linear(colour)
    cones = (
        0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue,
        0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue,
        0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue,
    )
    long, middle, short = (cone ** (1 / 3) for cone in cones)
    return [
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    ]


def distance(first: str, second: str) -> float:
    pairs = zip(oklab(first), oklab(second), strict=True)
    return 100 * sum((a - b) ** 2 for a, b in pairs) ** 0.5


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_word_and_mark_stands_out(mode: theme.Mode) -> None:
    palette = theme.colours(mode)
    for ground in ("page", "panel"):
        assert all(contrast(palette[name], palette[ground]) >= 4.5 for name in ("ink", "quiet", "ring"))
        assert all(contrast(colour, palette[ground]) >= 2.9 for colour in palette["families"])
    assert all(contrast(colour, palette["page"]) >= 3 for colour in palette["families"])
    assert contrast(palette["ink"], palette["page"]) >= 12


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_families_are_far_apart_in_colour(mode: theme.Mode) -> None:
    palette = theme.colours(mode)
    for first, second in itertools.combinations(palette["families"], 2):
        assert distance(first, second) >= 15, (first, second)
    for family, component in itertools.product(palette["families"], palette["components"]):
        assert distance(family, component) >= 2, (family, component)
    for first, second in itertools.pairwise(palette["components"]):
        assert distance(first, second) >= 4, (first, second)


def test_families_differ_in_shape_dash_and_glyph_too() -> None:
    count = len(theme.FAMILIES)
    for kinds in (theme.FAMILY_SHAPES, theme.FAMILY_DASHES, tuple(theme.FAMILY_GLYPHS.values())):
        assert len(set(kinds)) == len(kinds) == count
    assert list(theme.FAMILY_GLYPHS) == list(theme.FAMILIES)


def test_the_index_links_to_every_report_in_order(tmp_path: Path) -> None:
    folders = [save(synthetic(40, name=name), tmp_path) for name in ("b_space", "a_space")]
    for folder, name in zip(folders, ("b_space", "a_space"), strict=True):
        (folder / "report.json").write_text(summary_text(synthetic(40, name=name)), encoding="utf-8")
    listed = entries(folders, tmp_path / "pages" / "index.html")
    assert [entry.name for entry in listed] == ["a_space", "b_space"]
    assert [entry.link for entry in listed] == ["../a_space/report.html", "../b_space/report.html"]
    page = render_index(listed)
    assert_sound(page)
    read = elements(page)
    links = [link.attributes["href"] for link in named(read, "a")]
    assert [link for link in links if link.endswith("report.html")] == [entry.link for entry in listed]
    assert [int(heading.tag[1]) for heading in named(read, *LEVELS)] == [1, 2, 2]
    assert all(entry.headline in page.replace("&#39;", "'") for entry in listed)


def test_an_index_of_nothing_says_so_and_of_one_counts_one() -> None:
    assert "No report has been drawn yet." in render_index(())
    one = Entry("s", "<b>Which?</b>", "A & B", "x", ("scope",), "s/report.html")
    page = render_index((one,))
    assert "1 question, each" in page
    assert "&lt;b&gt;Which?&lt;/b&gt;" in page and "A &amp; B" in page
    assert page == render_index((one,))


def test_templates_name_nothing_that_is_not_there() -> None:
    made = environment()
    assert made.autoescape is True
    with pytest.raises(Exception, match="undefined"):
        made.from_string("{{ no_such_name }}").render()
    assert set(made.list_templates(extensions=["j2"])) >= {"report.html.j2", "index.html.j2", "trust.html.j2"}
