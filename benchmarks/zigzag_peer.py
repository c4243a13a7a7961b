"""What ZigZag says, as JSON: run it with the Python of an environment that holds zigzag-dse.

python zigzag_peer.py {tpu_like|eyeriss_like} {alexnet|resnet18|vgg16} OUT.json [--objective energy] [--samples 40]

Every layer with its loops, and of all mappings that the search visits: their number, the least energy, latency and
product, the mapping that ZigZag picks, those of the three minima, and evenly spaced samples with every word count.
"""

from __future__ import annotations

import argparse
import importlib.resources
import json
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

from zigzag.api import get_hardware_performance_zigzag
from zigzag.cost_model.cost_model import CostModelEvaluation
from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage

DIRECTIONS = ("rd_out_to_low", "wr_in_by_low", "rd_out_to_high", "wr_in_by_high")
VGG16 = ((64, 3, 224), (64, 64, 224), (128, 64, 112), (128, 128, 112), (256, 128, 56), (256, 256, 56), (512, 256, 28),
         (512, 512, 28), (512, 512, 14))  # fmt: skip
VGG16_DENSE = ((4096, 25088), (4096, 4096), (1000, 4096))


class Recorder:
    """Keeps what each layer's search visits, and takes its own time off the clock."""

    def __init__(self, stride: int) -> None:
        self.stride = stride
        self.layers: dict[str, dict[str, Any]] = {}
        self.own_s = 0.0

    def see(self, cme: CostModelEvaluation) -> None:
        """One visited mapping."""
        started = time.process_time()
        layer = self.layers.setdefault(cme.layer.name, self._opened(cme))
        index = layer["mappings_count"]
        layer["mappings_count"] += 1
        energy, latency = cme.energy_total, cme.latency_total2
        for name, value in (("energy", energy), ("latency", latency), ("edp", energy * latency)):
            if name not in layer["least"] or value < layer["least"][name]["value"]:
                layer["least"][name] = {"value": value, **mapping_facts(cme)}
        if index % self.stride == 0:
            layer["samples"].append(mapping_facts(cme))
        self.own_s += time.process_time() - started

    @staticmethod
    def _opened(cme: CostModelEvaluation) -> dict[str, Any]:
        layer = cme.layer
        return {
            "operands": [str(operand) for operand in layer.layer_operands],
            "loops": {str(dim): int(size) for dim, size in layer.layer_dim_sizes.items()},
            "relations": [relation.data for relation in layer.dimension_relations],
            "input_sizes": {str(dim): int(size) for dim, size in layer.pr_layer_dim_sizes.items()},
            "bits": {str(op): int(bits) for op, bits in layer.operand_precision.data.items()},
            "mappings_count": 0,
            "least": {},
            "samples": [],
        }


def mapping_facts(cme: CostModelEvaluation) -> dict[str, Any]:
    """A mapping and its cost as plain numbers."""
    temporal = {
        str(operand): [[[str(dim), int(size)] for dim, size in level] for level in levels]
        for operand, levels in cme.temporal_mapping.mapping_dic_stationary.items()
    }
    unrolling = {
        str(array): {str(dim): int(size) for dim, size in loops.items()}
        for array, loops in cme.layer.spatial_mapping.items()
    }
    words = {
        str(operand): [[int(level.data[direction]) for direction in DIRECTIONS] for level in levels]
        for operand, levels in cme.memory_word_access.items()
    }
    return {
        "temporal": temporal,
        "unrolling": unrolling,
        "words": words,
        "energy_pj": cme.energy_total,
        "cycles": cme.latency_total2,
        "parts": [
            cme.ideal_temporal_cycle,
            cme.stall_slack_comb,
            cme.data_onloading_cycle,
            cme.data_offloading_cycle,
            cme.systolic_drain_cycle,
        ],
    }


def vgg16_layers() -> list[dict[str, Any]]:
    """The distinct layers of VGG-16 in ZigZag's own workload format."""
    bits = {"W": 8, "I": 8, "O": 16, "O_final": 8}
    conv = [
        {
            "id": i, "name": f"conv_{k}_{c}_{size}", "operator_type": "Conv",
            "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
            "dimension_relations": ["ix=1*ox+1*fx", "iy=1*oy+1*fy"],
            "loop_dims": ["B", "G", "K", "C", "OY", "OX", "FY", "FX"], "loop_sizes": [1, 1, k, c, size, size, 3, 3],
            "pr_loop_dims": ["IX", "IY"], "pr_loop_sizes": [size, size], "padding": [[1, 1], [1, 1]],
            "operand_precision": bits, "operand_source": {"I": i - 1, "W": i},
        }
        for i, (k, c, size) in enumerate(VGG16)
    ]  # fmt: skip
    dense = [
        {
            "id": i, "name": f"dense_{k}_{c}", "operator_type": "Gemm", "equation": "O[d][k]+=I[d][c]*W[c][k]",
            "dimension_relations": [], "loop_dims": ["C", "D", "K"], "loop_sizes": [c, 1, k],
            "operand_precision": bits, "operand_source": {"I": i - 1, "W": i},
        }
        for i, (k, c) in enumerate(VGG16_DENSE, start=len(VGG16))
    ]  # fmt: skip
    layers = conv + dense
    layers[0]["operand_source"] = {"W": 0}
    return layers


def run(hardware: str, network: str, objective: str, stride: int) -> dict[str, Any]:
    """ZigZag's own search over the network on the hardware file that it ships."""
    inputs = Path(str(importlib.resources.files("zigzag"))) / "inputs"
    mapping = inputs / "mapping" / ("tpu_like.yaml" if hardware == "tpu_like" else "default.yaml")
    recorder = Recorder(stride)
    original = CostModelStage.run

    def seen(stage: CostModelStage) -> Any:
        for cme, extra in original(stage):
            recorder.see(cme)
            yield cme, extra

    CostModelStage.run = seen
    workload: Any = vgg16_layers() if network == "vgg16" else str(inputs / "workload" / f"{network}.onnx")
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        spatial = spatial_file(mapping, hardware, Path(folder))
        started = time.process_time()
        energy, cycles, evaluations = get_hardware_performance_zigzag(
            workload, str(inputs / "hardware" / f"{hardware}.yaml"), str(spatial), opt=objective,
            dump_folder=folder, loma_show_progress_bar=False,
        )  # fmt: skip
        spent = time.process_time() - started - recorder.own_s
    for cme, _ in evaluations[0][1]:
        if isinstance(cme, CostModelEvaluation):
            recorder.layers[cme.layer.name]["pick"] = mapping_facts(cme)
    return {
        "hardware": hardware,
        "hardware_file": str(inputs / "hardware" / f"{hardware}.yaml"),
        "network": network,
        "objective": objective,
        "energy_pj": energy,
        "cycles": cycles,
        "cpu_s": spent,
        "layers": [{"name": name, **facts} for name, facts in recorder.layers.items()],
    }


def spatial_file(mapping: Path, hardware: str, folder: Path) -> Path:
    """The mapping file: the shipped one for tpu_like; for eyeriss_like none given, so that ZigZag proposes its own."""
    if hardware == "tpu_like":
        return mapping
    path = folder / "mapping.yaml"
    path.write_text("- name: default\n  memory_operand_links:\n    O: O\n    W: I2\n    I: I1\n")
    return path


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hardware", choices=("tpu_like", "eyeriss_like"))
    parser.add_argument("network", choices=("alexnet", "resnet18", "vgg16"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--objective", default="energy", choices=("energy", "latency", "EDP"))
    parser.add_argument("--stride", type=int, default=50, help="every so many mappings one sample is kept")
    arguments = parser.parse_args()
    found = run(arguments.hardware, arguments.network, arguments.objective, arguments.stride)
    arguments.out.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
