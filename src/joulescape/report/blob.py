"""Packs the page's data once for all charts and the table: columns as bytes, gzip, and five characters for four bytes.

A long column is a mask of the rows that have a value, a mask of those whose value is a new one (the variants of a
candidate share much), and its values: places in a list of distinct ones, decimal numbers as mantissa and exponent, or
digests as bytes. Equal bytes are kept once. Anything else is JSON. assets/columns.js reads the same.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

DIGITS = 4
"""Significant figures kept: more would not be read, and unrounded numbers compress badly."""
SHORT = 64
"""Columns of no more rows are JSON."""
PLACES = 65536
"""At most so many distinct values are listed: a place is two bytes."""
POWERS = np.array([float(f"1e{power}") for power in range(23)])
"""Powers of ten that a double holds exactly: a mantissa times or over one is the nearest double of the decimal."""
ALPHABET = bytes(code for code in range(33, 127) if chr(code) not in "\"$&'/<>\\`")
"""Characters of packed text, 85 of them: none can end or open an element, nor is one an escape anywhere."""

Columns = Mapping[str, Sequence[Any] | pl.Series]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


def rounded(value: float | None, digits: int = DIGITS) -> float | None:
    """`value` with the page's significant figures; None stays None.

    What is rounded twice must read as if it were rounded once: a last figure that only became 5 by rounding is 4 or 6
    instead, on the side of the value, so that one figure fewer is right.
    """
    if value is None or not math.isfinite(value):
        return None
    near = float(f"{value:.{digits}g}")
    figures = f"{near:.{digits - 1}e}"
    if near == value or figures[figures.index("e") - 1] != "5":
        return near
    mantissa, power = figures.split("e")
    last = "6" if abs(value) > abs(near) else "4"
    return float(f"{mantissa[:-1]}{last}e{power}")


def rounded_series(values: pl.Series, digits: int = DIGITS) -> pl.Series:
    """The same of a whole column of floats; not a number becomes null."""
    known = values.fill_nan(None)
    found = known.to_numpy().astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        power = np.nan_to_num(np.floor(np.log10(np.abs(found))), posinf=0, neginf=0) - (digits - 1)
        scaled = _over(found, power)
        whole = np.rint(scaled)
        is_five = (np.abs(whole) % 10 == 5) & (whole != scaled)
        made = _times(whole + np.where(is_five, np.sign(scaled - whole), 0.0), power)
        off = np.abs(scaled - whole)
        unsure = (np.abs(power) >= len(POWERS)) | (np.abs(off - 0.5) < 1e-6) | (is_five & (off < 1e-6))
    for row in np.flatnonzero(unsure | ~np.isfinite(found)):  # a tie is settled as text settles it
        made[row] = np.nan if (exact := rounded(float(found[row]), digits)) is None else exact
    return pl.Series(values.name, made, dtype=pl.Float64).fill_nan(None)


def packed(*groups: Mapping[str, Columns]) -> str:
    """One line of text a group: the page unpacks the first at once and a further one when it is needed.

    The same data gives the same bytes.
    """
    return "\n".join(_written(_Writer().written(group)) for group in groups)


def packed_text(text: str) -> str:
    """`text` as gzip in 85 characters: none of them can end the element that holds it."""
    return _written(text.encode())


def _written(content: bytes) -> str:
    """Gzip, then each four bytes as five figures to the base of 85, the last group cut: less than base64."""
    small = gzip.compress(content, mtime=0)
    spare = -len(small) % 4
    words = np.frombuffer(small + b"\0" * spare, dtype=">u4").astype(np.int64)
    figures = np.stack([words // 85**place % 85 for place in (4, 3, 2, 1, 0)], axis=1)
    text = np.frombuffer(ALPHABET, dtype=np.uint8)[figures].tobytes().decode()
    return text[: len(text) - spare]


def _read(text: str) -> bytes:
    spare = -len(text) % 5
    places = np.zeros(128, dtype=np.int64)
    places[list(ALPHABET)] = np.arange(len(ALPHABET))
    codes = np.frombuffer((text + chr(ALPHABET[-1]) * spare).encode(), dtype=np.uint8)
    small = (places[codes].reshape(-1, 5) @ 85 ** np.array([4, 3, 2, 1, 0])).astype(">u4").tobytes()
    return gzip.decompress(small[: len(small) - spare])


def unpacked(text: str) -> dict[str, dict[str, list[Any]]]:
    """What `packed` packed, of all groups: the page's own decoding, for tests and other readers."""
    found: dict[str, dict[str, list[Any]]] = {}
    for line in text.split("\n"):
        content = _read(line)
        start = 4 + int.from_bytes(content[:4], "little")
        head, body = json.loads(content[4:start]), np.frombuffer(content[start:], dtype=np.uint8)
        for name, columns in head.items():
            found[name] = {key: _decoded(column, body) for key, column in columns.items()}
    return found


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


class _Writer:
    """Lays the bytes of columns one after the other; what was laid before is found again."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._end = 0
        self._known: dict[bytes, int] = {}

    def written(self, datasets: Mapping[str, Columns]) -> bytes:
        """Length of the head, the head as JSON, the bytes that it points into."""
        head = {
            name: {key: self._coded(values) for key, values in columns.items()} for name, columns in datasets.items()
        }
        text = json.dumps(head, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
        return b"".join((len(text).to_bytes(4, "little"), text, *self._parts))

    def _coded(self, values: Sequence[Any] | pl.Series) -> dict[str, Any]:
        series = _series(values)
        if series is None:
            return {"v": list(values)}
        known, present = series.is_not_null(), series.drop_nulls()
        starts = (present != present.shift(1)).fill_null(True)
        has_runs = 2 * int(starts.sum()) <= len(present)
        few = present.filter(starts) if has_runs else present
        kept = self._values(few, len(series))
        if kept is None:
            return {"v": list(values)}
        if len(present) < len(series):
            kept["m"] = self._mask(known)
        if has_runs:
            kept["r"] = self._mask(starts)
        return {"n": len(series), "p": len(present), "c": len(few), **kept}

    def _values(self, values: pl.Series, rows: int) -> dict[str, Any] | None:
        listed = values.unique(maintain_order=True)
        if len(listed) > 256 and values.dtype == pl.String and _is_digest(values):
            width = len(values[0]) // 2
            return {"k": "hex", "w": width, "at": self._laid(np.frombuffer(bytes.fromhex("".join(values)), np.uint8))}
        if len(listed) > 256 and values.dtype == pl.Float64 and (parts := _decimal(values.to_numpy())) is not None:
            return {"k": "decimal", "at": self._laid(np.concatenate(parts))}
        if len(listed) > PLACES or 2 * len(listed) > rows:
            return None
        places = pl.DataFrame({"x": values}).join(
            pl.DataFrame({"x": listed}).with_row_index("place"), on="x", how="left", maintain_order="left"
        )["place"].to_numpy()  # fmt: skip
        return {"k": "listed", "d": listed.to_list(), "at": self._laid(_planes(places, 1 if len(listed) <= 256 else 2))}

    def _mask(self, rows: pl.Series) -> int:
        return self._laid(np.packbits(rows.to_numpy(), bitorder="little"))

    def _laid(self, content: Bytes) -> int:
        key = content.tobytes()
        if key not in self._known:
            self._known[key] = self._end
            self._parts.append(key)
            self._end += len(key)
        return self._known[key]


def _series(values: Sequence[Any] | pl.Series) -> pl.Series | None:
    """A column of one type with more than a few rows; None where JSON holds it as well."""
    if len(values) <= SHORT:
        return None
    if isinstance(values, pl.Series):
        return values
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds or not (kinds <= {int, float} or kinds in ({str}, {bool})):
        return None
    dtype = {frozenset({str}): pl.String, frozenset({bool}): pl.Boolean, frozenset({int}): pl.Int64}
    return pl.Series(list(values), dtype=dtype.get(frozenset(kinds), pl.Float64))


def _is_digest(values: pl.Series) -> bool:
    return bool(values.str.contains(r"^(?:[0-9a-f]{2})+$").all()) and values.str.len_bytes().n_unique() == 1


def _decimal(values: Floats) -> tuple[Bytes, Bytes] | None:
    """Mantissas of as few figures as do, and powers of ten, that give exactly these values; None where four do not."""
    return next(filter(None, (_with_figures(values, figures) for figures in (2, DIGITS - 1, DIGITS))), None)


def _with_figures(values: Floats, figures: int) -> tuple[Bytes, Bytes] | None:
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where(values == 0, 0, np.floor(np.log10(np.abs(values))) - (figures - 1))
        mantissa = np.rint(_over(values, power))
        exact = np.array_equal(_times(mantissa, power), values)
    if not exact or np.abs(power).max(initial=0) >= len(POWERS):
        return None
    return _planes(mantissa.astype(np.int16).view(np.uint16), 2), power.astype(np.int8).view(np.uint8)


def _planes(numbers: npt.NDArray[Any], width: int) -> Bytes:
    """All low bytes, then all high ones: each kind packs better beside its like."""
    return np.concatenate([((numbers >> (8 * place)) & 255).astype(np.uint8) for place in range(width)])


def _times(mantissa: Floats, power: npt.NDArray[Any]) -> Floats:
    """mantissa x 10^power, one rounding."""
    factor = POWERS[np.minimum(np.abs(power), len(POWERS) - 1).astype(np.int64)]
    found: Floats = np.where(power < 0, mantissa / factor, mantissa * factor)
    return found


def _over(values: Floats, power: npt.NDArray[Any]) -> Floats:
    return _times(values, -power)


def _decoded(column: Mapping[str, Any], body: Bytes) -> list[Any]:
    if "v" in column:
        return list(column["v"])
    known = _bits(body, column.get("m"), column["n"])
    starts = _bits(body, column.get("r"), column["p"])
    few = _few(column, body[column["at"] :])
    present = [few[place - 1] for place in np.cumsum(starts)]
    rest = iter(present)
    return [next(rest) if has else None for has in known]


def _bits(body: Bytes, at: int | None, count: int) -> npt.NDArray[np.bool_]:
    if at is None:
        return np.ones(count, dtype=bool)
    return np.unpackbits(body[at : at + -(-count // 8)], count=count, bitorder="little").astype(bool)


def _few(column: Mapping[str, Any], body: Bytes) -> Sequence[Any]:
    count, kind = column["c"], column["k"]
    if kind == "hex":
        return [row.tobytes().hex() for row in body[: count * column["w"]].reshape(count, column["w"])]
    if kind == "decimal":
        mantissa = (body[:count].astype(np.uint16) | body[count : 2 * count].astype(np.uint16) << 8).view(np.int16)
        found: list[float] = _times(mantissa.astype(float), body[2 * count : 3 * count].view(np.int8)).tolist()
        return found
    planes: Iterable[int] = body[:count].astype(int)
    if len(column["d"]) > 256:
        planes = planes + 256 * body[count : 2 * count].astype(int)
    return [column["d"][place] for place in planes]
