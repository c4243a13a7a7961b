"""The guides are true: their files are written, their commands run, in a project of their own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
GUIDES = sorted((ROOT / "docs").glob("how_to_*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for shelf in ("hwlib", "models", "spaces"):
        shutil.copytree(ROOT / shelf, tmp_path / shelf)
    return tmp_path


def blocks(guide: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(guide.read_text(encoding="utf-8"))


def test_every_guide_is_there() -> None:
    kinds = ("space", "network", "back_end", "compression", "simulator", "physical_system")
    assert [guide.stem for guide in GUIDES] == sorted(f"how_to_add_a_{kind}" for kind in kinds)


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_can_be_followed(guide: Path, project: Path) -> None:
    followed = 0
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(project / "plugins")
    for language, text in blocks(guide):
        target = re.match(r"# file: (\S+)\n", text)
        if target:
            path = project / target[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            followed += 1
        elif language == "console":
            for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
                done = subprocess.run(shlex.split(line), cwd=project, env=environment, capture_output=True, text=True)
                assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
                followed += 1
    assert followed >= 2
