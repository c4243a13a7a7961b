"""Ends a command with the Snakemake that started it: a killed workflow leaves no search behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from threading import Thread

import psutil

POLL_S = 1.0
EXIT_CODE = 143
"""As after SIGTERM."""


def end_with_workflow() -> None:
    """Watch the nearest Snakemake above this process, if any; when it is gone this process ends on the spot.

    The shell between the two would live on (`joulescape ... | tee log`), therefore the kernel's signal on a parent's
    death is of no use. An end at any moment is safe: what is finished is stored, tables are written whole.
    """
    workflow = next((one for one in psutil.Process().parents() if _is_snakemake(one)), None)
    if workflow is not None:
        Thread(target=_follow, args=(workflow,), name="workflow watch", daemon=True).start()


def _is_snakemake(process: psutil.Process) -> bool:
    try:
        return any(Path(word).name == "snakemake" for word in process.cmdline())
    except psutil.Error:  # another user's, or gone
        return False


def _follow(workflow: psutil.Process) -> None:
    while _lives(workflow):
        time.sleep(POLL_S)
    try:
        sys.stderr.write("Snakemake has ended without a word; so does this run. What was finished is remembered.\n")
        sys.stderr.flush()
    finally:  # also where nobody reads any more
        os._exit(EXIT_CODE)


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
