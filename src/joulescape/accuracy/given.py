"""Reference weights that an ONNX file brings, after making sure that our operators compute what the file computes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from joulescape.accuracy.datasets import Part
from joulescape.accuracy.module import run
from joulescape.interchange.onnx_file import OnnxError, read_bytes
from joulescape.interchange.onnx_network import outputs_of, read_onnx
from joulescape.network.operators import Graph

COMPARED_SAMPLES = 2
"""Samples that both compute: onnx's own evaluator is exact, not fast."""

CLOSE = 1e-3
"""Largest difference of an output, relative to the largest output; float32 sums in another order differ by 1e-6."""


def given_weights(graph: Graph, training: Mapping[str, Any], part: Part) -> Mapping[str, Tensor]:
    """The file's weights by dotted name.

    OnnxError where our forward pass differs from the file's on real samples, and where the file is no longer the one
    that the network was read from.
    """
    file = Path(training["file"])
    hosted = {kind: float(how["ops_per_element"]) for kind, how in training.get("treat_as", {}).items()}
    (data, sha256), found = read_bytes(file), read_onnx(file, hosted)
    if not sha256 == found.sha256 == training["sha256"]:
        raise OnnxError(f"{file} has SHA-256 {sha256}, expected {training['sha256']}: it changed since it was read")
    tensors = {name: torch.tensor(array) for name, array in found.arrays.items()}
    samples = part.images[:COMPARED_SAMPLES]
    with torch.no_grad():
        ours = run(graph, tensors, samples).numpy()
    theirs = np.concatenate([outputs_of(data, sample[None]) for sample in samples.numpy()]).reshape(ours.shape)
    if not np.abs(ours - theirs).max() <= CLOSE * np.abs(theirs).max():
        raise OnnxError(f"{file} computes {theirs[0].tolist()} where its operators here give {ours[0].tolist()}")
    return tensors
