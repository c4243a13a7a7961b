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
    chips: Count = 1
    """Equal chips, filled one after the other in the order of layers; what passes from one to the next crosses their
    links. Area and idle power are those of all; published figures are those of one."""
    overflow: Literal["refuse", "reload"] = "refuse"
    """A network of more arrays than there are: refuse: infeasible; reload: some layers stay, and the arrays left over
    are written anew, from off-chip memory, with one piece of the others after another for every batch. Inference only;
    a batch goes through layer by layer, and waits in the buffers before and behind each that is reloaded."""
    served_batches: Count | None = None
    """Batches of a chip's life, whose writes (weights that are reloaded, products of two activations) are held against
    the endurance of its cells. None: not held."""
    partial_sums: Literal["tile", "routed"] = "tile"
    """tile: sums of arrays that share outputs meet in one tile, over its bus; routed: those of arrays that lie in other
    tiles cross a router each."""
