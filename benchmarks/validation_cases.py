"""The validation cases of electronic machines, each figure beside the model's, as docs/validation.md shows them.

    python benchmarks/validation_cases.py            prints the two tables of the page
    python benchmarks/validation_cases.py --write    puts them into the page

Most figures are rows of the shelf (`joulescape validate`), with its tolerances; D1, D2, D10 and D11 are counted here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.network.work import MatrixWork, OperandFormat
from joulescape.pricing import cost
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.single import single
from joulescape.simulators._node import NODES_NM, area_factor, energy_factor
from joulescape.simulators.base import Context
from joulescape.validation import class_records, validate

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "validation.md"
MARKS = ("<!-- cases -->", "<!-- record -->")
"""Each table stands between two of its mark."""

Row = Mapping[str, Any]

NODE_ENERGIES = (15.6906, 3.7491, 1.9111, 1.0, 0.5124, 0.272, 0.1195, 0.0824, 0.0572, 0.0418, 0.0284)
NODE_AREAS = (12.0, 4.3, 1.9, 1.0, 0.66, 0.31, 0.14, 0.13, 0.12, 0.068, 0.039)
"""Over 65 nm, in the order of `NODES_NM` (stillmaker2017)."""

TOWER_CYCLES = {"conv1": 366025, "conv2": 255430, "conv3": 171051, "conv4": 129444, "conv5": 86296}
"""Of Zhang's own model, recalled; 20 cycles a tile to fill it are inferred from their sum."""

STRIPES_BITS = {"conv1": 9, "conv2": 8, "conv3": 5, "conv4": 5, "conv5": 7}
"""Bits of AlexNet's inputs that cost no accuracy (judd2016), recalled."""

INPUT_ZEROS = {"conv1": 0.0001, "conv2": 0.387, "conv3": 0.725, "conv4": 0.793, "conv5": 0.776}
"""Zeros that Eyeriss saw in AlexNet's inputs (chen2017, Table V)."""


@dataclass(frozen=True)
class Line:
    """One figure: what is expected, what the model gives, and what is said of the two."""

    quantity: str
    expected: float
    found: float | None
    verdict: str
    why: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """Of the table; the error is the model's figure over the expected one, less one."""
        if self.found is None:
            expected = "–" if math.isnan(self.expected) else f"{self.expected:.6g}"
            return self.quantity, expected, "–", "–", self.verdict, self.why
        error = f"{100 * (self.found / self.expected - 1):+.1f} %"
        return self.quantity, f"{self.expected:.6g}", f"{self.found:.4g}", error, self.verdict, self.why


def every(row: Row) -> bool:  # noqa: ARG001
    """All rows."""
    return True


def nothing() -> Iterator[Line]:
    """No figure is counted here."""
    yield from ()


@dataclass(frozen=True)
class Case:
    """One case of the list: the command that shows it, the shelf's rows that it is of, and what is counted here."""

    key: str
    title: str
    command: str
    back_ends: tuple[str, ...] = ()
    keep: Callable[[Row], bool] = every
    counted: Callable[[], Iterator[Line]] = nothing

    def lines(self, rows: Sequence[Row]) -> list[Line]:
        """Its figures."""
        mine = [row for name in self.back_ends for row in rows if row["back_end"] == name and self.keep(row)]
        return [*self.counted(), *(_line(row) for row in mine)]

    def table(self, rows: Sequence[Row]) -> str:
        """Its part of the table."""
        found = self.lines(rows) or [Line("–", math.nan, None, "not compared", "there is no such entry")]
        head = (f"**{self.key}**", f"{self.title}: `{self.command}`", "", "", "", "", "")
        return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, *((self.key, *line.cells) for line in found)))


def _line(row: Row) -> Line:
    """`within` is of a prediction; what was put in or set agrees by construction."""
    role = row["role"]
    if role == "claim":
        said = {None: "not compared", True: "follows", False: "does not follow"}[row["pass"]]
        return Line(f"{row['what']}, claimed", row["published"], row["model"], said, row["reason"] or "")
    of = (
        row["workload"] if row["workload"] in (None, "") or " x " not in row["workload"] else row["where"].split(";")[0]
    )
    name = row["what"] if of is None else f"{row['what']}, {of}"
    agreed = "within" if role == "prediction" else role
    verdict = "not measured" if row["pass"] is None else agreed if row["pass"] else "miss"
    sure = "" if row["confidence"] == "high" else " (recalled)"
    return Line(name + sure, row["published"], row["model"], verdict, row["reason"] or "" if verdict == "miss" else "")


def what(*starts: str) -> Callable[[Row], bool]:
    """Rows about figures that begin so."""
    return lambda row: row["what"].startswith(starts)


def where(*texts: str) -> Callable[[Row], bool]:
    """Rows whose place in the source says so."""
    return lambda row: any(text in row["where"] for text in texts)


def _graph(network: str) -> Graph:
    space, candidate = single(network, "electronic/scalar_core", ROOT, {})
    return space.graphs[candidate.network]


def shapes() -> Iterator[Line]:
    """D1: multiply-accumulates and weights."""
    known = {"alexnet_grouped": (724406816, 60954656), "vgg16": (15470264320, 138344128)}
    for network, (macs, weights) in known.items():
        graph = _graph(network)
        counted = sum(math.prod(operator.weight_shape or ()) for operator in graph.matrix_operators)
        for name, expected, found in (("MACs", macs, graph.macs), ("weights", weights, counted)):
            yield Line(f"{name}, {network}", expected, found, "exact" if found == expected else "miss")


def zhang_cycles() -> Iterator[Line]:
    """D2: cycles of one tower of each convolution, as the paper counts all of them, without its memory."""
    report = cost("alexnet_grouped", "electronic/zhang2015", {"batch": "1"}, boundary="chip", root=ROOT)
    towers, clock_ghz = 2, 0.1
    for layer, expected in TOWER_CYCLES.items():
        time_ns = next(float(row["batch_latency_ns"]) for row in report.layers if row["layer"] == layer)
        found = time_ns * clock_ghz / towers
        yield Line(
            f"cycles of a tower, {layer} (recalled)", expected, found, _said(found, expected, 0.005, "calibration")
        )


def nodes() -> Iterator[Line]:
    """D10: energy and area over 65 nm."""
    for node, energy, area in zip(NODES_NM, NODE_ENERGIES, NODE_AREAS, strict=True):
        for name, expected, found in (
            ("energy", energy, energy_factor(65, node)),
            ("area", area, area_factor(65, node)),
        ):
            limit = max(1e-3, 6e-5 / expected)  # the factors are printed with four digits
            yield Line(f"{name}, {node} nm over 65 nm", expected, found, _said(found, expected, limit, "input"))


def trends() -> Iterator[Line]:
    """D11: what serial inputs, skipped zeros and more chips gain on AlexNet's layers over one chip of DaDianNao."""
    plain = _time("dadiannao", _works())
    for bits in (4, 8):
        found = _time("dadiannao", _works(even=bits)) / _time("stripes", _works(even=bits))
        yield Line(f"Stripes at {bits} bits, 16 / p", 16 / bits, found, _said(found, 16 / bits, 0.1))
    serial = plain / _time("stripes", _works(bits=STRIPES_BITS))
    yield Line("Stripes, mean 1.92 over networks, 1.30 to 4.51", 1.92, serial, _between(serial, 1.30, 4.51))
    skipping = plain / _time("cnvlutin", _works(zeros=INPUT_ZEROS))
    yield Line("Cnvlutin, mean 1.37 over networks, 1.24 to 1.55", 1.37, skipping, _between(skipping, 1.24, 1.55))
    for chips, expected in ((4, 79.81 / 21.38), (16, 216.72 / 21.38), (64, 450.65 / 21.38)):
        found = _time("dadiannao", _works()) / _time("dadiannao", _works(), {"chips": chips})
        verdict = "upper bound" if found >= expected else "miss"
        yield Line(f"DaDianNao, {chips} chips over one (recalled)", expected, found, verdict)


def _works(
    bits: Mapping[str, int] | None = None, zeros: Mapping[str, float] | None = None, even: int = 16
) -> list[MatrixWork]:
    """AlexNet's convolutions for one sample."""
    graph = _graph("alexnet_grouped")
    formats = {
        name: OperandFormat(
            weight_bits=16, activation_bits=(bits or {}).get(name, even), input_density=1 - (zeros or {}).get(name, 0.0)
        )
        for name in TOWER_CYCLES
    }
    works = lower(graph, formats, "inference", 1, {}).works
    return [work for work in works if isinstance(work, MatrixWork) and work.layer in TOWER_CYCLES]


def _time(name: str, works: Sequence[MatrixWork], overrides: Mapping[str, Any] | None = None) -> float:
    """Time of the works inside the chip."""
    back_end = load_back_end(ROOT, f"electronic/{name}", overrides or {})
    context = Context(1, back_end.off_chip.at("typical"), False, first=frozenset({"conv1"}))
    return sum(float(found.latency_ns) for found in back_end.simulator.cost(works, back_end.settings, context))


def _said(found: float, expected: float, limit: float, agreed: str = "within") -> str:
    """What was put in, or set, agrees by construction and is no prediction."""
    return agreed if abs(found / expected - 1) <= limit else "miss"


def _between(found: float, low: float, high: float) -> str:
    return "trend" if low <= found <= high else "miss"


def titan(row: Row) -> bool:
    """The three layers of D8."""
    return str(row["where"]).endswith(", dense, batch 1") and "Alex" in row["where"]


def chip(row: Row) -> bool:
    """Predictions of ankit2019's chip from the parts of another."""
    return bool(row["source"] == "ankit2019" and row["role"] == "prediction")


SELF = "python benchmarks/validation_cases.py"
SHOW = "joulescape validate electronic/"
ISAAC, MESH = "memristive/isaac", "photonic/mzi_mesh"
LIGHT = "photonic/lightning_transformer"
PEAKED = tuple(f"electronic/{name}" for name in ("dadiannao", "park2015", "tpu_v1", "eyeriss"))
CASES = (
    Case("D1", "Shapes of AlexNet and VGG-16", SELF, counted=shapes),
    Case("D2", "Zhang 2015, tiles of 64 x 7", f"{SHOW}zhang2015", ("electronic/zhang2015",), what("batch_latency"),
         zhang_cycles),
    Case("D3", "Eyeriss, AlexNet at batch 4", f"{SHOW}eyeriss", ("electronic/eyeriss",),
         lambda row: row["workload"] is not None),
    Case("D4", "Eyeriss in multiplies, 256 elements", f"{SHOW}eyeriss_isca16", ("electronic/eyeriss_isca16",)),
    Case("D5", "EIE, layers in theory and as simulated", f"{SHOW}eie", ("electronic/eie",),
         what("batch_latency", "ideal_latency")),
    Case("D6", "EIE, power by block", f"{SHOW}eie", ("electronic/eie",), lambda row: "power" in row["what"]),
    Case("D7", "TPU, applications", f"{SHOW}tpu_v1", ("electronic/tpu_v1",), what("tops")),
    Case("D8", "Titan X, dense layers in float32 at batch 1", f"{SHOW}gpu_titan_x", ("electronic/gpu_titan_x",), titan),
    Case("D9", "TETRIS against the flat chip", f"{SHOW}tetris", ("electronic/tetris",)),
    Case("D10", "Node scaling", SELF, counted=nodes),
    Case("D11", "Stripes, Cnvlutin, many chips of DaDianNao", SELF, counted=trends),
    Case("D12", "Peak rates", "joulescape validate --family electronic", PEAKED,
         what("peak_gops", "peak_tops", "tops_per_w")),
    Case("G1, G2", "ISAAC, component table and peak", f"joulescape validate {ISAAC}", (ISAAC,),
         where("Table I", "Table 3")),
    Case("G4", "Converters by regression", f"joulescape validate {ISAAC}", (ISAAC,), what("adc_energy", "adc_area")),
    Case("G7", "Albireo, sums of its columns", "joulescape validate photonic/albireo", ("photonic/albireo",),
         where("column", "5 GHz")),
    Case("G8", "Laser of Lightning-Transformer", f"joulescape validate {LIGHT}", (LIGHT,), what("identity_laser")),
    Case("G10", "Meshes of 8 inputs", f"joulescape validate {MESH}", (MESH,), what("unitary")),
    Case("G16", "PUMA by its own constants, and its peak", "joulescape validate memristive/puma", ("memristive/puma",)),
    Case("G16", "PUMA from ISAAC's parts", f"joulescape validate {ISAAC}", (ISAAC,), chip),
)  # fmt: skip
MAPPED = ("electronic/eyeriss", "electronic/eyeriss_isca16", "electronic/tetris")
"""Back ends whose mapper takes more than a few seconds for AlexNet."""


def shelf_rows() -> list[dict[str, Any]]:
    """Every published figure with the model's."""
    return validate(ROOT)


def case_table(rows: Sequence[Row]) -> str:
    """One line a figure; a case without any says what is missing."""
    head = ("case", "figure", "expected", "found", "error", "verdict", "why missed")
    top = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head)))
    return "\n".join((top, *(case.table(rows) for case in CASES)))


def record_table(rows: Sequence[Row]) -> str:
    """Predictions of sure figures by class, over the whole shelf."""
    lines = [("class", "rows", "within tolerance", "median error"), ("---",) * 4]
    for record in class_records(rows):
        whose = " of rooflines of processors" if record.is_roofline else ""
        error = f"{100 * record.median_error_fraction:.1f} %"
        lines.append((record.figure_class + whose, str(record.count), str(record.pass_count), error))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def written(page: str, rows: Sequence[Row]) -> str:
    """The page with both tables as they are now."""
    for mark, table in zip(MARKS, (case_table(rows), record_table(rows)), strict=True):
        before, _, after = page.split(mark)
        page = f"{before}{mark}\n\n{table}\n\n{mark}{after}"
    return page


def main(arguments: Sequence[str]) -> None:
    """Print the tables, or write them."""
    rows = shelf_rows()
    if list(arguments) == ["--write"]:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
        return
    sys.stdout.write(f"{case_table(rows)}\n\n{record_table(rows)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
