"""Every chart of a page as files: a drawing (SVG), a picture (PNG), and the rows behind it (CSV)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joulescape.report import theme
from joulescape.report.figure import Figure, Rows
from joulescape.report.shell import VEGA_LITE, drawing
from joulescape.report.written import write_bytes, write_text

WIDTH = 760
SCALE = 2
"""Pixels of a picture for each of the drawing's."""
BESIDE = ("band", "one")
"""Data that a chart needs to be drawn, and that says nothing by itself."""
LIST = "charts.json"


def write_pictures(
    figures: Mapping[str, Figure], shared: Mapping[str, Rows], folder: Path, config: Mapping[str, Any] | None = None
) -> tuple[Path, ...]:
    """Write every chart's files and a list of them; the same figures give the same bytes. Returns what was written."""
    made: dict[Path, None] = {}
    for name, figure in figures.items():
        spec = figure.with_rows(shared)
        style = config or figure.config("light")
        write_text(folder / f"{name}.svg", f"{drawing(spec, style, WIDTH)}\n")
        write_bytes(folder / f"{name}.png", picture(spec, style))
        made |= dict.fromkeys((folder / f"{name}.svg", folder / f"{name}.png"))
        for beside, rows in _data(figure, shared).items():
            write_text(folder / f"{beside}.csv", csv_text(rows))
            made[folder / f"{beside}.csv"] = None
    told = [_entry(figure, shared) for figure in figures.values()]
    write_text(folder / LIST, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return (*made, folder / LIST)


def picture(spec: Mapping[str, Any], config: Mapping[str, Any] | None = None) -> bytes:
    """A spec that holds its rows, as PNG in the light theme."""
    import vl_convert

    style = {**(config or theme.vega_config("light")), "background": "white"}
    text = json.dumps({**spec, "width": WIDTH, "config": style})
    found: bytes = vl_convert.vegalite_to_png(text, vl_version=VEGA_LITE, scale=SCALE)
    return found


def csv_text(rows: Rows) -> str:
    """Rows as a spreadsheet reads them: a name that looks like a formula is quoted, an absent value is empty."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in tuple("=+-@\t\r"):
        return f"'{value}"
    return value


def _data(figure: Figure, shared: Mapping[str, Rows]) -> dict[str, Rows]:
    """What a chart draws, by the name of its file: its own rows bear the chart's name, further ones that of the data,
    which other charts may draw as well."""
    own = {name: rows for name, rows in figure.data.items() if name not in BESIDE}
    used = json.dumps(figure.spec())
    rest = {name: rows for name, rows in shared.items() if name not in BESIDE and f'"name": "{name}"' in used}
    named = {(figure.id if place == 0 else name): rows for place, (name, rows) in enumerate({**own, **rest}.items())}
    return {name: rows for name, rows in named.items() if rows}


def _entry(figure: Figure, shared: Mapping[str, Rows]) -> dict[str, Any]:
    files = [f"{figure.id}.svg", f"{figure.id}.png", *(f"{name}.csv" for name in _data(figure, shared))]
    words = {"id": figure.id, "title": figure.title, "caption": figure.words, "summary": figure.summary}
    return {**words, "files": files}
