"""What SCALE-Sim says of a systolic array, as JSON: run it with the Python of an environment that holds scalesim.

python scalesim_peer.py OUT.json [--size 32] [--dataflows ws os]

(scalesim 3.0.0 needs numpy < 2.4.) Buffers are large and bandwidth is what the array asks for, so that cycles are those
of the array alone: what its assumptions share with a mapper's ideal cycles, its fill and its drain.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
import time
from pathlib import Path

from scalesim.scale_sim import scalesim

LAYERS = {
    "conv2": (30, 30, 5, 5, 48, 128, 1),
    "conv3": (14, 14, 3, 3, 256, 384, 1),
    "conv4": (14, 14, 3, 3, 192, 192, 1),
    "conv5": (14, 14, 3, 3, 192, 128, 1),
    "fc8": (1, 1, 1, 1, 4096, 1000, 1),
}
"""Input rows and columns (padded), filter rows and columns, channels, filters, stride: one group of each layer."""

CONFIG = """[general]
run_name = peer
[architecture_presets]
ArrayHeight = {size}
ArrayWidth = {size}
IfmapSramSzkB = 65536
FilterSramSzkB = 65536
OfmapSramSzkB = 65536
IfmapOffset = 0
FilterOffset = 100000000
OfmapOffset = 200000000
Bandwidth = 10
Dataflow = {dataflow}
ReadRequestBuffer = 32
WriteRequestBuffer = 32
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""

HEADER = "Layer, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides, Sparsity,\n"


def run(name: str, size: int, dataflow: str) -> dict[str, float]:
    """Cycles of one layer, and the CPU seconds that they took."""
    with tempfile.TemporaryDirectory() as folder:
        config, topology, layout = (Path(folder) / f"{part}" for part in ("a.cfg", "layer.csv", "layout.csv"))
        config.write_text(CONFIG.format(size=size, dataflow=dataflow))
        topology.write_text(HEADER + f"{name}, " + ", ".join(map(str, LAYERS[name])) + ", 1:1,\n")
        layout.write_text("")
        started = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            tool = scalesim(
                save_disk_space=True, verbose=False, config=str(config), topology=str(topology), layout=str(layout),
                input_type_gemm=False,
            )  # fmt: skip
            tool.run_scale(top_path=folder)
        layer = tool.runner.single_layer_sim_object_list[0]
        return {
            "cycles": float(layer.total_cycles),
            "stalls": float(layer.stall_cycles),
            "cpu_s": time.process_time() - started,
        }


def main() -> None:
    """Run every layer under every dataflow, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--dataflows", nargs="+", default=["ws", "os"])
    parser.add_argument("--layers", nargs="+", default=list(LAYERS), choices=list(LAYERS))
    arguments = parser.parse_args()
    found = [
        {"layer": name, "shape": LAYERS[name], "dataflow": dataflow, **run(name, arguments.size, dataflow)}
        for dataflow in arguments.dataflows
        for name in arguments.layers
    ]
    arguments.out.write_text(json.dumps({"size": arguments.size, "runs": found}))


if __name__ == "__main__":
    main()
