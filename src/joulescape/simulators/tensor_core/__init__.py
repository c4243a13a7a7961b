"""Photonic back end: tensor cores whose two operands are both modulated at every clock."""

from joulescape.simulators.tensor_core.model import TensorCore

plugin = TensorCore()
