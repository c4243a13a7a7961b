"""Ray of our own is private and quiet; a cluster is probed first; what does not work is said in one line."""

from __future__ import annotations

import os
import socket

import pytest

from joulescape.errors import ResultsError
from joulescape.search.ray_start import in_short, join, probe, start

NAMES = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO")


class StandInRay:
    """What is used of Ray before it runs."""

    class exceptions:  # noqa: N801
        class RayError(Exception):
            """Root."""

    def __init__(self, raises=None):
        self.raises, self.asked, self.is_shut = raises, {}, False

    def init(self, **options):
        self.asked = options
        if self.raises:
            raise self.raises

    def shutdown(self):
        self.is_shut = True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it is restored, whatever the code under test sets
        monkeypatch.delenv(name)


@pytest.fixture
def living():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def dead():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_a_dead_cluster_address_is_refused_at_once(dead):
    with pytest.raises(ResultsError, match=f"RAY_ADDRESS is {dead}, but nothing answers"):
        probe(dead)
    ray = StandInRay()
    with pytest.raises(ResultsError, match="nothing answers"):
        join(ray, dead)
    assert not ray.asked


def test_a_living_address_and_a_name_pass_the_probe(living):
    probe(living)
    probe("auto")


@pytest.mark.parametrize(
    "error", [RuntimeError("no room\nand a page more"), OSError(28, "No space left"), ValueError("x")]
)
def test_a_ray_that_does_not_start_says_so_in_one_line_with_a_remedy(error):
    ray = StandInRay(error)
    with pytest.raises(ResultsError, match=r"Ray does not start \(.*\); --executor serial does without") as caught:
        start(ray, 2)
    assert "\n" not in str(caught.value)
    assert ray.is_shut


def test_a_ray_of_our_own_is_private_and_sized():
    ray = StandInRay()
    start(ray, 3)
    assert ray.asked["address"] == "local"
    assert ray.asked["num_cpus"] == 3
    assert ray.asked["_node_ip_address"] == "127.0.0.1"
    assert not ray.asked["include_dashboard"]
    assert os.environ["RAY_AUTH_MODE"] == "disabled"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_what_the_user_set_stays(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    start(StandInRay(), 1)
    assert os.environ["RAY_AUTH_MODE"] == "token"


def test_a_cluster_is_joined_with_its_own_authentication_and_size(living):
    ray = StandInRay()
    join(ray, living)
    assert ray.asked["address"] == living
    assert "num_cpus" not in ray.asked
    assert "RAY_AUTH_MODE" not in os.environ


def test_a_cluster_that_cannot_be_joined_is_named(living):
    ray = StandInRay(ConnectionError("no raylet here\nand a page"))
    with pytest.raises(ResultsError, match=rf"cluster at {living} cannot be joined \(no raylet here\); see docs"):
        join(ray, living)
    assert ray.is_shut


def test_ray_client_is_refused_with_the_way_to_go():
    with pytest.raises(ResultsError, match=r"not through Ray Client: .*RAY_ADDRESS=host:port"):
        join(StandInRay(), "ray://far:10001")


def test_an_error_without_words_is_called_by_its_kind():
    assert in_short(ValueError("  a\nb")) == "a"
    assert in_short(TimeoutError()) == "TimeoutError"
