"""A small real project for fault tests, and what a machine's processes look like around it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "search"))
from real_project import ROOT, command, make_project, remembered, wait_until, with_weights

__all__ = [
    "ROOT",
    "command",
    "free_port",
    "is_alive",
    "joulescape",
    "killed",
    "project_in",
    "remembered",
    "wait_until",
    "with_weights",
]

CHEAP = """\
question: Which array needs less energy?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8]
fine_tune: {epochs: 0}
compression:
  - quantize: {weight_bits: {kind: int, low: 3, high: 8}, activation_bits: 8}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 4, population: 2, samples: 20, draws: 1, rungs: [merged]}
"""


def project_in(folder, space=CHEAP):
    """A project with one question `tiny`, and the reference weights of its network."""
    return with_weights(make_project(folder, space))


def joulescape(project, *arguments, seconds=400, **environment):
    """Run a command: exit code and all that it said; never a traceback."""
    done = subprocess.run(
        command(*arguments), cwd=project, capture_output=True, text=True, check=False, timeout=seconds,
        env={**os.environ, **environment},
    )  # fmt: skip
    text = done.stdout + done.stderr
    assert "Traceback" not in text, text
    return done.returncode, text


def is_alive(process):
    """Whether a process of psutil still runs; one that nobody collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def killed(*arguments, cwd=None, env=None):
    """A process in a group of its own, which is killed as a whole at the end."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(arguments, cwd=cwd, env=env, start_new_session=True, **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def free_port():
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
