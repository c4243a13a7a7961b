"""How the report carries many designs: file, first chart, slider, memory, rendering; a Chromium without a window.

python benchmarks/report_scale.py [--designs 1000 10000 50000 100000] [--repeats 3]

Each page is made from tables drawn from a seed (report_tables.py), opened afresh in a browser of its own, and driven
with a real mouse. Medians of the repeats, and the machine's load before each table, since other work slows a browser.
first    the first chart has been drawn, since the navigation began
all      every chart has been drawn
slider   a limit moved with the mouse, until every chart on screen has been drawn with it; median of ten moves
sort     a click on a column's name, until the table shows its new first row
memory   resident memory of the page's process once every chart is drawn, and the greatest seen
render   CPU of writing the page; the library is packed before, once a process (about 2 s)
"""

from __future__ import annotations

import argparse
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
window.seen = {};
new MutationObserver((changes) => {
  for (const change of changes) {
    if (change.attributeName === 'data-drawn' && !('first' in seen)) seen.first = performance.now();
    if (change.attributeName === 'data-ready') seen.ready = performance.now();
    const left = document.querySelectorAll('[data-chart]:not([data-drawn])').length;
    if (change.attributeName === 'data-drawn' && !left) seen.all = performance.now();
  }
}).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-drawn', 'data-ready'] });
"""
"""Run before the page's own script: notes when charts are drawn."""

REDRAWN = """
const told = arguments[arguments.length - 1], chosen = document.getElementById('range-energy');
const frame = () => new Promise((go) => requestAnimationFrame(go));
const near = [...document.querySelectorAll('[data-chart]')].filter((place) => {
  const box = place.getBoundingClientRect();
  return place.view && box.top < innerHeight && box.bottom > 0 && 'max_energy' in place.view.getState().signals;
});
const before = near.map((place) => place.view.signal('max_energy'));
chosen.addEventListener('input', async () => {
  const began = performance.now();
  while (near.some((place, at) => place.view.signal('max_energy') === before[at])) await frame();
  for (const place of near) await place.view.runAsync();
  await frame();
  told([performance.now() - began, near.length]);
}, { once: true, capture: true });
window.listening = true;
"""
SORTED = """
const told = arguments[0], body = document.querySelector('#table-box tbody'), began = performance.now();
return new Promise((go) => {
  const watch = new MutationObserver(() => requestAnimationFrame(() => { watch.disconnect(); go(performance.now() - began); }));
  watch.observe(body, { childList: true });
  document.querySelector('#table-box th[data-name=area_mm2] button').click();
});
"""


@contextmanager
def browser(folder: str) -> Iterator[Any]:
    """A browser of its own, so that no page leaves anything to the next."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={folder}", "--window-size=1440,900"):
        options.add_argument(flag)
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


def slide(driver: Any, moves: int = 10) -> float:
    """Median seconds from a drag of the energy limit to the charts on screen, over `moves` drags."""
    times = []
    for move in range(moves):
        driver.execute_script("window.waited = null; window.scrollTo(0, 0)")
        driver.execute_script(f"((...arguments) => {{{REDRAWN}}})((found) => {{ window.waited = found; }})")
        box = driver.execute_script(
            "const b = document.getElementById('range-energy').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
        )
        at = {"x": box[0] + box[2] * (0.25 + 0.05 * move), "y": box[1] + box[3] / 2, "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, **at})
        wait(driver, "window.waited !== null")
        times.append(driver.execute_script("return window.waited[0]"))
    return statistics.median(times) / 1000


def opened(page: Path) -> dict[str, float]:
    """One load of a page, measured."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, browser(folder) as driver:
        driver.execute_cdp_cmd("Page.enable", {})
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        driver.get(page.as_uri())
        most = wait(driver, "'ready' in seen && 'all' in seen")
        seen = driver.execute_script("return seen")
        time.sleep(1)
        rests = resident_mb(driver)
        found = {"first": seen["first"] / 1000, "all": seen["all"] / 1000, "rests": rests, "slider": slide(driver)}
        driver.execute_script("document.querySelector('#table-box').scrollIntoView()")
        wait(driver, "document.querySelectorAll('#table-box th').length > 0")
        found["sort"] = driver.execute_script(f"{SORTED}") / 1000
        found["most"] = max(most, rests, resident_mb(driver))
        return found


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
    print(
        f"{os.cpu_count()} cores\n| designs | load | file, MB | render, s | first, s | all, s | slider, s | sort, s | memory, MB | greatest |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for designs in asked.designs:
            load = os.getloadavg()[0]
            row = measured(designs, asked.repeats, Path(folder))
            times = " | ".join(f"{row[name]:.2f}" for name in ("file", "render", "first", "all", "slider", "sort"))
            print(f"| {designs:,} | {load:.1f} | {times} | {row['rests']:.0f} | {row['most']:.0f} |", flush=True)
    print(GOALS)


if __name__ == "__main__":
    main()
