"""docs/devices.md is what the shelf says, whole: every device, every figure with its range."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark_scripts import benchmark

ROOT = Path(__file__).resolve().parents[1]


PAGE = benchmark("device_page")
SHELF = PAGE.devices()
TEXT = PAGE.page()
FIGURES = (
    "g_on_msiemens", "on_off_ratio", "read_v", "read_pulse_ns", "programming_sigma_fraction", "read_sigma_fraction",
    "stuck_off_fraction", "stuck_on_fraction",
)  # fmt: skip


def test_the_page_is_as_the_shelf_is() -> None:
    assert (ROOT / "docs" / "devices.md").read_text(encoding="utf-8") == TEXT + "\n"


def test_all_kinds_of_memory_are_there() -> None:
    assert len(SHELF) == 9


@pytest.mark.parametrize("name", SHELF)
def test_every_device_answers_every_question_if_only_that_nobody_knows(name: str) -> None:
    """What has no law says so (null), where no programming law stands one sigma does; a figure has a range or was read
    off its source."""
    one = SHELF[name]["parameters"]
    assert {"levels", "drift", "flicker"} <= one.keys()
    figures = [*(one[key] for key in FIGURES), *one["writing"].values()]
    for raw in figures:
        assert raw["source"]
        assert {"low", "high"} <= raw.keys() or raw["basis"] != "assumed"
        assert raw.get("low", raw["value"]) <= raw["value"] <= raw.get("high", raw["value"])
    assert f"| `{name}` |" in TEXT


@pytest.mark.parametrize(("raw", "text"), [
    (None, "none"),
    ({"value": 0.5, "basis": "measured"}, "0.5 m"),
    ({"value": 2, "low": 1, "high": 40, "basis": "assumed"}, "2 (1 to 40) a"),
])  # fmt: skip
def test_a_figure_shows_its_range_and_its_basis(raw: dict[str, object] | None, text: str) -> None:
    assert PAGE.figure(raw) == text
