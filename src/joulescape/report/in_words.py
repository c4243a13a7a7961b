"""report.md: what the page says, as Markdown, for a pull request or a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from joulescape.report import theme

ESCAPED = "\\`*_{}[]<>#|!"
"""Characters that Markdown reads; a name from a file must not become markup."""


def plain(text: str) -> str:
    """`text` so that Markdown shows it as it stands."""
    return "".join(f"\\{character}" if character in ESCAPED else character for character in text)


def markdown(found: Mapping[str, Any]) -> str:
    """The summary of `page.summary` as one Markdown page."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {plain(found['question'])}"
    yield f"\n**{plain(found['headline'])}**\n"
    yield f"{plain(', '.join(found['scope']))}\n"
    yield f"{plain(found['answer'])} {plain(found['why'])}".rstrip()
    if found["energy_range"]:
        yield f"\n{plain(found['energy_range'])}"
    if found["command"]:
        yield f"\n```sh\n{found['command']}\n```"
    yield "\n## Best of each back end\n"
    yield from _table(found["back_ends"], found["metrics"])
    for heading, sentences in _sections(found):
        if sentences:
            yield f"\n## {heading}\n"
            yield from (f"- {plain(sentence)}" for sentence in sentences)


def _table(offers: Sequence[Mapping[str, Any]], metrics: Mapping[str, str]) -> Iterator[str]:
    """One row a back end: how many designs meet the limit, and its best."""
    roles = list(metrics)
    yield f"| back end | network | meet | {' | '.join(roles)} |"
    yield f"|---|---|---|{'---|' * len(roles)}"
    for offer in offers:
        cells = [plain(offer["values"].get(role, "–")) for role in roles]
        network = plain(offer["network"]) or plain(offer["why"]) or "–"
        yield f"| {plain(offer['back_end'])} | {network} | {offer['count']:,} | {' | '.join(cells)} |"


def _sections(found: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    good = [
        f"{row['back_end']} with {row['network']}: {100 * row['share']:.0f} % of {row['chips']} chips "
        f"({100 * row['low']:.0f} to {100 * row['high']:.0f} %)"
        for row in found["yields"]
    ]
    yield "Share of good chips", [found["yield"], *good] if found["yield"] else []
    yield "What bounds it", [found["bounds"]] if found["bounds"] else []
    yield "Training beside inference", [found["life"]] if found["life"] else []
    yield "On equal area", [found["equal_terms"]] if found["equal_terms"] else []
    yield "Which knob matters", found["knobs"]
    trust = [found["survivors"]] if found["survivors"] else []
    if found["survivors_fall"]:
        trust.append(found["survivors_fall"])
    if found["optimism_fraction"] is not None:
        gap, way = 100 * abs(found["optimism_fraction"]), "above" if found["optimism_fraction"] > 0 else "below"
        trust.append(f"Validation stood {gap:.1f} points {way} test on average.")
    if found["predictions"]:
        within = f"{found['predictions_within_tolerance']:,} of {found['predictions']:,}"
        median = theme.show(found["prediction_median_error_fraction"], "error_fraction")
        trust.append(f"{within} published predictions are met within their tolerance; median error {median}.")
    if found["answer_predictions"]:
        trust.append(found["answer_predictions"])
    yield "Can I trust the numbers", [*trust, *found["rungs"]]
    yield "Did the search run long enough", [said for said in (found["search"], found["search_effort"]) if said]
    refused = [
        f"{reason['count']:,} × {reason['back_end']}, {reason['state']}: "
        + "; ".join(filter(None, (reason["example"], reason["nearest"])))
        for reason in found["reasons"]
    ]
    yield "Infeasible and failed", refused
    yield "Sources", [", ".join(found["citations"])] if found["citations"] else []
