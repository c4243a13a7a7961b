"""The peer of benchmarks/analog_accuracy.py: the same networks on aihwkit's pure-torch tiles, plain torch beside them.

    <python with aihwkit 1.1.0 and torch 2.13.0> benchmarks/analog_peer.py <folder>

Reads case.json and tensors.npz from the folder, writes one line of JSON. Imports nothing of Joulescape, so that it runs
where that is not installed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from aihwkit.inference.noise.pcm import PCMLikeNoiseModel
from aihwkit.nn import AnalogConv2d, AnalogLinear
from aihwkit.simulator.configs import BoundManagementType, NoiseManagementType, TorchInferenceRPUConfig
from torch import Tensor, nn

torch.set_num_threads(1)


def config(out_noise: float, programming_us: float) -> TorchInferenceRPUConfig:
    """No converters; Gaussian noise of a given deviation on every output; one programming error for all levels."""
    made = TorchInferenceRPUConfig()
    forward = made.forward
    forward.inp_res = forward.out_res = -1
    forward.inp_bound = forward.out_bound = 0.0
    forward.noise_management, forward.bound_management = NoiseManagementType.NONE, BoundManagementType.NONE
    forward.out_noise = out_noise
    made.mapping.weight_scaling_omega = 1.0
    made.mapping.weight_scaling_columnwise = True
    made.mapping.max_input_size = made.mapping.max_output_size = 0
    made.noise_model = PCMLikeNoiseModel(prog_coeff=[programming_us], drift_scale=0.0, read_noise_scale=0.0)
    return made


def network(case: dict[str, Any], tensors: dict[str, Tensor], noisy: bool, programming_us: float) -> nn.Module:
    """Layers by name; digital ones where `noisy` and `programming_us` are both off."""
    layers: list[nn.Module] = []
    for layer in case["layers"]:
        kind, name = layer["kind"], layer["name"]
        if kind in ("relu", "max_pool", "flatten"):
            layers.append({"relu": nn.ReLU, "max_pool": lambda: nn.MaxPool2d(2), "flatten": nn.Flatten}[kind]())
            continue
        weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        is_analog = noisy or programming_us > 0
        layers.append(_matrix(layer, weight, bias, layer["out_noise"] if noisy else 0.0, programming_us, is_analog))
    return nn.Sequential(*layers).eval()


def _matrix(
    layer: dict[str, Any], weight: Tensor, bias: Tensor, out_noise: float, programming_us: float, is_analog: bool
) -> nn.Module:
    extra = {"rpu_config": config(out_noise, programming_us)} if is_analog else {}
    if layer["kind"] == "conv":
        kind = AnalogConv2d if is_analog else nn.Conv2d
        made = kind(weight.shape[1], weight.shape[0], weight.shape[2], padding=layer["padding"], bias=True, **extra)
    else:
        kind = AnalogLinear if is_analog else nn.Linear
        made = kind(weight.shape[1], weight.shape[0], bias=True, **extra)
    if is_analog:
        made.set_weights(weight, bias)
    else:
        made.weight.data, made.bias.data = weight, bias
    return made


def cpu_ms(*works: Callable[[], object], repeats: int) -> tuple[float, ...]:
    """Least CPU time of each over several rounds, in turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats + 1):
        for work, taken in zip(works, times, strict=True):
            start = time.process_time()
            work()
            taken.append(1e3 * (time.process_time() - start))
    return tuple(min(taken[1:]) for taken in times)


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    return float(torch.cat([model(x).argmax(1) for x in images.split(256)]).eq(labels).float().mean())


def main(folder: Path) -> None:
    case = json.loads((folder / "case.json").read_text())
    raw = np.load(folder / "tensors.npz")
    tensors = {name: torch.as_tensor(raw[name]) for name in raw.files}
    images, labels = tensors.pop("images"), tensors.pop("labels")
    batch, repeats, draws = images[: case["batch"]], case["repeats"], case["draws"]
    found: dict[str, Any] = {}
    with torch.no_grad():
        plain = network(case, tensors, False, 0.0)
        reading = network(case, tensors, True, 0.0)
        models: list[nn.Module] = [plain, reading]
        found["plain"] = accuracy(plain, images, labels)
        torch.manual_seed(0)
        found["read"] = [accuracy(reading, images, labels) for _ in range(draws)]
        found["programming"] = []
        for draw in range(draws):
            torch.manual_seed(draw)
            written = network(case, tensors, False, case["programming_us"])
            for module in written:
                if isinstance(module, AnalogLinear | AnalogConv2d):
                    module.program_analog_weights()
            found["programming"].append(accuracy(written, images, labels))
            models.append(written)
        times = cpu_ms(*(partial(model, batch) for model in models[:3]), repeats=repeats)
        found.update(zip(("plain_ms", "read_ms", "programming_ms"), times, strict=True))
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
