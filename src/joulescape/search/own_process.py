"""A process of its own for a candidate that may take its judge along: it can be killed, and its death is an outcome."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from joulescape.errors import ResultsError
from joulescape.search.judging import GRACE_S, Result, Ticket, Work, judge_of
from joulescape.search.outcome import DEATHS, Job, died, out_of_time

_PR_SET_PDEATHSIG = 1


class OwnProcess:
    """Judges one job after the other in one child, which starts with the first and is replaced when it is lost."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._child: tuple[SpawnProcess, Connection] | None = None

    def judge(self, ticket: Ticket, job: Job) -> Result:
        """Judge a job: a child that hangs is killed, one that dies is replaced, and the job tried again."""
        for _ in range(DEATHS):
            pipe = self._ready()
            try:
                pipe.send((ticket, job))
                if not pipe.poll(self._work.time_out_s + GRACE_S):
                    self.close()
                    return Result(ticket, out_of_time(job, self._work.time_out_s), ())
                found: Result | Exception = pipe.recv()
            except (EOFError, ConnectionError):
                self.close()
                continue
            if isinstance(found, Exception):
                raise found
            return found
        return Result(ticket, died(job), ())

    def close(self) -> None:
        """Kill the child, if there is one."""
        if self._child is not None:
            process, pipe = self._child
            process.kill()
            process.join()
            pipe.close()
            self._child = None

    def _ready(self) -> Connection:
        if self._child is None:
            context = multiprocessing.get_context("spawn")
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(self._work, there), daemon=True)
            process.start()
            there.close()
            self._child = process, here
            self._await_start(process, here)
        return self._child[1]

    def _await_start(self, process: SpawnProcess, pipe: Connection) -> None:
        """Wait until its imports are over: from then on time counts. ResultsError when it ends before."""
        try:
            pipe.recv()
        except (EOFError, ConnectionError) as error:
            process.join()
            code = process.exitcode
            self.close()
            raise ResultsError(
                f"a process of its own for a candidate does not start (exit code {code}, its last words stand above): "
                "free memory and run again, or take --executor ray"
            ) from error


def _serve(work: Work, pipe: Connection) -> None:
    """Judge what comes until the other end closes. The kernel ends this process with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the keyboard's interrupt is the driver's
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    judge = judge_of(work)
    pipe.send("ready")
    while True:
        try:
            ticket, job = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(*judge([(ticket, job)]))
        except Exception as error:  # noqa: BLE001 - what stops a search (a damaged cache) is raised where it runs
            pipe.send(error)
