"""Packs the page's data: columns with a dictionary, as JSON, gzip and base64, once for all charts and the table."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

DIGITS = 4
"""Significant figures kept: more would not be read, and unrounded numbers compress badly."""

Columns = Mapping[str, Sequence[Any]]


def rounded(value: float | None) -> float | None:
    """`value` with the page's significant figures; None stays None."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")


def packed(datasets: Mapping[str, Columns]) -> str:
    """Base64 text that the page's `unpack` turns into the same columns. The same data gives the same bytes."""
    coded = {name: {key: _coded(values) for key, values in columns.items()} for name, columns in datasets.items()}
    return packed_text(json.dumps(coded, separators=(",", ":"), ensure_ascii=False, allow_nan=False))


def packed_text(text: str) -> str:
    """`text` as gzip and base64: no character of it can end the element that holds it."""
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode()


def unpacked(text: str) -> dict[str, dict[str, list[Any]]]:
    """What `packed` packed: the page's own decoding, for tests and other readers."""
    coded = json.loads(gzip.decompress(base64.b64decode(text)))
    return {name: {key: _decoded(column) for key, column in columns.items()} for name, columns in coded.items()}


def script_json(value: Any) -> str:
    """JSON that may stand inside a <script> element whatever names it holds."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False, sort_keys=True)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows of equal keys as columns."""
    names = list(rows[0]) if rows else []
    return {name: [row[name] for row in rows] for name in names}


def _coded(values: Sequence[Any]) -> dict[str, Any]:
    distinct = list(dict.fromkeys(values))
    if len(distinct) * 2 > len(values):
        return {"v": list(values)}
    place = {value: index for index, value in enumerate(distinct)}
    return {"d": distinct, "i": [place[value] for value in values]}


def _decoded(column: Mapping[str, Any]) -> list[Any]:
    return column["v"] if "v" in column else [column["d"][index] for index in column["i"]]
