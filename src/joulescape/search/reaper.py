"""Ends Ray's processes when the driver is killed without a word: Ray's agents would stay for another minute."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import psutil

_LOOKS_S = (0.0, 1.0, 2.0, 3.0)
"""Pauses before each look: processes that were about to start show up later."""


class Reaper:
    """A small process that outlives a killed driver just long enough to end what is left of its Ray.

    Start it before Ray; close it after Ray's own end.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-I", __file__, str(os.getpid())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def close(self) -> None:
        """Nothing is left to end."""
        self._process.communicate(b"done")


def reap(driver: int) -> None:
    """Kill every process that works for a Ray session which process `driver` had started."""
    session = re.compile(rf"/session_[^/]*_{driver}(/|$)")
    for pause_s in _LOOKS_S:
        time.sleep(pause_s)
        for process in psutil.process_iter():
            if process.pid != os.getpid() and _works_for(process, session):
                process.kill()


def _works_for(process: psutil.Process, session: re.Pattern[str]) -> bool:
    """Ray names a session's folder after its driver: it stands in commands, and in the logs of what renames itself."""
    try:
        places = [*process.cmdline(), *(file.path for file in process.open_files())]
    except psutil.Error:  # gone, or somebody else's
        return False
    return any(map(session.search, places))


if __name__ == "__main__" and not sys.stdin.buffer.read():
    reap(int(sys.argv[1]))
