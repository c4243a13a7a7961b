"""The shape of `models/*.yaml`: one network, its task and its training recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from joulescape.spec.base import Shape
from joulescape.spec.block import BlockUse
from joulescape.spec.reported import ReportedSpec

OperatorKind = Literal[
    "conv", "dense", "matmul", "relu", "sigmoid", "softmax", "max_pool", "avg_pool", "global_avg_pool",
    "norm", "add", "flatten", "scale_offset", "spectral_sum", "shg", "oscillators", "plate", "circuit", "recorded",
    "physical",
    "relu6", "local_response_norm", "concat", "channel_shuffle", "channel_slice",
    "layer_norm", "gelu", "position", "mean_tokens", "patches", "split_heads", "merge_heads", "transpose",
]  # fmt: skip

FOREIGN = "foreign"
"""The kind of an ONNX operator that only a host computes; the reader of ONNX files alone writes it."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A file's checksum."""


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
    ceil_mode: bool | None = None
    """Pooling: whether elements that are left over at the end get a window of their own."""
    groups: Annotated[int, Field(ge=1)] | None = None
    first: Annotated[int, Field(ge=0)] | None = None
    """channel_slice: number of the first channel that is taken."""
    bias: bool | None = None
    heads: Annotated[int, Field(ge=1)] | None = None
    """split_heads: into how many."""
    scale: Annotated[float, Field(gt=0)] | None = None
    """matmul: constant that multiplies the product (attention: 1 / sqrt(features of a head))."""
    bins: Annotated[int, Field(ge=2)] | None = None
    """shg: spectral bins of the modulated fundamental, data and parameter bins together."""
    data_bins: Annotated[int, Field(ge=1)] | None = None
    """shg: bins that carry data."""
    chirp_rad: float | None = None
    """shg: spectral phase at the band's edge."""
    envelope: float | None = None
    """shg: exponent of the Gaussian amplitude envelope at the band's edge."""
    system: str | None = None
    """physical: a system that another package brings along."""
    measurements: str | None = None
    """recorded: file of measured inputs, parameters and outputs, below a data directory."""
    sha256: Sha256 | None = None
    """recorded: that file's checksum."""
    sizes: dict[str, float] | None = None
    """Of physical systems other than shg: how many units, modes or samples, and what they are tuned to."""


class ForeignOperatorSpec(Shape):
    """An operator of an ONNX file that its user left to the host; no YAML can name one."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Literal["foreign"]
    inputs: tuple[str, ...]
    onnx: str
    """The operator as an ONNX model of its own, in base 64."""
    ops_per_element: Annotated[float, Field(gt=0)]
    """Operations for each element of the output."""


OneOperator = OperatorSpec | ForeignOperatorSpec
"""One operator, wherever it stood."""


def _sort(entry: Any) -> str:
    is_use = "block" in entry if isinstance(entry, dict) else isinstance(entry, BlockUse)
    return "a block" if is_use else "an operator"


Entry = Annotated[
    Annotated[OperatorSpec, Tag("an operator")] | Annotated[BlockUse, Tag("a block")], Discriminator(_sort)
]
"""One line of an operator list: an operator, or a block put there."""


class NetworkTraining(Shape):
    """How the reference weights are trained."""

    epochs: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)] = 64
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    input_noise_fraction: Annotated[float, Field(ge=0)] | None = None
    """Physical networks: sd of the noise added to training inputs, of full scale; 0.1 where it is left out."""
    early_stopping: Literal[True] | None = None
    """Physical networks: a tenth of the training split is held out, and the epoch that does best on it is kept."""


class Hosted(Shape):
    """What to do with an ONNX operator that this project has none for."""

    runs_on: Literal["host"]
    """The machine's host computes it, as ONNX defines it; no gradient passes it."""
    ops_per_element: Annotated[float, Field(gt=0)]
    """Operations for each element of its output: what it costs there."""


class GivenWeights(Shape):
    """Reference weights that are not trained here: those of an ONNX file."""

    onnx: str
    """The file, relative to the network's YAML."""
    sha256: Sha256
    treat_as: dict[str, Hosted] = Field(default_factory=dict)


class BaseNetworkSpec(Shape):
    """What every network states: `task` names the data set and metric; the operator list becomes the graph."""

    about: str
    task: str
    input: Annotated[tuple[int, ...], Field(min_length=1, max_length=3)]
    blocks: dict[str, Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Operator lists to be put into `operators` by name. `input` is what the block reads; text that stands for an
    attribute names one of the `values` that are given where the block is put."""
    operators: Annotated[tuple[Entry | ForeignOperatorSpec, ...], Field(min_length=1)]
    reported: ReportedSpec | None = None
    training: NetworkTraining | GivenWeights | None = None

    @property
    def is_workload(self) -> bool:
        """Whether it has shapes and costs alone: no recipe, so no weights and no accuracy."""
        return self.training is None

    @property
    def recipe(self) -> dict[str, Any]:
        """Where its weights come from, as plain values; empty for a workload."""
        return {} if self.training is None else self.training.model_dump(exclude_none=True)


class NetworkSpec(BaseNetworkSpec):
    """One network: `task` names the data set and metric; the operator list becomes the graph.

    One without `training` is a workload: it is priced, and nobody can ask for its accuracy.
    """

    operators: Annotated[tuple[Entry, ...], Field(min_length=1)]
    training: NetworkTraining | None = None


class OnnxNetworkSpec(Shape):
    """A network of one's own in an ONNX file: its operators and its weights are read from there."""

    about: str
    task: str
    onnx: Annotated[str, Field(min_length=1)]
    """The file, relative to this YAML file."""
    sha256: Sha256 | None = None
    """Checksum of the file (`sha256sum my.onnx`); a changed file is then refused."""
    treat_as: dict[str, Hosted] = Field(default_factory=dict)
    """By ONNX operator (`Tanh`): those that would be refused, and keep the shape of what they read."""


class ReadNetworkSpec(BaseNetworkSpec):
    """The same once the file was read."""

    training: GivenWeights


AnyNetworkSpec = NetworkSpec | ReadNetworkSpec
"""A network with its operators, and where its reference weights come from."""
