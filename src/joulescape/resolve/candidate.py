"""What is drawn: a candidate, and the parameters that lead to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from joulescape.compression.base import Step
from joulescape.network.digest import digest
from joulescape.spec.domain import AnyDomain, Scalar

__all__ = ["AnyDomain", "Candidate", "Pair", "Parameter"]


@dataclass(frozen=True)
class Pair:
    """One network on one back end: the name `<network>@<back end>` is the value of the parameter `pair`."""

    network: str
    back_end: str

    @property
    def name(self) -> str:
        """How tables and Optuna spell it."""
        return f"{self.network}@{self.back_end}"


@dataclass(frozen=True)
class Parameter:
    """One parameter that Optuna draws; drawn only when parameter `parent` was drawn as `option`."""

    name: str
    domain: AnyDomain
    parent: str | None = None
    option: str | None = None


@dataclass(frozen=True)
class Candidate:
    """Network, back end, compression, training and the hardware parameters that can change the numbers.

    `hardware` is by dotted path below the back end (`adc.bits`, `host.array.rows`); `values` are the drawn parameters
    under their Optuna names, `pair` among them.
    """

    network: str
    back_end: str
    compression: tuple[Step, ...]
    training: Mapping[str, Scalar]
    hardware: Mapping[str, Scalar]
    values: Mapping[str, Scalar]

    @property
    def pair(self) -> Pair:
        """The pair that it belongs to."""
        return Pair(self.network, self.back_end)

    @cached_property
    def candidate_id(self) -> str:
        """Digest of the resolved values."""
        return digest(self.network, self.back_end, self.compression, self.training, self.hardware)
