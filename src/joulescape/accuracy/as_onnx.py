"""One candidate's compressed network as an ONNX file that computes what our forward pass computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from joulescape.accuracy.activations import Calibration, calibrate
from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.given import CLOSE, COMPARED_SAMPLES
from joulescape.accuracy.measure import weights
from joulescape.accuracy.module import plain, run
from joulescape.accuracy.reference import is_own, single_thread
from joulescape.compression.base import Described
from joulescape.interchange.onnx_file import OnnxError
from joulescape.interchange.onnx_grids import ActivationGrid
from joulescape.interchange.onnx_network import outputs_of
from joulescape.interchange.onnx_write import Written, write_onnx
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Recipe


def as_onnx(
    network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity, seed: int, networks_dir: Path
) -> Written:
    """The weights that `measure` measures, on an ideal machine: grids are in the file, a device's errors are not.

    OnnxError where the network is a machine of its own, or the file computes something else on real samples.
    """
    if is_own(network.original):
        raise OnnxError(f"'{network.original.name}' is a machine of its own: its operators have no counterpart in ONNX")
    single_thread()
    data = load_task(recipe.task).shaped(network.graph.input_shape)
    tensors = weights(network, errors, recipe, fidelity, seed, networks_dir, data)
    calibration = calibrate(network, tensors, data.train.images, rows=0)
    file = written(network, tensors, calibration)
    _check(file, network, tensors, calibration, data.validation.images[:COMPARED_SAMPLES])
    return file


def written(network: Described, tensors: Mapping[str, Tensor], calibration: Calibration) -> Written:
    """The network with these weights and grids of its inputs."""
    arrays = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    grids = {
        name: tuple(ActivationGrid(one.scale, one.bits, one.is_signed, one.is_sign) for one in of_inputs)
        for name, of_inputs in calibration.grids.items()
    }
    return write_onnx(network, arrays, grids)


def _check(
    file: Written, network: Described, tensors: Mapping[str, Tensor], calibration: Calibration, samples: Tensor
) -> None:
    with torch.no_grad():
        ours = run(network.graph, tensors, samples, calibration.quantised(plain)).numpy()
    theirs = outputs_of(file.data, samples.numpy())
    if not np.abs(ours - theirs).max() <= CLOSE * np.abs(ours).max():
        raise OnnxError(f"the ONNX file of '{network.graph.name}' gives {theirs[0]} where the network gives {ours[0]}")
