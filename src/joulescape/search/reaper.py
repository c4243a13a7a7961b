"""Ends Ray's processes when the driver is killed without a word: Ray's agents would stay for another minute."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import psutil


class Reaper:
    """A small process that outlives a killed driver just long enough to end what it started."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True)
        self._known = {self._process.pid}

    def watch(self) -> None:
        """Note every process below this one that was not there before."""
        for one in psutil.Process().children(recursive=True):
            if one.pid not in self._known and self._process.stdin is not None:
                self._known.add(one.pid)
                self._process.stdin.write(f"{one.pid} {one.create_time()!r}\n")
                self._process.stdin.flush()

    def close(self) -> None:
        """End it: what is still alive of the watched processes is killed."""
        self._process.communicate()


def reap(lines: Iterable[str]) -> None:
    """Read `pid start` lines until the driver has gone, then kill those that are still the same process."""
    for pid, start in [line.split() for line in lines]:
        try:
            process = psutil.Process(int(pid))
            if abs(process.create_time() - float(start)) < 1:  # else the number was given away again
                process.kill()
        except psutil.NoSuchProcess:
            continue


if __name__ == "__main__":
    reap(sys.stdin)
