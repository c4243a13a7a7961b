"""Starts Ray on this machine alone, or joins the cluster that RAY_ADDRESS names."""

from __future__ import annotations

import os
import socket
from typing import Any

from joulescape.errors import ResultsError

REMEDY = "--executor serial does without them"
_OBJECT_STORE_BYTES = 150_000_000
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_ON_LOOPBACK = {"RAY_AUTH_MODE": "disabled"}
"""Tokens guard clusters that others can reach; a Ray that listens on this machine alone needs no token file."""


def start(ray: Any, workers: int) -> None:
    """Start Ray here with so many CPUs, whatever other Ray runs on this machine."""
    _set_if_unset({**_QUIET, **_ON_LOOPBACK})
    options = {
        "address": "local",
        "num_cpus": workers,
        "include_dashboard": False,
        "_node_ip_address": "127.0.0.1",
        "object_store_memory": _OBJECT_STORE_BYTES,
    }
    _init(ray, options, "Ray does not start", REMEDY)


def join(ray: Any, address: str) -> None:
    """Join a cluster with its own size and authentication, after a probe: a dead one would hang for a minute."""
    _set_if_unset(_QUIET)
    if address.startswith("ray://"):
        raise ResultsError(
            f"RAY_ADDRESS is {address}, but a search runs on a node of its cluster, not through Ray Client: "
            "start it there, with RAY_ADDRESS=host:port (see docs/cluster.md)"
        )
    probe(address)
    _init(ray, {"address": address}, f"the Ray cluster at {address} cannot be joined", "see docs/cluster.md")


def probe(address: str, wait_s: float = 3.0) -> None:
    """Raise ResultsError when nothing listens at `address` (host:port)."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=wait_s).close()
    except OSError as error:
        raise ResultsError(
            f"RAY_ADDRESS is {address}, but nothing answers there ({error}); unset it or start Ray"
        ) from error


def in_short(error: BaseException) -> str:
    """The first line: Ray adds a page of remote tracebacks."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _set_if_unset(wanted: dict[str, str]) -> None:
    os.environ.update({name: value for name, value in wanted.items() if name not in os.environ})


def _init(ray: Any, options: dict[str, Any], what: str, remedy: str) -> None:
    try:
        ray.init(**options, log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        ray.shutdown()
        raise ResultsError(f"{what} ({in_short(error)}); {remedy}") from error
