"""The compressed network as one file, and the bytes that each layer takes in it: what is claimed is what is written.

    "JLC1" | digest of the graph and its formats (8 bytes) | every operator's arrays in the graph's order

Weights of matrix operators stand in the code of their format (`_layer_code`; of circulant blocks one row each, of thin
weights their factors, which a byte before says), all other arrays as float32, biases in `bias_bits`. Shapes are not
repeated: a reader has the network's YAML and the compression's steps.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from joulescape.compression._blocks import defining, defining_shape, expanded
from joulescape.compression._coding import Stored
from joulescape.compression._layer_code import LayerCode, decode_layer, encode_layer
from joulescape.compression._thin import expanded as cut
from joulescape.compression._values import Floats
from joulescape.compression.base import Described
from joulescape.errors import JoulescapeError
from joulescape.network.digest import digest
from joulescape.network.operators import Operator
from joulescape.network.work import OperandFormat, Thin

MAGIC = b"JLC1"

Arrays = Mapping[str, NDArray[np.floating]]


class StorageError(JoulescapeError):
    """A file of compressed weights that is not of this network, or damaged."""


@dataclass(frozen=True)
class Packed:
    """The written file, and each matrix operator's share of it: codes, index and tables; no biases, no scales."""

    data: bytes
    layers: Mapping[str, Stored]


def packed(described: Described, tensors: Arrays) -> Packed:
    """The whole network, header, tables, scales and biases included."""
    parts, layers = [MAGIC, _identity(described)], dict[str, Stored]()
    for operator in described.graph.operators:
        form = described.formats[operator.name]
        for short in _shorts(operator):
            if short == "weight" and operator.is_matrix:
                code = _code(operator, form, tensors)
                layers[operator.name] = Stored(float(code.weight_bytes), code.index_bytes)
                parts.append(code.data)
            else:
                array = np.asarray(tensors[f"{operator.name}.{short}"])
                parts.append(array.astype(_dtype(short, operator, form)).tobytes())
    return Packed(b"".join(parts), layers)


def write(described: Described, tensors: Arrays) -> bytes:
    """The file alone."""
    return packed(described, tensors).data


def measured_bytes(described: Described, tensors: Arrays) -> Mapping[str, Stored]:
    """Bytes of each matrix operator's weights as `write` writes them."""
    return packed(described, tensors).layers


def read(described: Described, data: bytes) -> dict[str, Floats]:
    """The arrays that `write` was given; StorageError when the file is of another network or cut off."""
    if data[:4] != MAGIC or data[4:12] != _identity(described):
        raise StorageError("these are no weights of this network after these steps")
    place, arrays = 12, dict[str, Floats]()
    try:
        for operator in described.graph.operators:
            form = described.formats[operator.name]
            for short in _shorts(operator):
                name = f"{operator.name}.{short}"
                if short == "weight" and operator.is_matrix:
                    arrays[name], used = _decoded(operator, form, data[place:])
                else:
                    arrays[name], used = _plain(operator, form, short, data, place)
                place += used
    except (ValueError, IndexError, KeyError, StopIteration, struct.error) as error:
        raise StorageError(f"the file of compressed weights is damaged or cut off ({error})") from error
    if place != len(data):
        raise StorageError(f"the file of compressed weights is damaged: {len(data)} bytes, {place} of them are arrays")
    return arrays


def _code(operator: Operator, form: OperandFormat, tensors: Arrays) -> LayerCode:
    """The layer in its code; what fewer numbers stand for, where they do: one byte says so."""
    weight = np.asarray(tensors[f"{operator.name}.weight"], dtype=np.float32)
    thin = form.factors(weight.size)
    if form.block == 1 and thin is None:
        return encode_layer(weight, form)
    fewer = defining(weight, form.block) if thin is None else _factors(operator.name, weight, thin, tensors)
    code = encode_layer(weight if fewer is None else fewer, form)
    return replace(code, data=bytes([fewer is not None]) + code.data)


def _factors(name: str, weight: Floats, thin: Thin, tensors: Arrays) -> Floats | None:
    """Both factors in a row; None where they do not make the weight."""
    left, right = tensors.get(f"{name}.left"), tensors.get(f"{name}.right")
    if left is None or right is None or left.shape != (thin.rows, thin.rank):
        return None
    if not np.allclose(cut(left, right, weight.shape), weight, rtol=1e-5, atol=1e-7):
        return None
    return np.concatenate([left.ravel(), right.ravel()]).astype(np.float32).reshape(1, -1)


def _decoded(operator: Operator, form: OperandFormat, data: bytes) -> tuple[Floats, int]:
    shape = operator.weight_shape or ()
    thin = form.factors(math.prod(shape))
    if form.block == 1 and thin is None:
        return decode_layer(data, shape, form)
    has_fewer = bool(data[0])
    stored = (1, thin.numbers) if thin is not None else defining_shape(shape, form.block)
    fewer, used = decode_layer(data[1:], stored if has_fewer else shape, form)
    if not has_fewer:
        return fewer, used + 1
    return _whole(fewer, shape, form, thin), used + 1


def _whole(fewer: Floats, shape: tuple[int, ...], form: OperandFormat, thin: Thin | None) -> Floats:
    """The weight that a row of every block, or two factors, stand for."""
    if thin is None:
        return np.asarray(expanded(fewer, shape, form.block))
    left, right = np.split(fewer.ravel(), [thin.rows * thin.rank])
    return np.asarray(cut(left.reshape(thin.rows, thin.rank), right.reshape(thin.rank, thin.width), shape))


def _plain(operator: Operator, form: OperandFormat, short: str, data: bytes, place: int) -> tuple[Floats, int]:
    shape = operator.weight_shape or (0,)
    whole = shape if short == "weight" else shape[:1]
    dtype, count = np.dtype(_dtype(short, operator, form)), math.prod(whole)
    array = np.frombuffer(data, dtype, count, place).astype(np.float32).reshape(whole)
    return array, dtype.itemsize * count


def _dtype(short: str, operator: Operator, form: OperandFormat) -> str:
    return "<f2" if short == "bias" and operator.is_matrix and form.bias_bits == 16 else "<f4"


def _shorts(operator: Operator) -> tuple[str, ...]:
    """Short names of an operator's arrays, in the order of the file."""
    if operator.weight_shape is None:
        return ()
    if operator.kind == "norm":
        return ("weight", "bias", "mean", "variance")
    if operator.kind == "layer_norm":
        return ("weight", "bias")
    if operator.kind == "scale_offset":
        return ("scale", "offset") if operator.attributes.get("bias", True) else ("scale",)
    return ("weight", "bias") if operator.has_bias else ("weight",)


def _identity(described: Described) -> bytes:
    return bytes.fromhex(digest(described.graph, described.formats))
