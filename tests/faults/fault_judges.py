"""Stand-ins for an evaluation, some candidates of which are perilous."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "search"))
from search_fakes import judge, make_space

__all__ = ["bits_of", "deaf_judge", "judge", "make_space", "perilous_judge", "spin"]


def bits_of(candidate):
    """The drawn weight bits."""
    return candidate.values["compression.1.quantize.weight_bits"]


def spin():
    """Native code that does not return: no alarm of this process interrupts it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(600)


def deaf_judge(candidate, space, fidelity, seed, memory=None):
    """`judge`, but fewer than 7 bits never return."""
    if bits_of(candidate) < 7:
        spin()
    return judge(candidate, space, fidelity, seed, memory)


def perilous_judge(candidate, space, fidelity, seed, memory=None):
    """`judge`, but on the grid 4 bits sleep, 5 bits never return, 6 bits kill their worker as the kernel does where
    memory ends, 7 bits run out of memory."""
    if candidate.back_end == "electronic/grid":
        what = {4: lambda: time.sleep(600), 5: spin, 6: lambda: os.kill(os.getpid(), signal.SIGKILL), 7: _no_memory}
        what.get(bits_of(candidate), lambda: None)()
    return judge(candidate, space, fidelity, seed, memory)


def _no_memory():
    raise MemoryError
