"""A systolic array beside SCALE-Sim: python benchmarks/systolic_cycles.py --scalesim-python PYTHON [--keep FILE].

SCALE-Sim 3 counts the cycles of an array alone, fold by fold; the mapper's counterpart is the ideal cycles of the same
unrolling. Every difference is put down to a line: what a fold pays for filling and for skew, and how folds are counted.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joulescape.network.operators import Loops
from joulescape.simulators._mapping.hierarchy import Array, Hierarchy, Memory, Port, bind
from joulescape.simulators._mapping.layer import OPERANDS, Layer
from joulescape.simulators._mapping.unrolling import Spatial, Unrolling

PEER = Path(__file__).with_name("scalesim_peer.py")


def main() -> None:
    """A line for each layer and dataflow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scalesim-python", type=Path, help="Python of an environment with scalesim and numpy < 2.4")
    parser.add_argument("--keep", type=Path, help="file for SCALE-Sim's answers, read again where it is there")
    arguments = parser.parse_args()
    told = answers(arguments.scalesim_python, arguments.keep)
    size = told["size"]
    print("layer  flow  SCALE-Sim  = ideal + fill + skew + last   mapper's ideal      folds  theirs  its CPU s")
    for run in told["runs"]:
        print(line(run, size))


def answers(python: Path | None, keep: Path | None) -> dict[str, Any]:
    """What SCALE-Sim says, from a kept file or from a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = keep or Path(folder) / "scalesim.json"
        if not path.exists():
            if python is None:
                raise SystemExit(f"{path} is not there: --scalesim-python is needed")
            subprocess.run([python, PEER, path], check=True, stdout=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(path.read_text())
        return found


def line(run: Mapping[str, Any], size: int) -> str:
    """SCALE-Sim's cycles taken apart, beside ours."""
    rows, columns, taps_y, taps_x, channels, filters, stride = run["shape"]
    loops = Loops(
        K=filters, C=channels, OY=(rows - taps_y) // stride + 1, OX=(columns - taps_x) // stride + 1,
        FY=taps_y, FX=taps_x, stride_y=stride, stride_x=stride,
    )  # fmt: skip
    window, places = channels * taps_y * taps_x, loops.OY * loops.OX
    along, steps = (window, places) if run["dataflow"] == "ws" else (places, window)
    folds = math.ceil(along / size) * math.ceil(filters / size)
    # Weights are shifted into the array before a fold; outputs leave an output-stationary one with its skew.
    fill, skew = (size * folds if run["dataflow"] == "ws" else 0), (2 * size - 2) * folds
    last = run["cycles"] - (folds * steps + fill + skew)
    ours = spatial(loops, run["dataflow"], size).cycles
    return (
        f"{run['layer']:<7}{run['dataflow']:<5}{run['cycles']:>10.0f}{folds * steps:>11}{fill:>7}{skew:>8}{last:>6.0f}"
        f"{ours:>17}{ours / steps:>11.1f}{folds:>8}{run['cpu_s']:>11.1f}"
    )


def spatial(loops: Loops, dataflow: str, size: int) -> Spatial:
    """The same array in the mapper: one loop (or two short ones) along each dimension."""
    unrolling: Unrolling = (("D1", (("K", size),)), ("D2", (("C", size),)))
    if dataflow == "os":
        rows = size // loops.OX
        places = (("OX", size),) if rows < 2 else (("OX", loops.OX), ("OY", rows))
        unrolling = (("D1", (("K", size),)), ("D2", places))
    memory = Memory("off_chip", 1 << 40, 1.0, 1.0, (Port("rw", 64, 64),), bind(OPERANDS, 0), ("D1", "D2"))
    return Spatial.of(Layer(loops), Hierarchy("array", Array((("D1", size), ("D2", size)), 1.0), (memory,)), unrolling)


if __name__ == "__main__":
    main()
