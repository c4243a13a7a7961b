"""The shape of `data/<task>.yaml`: a data set of one's own, and the task that it makes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from joulescape.spec.base import Shape

Count = Annotated[int, Field(ge=1)]


class DatasetSpec(Shape):
    """One `.npz` file with `x`, `y` (split here) or `x_train`, `y_train`, `x_test`, `y_test` (split already)."""

    about: str
    file: str
    """The `.npz`, relative to this YAML file."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Checksum of the file (`sha256sum my.npz`); checked whenever the data are loaded."""
    input: Annotated[tuple[int, ...], Field(min_length=1, max_length=3)]
    """Shape of one sample: (features,), (channels, height, width)."""
    classes: Annotated[int, Field(ge=2)]
    """Labels are 0 .. classes - 1."""
    train_count: Count
    validation_count: Count
    test_count: Count
