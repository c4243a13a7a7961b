"""How a network is laid out on crossbar chips: pieces, copies, chips, and what is done when it is too large."""

from __future__ import annotations

from typing import Literal

from joulescape.simulators.crossbar.table import Count
from joulescape.spec.base import Shape


class Layout(Shape):
    """Choices of placement; each leaves the figures of a machine that does not name it as they are."""

    placement: Literal["array", "ima", "tile"] = "array"
    """Smallest piece of a chip that two layers do not share: a layer takes whole ones, all of its copies together."""
    duplication: Literal["fixed", "balanced"] = "fixed"
    """fixed: `replication` or `positions_per_copy`; balanced: as many copies of each layer as make the slowest layer of
    the pipeline as fast as the arrays that are there allow."""
    reads_per_copy: Count | None = None
    """balanced: analog reads of a sample that a copy makes at most. None: as few as the arrays allow, which is found
    for each network."""
