"""What every page of the report shares: the drawing library, templates, assets, and drawings that need no script."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from joulescape.report import theme
from joulescape.report.blob import Columns, packed, packed_text, script_json

VEGA_LITE = "6.4"
"""The version that Altair emits and that the bundle must match."""

SCRIPTS = (
    "decide.js", "numbers.js", "columns.js", "certainty.js", "charts.js", "panel.js", "table.js", "sheet.js",
    "paper.js", "main.js",
)  # fmt: skip
"""Joined in this order inside one function."""


def dressed(datasets: Mapping[str, Columns], page: Mapping[str, Any], *later: Mapping[str, Columns]) -> dict[str, Any]:
    """What every template with charts asks for: style, palettes, library, script, packed rows, specs, licences.

    `datasets` are what the charts draw; the rows of a `later` group are unpacked once the first charts are drawn.
    """
    return {
        **bare(),
        "library": packed_library(),
        "script": Markup("\n".join(asset(name) for name in SCRIPTS)),
        "blob": packed(datasets, *later),
        "page": Markup(script_json(page)),
        "licences": asset("licences.txt"),
    }


def bare() -> dict[str, Any]:
    """What the base template asks for: style and palettes."""
    return {
        "css": Markup(asset("report.css")),
        "palettes": {mode: theme.colours(mode) for mode in ("light", "dark")},
        "component_names": theme.component_names(),
    }


@cache
def library() -> str:
    """Vega, Vega-Lite and vega-embed as one script; built once a process.

    Inside a function, else it leaves thousands of global names; it still sets `window.vegaEmbed`.
    """
    import vl_convert

    source: str = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]  # the stub knows no default
    return f"(function () {{\n{source}\n}})();"


@cache
def packed_library() -> str:
    """The library as the page holds it; packing it takes longer than everything else."""
    return packed_text(library())


@cache
def environment() -> jinja2.Environment:
    """Templates with strict escaping: what is not marked as ours is text, and a missing name is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("joulescape.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["show"] = theme.show
    made.filters["factor"] = theme.factor_text
    made.filters["glyph"] = lambda family: theme.FAMILY_GLYPHS.get(family, "●")
    return made


@cache
def asset(name: str) -> str:
    """The text of a file of assets/."""
    return (files("joulescape.report") / "assets" / name).read_text(encoding="utf-8")


def drawing(spec: Mapping[str, Any], config: Mapping[str, Any] | None = None, width: int = 760) -> Markup:
    """A spec that holds its rows, as SVG in the light theme: for a reader without scripts. Same spec, same bytes."""
    import vl_convert

    style = {**(config or theme.vega_config("light")), "background": "white"}
    svg: str = vl_convert.vegalite_to_svg(json.dumps({**spec, "width": width, "config": style}), vl_version=VEGA_LITE)
    return Markup(_renumbered(svg))


def _renumbered(svg: str) -> str:
    """Clip paths numbered from 0, as the renderer counts on through its process; to hundredths."""
    numbers: dict[str, str] = {}
    short = re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", svg)
    return re.sub(r"\bclip\d+\b", lambda found: numbers.setdefault(found[0], f"clip{len(numbers)}"), short)
