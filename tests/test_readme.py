"""The README is true: its Python runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)#]+)\)")


def fenced(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_its_python_runs_and_prints_figures(tmp_path: Path) -> None:
    (code,) = fenced("python")
    for shelf in ("hwlib", "models", "spaces"):
        shutil.copytree(ROOT / shelf, tmp_path / shelf)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, *designs = done.stdout.splitlines()
    assert float(first.split()[0]) > 0
    assert len(designs) == 9
    assert all(0.9 < float(line.split("} ")[1].split()[0]) <= 1 for line in designs)


@pytest.mark.parametrize("target", sorted(set(LINK.findall(README))))
def test_its_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


def test_its_make_targets_exist() -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = {line.split()[1] for block in fenced("console") for line in block.splitlines() if line.startswith("make ")}
    assert {"demo", "test"} <= wanted
    assert all(re.search(rf"^{name}:", rules, re.MULTILINE) for name in wanted)


def test_its_commands_are_the_command_lines_own() -> None:
    helped = subprocess.run([Path(sys.executable).with_name("joulescape"), "--help"], capture_output=True, text=True)
    used = set(re.findall(r"joulescape (\w+)", "\n".join(fenced("console"))))
    assert used
    assert all(f" {name} " in helped.stdout for name in used)


def test_every_shipped_back_end_is_introduced() -> None:
    shelf = {
        f"{path.parent.name}/{path.stem}"
        for path in (ROOT / "hwlib").glob("*/*.yaml")
        if path.parent.name not in {"components", "trends"}
        and "is_design: false" not in path.read_text(encoding="utf-8")
    }
    assert all(f"`{name}`" in README for name in shelf)


def test_versions_agree() -> None:
    import joulescape

    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{joulescape.__version__}"' in project
    assert f"## {joulescape.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "torch==2.13.0" in (ROOT / "requirements.lock").read_text(encoding="utf-8")
