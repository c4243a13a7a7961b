"""Arithmetic of dynamic photonic tensor cores: two operands through converters, uneven channels, integration."""

from joulescape.numerics.tensor_core.arithmetic import TensorCore

plugin = TensorCore()
