"""Numbers as a reader sees them, and colours that stay what they are."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.report import theme
from joulescape.report.figure import accuracy_domain, log_domain, log_ticks

NODE = shutil.which("node")


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (70_800.0, "inference_energy_pj", "70.8\u202fnJ"),
        (138_000.0, "inference_latency_ns", "138\u202fµs"),
        (999_960.0, "inference_energy_pj", "1.00\u202fµJ"),
        (0.37, "area_mm2", "0.370\u202fmm²"),
        (1234.0, "area_mm2", "1,234\u202fmm²"),
        (0.943, "accuracy_fraction", "94.3\u202f%"),
        (12.4, "tops_per_w", "12.4\u202fTOPS/W"),
        (0.0, "mean_power_mw", "0\u202fW"),
        (2500.0, "mean_power_mw", "2.50\u202fW"),
        (None, "area_mm2", "–"),
    ],
)
def test_values_show_si_prefixes_and_three_figures(value: float | None, metric: str, text: str) -> None:
    assert theme.show(value, metric) == text


@given(st.floats(1e-5, 1e14))
def test_a_shown_energy_reads_back_within_half_a_percent(value: float) -> None:
    number, unit = theme.show(value, "inference_energy_pj").split(theme.SPACE)
    powers = {f"{prefix}J": power for power, prefix in theme.PREFIXES.items()}
    assert float(number.replace(",", "")) * 10.0 ** powers[unit] == pytest.approx(value * 1e-12, rel=5.1e-3)


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_shows_numbers_as_python_does() -> None:
    values = [0.0, 3.2e-4, 0.5, 1.0, 7.77, 42.0, 999.4, 999.96, 12345.0, 8.4e7, 5.5e11]
    metrics = ["inference_energy_pj", "training_time_ns", "mean_power_mw", "accuracy_fraction"]
    page = {"units": {key: list(unit) for key, unit in theme.UNITS.items()}, "plain_units": theme.PLAIN_UNITS}
    script = (files("joulescape.report") / "assets" / "numbers.js").read_text(encoding="utf-8")
    script += "\nconst [values, metrics, page] = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    script += "\nconsole.log(JSON.stringify(values.flatMap((v) => metrics.map((m) => show(v, m, page)))));"
    sent = json.dumps([values, metrics, page])
    ran = subprocess.run([str(NODE), "-e", script], input=sent, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [theme.show(value, metric) for value in values for metric in metrics]


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("adc", "ADC"),
        ("edram_buffer", "on-chip memory"),
        ("dram", "off-chip memory"),
        ("host_logic_leakage", "host"),
        ("weight_sram_leakage", "static"),
        ("adc_idle", "static"),
        ("edram_buffer.idle", "static"),
        ("idler_detector", "detectors"),
        ("hypertransport", "interconnect"),
        ("laser", "lasers"),
        ("thermal_tuning", "tuning"),
        ("synapses", "array"),
        ("neurons", "digital"),
        ("spike_routing", "interconnect"),
        ("something new", "other"),
    ],
)
def test_a_component_takes_the_colour_of_its_kind(component: str, name: str) -> None:
    assert theme.component_class(component) == name


def contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_families_and_words_stand_out_from_the_page(mode: theme.Mode) -> None:
    palette = theme.colours(mode)
    assert all(contrast(colour, palette["page"]) >= 3 for colour in [*palette["families"], palette["ring"]])
    assert all(contrast(palette[name], palette["page"]) >= 4.5 for name in ("ink", "quiet"))
    assert len(set(palette["components"])) == len(theme.COMPONENTS)
    assert not set(palette["components"]) & set(palette["families"])


@given(st.floats(1e-15, 1e9), st.floats(1.0, 1e12))
def test_a_log_axis_holds_its_values_and_a_few_ticks(low: float, ratio: float) -> None:
    bottom, top = log_domain([low, low * ratio])
    assert bottom < low and top > low * ratio
    assert len(log_ticks(bottom, top)) <= 10


def test_an_accuracy_axis_never_passes_one() -> None:
    assert accuracy_domain([0.9, 0.999])[1] == 1.0
    assert accuracy_domain([0.001, 0.1])[0] == 0.0
