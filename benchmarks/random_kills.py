"""A real search killed at random moments: what was finished is neither lost nor repeated, and nothing stays behind.

    python benchmarks/random_kills.py --kills 20

The victims are the driver (kill -9, then the same command again) and Ray workers (kill -9, the search goes on). Prints
kills by victim; evaluations committed before a kill that began again after it (0 expected), and those lost (0);
processes alive 30 s after a kill of the driver (0); suspects left (0); whether all tables equal those of an undisturbed
search.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import psutil

from joulescape.evaluation import evaluate
from joulescape.resolve.design_space import load_space
from joulescape.search.driver import Means
from joulescape.search.run import search

ROOT = Path(__file__).parents[1]
NETWORKS = ROOT / "results" / "networks"
SIDE_LOG = "JOULESCAPE_SIDE_LOG"
PATIENCE_S = 30.0
SPACE = """\
question: Which of two machines recognises digits for less energy?
task: digits
networks: [digits_mlp]
back_ends: [electronic/systolic_int8, memristive/isaac]
compression:
  - choice: {{none: {{}}, prune: {{granularity: element, density: {{kind: float, low: 0.3, high: 1.0}}}}}}
  - quantize: {{weight_bits: {{kind: int, low: 3, high: 8}}, activation_bits: 8}}
fine_tune: {{epochs: 1}}
objectives: {{accuracy_fraction: maximize, inference_energy_pj: minimize}}
budget: {{trials: {trials}, population: 12, per_back_end: 12, draws: 2}}
"""


def noted_evaluate(candidate, space, fidelity, seed, memory=None):
    """The true evaluation; a line in the side log says that it begins."""
    line = f"{candidate.candidate_id} {fidelity.name}\n"
    descriptor = os.open(os.environ[SIDE_LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(descriptor, line.encode())
    os.close(descriptor)
    return evaluate(candidate, space, fidelity, seed, memory)


@dataclass
class Account:
    """What the kills did."""

    victims: Counter = field(default_factory=Counter)
    repeated: int = 0
    lost: int = 0
    orphans: int = 0
    committed: set = field(default_factory=set)

    def lines(self):
        """For people."""
        yield f"{sum(self.victims.values())} kills: {dict(self.victims)}"
        yield f"{len(self.committed)} evaluations committed; {self.repeated} of them repeated, {self.lost} lost"
        yield f"{self.orphans} processes alive {PATIENCE_S:g} s after a kill of the driver"


class KilledSearch:
    """One project whose search is killed again and again."""

    def __init__(self, folder: Path, trials: int, account: Account, networks: Path) -> None:
        self.folder, self.account, self.side_log = folder, account, folder / "began.log"
        for shelf in ("hwlib", "models"):
            shutil.copytree(ROOT / shelf, folder / shelf)
        (folder / "spaces").mkdir()
        (folder / "spaces" / "killed.yaml").write_text(SPACE.format(trials=trials))
        if networks.is_dir():
            shutil.copytree(networks, folder / "results" / "networks")

    def start(self) -> subprocess.Popen:
        """The same command, each time."""
        paths = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, SIDE_LOG: str(self.side_log), "PYTHONPATH": paths}
        command = [sys.executable, __file__, "--search", str(self.folder)]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)

    def committed(self) -> Counter:
        """Evaluations in the cache: candidate and fidelity, as the side log names them."""
        cache = self.folder / "results" / ".cache" / "evaluations.sqlite"
        if not cache.exists():
            return Counter()
        with sqlite3.connect(f"file:{cache}?mode=ro", uri=True) as connection:
            try:
                rows = connection.execute("SELECT outcome FROM evaluations").fetchall()
            except sqlite3.OperationalError:  # killed before there was a table
                return Counter()
        first = (json.loads(text)["evaluations"][0] for (text,) in rows)
        return Counter((item["candidate_id"], item["fidelity"]) for item in first)

    def began(self) -> list[tuple[str, ...]]:
        """Every evaluation that began, in order."""
        return (
            [tuple(line.split()) for line in self.side_log.read_text().splitlines()] if self.side_log.exists() else []
        )

    def kill_driver(self, process: subprocess.Popen) -> None:
        """Kill -9, then count who stays and what is committed."""
        everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(everyone, timeout=PATIENCE_S)
        self.account.victims["driver"] += 1
        self.account.orphans += len(alive)
        self.count_from = len(self.began())
        self.known = self.committed()

    def audit_repeats(self) -> None:
        """Whether anything committed at the last kill has begun again, or is not there any more."""
        again = [name for name in self.began()[getattr(self, "count_from", 0) :] if name in getattr(self, "known", {})]
        self.account.repeated += len(again)
        now = self.committed()
        self.account.lost += sum((getattr(self, "known", Counter()) - now).values())
        self.account.committed |= {(self.folder.name, *name) for name in now}


def kill_worker(process: subprocess.Popen, account: Account) -> None:
    """Kill -9 one Ray worker that judges, if there is any."""
    for child in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # it may end while it is asked
            if "NodeWorker" in " ".join(child.cmdline()):
                child.kill()
                account.victims["worker"] += 1
                return


def disturb(killed: KilledSearch, chance: random.Random, kills: int) -> None:
    """Kill until so many kills are done, then let the search come to its end."""
    account = killed.account
    while sum(account.victims.values()) < kills:
        process, before = killed.start(), len(killed.began())
        is_early, deadline = chance.random() < 0.2, time.monotonic() + 60
        while not is_early and len(killed.began()) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(chance.uniform(0.0, 3.0))
        if process.poll() is None and chance.random() < 0.5:
            kill_worker(process, account)
            time.sleep(chance.uniform(0.0, 3.0))
        if process.poll() is not None:
            break
        killed.audit_repeats()
        if sum(account.victims.values()) < kills:
            killed.kill_driver(process)
        else:
            process.wait()
    killed.start().wait()
    killed.audit_repeats()


def undisturbed(killed: KilledSearch, folder: Path) -> bool:
    """Whether an undisturbed search of the same question gives the same tables."""
    space = load_space(killed.folder / "spaces" / "killed.yaml")
    search(space, folder, Means(1, "serial", cache=folder / "evaluations.sqlite"))
    tables = ("trials", "front", "history")
    both = [[pl.read_parquet(out / f"{name}.parquet") for name in tables] for out in (out_of(killed.folder), folder)]
    return all(
        one.drop("seconds", strict=False).equals(other.drop("seconds", strict=False))
        for one, other in zip(*both, strict=True)
    )


def out_of(project: Path) -> Path:
    """Where the killed search leaves its tables."""
    return project / "results" / "killed"


def go(kills: int, trials: int, seed: int, networks: Path = NETWORKS) -> tuple[Account, bool, int]:
    """All kills, over as many projects as it takes: account, whether every table is equal, suspects left.

    `networks` holds reference weights; what is not there is trained first, in each project.
    """
    account, chance, is_equal, suspects = Account(), random.Random(seed), True, 0
    with tempfile.TemporaryDirectory() as temporary:
        number = 0
        while sum(account.victims.values()) < kills:
            killed = KilledSearch(Path(temporary) / str(number), trials, account, networks)
            disturb(killed, chance, kills)
            is_equal &= undisturbed(killed, Path(temporary) / f"{number}-undisturbed")
            suspects += len([*(killed.folder / "results" / ".cache" / "in_hand").glob("*")])
            number += 1
    return account, is_equal, suspects


def main() -> None:
    """Run it, or (with --search) be the search that is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--trials", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--search", type=Path)
    chosen = parser.parse_args()
    if chosen.search:
        from random_kills import noted_evaluate as importable

        space = load_space(chosen.search / "spaces" / "killed.yaml")
        search(space, out_of(chosen.search), Means(2, "ray"), importable)
        return
    account, is_equal, suspects = go(chosen.kills, chosen.trials, chosen.seed)
    print(*account.lines(), f"{suspects} suspects left; tables equal: {is_equal}", sep="\n")


if __name__ == "__main__":
    main()
