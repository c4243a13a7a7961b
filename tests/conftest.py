"""What every test has: patience on a slow machine, and a folder for the trained weights that the run's tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def shared_weights(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Says where `real_project.with_weights` keeps what it trained: beside the folders of all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    os.environ["JOULESCAPE_TEST_WEIGHTS"] = str(folder / "shared_weights")
