"""Ray nodes on this machine, with ports and folders of their own, ended by their own numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from fault_project import free_port, killed

_MODULE = ("-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1")
_SMALL = ("--object-store-memory=80000000", "--num-cpus=1")


def bare_python(folder):
    """A Python with every package of this one, but not this project.

    The editable install is a .pth file, and those of a folder that another .pth file names are not read.
    """
    venv.create(folder, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "bin" / "python"
    seen = subprocess.run([python, "-c", "import ray, joulescape"], capture_output=True, text=True, cwd=folder)
    assert "No module named 'joulescape'" in seen.stderr, seen.stderr
    return python


@contextmanager
def head():
    """A head of one CPU: its address and the process that stands for it; in a short folder, as sockets need."""
    address = f"127.0.0.1:{free_port()}"
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    options = ("--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false", f"--temp-dir={folder}")
    with _node(sys.executable, *options) as process:
        yield address, process
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def node(address, python):
    """One more node of one CPU."""
    with _node(python, f"--address={address}") as process:
        yield process


def end(process):
    """Kill a node with all that belongs to it."""
    for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        with suppress(psutil.NoSuchProcess):  # a worker may go by itself as soon as its raylet is gone
            one.kill()
    process.wait()


def raylet_of(process):
    """The node's own process, as soon as it is there."""
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):  # helpers of the start come and go
            for one in psutil.Process(process.pid).children(recursive=True):
                if one.name() == "raylet":
                    return one
        time.sleep(0.1)
    raise TimeoutError("no raylet")


@contextmanager
def _node(python, *options):
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
    for name in ("RAY_ADDRESS", "PYTHONPATH"):
        environment.pop(name, None)
    with killed(str(python), *_MODULE, *_SMALL, *options, env=environment, cwd="/") as process:
        raylet_of(process)
        yield process
        if process.poll() is None:
            end(process)
