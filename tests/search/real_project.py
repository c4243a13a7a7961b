"""A tiny project with the real shelf: one network, two families, the true evaluation."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SPACE = """\
question: Which of two machines recognises digits for less energy?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8, memristive/isaac]
compression:
  - choice: {none: {}, prune: {granularity: element, density: {kind: float, low: 0.3, high: 1.0}}}
  - quantize: {weight_bits: {kind: int, low: 3, high: 8}, activation_bits: 8}
fine_tune: {epochs: 0}
hardware:
  electronic/systolic_int8: {array.rows: {kind: choice, options: [16, 32]}}
objectives: {accuracy_fraction: maximize, inference_energy_pj: minimize}
budget: {trials: 12, population: 4, per_back_end: 4, draws: 1, rungs: [full]}
confirm: {draws: 2, designs: 4}
"""


def make_project(folder: Path, space: str = SPACE, name: str = "tiny", source: Path = ROOT) -> Path:
    """A project of one question below `folder`, with the shelves of another; returns the folder."""
    for shelf in ("hwlib", "models"):
        shutil.copytree(source / shelf, folder / shelf)
    (folder / "spaces").mkdir()
    (folder / "spaces" / f"{name}.yaml").write_text(space)
    return folder


def with_weights(folder: Path, every_seed: bool = False) -> Path:
    """A project whose digits_mlp is trained already, once in a run of all tests, whichever worker of it asks first.

    `every_seed` is what a confirmation asks for. Returns the folder.
    """
    from joulescape.accuracy.reference import complete, ensure
    from joulescape.network.build import build_graph
    from joulescape.resolve.networks import read_network, reference_of
    from joulescape.resolve.shelves import network_path

    _, spec = read_network(network_path(ROOT, "digits_mlp"), [])
    asked = (build_graph("digits_mlp", spec), reference_of("digits_mlp", spec, ROOT), spec.task)
    kept = Path(os.environ["JOULESCAPE_TEST_WEIGHTS"])
    path = ensure(*asked, kept)
    if every_seed:
        complete(*asked, kept)
    networks = folder / "results" / "networks"
    networks.mkdir(parents=True, exist_ok=True)
    for file in (path, path.with_suffix(".json")):
        shutil.copy2(file, networks / file.name)
    return folder


def command(*arguments: str) -> list[str]:
    """The installed command line."""
    return [str(Path(sys.executable).parent / "joulescape"), *arguments]


def joulescape(project: Path, *arguments: str) -> tuple[int, str]:
    """Run a command in `project`: exit code and all that it said."""
    done = subprocess.run(command(*arguments), cwd=project, capture_output=True, text=True, check=False, timeout=400)
    return done.returncode, done.stdout + done.stderr


def remembered(project: Path) -> int:
    """How many evaluations the project's cache holds."""
    cache = project / "results" / ".cache" / "evaluations.sqlite"
    if not cache.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{cache}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait_until(is_so, seconds: float = 240.0) -> bool:
    """Whether `is_so()` came true in time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def is_free(folder: Path) -> bool:
    """Whether no run holds the lock of a results folder."""
    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def descendants(pid: int) -> set[int]:
    """Every living process below `pid`."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: set[int] = set()
    while more := {one for one, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def judges(pids: set[int]) -> set[int]:
    """Those that judge candidates or place them (Ray's idle agents end by themselves, up to a minute later)."""
    return {
        pid for pid in pids if any(word in _command_line(pid) for word in ("_Judge", "raylet/raylet", "gcs_server"))
    }


def _command_line(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not collected does not."""
    try:
        state = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
