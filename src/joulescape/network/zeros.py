"""Where a training step meets zeros: rectifiers put results and errors to zero, max-pooling errors.

With x = relu(y) the error of y is zero wherever x is. A max-pooling sends an error to one element of its window, so of
the elements before it at most `out / in` get one. A matrix product fills every error that it makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from joulescape.network.build import DATA
from joulescape.network.kinds import KINDS
from joulescape.network.operators import Graph, Operator

RECTIFIERS = frozenset({"relu", "relu6"})


@dataclass(frozen=True)
class Zeros:
    """Densities of results and errors, from the density of every matrix operator's input."""

    graph: Graph
    input_density: Mapping[str, float]

    def needed(self, name: str) -> float:
        """Share of the values of `name` that rectifiers leave, at most; 1 where somebody reads them as they are."""
        return max((self._wanted(reader) for reader in self.graph.consumers(name)), default=1.0)

    def error_density(self, name: str) -> float:
        """Share of non-zero errors of the values of `name`."""
        readers = self.graph.consumers(name)
        return min(sum(self._sent(reader) for reader in readers), 1.0) if readers else 1.0

    def asked(self, operator: Operator) -> float:
        """Share of its input's errors that a rectifier before it lets through."""
        source = operator.inputs[0]
        while source != DATA:
            before = self.graph.operator(source)
            if before.kind in RECTIFIERS:
                return self.input_density.get(operator.name, 1.0)
            if not (KINDS[before.kind].is_free or before.kind == "max_pool"):
                return 1.0
            source = before.inputs[0]
        return 1.0

    def _wanted(self, reader: Operator) -> float:
        """What a reader needs of the values that it reads."""
        if reader.kind in RECTIFIERS:
            return self._left(reader.name)
        return self.needed(reader.name) if KINDS[reader.kind].is_free else 1.0

    def _sent(self, reader: Operator) -> float:
        """What a reader sends back, by element of what it reads."""
        if reader.kind in RECTIFIERS:
            return self._surviving(reader.name)
        if reader.kind == "max_pool":
            return self.error_density(reader.name) * _window_share(reader)
        return self.error_density(reader.name) if KINDS[reader.kind].is_free else 1.0

    def _left(self, name: str) -> float:
        """Density of a tensor as its matrix readers see it: behind a max-pooling no less than before."""
        readers = self.graph.consumers(name)
        kept = (
            self._left(reader.name) if reader.kind == "max_pool" or KINDS[reader.kind].is_free
            else self.input_density.get(reader.name, 1.0)
            for reader in readers
        )  # fmt: skip
        return max(kept, default=1.0)

    def _surviving(self, name: str) -> float:
        """Share of a rectifier's values that are not zero and get an error."""
        shares = [self._through(reader) for reader in self.graph.consumers(name)]
        return min(sum(shares), 1.0) if shares else 1.0

    def _through(self, reader: Operator) -> float:
        if reader.name in self.input_density:
            return self.input_density[reader.name]
        if reader.kind == "max_pool":
            return self._surviving(reader.name) * _window_share(reader)
        return self._surviving(reader.name) if KINDS[reader.kind].is_free else 1.0


def _window_share(pool: Operator) -> float:
    return min(pool.out_elements / prod(pool.in_shapes[0]), 1.0)
