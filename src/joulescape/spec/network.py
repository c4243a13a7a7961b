"""The shape of `models/*.yaml`: one network, its task and its training recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from joulescape.spec.base import Shape

OperatorKind = Literal[
    "conv", "dense", "matmul", "relu", "sigmoid", "softmax", "max_pool", "avg_pool", "global_avg_pool",
    "norm", "add", "flatten", "scale_offset", "spectral_sum", "shg",
]  # fmt: skip


class OperatorSpec(Shape):
    """One operator; `inputs` default to the operator before it. Attributes of the kind stand beside."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: OperatorKind
    inputs: tuple[str, ...] | None = None
    out_channels: Annotated[int, Field(ge=1)] | None = None
    out_features: Annotated[int, Field(ge=1)] | None = None
    kernel: Annotated[int, Field(ge=1)] | None = None
    stride: Annotated[int, Field(ge=1)] | None = None
    padding: Annotated[int, Field(ge=0)] | None = None
    kernel_x: Annotated[int, Field(ge=1)] | None = None
    """conv: the kernel across where it is not square, `kernel` being the one down; the same for the next two."""
    stride_x: Annotated[int, Field(ge=1)] | None = None
    padding_x: Annotated[int, Field(ge=0)] | None = None
    groups: Annotated[int, Field(ge=1)] | None = None
    bias: bool | None = None
    bins: Annotated[int, Field(ge=2)] | None = None
    """shg: spectral bins of the modulated fundamental, data and parameter bins together."""
    data_bins: Annotated[int, Field(ge=1)] | None = None
    """shg: bins that carry data."""
    chirp_rad: float | None = None
    """shg: spectral phase at the band's edge."""
    envelope: float | None = None
    """shg: exponent of the Gaussian amplitude envelope at the band's edge."""


class NetworkTraining(Shape):
    """How the reference weights are trained."""

    epochs: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)] = 64
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0


class NetworkSpec(Shape):
    """One network: `task` names the data set and metric; the operator list becomes the graph."""

    about: str
    task: str
    input: Annotated[tuple[int, ...], Field(min_length=1, max_length=3)]
    operators: Annotated[tuple[OperatorSpec, ...], Field(min_length=1)]
    training: NetworkTraining
