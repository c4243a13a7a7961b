"""axe-core finds nothing serious on the page: light and dark, on a desk and on a phone.

The library comes from npm at one version, is held against its checksum, and lies outside the project.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import chromium, needs_browser, opened, wait
from drawn_pages import ordinary_page

VERSION = "4.14.1"
INTEGRITY = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""SHA-512 of the package, as npm's registry states it."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "joulescape"

pytestmark = needs_browser


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core's script; skipped where npm is absent or does not reach its registry."""
    package = CACHE / f"axe-core-{VERSION}.tgz"
    if not package.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed: axe-core cannot be fetched")
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", f"axe-core@{VERSION}", "--pack-destination", str(CACHE), "--silent"]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, cwd=CACHE, timeout=120)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not answer in two minutes: axe-core {VERSION} cannot be fetched")
        if ran.returncode or not package.exists():
            pytest.skip(f"npm did not fetch axe-core {VERSION}: {ran.stderr.strip()[-300:]}")
    found = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert found == INTEGRITY, f"{package} is not axe-core {VERSION}: delete it"
    with tarfile.open(package) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("axe") / "report.html"
    path.write_text(ordinary_page(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


RUN = """
for (const details of document.querySelectorAll('details')) details.open = !details.classList.contains('menu');
window.axeFound = null;
const frame = () => new Promise((go) => requestAnimationFrame(go));
frame().then(frame).then(() => axe.run(document, { resultTypes: ['violations'] })).then((found) => {
  window.axeFound = found.violations.map(({ id, impact, help, nodes }) => ({
    id, impact, help, nodes: nodes.slice(0, 4).map(({ target, failureSummary }) => [target.join(' '), failureSummary]),
  }));
}, (error) => { window.axeFound = [{ id: String(error), impact: 'serious' }]; });
"""


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, page: str, axe: str, mode: str) -> None:
    """Both widths of one load: the page is laid out anew, as on a turned phone."""
    opened(browser, page)
    if mode == "dark":
        browser.execute_script("document.getElementById('theme').click()")
        wait(browser, "!document.querySelector('[data-chart]:not([data-drawn])')")
    browser.execute_script(axe)
    for width, height in ((1440, 900), (390, 844)):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_script(RUN)
        wait(browser, "window.axeFound !== null", 60)
        found = browser.execute_script("return window.axeFound")
        assert [one for one in found if one["impact"] in {"serious", "critical"}] == [], width
    if mode == "dark":
        browser.execute_script("document.getElementById('theme').click()")
