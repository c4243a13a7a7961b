"""What a process was judging when it ended without a word is known to the next, and to nobody while it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from search_fakes import PAIRS, make_space

from joulescape.network.fidelity import Fidelity
from joulescape.search.in_hand import FOLDER, InHand, name_of
from joulescape.search.outcome import Job

SCRIPT = """
import os, signal, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_in_hand import job_of
from joulescape.search.in_hand import InHand
kept = InHand(Path({cache!r}))
for bits in (7, 8):
    kept.note(job_of(bits))
os.kill(os.getpid(), signal.SIGKILL)
"""


def job_of(bits, variants=None, **fidelity):
    space = make_space(".")
    drawn = {"pair": PAIRS[0].name, "compression.0": "none", "compression.1.quantize.weight_bits": bits}
    return Job(space.candidate(drawn), Fidelity(**fidelity), variants)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "evaluations.sqlite"


def test_the_job_of_a_killed_process_is_suspect_until_it_has_its_outcome(cache):
    script = SCRIPT.format(here=str(Path(__file__).parent), cache=str(cache))
    assert subprocess.run([sys.executable, "-c", script]).returncode == -signal.SIGKILL
    for _ in range(2):  # a look does not clear it
        kept = InHand(cache)
        assert kept.is_suspect(job_of(8))
        assert not kept.is_suspect(job_of(7))
        kept.close()
    kept = InHand(cache)
    kept.acquit(job_of(8))
    assert not kept.is_suspect(job_of(8))
    kept.close()
    assert list((cache.parent / FOLDER).iterdir()) == []


def test_a_process_that_lives_is_no_suspect(cache):
    first = InHand(cache)
    first.note(job_of(8))
    second = InHand(cache)
    assert not second.is_suspect(job_of(8))
    first.close()
    second.close()
    assert list((cache.parent / FOLDER).iterdir()) == []


def test_two_jobs_of_one_candidate_have_two_names():
    jobs = [job_of(8), job_of(8, (1,)), job_of(8, rung="full"), job_of(8, corner="pessimistic"), job_of(7)]
    assert len({name_of(job) for job in jobs}) == len(jobs)


def test_a_shorter_name_leaves_nothing_of_a_longer_one(cache):
    kept = InHand(cache)
    (path,) = (cache.parent / FOLDER).iterdir()
    kept.note(job_of(8, (1, 2), corner="pessimistic"))
    kept.note(job_of(7))
    assert path.read_text().strip() == name_of(job_of(7))
    assert path.name.startswith(f"{os.getpid()}-")
    kept.close()
