"""A full disk: one clear line, nothing that was finished is lost, and the run goes on once there is room."""

from __future__ import annotations

import resource
import subprocess

import pytest
from fault_project import command, joulescape, project_in, remembered

SMALL = 40_000
"""Bytes: more than the first evaluations need, less than all of them."""


def limited(project, bytes_a_file, *arguments):
    """A command whose files may not grow beyond so many bytes, as on a full disk; SQLite and tables alike."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_a_file, resource.RLIM_INFINITY))

    pipes = {"capture_output": True, "text": True, "timeout": 400}
    done = subprocess.run(command(*arguments), cwd=project, preexec_fn=limit, **pipes)
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text
    return done.returncode, text


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of two pages at results/tiny, where this user may mount one."""
    folder = tmp_path / "results" / "tiny"
    folder.mkdir(parents=True)
    mounted = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(folder)]
    if subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("mounting is not permitted")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], capture_output=True)


@pytest.mark.slow
def test_a_cache_that_may_not_grow_ends_the_run_and_the_next_goes_on(tmp_path):
    project_in(tmp_path)
    code, text = limited(tmp_path, SMALL, "search", "spaces/tiny.yaml")
    assert code == 2, text
    assert "cannot be used" in text or "cannot be written" in text
    assert "free the disk" in text
    kept = remembered(tmp_path)
    code, text = joulescape(tmp_path, "search", "spaces/tiny.yaml")
    assert code == 0, text
    assert f"({4 - kept} judged, {kept} remembered)" in text


@pytest.mark.slow
def test_tables_that_cannot_be_written_leave_none_half_written(tmp_path, tiny_disk):
    project_in(tmp_path)
    code, text = joulescape(tmp_path, "search", "spaces/tiny.yaml")
    assert code == 2, text
    assert "results/tiny" in text
    assert list(tiny_disk.glob("*.parquet")) == []
    subprocess.run(["umount", str(tiny_disk)], check=True)
    code, text = joulescape(tmp_path, "search", "spaces/tiny.yaml")
    assert code == 0, text
    assert "(0 judged, 4 remembered)" in text
    assert (tiny_disk / "trials.parquet").exists()
