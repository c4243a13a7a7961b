"""A block of operators that a network puts into its list by name, as often as it likes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from joulescape.spec.base import Shape


class BlockUse(Shape):
    """A block of `blocks:` put here under a name: its operators become `<name>_<operator>`.

    `repeat` puts it several times, each reading the one before: `<name>_1_<operator>`, `<name>_2_<operator>` ...
    Whoever reads `<name>` reads the last operator.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    block: str
    repeat: Annotated[int, Field(ge=1)] = 1
    inputs: Annotated[tuple[str, ...], Field(min_length=1, max_length=1)] | None = None
    values: dict[str, int | float | bool | str] = Field(default_factory=dict)
    """One for each value that the block names."""
