"""Plug-ins are found by name; one that does not load is fatal and named."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from joulescape import registry
from joulescape.registry import PluginError


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    found: dict[str, object] = {}
    monkeypatch.setattr(registry, "guests", lambda group: found)
    registry.load.cache_clear()
    yield found
    registry.load.cache_clear()


@pytest.mark.parametrize("group", registry.GROUPS)
def test_built_ins_have_names_and_load(group: str) -> None:
    names = registry.builtin_names(group)
    assert names
    assert not names & {"base", "pipeline"}
    assert not any(name.startswith("_") for name in names)
    for name in names:
        assert registry.load(group, name) is not None


def test_a_guest_stands_beside_the_built_ins(guest: dict[str, object]) -> None:
    plugin = object()
    guest["strange"] = SimpleNamespace(load=lambda: plugin)
    assert "strange" in registry.names("joulescape.simulators")
    assert registry.load("joulescape.simulators", "strange") is plugin


def test_a_guest_that_fails_to_load_is_fatal_and_named(guest: dict[str, object]) -> None:
    def fail() -> object:
        raise ImportError("no such library")

    guest["broken"] = SimpleNamespace(load=fail)
    with pytest.raises(
        PluginError, match="plug-in 'broken' of group joulescape.simulators failed to load: ImportError"
    ):
        registry.load("joulescape.simulators", "broken")


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(PluginError, match=r"no plug-in 'warp_drive' .* known: .*systolic"):
        registry.load("joulescape.simulators", "warp_drive")
