"""A small project in a temporary folder, whose only plug-ins are the stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from stand_in_project import FILES, PLUGINS

from joulescape import registry
from joulescape.resolve.design_space import DesignSpace, load_space


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a small project, as the working folder; plug-ins are the stand-ins alone."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "hwlib" / "references.bib").write_text("@article{a2020,\n  title = {A},\n}\n")
    (tmp_path / "spaces").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "load", lambda group, name: PLUGINS[group][name])
    monkeypatch.setattr(registry, "names", lambda group: tuple(sorted(PLUGINS[group])))
    return tmp_path


@pytest.fixture
def ask(project: Path) -> Callable[[str], DesignSpace]:
    """Loads a space of this text."""

    def load(text: str) -> DesignSpace:
        path = project / "spaces" / "s.yaml"
        path.write_text(text)
        return load_space(path)

    return load
