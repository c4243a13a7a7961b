"""How the report carries many designs: file, first chart, slider, memory, rendering; a Chromium without a window.

python benchmarks/report_scale.py [--designs 1000 10000 50000 100000] [--repeats 3]

Each page is made from tables drawn from a seed (report_tables.py), opened afresh in a browser of its own, and driven
with a real mouse. Medians of the repeats. A time is by the clock, then in brackets what the page's main thread computed
meanwhile: on a machine that does nothing else the two are about the same, and the load says how far it is from that.
first    the first chart has been drawn, since the page's beginning
all      every chart has been drawn
slider   a limit moved with the mouse, until every chart on screen has been drawn with it; median of ten moves
sort     a click on a column's name, until the table shows its new rows
memory   resident memory of the page's process, in MB; that of an empty page in the same browser is printed above
         rest      a second after every chart was drawn but those of many marks far from the screen, which wait for it
         read      a second after the whole page was scrolled through, screen by screen, each chart drawn on its way
         greatest  the most seen every 50 ms meanwhile: loading, drawing, ten moves of the slider, a sort, reading
render   CPU of writing the page; the library is packed before, once a process (about 2 s)
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from report_tables import study

from joulescape.report.page import render
from joulescape.report.shell import packed_library

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
GOALS = (
    "Goals: file 1.5 MB at 10,000 and 4 MB at 100,000; first chart 1.0 s and 2.5 s; slider 0.2 s at 50,000; "
    "memory 400 MB; render 3 s at 10,000."
)

WATCH = """
const isDrawn = () => !document.querySelector('[data-chart]:not([data-drawn], [data-later])');
const seen = new Set();
const mark = (name) => { if (!seen.has(name)) performance.mark(name); seen.add(name); };
window.has = (name) => seen.has(name);
mark('begun');
new MutationObserver((changes) => {
  for (const { attributeName } of changes) mark(attributeName === 'data-drawn' ? 'first' : 'ready');
  if (isDrawn() && has('first')) mark('all');
}).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-drawn', 'data-ready'] });
"""
"""Run before the page's own script: notes when charts are drawn."""

MOVE = """
const frame = () => new Promise((go) => requestAnimationFrame(go)), slider = document.getElementById('range-energy');
slider.scrollIntoView({ block: 'nearest', behavior: 'instant' });
const near = [...document.querySelectorAll('[data-chart]')].filter((place) => {
  const box = place.getBoundingClientRect();
  return place.view && box.top < innerHeight && box.bottom > 0 && 'max_energy' in place.view.getState().signals;
});
const before = near.map((place) => place.view.signal('max_energy'));
window.isRedrawn = false;
slider.addEventListener('input', async () => {
  performance.mark('moved');
  while (near.some((place, at) => place.view.signal('max_energy') === before[at])) await frame();
  for (const place of near) await place.view.runAsync();
  await frame();
  performance.mark('redrawn');
  window.isRedrawn = true;
}, { once: true, capture: true });
const { left, top, width, height } = slider.getBoundingClientRect();
return [left, top, width, height];
"""
SORT = """
const body = document.querySelector('#table-box tbody');
performance.mark('clicked');
return new Promise((go) => {
  const shown = () => { watch.disconnect(); performance.mark('sorted'); go(); };
  const watch = new MutationObserver(() => requestAnimationFrame(shown));
  watch.observe(body, { childList: true });
  document.querySelector('#table-box th[data-name=area_mm2] button').click();
});
"""
SHOWN = """[...document.querySelectorAll('[data-chart]')].every((place) => {
  const { top, bottom } = place.getBoundingClientRect();
  return top > innerHeight || bottom < 0 || place.dataset.drawn;
})"""
PAIRS = {
    "first": ("begun", "first"), "all": ("begun", "all"), "slider": ("moved", "redrawn"), "sort": ("clicked", "sorted"),
}  # fmt: skip
"""What is timed: between which two marks."""
MEMORY = ("rest", "read", "greatest")


@contextmanager
def browser(folder: str) -> Iterator[Any]:
    """A browser of its own, so that no page leaves anything to the next."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    options.add_experimental_option("perfLoggingPrefs", {"traceCategories": "blink.user_timing"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def resident_mb(driver: Any) -> float:
    """Resident memory of the largest renderer among the browser's processes."""
    tree = psutil.Process(driver.service.process.pid).children(recursive=True)
    return max(one.memory_info().rss for one in tree if "--type=renderer" in " ".join(one.cmdline())) / 1e6


def wait(driver: Any, script: str, seconds: float = 120) -> float:
    """Wait until the script is true; the greatest resident memory seen meanwhile, in MB."""
    end, most = time.monotonic() + seconds, 0.0
    while not driver.execute_script(f"return {script}"):
        if time.monotonic() > end:
            raise TimeoutError(f"not in {seconds} s: {script}")
        most = max(most, resident_mb(driver))
        time.sleep(0.05)
    return most


def slide(driver: Any, moves: int = 10) -> None:
    """Click ten places of the energy limit, and wait for the charts on screen each time."""
    for move in range(moves):
        left, top, width, height = driver.execute_script(MOVE)
        at = {"x": left + width * (0.25 + 0.05 * move), "y": top + height / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **at})
        wait(driver, "window.isRedrawn")


def read_through(driver: Any) -> float:
    """Scroll over the whole page, waiting for the charts of each screen; the greatest resident memory, in MB."""
    height, most = driver.execute_script("return document.documentElement.scrollHeight"), 0.0
    for top in (*range(0, height, 600), 0):
        driver.execute_script("scrollTo({ top: arguments[0], behavior: 'instant' })", top)
        time.sleep(0.2)
        most = max(most, wait(driver, SHOWN), resident_mb(driver))
    return most


def empty_mb() -> float:
    """Resident memory of a page that holds nothing: what the browser itself takes."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, browser(folder) as driver:
        driver.get("data:text/html,<p>empty")
        time.sleep(1)
        return resident_mb(driver)


def timed(driver: Any) -> dict[str, float]:
    """Seconds by the clock, and of the main thread's work, between the marks of each pair; medians where it recurs."""
    told = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    marks = [one["params"] for one in told if one["method"] == "Tracing.dataCollected" and "tts" in one["params"]]
    found = {}
    for name, ends in PAIRS.items():
        both = sorted((mark for mark in marks if mark["name"] in ends), key=lambda mark: mark["ts"])
        for kind, clock in (("", "ts"), (" cpu", "tts")):
            spans = [after[clock] - before[clock] for before, after in zip(both[::2], both[1::2], strict=True)]
            found[name + kind] = statistics.median(spans) / 1e6
    return found


def opened(page: Path) -> dict[str, float]:
    """One load of a page, measured."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, browser(folder) as driver:
        size = {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.execute_cdp_cmd("Page.enable", {})
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        driver.get(page.as_uri())
        most = wait(driver, "has('ready') && has('all')")
        time.sleep(1)
        rests = resident_mb(driver)
        slide(driver)
        driver.execute_script("document.querySelector('#table-box').scrollIntoView()")
        driver.execute_script(SORT)
        most = max(most, rests, resident_mb(driver), read_through(driver))
        time.sleep(1)
        return {**timed(driver), "rest": rests, "read": resident_mb(driver), "greatest": most}


def measured(designs: int, repeats: int, folder: Path) -> dict[str, float]:
    """Medians for one number of designs."""
    given, page = study(designs), folder / f"{designs}.html"
    began = time.process_time()
    page.write_text(render(given), encoding="utf-8")
    render_s = time.process_time() - began
    loads = [opened(page) for _ in range(repeats)]
    medians = {name: statistics.median(load[name] for load in loads) for name in loads[0]}
    return {"file": page.stat().st_size / 1e6, "render": render_s, **medians}


def main() -> None:
    """Measure and print one line a number of designs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", type=int, nargs="+", default=[1000, 10_000, 50_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    packed_library()
    columns = (
        "designs", "load", "file, MB", "render, s", *(f"{name}, s" for name in PAIRS),
        *(f"{name}, MB" for name in MEMORY),
    )  # fmt: skip
    print(f"{os.cpu_count()} cores; an empty page: {empty_mb():.0f} MB")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    with tempfile.TemporaryDirectory() as folder:
        for designs in asked.designs:
            load = os.getloadavg()[0]
            row = measured(designs, asked.repeats, Path(folder))
            times = " | ".join(f"{row[name]:.2f} ({row[f'{name} cpu']:.2f})" for name in PAIRS)
            sizes = " | ".join(f"{row[name]:.0f}" for name in MEMORY)
            shown = f"{row['file']:.2f} | {row['render']:.2f} | {times} | {sizes}"
            print(f"| {designs:,} | {load:.1f} | {shown} |", flush=True)
    print(GOALS)


if __name__ == "__main__":
    main()
