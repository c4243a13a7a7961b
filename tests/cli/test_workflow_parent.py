"""A command ends with the Snakemake above it, also with a shell between, and outlives everything else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from joulescape.cli.workflow_parent import EXIT_CODE

COMMAND = """
import time
from joulescape.cli.workflow_parent import end_with_workflow
end_with_workflow()
print("ready", flush=True)
time.sleep(60)
"""
PARENT = """
import subprocess, sys
quoted = "'" + sys.executable + "' '" + sys.argv[1] + "'; echo $?"
subprocess.run(["bash", "-c", quoted])
"""


@pytest.fixture
def command(tmp_path):
    (tmp_path / "command.py").write_text(COMMAND)
    return str(tmp_path / "command.py")


def under(folder, name, command):
    """The command below a parent of this name, with a shell between; all are in one group."""
    parent = folder / name
    parent.write_text(PARENT)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, str(parent), command], start_new_session=True, **pipes)


def test_a_killed_snakemake_takes_its_command_along_but_the_shell_goes_on(tmp_path, command):
    with under(tmp_path, "snakemake", command) as process:
        assert process.stdout.readline() == "ready\n"
        process.kill()
        said, complained = process.communicate(timeout=240)
    assert said == f"{EXIT_CODE}\n"
    assert "Snakemake has ended without a word" in complained


def test_any_other_parent_may_go(tmp_path, command):
    with under(tmp_path, "somebody", command) as process:
        assert process.stdout.readline() == "ready\n"
        process.kill()
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=3)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
