from __future__ import annotations

from stand_in_project import SPACE


def test_loads(ask):
    space = ask(SPACE)
    assert [pair.name for pair in space.pairs] == ["mlp@electronic/grid"]
