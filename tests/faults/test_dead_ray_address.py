"""A RAY_ADDRESS at which nothing answers is refused in words, before Ray would wait for a minute."""

from __future__ import annotations

from fault_project import free_port, joulescape, project_in


def test_a_dead_address_is_refused_with_a_remedy(tmp_path):
    project_in(tmp_path)
    address = f"127.0.0.1:{free_port()}"
    code, text = joulescape(tmp_path, "search", "spaces/tiny.yaml", seconds=45, RAY_ADDRESS=address)
    assert code == 2, text
    assert f"RAY_ADDRESS is {address}, but nothing answers there" in text
    assert "unset it or start Ray" in text
