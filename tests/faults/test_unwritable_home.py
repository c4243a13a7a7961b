"""A home that cannot be written is not in the way."""

from __future__ import annotations

import pytest
from fault_project import joulescape, project_in


@pytest.mark.slow
def test_a_home_that_cannot_be_written_does_not_matter(tmp_path):
    project_in(tmp_path)
    arguments = ("search", "spaces/tiny.yaml", "--executor", "ray", "--workers", "1")
    code, text = joulescape(tmp_path, *arguments, HOME="/dev/null/home")
    assert code == 0, text
    assert "(4 judged, 0 remembered)" in text
