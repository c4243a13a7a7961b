"""A Ray that somebody left running on this machine is not in the way."""

from __future__ import annotations

import psutil
import pytest
from fault_project import joulescape, project_in
from ray_nodes import head, raylet_of


@pytest.mark.slow
def test_a_leftover_head_is_neither_joined_nor_harmed(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    project_in(tmp_path)
    with head() as (_, process):
        leftover = raylet_of(process)
        code, text = joulescape(tmp_path, "search", "spaces/tiny.yaml", "--executor", "ray", "--workers", "2")
        assert code == 0, text
        assert "(4 judged, 0 remembered)" in text
        assert leftover.is_running()
        assert leftover.status() != psutil.STATUS_ZOMBIE
        assert not any("NodeWorker" in child.name() for child in leftover.children())
