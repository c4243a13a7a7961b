"""The space of benchmarks/busy.py: many cheap candidates, each of which sleeps as long as its own digest says."""

from __future__ import annotations

import json
import math
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "search"))
from search_fakes import judge, make_space

BUSY_LOG = "BUSY_LOG"
SHORTEST_S, LONGEST_S = 0.03, 10.0


def make_busy_space(folder, population, lag, trials):
    """The stand-in space of the tests."""
    budget = {"trials": trials, "population": population, "lag": lag, "failed_share": 1.0, "rungs": ["tuned"]}
    return make_space(folder, budget=budget)


def sleeping_judge(candidate, space, fidelity, seed, memory=None):
    """Sleeps log-uniformly between SHORTEST_S and LONGEST_S, and notes when."""
    begin = time.time()
    chance = random.Random(candidate.candidate_id).uniform(math.log(SHORTEST_S), math.log(LONGEST_S))
    time.sleep(math.exp(chance) * float(os.environ["BUSY_SCALE"]))
    line = {"candidate": candidate.candidate_id, "begin": begin, "end": time.time()}
    with open(os.environ[BUSY_LOG], "a") as log:  # noqa: PTH123
        log.write(json.dumps(line) + "\n")
    return judge(candidate, space, fidelity, seed, memory)
