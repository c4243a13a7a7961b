"""Spiking machines: neurons that integrate and fire, the codes of their spikes, synapses of few levels."""

from joulescape.numerics.spiking.arithmetic import Spiking, plugin

__all__ = ["Spiking", "plugin"]
