"""report.md of a study: what the page says, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from joulescape.report.in_words import plain


def markdown(found: Mapping[str, Any]) -> str:
    """The summary of `gap.page.summary` as one Markdown page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {plain(found['question'])}"
    yield f"\n**{plain(found['headline'])}** {plain(found['ground'])}\n\n{plain(found['answer'])}\n"
    yield plain(", ".join(found["scope"]))
    for heading, lines in _sections(found):
        if lines:
            yield f"\n## {heading}\n"
            yield from (f"- {line}" for line in lines)


def _sections(found: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    yield "In short", [plain(f"{tile['value']}: {tile['label']}") for tile in found["tiles"]]
    yield "Findings", [_finding(row) for row in found["findings"]]
    for series in found["series"]:
        yield plain(series["title"]), [plain(f"{fit['group']}: {fit['first']}") for fit in series["fits"]]
    yield "The bridge", [_factor(row) for row in found["factors"]]
    yield "Where both are not the product of their parts", [plain(said) for said in found["interactions"]]
    for case in found["roadmap"]:
        heading = plain(f"What would have to be true: {case['network']}, {case['metric']}")
        ahead = [plain(f"ahead already: {', '.join(case['ahead'])}")] if case["ahead"] else []
        steps = [*case["steps"], *case["never"]]
        yield heading, [*ahead, *(plain(f"{one['back_end']}, {one['sentence']}: {one['verdict']}") for one in steps)]
    rows = found["lifecycle"]
    yield (
        "Lifecycle",
        [
            plain(f"{row['case']} on {row['back_end']}: {'; '.join(f'{k} {v}' for k, v in row['factors'].items())}")
            for row in rows
        ],
    )
    for kind in found["missing"]:
        yield plain(kind["heading"]), [plain(f"{what}: {why}") for what, why in kind["lines"]]
    yield "Sources", [plain(", ".join(found["citations"]))] if found["citations"] else []


def _finding(row: Mapping[str, str]) -> str:
    claim = f" Contradicts: {plain(row['contradicts'])}." if row["contradicts"] else ""
    return f"{plain(row['sentence'])} ({plain(row['uncertainty'])}){claim} `{row['command']}`"


def _factor(row: Mapping[str, str]) -> str:
    parts = f"compression alone {row['compression_alone']}, machine alone {row['machine_alone']}, both {row['both']}"
    named = f"{row['network']}, {row['compression']}, on {row['back_end']}, {row['metric']}"
    return plain(f"{named}: {parts}, product {row['product']}")
