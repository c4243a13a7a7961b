"""The shape of `hwlib/<family>/*.yaml` (one back end with its published figures) and of `hwlib/components/*.yaml`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Family = Literal["electronic", "memristive", "photonic", "physical"]
FAMILIES: tuple[Family, ...] = ("electronic", "memristive", "photonic", "physical")
Equivalence = Literal["exact", "approximate", "own"]
PublishedRole = Literal["input", "calibration", "prediction", "claim"]

CLAIMED_RATIOS = tuple(
    f"{phase}_{what}_ratio" for phase in ("inference", "training") for what in ("speed", "energy", "efficiency")
)
"""What a claim against another back end may be about: its time, energy, or time x area over this one's."""

MAPPING_OBJECTIVES = {"energy": "energy", "latency": "latency", "edp": "energy-delay product"}
"""What a machine's mapper may look for, in words."""


class Product(Shape):
    """One matrix product of a published list."""

    outputs: Annotated[int, Field(ge=1)]
    reduction: Annotated[int, Field(ge=1)]
    vectors: Annotated[int, Field(ge=1)]
    times: Annotated[int, Field(ge=1)] = 1
    weight_density: Annotated[float, Field(gt=0, le=1)] = 1.0
    input_density: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Shares of weights (zeros anywhere) and of inputs that are not zero."""


class PublishedRow(Shape):
    """One published figure that the model is held against.

    Without `workload`, `what` names one of the simulator's own figures (chip_power_mw, peak_tops ...); with it, a
    metric of `joulescape cost` for that network. The tolerance comes from the quantity's class in code, not the row.
    """

    what: str
    value: float
    role: PublishedRole
    source: str
    where: str
    confidence: Literal["high", "medium"] = "high"
    """Of the figure and of what it is about: medium where one is recalled or quoted elsewhere; lower are left out."""
    workload: str | None = None
    layer: str | None = None
    """One layer of the workload: its time, power, units at work, bytes of each memory; absent: the whole of it."""
    layers: tuple[str, ...] = ()
    """Several layers of the workload together (a paper's convolutions, say): time, energy and power of them all."""
    compression: tuple[str, ...] = ()
    """Compression steps of the workload at their defaults: `reported` prices the state that its YAML reports."""
    sets: dict[str, Any] = Field(default_factory=dict)
    """Other settings of the run, as `joulescape cost --set` takes them (compression.0.quantize.weight_bits, say)."""
    products: tuple[Product, ...] = ()
    """In place of a workload: plain matrix products, of which a source prints nothing but the sizes."""
    bits: Annotated[int, Field(ge=1, le=32)] = 8
    """Of every operand of `products`."""
    batch: Annotated[int, Field(ge=1)] = 1
    boundary: Literal["core", "chip", "system"] = "chip"
    overrides: dict[str, Any] = Field(default_factory=dict)
    """Dotted paths below `parameters` that differ from the entry for this row."""
    kind: Literal["quick", "slow"] = "quick"
    expected: Literal["pass", "miss"] = "pass"
    reason: str | None = None
    """Why a miss is expected, or why a claim is not compared."""
    against: str | None = None
    """Of a claim: the back end that it is compared with, in place of the one that the source does not name."""
    against_overrides: dict[str, Any] = Field(default_factory=dict)
    """Dotted paths below the other back end's `parameters` that differ for this row."""
    node: Annotated[int, Field(ge=3, le=180)] | None = None
    """Of a claim: the node that both machines' CMOS parts are scaled to."""

    @model_validator(mode="after")
    def _miss_has_reason(self) -> Self:
        if self.expected == "miss" and not self.reason:
            raise ValueError("an expected miss needs a reason")
        if (self.layer is not None or self.layers) and self.workload is None:
            raise ValueError("a layer needs its workload")
        if self.sets and self.workload is None:
            raise ValueError("sets, the settings of a run, needs its workload")
        if self.layer is not None and self.layers:
            raise ValueError("either one layer or several together")
        return self

    @model_validator(mode="after")
    def _products_stand_for_a_workload(self) -> Self:
        if self.products and (self.workload is not None or self.role == "claim"):
            raise ValueError("products stand in place of a workload, and no claim is made of them")
        return self

    @model_validator(mode="after")
    def _claim_is_compared_or_says_why_not(self) -> Self:
        if self.role != "claim" and (self.against or self.against_overrides or self.node):
            raise ValueError("only a claim is compared with another back end")
        if self.role == "claim" and not self.against and not self.reason:
            raise ValueError("a claim that is compared with no back end needs a reason")
        if self.against and (self.workload is None or self.node is None or self.what not in CLAIMED_RATIOS):
            raise ValueError(f"a compared claim needs a workload, a node and one of {', '.join(CLAIMED_RATIOS)}")
        return self


class BackEndSpec(Shape):
    """One machine of known physics."""

    about: str
    simulator: str
    equivalence: Equivalence
    style: Literal["asic", "spiking", "fpga", "gpu", "cpu", "in_sensor", "sram_in_memory"] | None = None
    host: str | None = None
    """Another back end that runs what this one declines."""
    off_chip: str | None = None
    """A component of kind off_chip_memory; absent: the library's default, with basis assumed."""
    node_nm: Annotated[int, Field(ge=3, le=250)]
    is_design: bool = True
    """False for a part that only serves as host."""
    parameters: dict[str, Any]
    published: tuple[PublishedRow, ...] = ()


class OffChipSpec(Shape):
    """`hwlib/components/<name>.yaml` with `kind: off_chip_memory`."""

    kind: Literal["off_chip_memory"]
    about: str
    read_pj_per_bit: LowerIsBetter
    write_pj_per_bit: LowerIsBetter
    bandwidth_gbps: HigherIsBetter
    standby_mw: LowerIsBetter | None = None
    """Drawn used or not: refresh, clocks, terminated links. Absent where a source puts it into the energy of a bit."""


class PartSpec(Shape):
    """`hwlib/components/<family>/<name>.yaml`: a device that back ends share, by reference."""

    kind: str
    """What it is: a name that a family of simulators gives to the shape of `parameters`."""
    about: str
    parameters: dict[str, Any]
